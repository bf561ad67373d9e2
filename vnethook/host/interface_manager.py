"""Which network managers have a NIC, by what they say themselves of it. Changes nothing.

Source: systemd's /run/systemd/netif/links/INDEX, NetworkManager's /run/NetworkManager/devices/INDEX, ifupdown's
/run/network/ifstate; netplan writes files of its own names for the first two.
"""

from vnethook.host import manager_files, networkd, networkmanager, programs
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.rtnl import Link

NETWORKD, NETWORKMANAGER, NETPLAN, IFUPDOWN, SCRIPTS = (
    "systemd-networkd",
    "NetworkManager",
    "netplan",
    "ifupdown",
    "ifcfg",
)
_NETWORKD_LINKS, _NETWORKD_LEASES = f"{networkd.STATE}/links", f"{networkd.STATE}/leases"
_IFSTATE = "/run/network/ifstate"
_NETPLAN_NETWORKD = "/run/systemd/network/10-netplan-"
_NETPLAN_PROFILES = "/run/NetworkManager/system-connections/netplan-"


def claims(root: str, link: "Link") -> list[tuple[str, str]]:
    """The managers that have a NIC, each with the file by which; netplan in place of what it writes files for."""
    found = []
    present = running()
    state = _settings(f"{_NETWORKD_LINKS}/{link.index}")
    file = state.get("NETWORK_FILE", "")
    if NETWORKD in present and file and state.get("ADMIN_STATE", "unmanaged") != "unmanaged":
        found.append((NETPLAN if file.startswith(_NETPLAN_NETWORKD) else NETWORKD, file))
    device = _settings(f"{networkmanager.DEVICES}/{link.index}")
    if NETWORKMANAGER in present and device.get("managed") == "true":
        profile = _profile_of(device.get("connection-uuid", ""))
        found.append((NETPLAN if profile.startswith(_NETPLAN_PROFILES) else NETWORKMANAGER, profile))
    if path := _interfaces_file(root, link.name):
        found.append((IFUPDOWN, path))
    if path := _ifcfg_file(root, link):
        found.append((SCRIPTS, path))
    return list(dict(found).items())


def networkmanagers_identity(index: int) -> dict[tuple[str, str], str]:
    """By what NetworkManager is a DHCP client, by section and key of a profile that says so."""
    state = _settings(f"{networkmanager.DEVICES}/{index}")
    names = {
        ("ipv4", "dhcp-client-id"): "dhcp4.dhcp_client_identifier",
        ("ipv6", "dhcp-duid"): "dhcp6.dhcp6_client_id",
        ("ipv6", "dhcp-iaid"): "dhcp6.iaid",
    }
    found = {setting: state[name] for setting, name in names.items() if state.get(name)}
    if ("ipv6", "dhcp-iaid") in found:
        found["ipv6", "dhcp-iaid"] = str(int(found["ipv6", "dhcp-iaid"].replace(":", ""), 16))
    return found


def networkds_identity(index: int) -> dict[tuple[str, str], str]:
    """The IAIDs by which networkd is a DHCP client, by section and key: it would make others of a bridge's name.

    Source: RFC 4361, 6.1: a client identifier of type 255 is an IAID and a DUID.
    """
    found = {}
    client = _settings(f"{_NETWORKD_LEASES}/{index}").get("CLIENTID", "")
    if client.startswith("ff") and len(client) > 10:
        found["DHCPv4", "IAID"] = str(int(client[2:10], 16))
    iaid = _settings(f"{_NETWORKD_LINKS}/{index}").get("DHCP6_CLIENT_IAID", "")
    if iaid:
        found["DHCPv6", "IAID"] = str(int(iaid, 16))
    return found


def running() -> set[str]:
    """The managers that run for this network namespace."""
    found = set()
    for pid in process.running():
        name = files.base_name("".join(process.command_line(pid)[:1]))
        if name in {NETWORKD, NETWORKMANAGER} and process.is_in_our_network(pid):
            found.add(name)
    return found


def _settings(path: str) -> dict[str, str]:
    lines = (files.read_text(path) or "").splitlines()
    return {key: value for key, equals, value in (line.partition("=") for line in lines) if equals}


def _profile_of(uuid: str) -> str:
    """The path of the profile of that uuid, empty if it is not found."""
    if not uuid:
        return ""
    for directory in ("/run/NetworkManager/system-connections", manager_files.KEYFILES):
        for name in files.names(directory):
            if f"uuid={uuid}" in (files.read_text(f"{directory}/{name}") or "").splitlines():
                return f"{directory}/{name}"
    return ""


def _interfaces_file(root: str, nic: str) -> str:
    """The file with a stanza of the NIC, where ifup is ifupdown's, and brought it up or would."""
    if programs.find("ifup") is None:
        return ""
    is_up = any(line.partition("=")[0] == nic for line in (files.read_text(_IFSTATE) or "").splitlines())
    for path, text in manager_files.ifupdown(root).items():
        for words in (line.split() for line in text.splitlines()):
            if words[:2] == ["iface", nic] and (is_up or words[3:4] != ["manual"]):
                return path
    return ""


def _ifcfg_file(root: str, link: "Link") -> str:
    """The file that names the NIC, or its MAC, where network-scripts are installed."""
    if not files.exists(f"{root}{manager_files.IFCFG}/ifup-eth"):
        return ""
    for path, text in manager_files.ifcfg(root, link.name).items():
        lines = [line.strip().replace("'", "").replace('"', "") for line in text.splitlines()]
        names = {f"HWADDR={link.mac}".lower(), f"DEVICE={link.name}".lower()}
        if path == f"{manager_files.IFCFG}/ifcfg-{link.name}" or names & {line.lower() for line in lines}:
            return path
    return ""
