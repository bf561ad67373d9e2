"""NetworkManager: what it does for a NIC, and that it does the same for a bridge, by profiles that a reboot removes.

Source: nm-settings-keyfile(5), nmcli(1); what it says of itself in /run/NetworkManager/devices and how it names its
leases, as of version 1.42, which is private to it: without it a NIC is not handed over.
"""

from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files, process
from vnethook.value import Value

DEVICES, STATE = "/run/NetworkManager/devices", "/var/lib/NetworkManager"
VOLATILE = "/run/NetworkManager/system-connections"
PLACES = ("/etc/NetworkManager/system-connections", VOLATILE, "/usr/lib/NetworkManager/system-connections")
"""Where it reads profiles. Source: NetworkManager.conf(5)."""
_OF_THE_BRIDGE = ("ipv4", "ipv6", "proxy")
_OF_THE_NIC = {"connection", "ethernet", "802-3-ethernet", "ethtool", "match", "user", "wired"}
_KEPT = {"dns-over-tls", "llmnr", "lldp", "mdns", "metered", "permissions", "secondaries", "zone"}
"""Settings of [connection] that are about who is on the network, and so the bridge's."""


class Device(Value):
    """A NIC that it looks after: by the profile with this uuid, of which `settings` are for another link, too.

    `route_metric`: of its routes; `address`: what it has leased, empty for nothing; `identity`: settings with which
    another link is the same client to the servers, by section.
    """

    link: str
    uuid: str
    connection: tuple[str, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    address: str = ""
    identity: tuple[tuple[str, tuple[str, ...]], ...] = ()


def is_running() -> bool:
    """Whether it runs for this network namespace."""
    return any(
        "".join(files.base_name(word) for word in process.command_line(pid)[:1]) == "NetworkManager"
        and process.is_in_our_network(pid)
        for pid in process.running()
    )


def read(nic: str, index: int) -> Device | str | None:
    """What it does for a NIC; why that cannot be handed over; None if it leaves the NIC alone."""
    state = _sections(files.read_text(f"{DEVICES}/{index}") or "")
    device = _values(state.get("device", ()))
    if device.get("managed") != "true":
        return None
    uuid = device.get("connection-uuid", "")
    found = _sections(_profile(uuid))
    if not found:
        return "has no keyfile for it"
    strange = [name for name in found if name not in {*_OF_THE_BRIDGE, *_OF_THE_NIC}]
    kind = _values(found.get("connection", ())).get("type", "")
    if strange or kind not in {"ethernet", "802-3-ethernet", "wired"}:
        return f"looks after it by a profile with {strange[0] if strange else kind!r}, which no bridge has"
    connection = tuple(line for line in found.get("connection", ()) if line.partition("=")[0] in _KEPT)
    settings = tuple((name, found[name]) for name in _OF_THE_BRIDGE if name in found)
    dhcp = _values((*state.get("dhcp4", ()), *state.get("dhcp6", ())))
    address = dhcp.get("dhcp4.ip_address", "")
    return Device(nic, uuid, connection, settings, address, _identity(dhcp, device))


def profile(device: Device, bridge: str, mac: str, identifier: str) -> str:
    """The profile of a bridge; `identifier`: the last half of its IPv6 addresses, empty for that of the MAC."""
    sections = {name: list(lines) for name, lines in device.settings}
    for name, lines in device.identity:
        replaced = {line.partition("=")[0] for line in lines}
        kept = [line for line in sections.get(name, ()) if line.partition("=")[0] not in replaced]
        sections[name] = [*kept, *lines]
    if identifier:
        kept = [line for line in sections["ipv6"] if line.partition("=")[0] not in {"addr-gen-mode", "token"}]
        digits = [identifier[at : at + 4] for at in range(0, 16, 4)]
        sections["ipv6"] = [*kept, "addr-gen-mode=eui64", f"token=::{':'.join(digits)}"]
    head = [
        *("[connection]", f"id={name_of(bridge)}", f"uuid={uuid_of(device, bridge)}", "type=bridge"),
        *(f"interface-name={bridge}", "autoconnect-slaves=1", "autoconnect-priority=999", *device.connection),
        *("[ethernet]", f"cloned-mac-address={mac}", "[bridge]", "stp=false"),
    ]
    rest = [line for name, lines in sections.items() for line in (f"[{name}]", *lines)]
    return "".join(f"{line}\n" for line in (*head, *rest))


def port_profile(device: Device, port: str, bridge: str) -> str:
    """The profile of its port."""
    lines = (
        *("[connection]", f"id={name_of(port)}", f"uuid={uuid_of(device, port)}", "type=ethernet"),
        *(f"interface-name={port}", "autoconnect-priority=999", f"master={bridge}", "slave-type=bridge"),
    )
    return "".join(f"{line}\n" for line in lines)


def name_of(link: str) -> str:
    """What a profile of ours for a link is called."""
    return f"vnethook-{link}"


def file_of(link: str) -> str:
    """Where it is."""
    return f"{VOLATILE}/{name_of(link)}.nmconnection"


def uuid_of(device: Device, link: str) -> str:
    """The uuid of our profile for a link: another one for each profile and link, always the same."""
    number = int(device.uuid.replace("-", ""), 16)
    for byte in link.encode():
        number = (number * 257 + byte) % (1 << 128)
    digits = f"{number:032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def lease_of(uuid: str, link: str) -> str:
    """The file of what it has leased for a link by a profile."""
    return f"{STATE}/internal-{uuid}-{link}.lease"


def load(*paths: str) -> None:
    """Have it read profiles; raise HostError if it does not."""
    _run("load", *paths)


def connect(uuid: str, link: str, *, timeout_s: int) -> None:
    """Have a link be as a profile says, and wait until it is; raise HostError if it is not in time."""
    _run("up", "uuid", uuid, "ifname", link, timeout_s=timeout_s)


def reload() -> None:
    """Have it forget profiles whose files have gone, and read new ones."""
    _run("reload")


def uuid_at(index: int) -> str:
    """The uuid of the profile by which it looks after a link, empty for none."""
    return _values(_sections(files.read_text(f"{DEVICES}/{index}") or "").get("device", ())).get("connection-uuid", "")


def leased(index: int, *, timeout_s: float) -> str:
    """The address that it has leased for a link, empty if there is none in time."""
    deadline = monotonic() + timeout_s
    while True:
        state = _sections(files.read_text(f"{DEVICES}/{index}") or "")
        address = _values(state.get("dhcp4", ())).get("dhcp4.ip_address", "")
        if address or monotonic() > deadline:
            return address
        sleep(0.01)


def _run(verb: str, *words: str, timeout_s: int = 10) -> None:
    argv = [programs.require("nmcli"), "--wait", str(timeout_s), "connection", verb, *words]
    done = programs.run(argv, timeout_s=timeout_s + 5)
    if done.status != 0:
        msg = f"NetworkManager: connection {verb} {' '.join(words)}: {done.reason}"
        raise HostError(msg, hint="see `nmcli device` and the system log")


def _profile(uuid: str) -> str:
    """The text of the keyfile with a uuid, empty if there is none."""
    for place in PLACES:
        for name in files.names(place, ".nmconnection") if uuid else ():
            text = files.read_text(f"{place}/{name}.nmconnection") or ""
            if f"uuid={uuid}" in text.splitlines():
                return text
    return ""


def _sections(text: str) -> dict[str, tuple[str, ...]]:
    """The lines of a keyfile by section."""
    found: dict[str, tuple[str, ...]] = {}
    section = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("["):
            section = line.strip("[]")
            found.setdefault(section, ())
        elif line and not line.startswith("#") and section:
            found[section] = (*found[section], line)
    return found


def _values(lines: tuple[str, ...]) -> dict[str, str]:
    return dict(line.split("=", 1) for line in lines if "=" in line)


def _identity(dhcp: dict[str, str], device: dict[str, str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    metric = device.get("route-metric-default-effective", "")
    of_both = [f"route-metric={metric}"] if metric.isdigit() else []
    client, duid, iaid = (
        dhcp.get(name, "") for name in ("dhcp4.dhcp_client_identifier", "dhcp6.dhcp6_client_id", "dhcp6.iaid")
    )
    of_4 = [f"dhcp-client-id={client}"] if client else []
    of_6 = [f"dhcp-duid={duid}"] if duid else []
    of_6 += [f"dhcp-iaid={int(iaid.replace(':', ''), 16)}"] if iaid else []
    return ("ipv4", (*of_both, *of_4)), ("ipv6", (*of_both, *of_6))
