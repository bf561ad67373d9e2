"""dhcpcd that runs for one link: what its title says, and its leases under another link's name.

It writes its title over its command line, so that what was given only there is not known; its configuration file is.
Its DUID is one file for the host, its IAID the end of the MAC. Source: dhcpcd(8), dhcpcd.conf(5); of version 9 the
names of its files, and its metric: 1000 and the link's index.
"""

from _socket import if_nametoindex

from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import files

STATES = ("/var/lib/dhcpcd", "/var/db/dhcpcd")
RUN = "/run/dhcpcd"
CONFIGURATION = "/etc/dhcpcd.conf"
HEEDS_THE_KERNEL = True
"""Whether it gives up what somebody else takes from its link."""
_METRIC = 1000
_BY_NAME = ("allowinterfaces", "denyinterfaces")
_VERSIONS = {("ip4",): "-4", ("ip6",): "-6"}


def read(words: list[str], _environment: dict[str, str], nic: str) -> DhcpClient | str | None:
    """The client with this title, without its process; why it cannot be handed over; None for a part of another."""
    title = words[0].split()[1:] if words else []
    if title[:1] == ["[manager]"] or title[:1] == ["[master]"]:
        return "looks after all interfaces"
    if title[:1] != [nic]:
        return None
    settings = [line.split() for line in (files.read_text(CONFIGURATION) or "").splitlines() if line.split()]
    for setting in settings:
        if setting[0] in _BY_NAME or setting[:2] == ["interface", nic]:
            return f"has {' '.join(setting[:2])!r} in {CONFIGURATION}, which would not be its bridge"
    kinds = tuple(word.strip("[]") for word in title[1:])
    options = [_VERSIONS[kinds]] if kinds in _VERSIONS else []
    if not any(setting[0] == "metric" for setting in settings):
        options += ["-m", str(_METRIC + if_nametoindex(nic))]
    state = next((place for place in STATES if files.exists(f"{place}/{nic}.lease")), STATES[0])
    client = DhcpClient(
        "dhcpcd", nic, 6 if kinds == ("ip6",) else 4, (), (*options, nic), leases=f"{state}/{nic}.lease"
    )
    return client.replace(pid_file=_pid_file(client))


def successor(client: DhcpClient, link: str) -> DhcpClient:
    """The same client for another link."""
    arguments = (*client.arguments[:-1], link)
    leases = f"{files.directory_of(client.leases)}/{link}.lease"
    made = (f"{leases}6", *(f"{RUN}/hook-state/resolv.conf/{link}.{kind}" for kind in ("dhcp", "dhcp6", "ra")))
    made = made if link != client.link else ()
    new = client.replace(link=link, arguments=arguments, leases=leases, made=made, pid=0, since=0)
    return new.replace(pid_file=_pid_file(new))


def carry(source: DhcpClient, target: DhcpClient) -> None:
    """Give one client the leases of another."""
    for ending in ("", "6"):
        text = files.read_text(source.leases + ending)
        if text is not None and source.leases != target.leases:
            files.write_text(target.leases + ending, text)


def is_it(client: DhcpClient, words: list[str]) -> bool:
    """Whether a command line is this client's: before and after it has a title."""
    if words[0].startswith("dhcpcd: "):
        return words[0].split()[1] == client.link
    return files.base_name(words[0]) == "dhcpcd" and client.link in words[1:]


def not_waiting(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Its arguments when it is to go into the background at once."""
    return ("-b", *arguments)


def lease_s(_client: DhcpClient) -> int:
    """Nothing: it tells the kernel itself."""
    return 0


def _pid_file(client: DhcpClient) -> str:
    version = next((word for word in client.arguments if word in _VERSIONS.values()), "")
    return f"{RUN}/{client.link}{version}.pid"
