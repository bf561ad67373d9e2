"""DHCP, DNS and router advertisements, by one hardened dnsmasq for each network.

Its files: `dnsmasq.conf` (read at start), `hosts` (fixed hosts) and `names` (DNS hosts), read again on SIGHUP, and the
directory `guests`, watched by dnsmasq, where attach writes a file for each guest. Source: dnsmasq(8).
"""

from vnethook.capability import dhcp, dns
from vnethook.errors import DefinitionError
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.files import MakeDirectory, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_PRINTABLE = range(0x20, 0x7F)


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Write dnsmasq's files and run it; nothing for a network that serves neither DHCP nor DNS."""
    if not serves(network):
        return []
    directory = facts.paths.dnsmasq(network.name)
    path = f"{directory}/dnsmasq.conf"
    text = configuration(network, facts)
    fixed, names = dhcp.hosts_file(network), dns.hosts_file(network)
    return [
        MakeDirectory(directory),
        MakeDirectory(f"{directory}/guests"),
        MakeDirectory(facts.paths.leases, is_kept=True),
        WriteFile(f"{directory}/hosts", fixed),
        WriteFile(f"{directory}/names.hosts", names),
        WriteFile(path, text, 0o600),
        RunDaemon(
            name="dnsmasq",
            program="dnsmasq",
            arguments=(argument := f"--conf-file={path}",),
            word=argument,
            directory=directory,
            configuration=text,
            link=network.bridge.name or "",
            reloaded=fixed + names,
        ),
    ]


def serves(network: "Network") -> bool:
    """Whether the network needs a dnsmasq at all."""
    return bool(network.ips) and (network.dns.enable or dhcp.serves(network))


def configuration(network: "Network", facts: "Facts") -> str:
    """The text of dnsmasq.conf."""
    directory = facts.paths.dnsmasq(network.name)
    lines = [
        f"# network {network.name}, written by vnethook when the network comes up; changes here are lost",
        f"pid-file={directory}/dnsmasq.pid",
        f"interface={network.bridge.name}",
        "except-interface=lo",
        "bind-dynamic",
        *dns.settings(network, facts),
        *dhcp.settings(network, facts),
    ]
    for line in lines:
        if not all(ord(char) in _PRINTABLE for char in line):
            msg = f"network {network.name!r}: dnsmasq configuration: a control character in {line!a}"
            raise DefinitionError(msg)
    return "".join(f"{line}\n" for line in lines)
