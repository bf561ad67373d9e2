"""DHCP, DNS, router advertisements and TFTP, by one hardened dnsmasq for each network.

Its files: `dnsmasq.conf` (read at start), `hosts` (fixed hosts) and `names` (DNS hosts), read again on SIGHUP, and the
directory `guests`, watched by dnsmasq, with a file for each MAC that is fixed without a name or that attach gives one.
Source: dnsmasq(8).
"""

from vnethook.capability import boot, dhcp, dns
from vnethook.capability.dnsmasq_text import file_of
from vnethook.definition.options import keyword
from vnethook.plan.addresses import FixAddresses
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.files import MakeDirectory, WriteFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_ONCE = ("dhcp-lease-max", "dns-forward-max", "port")
"""What dnsmasq takes only once, and an administrator may know better: said in the definition, ours is left out."""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Write dnsmasq's files and run it; nothing for a network that serves nothing."""
    if not serves(network):
        return []
    directory = facts.paths.dnsmasq(network.name)
    path = f"{directory}/dnsmasq.conf"
    text = configuration(network, facts)
    fixed, names, nameless = dhcp.hosts_file(network), dns.hosts_file(network), dhcp.nameless(network)
    return [
        MakeDirectory(directory),
        MakeDirectory(f"{directory}/guests"),
        MakeDirectory(facts.paths.leases, is_kept=True),
        *([FixAddresses(directory, nameless)] if nameless else []),
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
            reloaded="".join((fixed, names, *(f"{mac},{words}\n" for mac, words in nameless))),
            directories=(root,) if (root := boot.tftp_root(network)) else (),
        ),
    ]


def serves(network: "Network") -> bool:
    """Whether the network needs a dnsmasq at all."""
    return bool(network.ips) and (network.dns.enable or dhcp.serves(network) or boot.tftp_root(network) is not None)


def configuration(network: "Network", facts: "Facts") -> str:
    """The text of dnsmasq.conf."""
    directory = facts.paths.dnsmasq(network.name)
    lines = [
        f"# network {network.name}, written by vnethook when the network comes up; changes here are lost",
        f"pid-file={directory}/dnsmasq.pid",
        f"interface={network.bridge.name}",
        "except-interface=lo",
        "bind-dynamic",
        *(("user=root", "group=") if facts.user else ()),  # a user's namespace has one user, and no groups
        *dns.settings(network, facts),
        *dhcp.settings(network, facts),
        *boot.settings(network),
    ]
    said = {keyword(option) for option in network.options}
    ours = [line for line in lines if not (keyword(line) in _ONCE and keyword(line) in said)]
    return file_of([*ours, *network.options], network=network.name)
