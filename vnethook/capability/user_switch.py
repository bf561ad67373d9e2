"""A user's network of kind `vde`: a switch, and libslirp at it, which is its DHCP, its DNS and its way outside.

Both are processes of the user's; no kernel takes part. Where libslirp is not installed slirpvde may do its part
(capability/slirpvde.py). Source: vde_plug(1), libvdeplug_slirp(1).
"""

from vnethook.capability import idle, vde
from vnethook.definition.user_switch import GUESTS_MAX, check
from vnethook.definition.vde import Vde
from vnethook.errors import DefinitionError, UnsupportedError
from vnethook.host.vde import UPLINK
from vnethook.plan.vde import RunUplink

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.forwarding import PortForward
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Run the switch, the uplink at it, and who watches for the last guest; raise UnsupportedError for another network.

    A definition that leaves its kind open may say what only a namespace does.
    """
    try:
        check(network)
    except DefinitionError as error:
        msg = f"network {network.name!r}: {error.message}"
        raise UnsupportedError(msg, hint="this machine forbids user namespaces: see `vnet doctor`") from error
    steps = vde.switch(Vde(), facts, network.name, "")
    sockets, directory = facts.paths.vde(network.name), facts.paths.switch(network.name)
    pid_file = f"{directory}/control/uplink.pid"
    program = "vde_plug"
    told: tuple[str, ...] = (f"vde://{sockets}", uplink(network))
    if facts.is_slirpvde:
        from vnethook.capability import slirpvde  # noqa: PLC0415 (few users have it)

        slirpvde.require(network)
        program, told = "slirpvde", ("-q", "-s", sockets, *slirpvde.arguments(network, name_server(network)))
    return [
        *steps,
        RunUplink(
            name=UPLINK,
            program=program,
            arguments=("-d", "-p", pid_file, *told),
            word=pid_file,
            directory=directory,
            configuration=" ".join(told[1:]),
            link="",
            control=f"{directory}/control",
            sockets=sockets,
        ),
        *idle.plan(network, facts),
    ]


def uplink(network: "Network") -> str:
    """What libslirp is told, as a URL, in which a / is quoted: the host's loopback is none of guests' business."""
    v4 = next((ip for ip in network.ips if ip.version == 4 and ip.address), None)
    v6 = next((ip for ip in network.ips if ip.version == 6 and ip.address), None)
    words = ["disable_host_loopback", *(["v4"] if v4 else []), *(["v6"] if v6 else [])]
    if v4 is not None:
        words += [f"addr='{v4.address}/{v4.prefix}'", f"vnameserver={name_server(network)}"]
        words += [f"dhcp={item.start}" for item in v4.ranges]
    if v6 is not None:
        words.append(f"addr6='{v6.address}/{v6.prefix}'")
    words += [f"vdomainname={network.domain}", f"vdnssearch={network.domain}"] if network.domain else []
    words += [f"mtu={network.mtu}", f"mru={network.mtu}"] if network.mtu else []
    for protocol in ("tcp", "udp"):
        found = [place for item in network.port_forwards if protocol in item.protocols for place in _places(item)]
        words += [f"{protocol}fwd={','.join(found)}"] if found else []
    return "slirp:///" + "/".join(words)


def name_server(network: "Network") -> str:
    """Where guests find DNS: the last address of the subnet, since libslirp's DNS is not at the gateway's."""
    from vnethook.address import format_ip  # noqa: PLC0415 (only for a user's networks)

    subnet = next(ip.subnet for ip in network.ips if ip.version == 4 and ip.address)
    return format_ip(4, subnet.last - 1)


def _places(item: "PortForward") -> list[str]:
    on = f"{item.on}:" if item.on else ""
    first = (item.to or item.ports)[0]
    ports = range(item.ports[0], item.ports[1] + 1)
    return [f"{on}{port}:{item.address}:{first + port - ports[0]}" for port in ports]


def warnings() -> tuple[str, ...]:
    """What such a network goes without, a line each."""
    return (f"vde: {GUESTS_MAX} guests at most, which have no names; leases are not kept, nor known",)
