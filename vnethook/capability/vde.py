"""A VDE switch whose tap is a port of the bridge: guests of programs that need no tap, and of users who may make none.

Behind one port are any number of guests, who reach each other in the switch. The port is held to what no guest may
send; who is who among them it cannot tell. Source: vde_switch(1).
"""

from zlib import crc32

from vnethook.capability import address, guard, nic_class, routes
from vnethook.live.nics import PARTS, NicClass
from vnethook.live.record import LiveNetwork
from vnethook.plan.files import MakeDirectory
from vnethook.plan.own_port import CreateTap, GuardPort, JoinPort
from vnethook.plan.vde import MakeSwitchDirectory, RunSwitch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.definition.vde import Vde
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

_DIRECTORY_MODES = {"0600": 0o700, "0660": 0o710, "0666": 0o711}
"""Of the directory of the socket: who may connect may enter it, and not change what is in it."""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """Make the tap, hold it to what guests may send, put it on the bridge, and run the switch that serves it."""
    kept = network.vde
    if kept is None or not network.bridge.name:
        return []
    tap = tap_name(network.bridge.name)
    common = _common(network)
    held = held_to(network, common) if facts.has_nf_tables else ()
    *directories, run = switch(kept, facts, network.name, tap)
    return [
        *directories,  # before the tap, by which the watcher of an idle network sees that there is a switch
        CreateTap(tap, _mac(tap)),
        *([GuardPort(tap, held, _guarded(network, facts))] if held else []),
        JoinPort(tap, network.bridge.name, common.vlans),
        run,
    ]


def switch(kept: "Vde", facts: "Facts", network: str, tap: str) -> list["Step"]:
    """The directories of a switch, and the switch; without a tap if that is empty."""
    sockets, directory = facts.paths.vde(network), facts.paths.switch(network)
    control, mode, group = f"{directory}/control", kept.socket_mode, kept.group or ""
    arguments = (
        *("-s", sockets, "-M", f"{control}/management", "-m", mode),
        *("--dirmode", f"{_DIRECTORY_MODES[mode]:04o}"),
        *(("-g", group) if group else ()),
        *(("-tap", tap) if tap else ()),
        *("-daemon", "-pidfile", f"{control}/pid"),
    )
    return [
        MakeDirectory(directory),
        MakeSwitchDirectory(control, 0o700),
        MakeSwitchDirectory(sockets, _DIRECTORY_MODES[mode], group),
        RunSwitch(
            name="vde",
            program="vde_switch",
            arguments=arguments,
            word=sockets,
            directory=directory,
            configuration=" ".join(arguments),
            link=tap,
            sockets=sockets,
            control=control,
            group=group,
        ),
    ]


def tap_name(bridge: str) -> str:
    """The tap of the switch on that bridge; of a fixed length, since a bridge's name may be as long as a link's can."""
    return f"vde-{crc32(bridge.encode()):08x}"


def held_to(network: "Network", common: "NicClass") -> tuple[str, ...]:
    """Of what a guest's port is held to what can be told of several guests at once."""
    parts = network.effective_guard.parts if common.guard is None else common.guard
    return tuple(part for part in parts if part in PARTS and part != "mac")


def warnings(network: "Network") -> tuple[str, ...]:
    """What the guests of a switch are not held to, though the network says it, a line each."""
    common = _common(network)
    found = []
    if network.guard is not None and network.guard.mode == "strict":
        found.append("vde: guests of the switch are held to the network's addresses, not each to its own")
    if common.limits:
        found.append(f"vde: what portgroup {common.name!r} says of bandwidth does not hold for guests of the switch")
    return tuple(found)


def _common(network: "Network") -> "NicClass":
    """What the NICs of a network have in common that are in no portgroup by name."""
    return next((found for found in nic_class.classes(network) if found.is_default), NicClass())


def _guarded(network: "Network", facts: "Facts") -> LiveNetwork:
    """Of the network what guards are made of."""
    return LiveNetwork(
        name=network.name,
        uuid="",
        bridge=network.bridge.name or "",
        index=0,
        mtu=0,
        namespace=0,
        started_by="",
        since=0,
        addresses=network.addresses,
        subnets=address.subnets(network),
        routes=routes.recorded(network),
        guard=guard.guarding(network, guard.plan(network, facts)),
    )


def _mac(tap: str) -> str:
    """One of its own, locally administered: IEEE 802, clause 8.4."""
    digits = f"{crc32(tap.encode()):08x}"
    return ":".join(("fe", "76", *(digits[at : at + 2] for at in range(0, 8, 2))))
