"""A network for a bridge of the host's that none uses, so that a guest's configuration can name the bridge alone.

It is called like the bridge, and is forgotten when it stops, as one that was created and not defined. Every hook adopts
the bridges of shared NICs; any other only one whose caller may use any bridge of the host's: Xen's vif script, as
vif-bridge does.
"""

from vnethook.definition import compiled, index, sources
from vnethook.definition.guard import Guard
from vnethook.definition.model import Bridge, Network
from vnethook.errors import NoNetworkError, StateError
from vnethook.lifecycle import bringup, definitions
from vnethook.live import files, nics, record, shared_interface
from vnethook.live.rtnl import Links
from vnethook.names import is_link_name, is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths
    from vnethook.live.shared_interface import SharedInterface

_TEXT = "<network><name>{0}</name><forward mode='bridge'/><bridge name='{0}'/>{1}</network>\n"
_GUARD = "<guard mode='standard'/>"


def network_on(host: "Host", shared: "SharedInterface", *, is_made: bool = True) -> str | None:
    """The network by which guests join a shared NIC: of a definition on its bridge, else one that is called like that.

    `is_made`: that is made if it is not there. None if there is none. Raises NoNetworkError if several definitions are
    on the bridge, or if a network that is not on it is called like it.
    """
    known = index.of(host.paths)
    if known.refresh():
        definitions.learn_changed(host.paths, known)
    users = {entry.name for entry in known.holders("bridge", shared.bridge)}
    others = sorted(users - {shared.bridge})
    if len(others) > 1:
        raise compiled.ambiguous(shared.bridge, others)
    if others or shared.bridge in users:
        return others[0] if others else shared.bridge
    if sources.exists(host.paths, shared.bridge):
        msg = f"interface {shared.nic!r}: its bridge {shared.bridge!r} is called like a network that is not on it"
        hint = f"define a network with <forward mode='bridge'/><bridge name='{shared.bridge}'/>, and name that"
        raise NoNetworkError(msg, hint=hint)
    return shared.bridge if is_made and adopt(host, shared.bridge) else None


def named(host: "Host", name: str, *, is_made: bool = True) -> str | None:
    """As `network_on`, of the shared NIC that is called so, or whose bridge is; None if none is."""
    shared = shared_interface.named(host.paths, name)
    return network_on(host, shared, is_made=is_made) if shared else None


def unknown(paths: "Paths", name: str) -> NoNetworkError:
    """The error for a name that matches no network and no shared NIC, with what would make it one."""
    error = compiled.unknown(paths, name)
    shared = [one for one in shared_interface.every(paths) if one.is_whole and shared_interface.is_here(one)]
    hints = [error.hint]
    if shared:
        hints.append(f"shared interfaces: {', '.join(f'{one.nic} (bridge {one.bridge})' for one in shared)}")
    is_there = is_link_name(name) and files.is_directory(f"/proc/sys/net/ipv4/conf/{name}")
    return NoNetworkError(error.message, hint="; ".join(hints + ([_advice(paths, name)] if is_there else [])))


def _advice(paths: "Paths", name: str) -> str:
    """What would let guests join a link of the host's."""
    links = Links()
    link = links.link(name)
    master = links.link_at(link.master) if link is not None and link.master else None
    if link is None or link.is_loopback or link.kind == "tun":
        return "that interface cannot be shared"
    if master is not None and master.kind != "bridge":
        return f"that interface is a part of {master.name!r}"
    bridge = link if link.kind == "bridge" else master
    if bridge is not None and shared_interface.read(paths, bridge.name) is not None:
        return f"guests join that interface by {bridge.name}"
    if bridge is not None:
        definition = f"<forward mode='bridge'/><bridge name='{bridge.name}'/>"
        return f"a network with {definition} lets guests join bridge {bridge.name}"
    return f"`vnet share {name}` lets guests join that interface"


def adopt(host: "Host", bridge: str) -> bool:
    """Make a network of a bridge of the host's that no network uses; whether there is one now.

    Ports of a shared NIC's bridge are guarded if that was asked for (`antispoof`); on another a guest may be anything.
    """
    link = host.links.link(bridge)
    if link is None or link.kind != "bridge" or not is_network_name(bridge):
        return False
    shared = shared_interface.named(host.paths, bridge)
    with host.shared.lock():
        if not sources.exists(host.paths, bridge):
            _write(host, bridge, is_guarded=shared is not None and shared.antispoof)
    return True


def guard(host: "Host", bridge: str, *, is_guarded: bool) -> None:
    """Have the ports of an adopted bridge guarded from now on, or no longer; nothing if it is none."""
    if not is_adopted(host, bridge):
        return
    with host.shared.lock():
        _write(host, bridge, is_guarded=is_guarded)
    if record.is_present(host.paths, bridge):
        from vnethook.lifecycle import changes  # noqa: PLC0415 (few are changed)

        changes.apply(host, bridge)


def forget(host: "Host", bridge: str) -> None:
    """Take the network of an adopted bridge down, which ends it; nothing if there is none. Its guests' records stay."""
    if not is_adopted(host, bridge):
        return
    try:
        bringup.stop(host, bridge, force=True)
    except StateError:
        bringup.forget_transient(host, bridge)  # it was not up


def is_adopted(host: "Host", bridge: str) -> bool:
    """Whether a network was made of this bridge here."""
    if not is_network_name(bridge):
        return False
    text = files.read_text(sources.path_of(host.paths, bridge, is_transient=True))
    return text is not None and text in {_TEXT.format(bridge, guard) for guard in ("", _GUARD)}


def _write(host: "Host", bridge: str, *, is_guarded: bool) -> None:
    """Write the definition and its compiled form, for whoever holds the host's lock."""
    before = compiled.identity(host.paths, bridge)
    path = sources.path_of(host.paths, bridge, is_transient=True)
    files.write_text(path, _TEXT.format(bridge, _GUARD if is_guarded else ""))
    network = Network(
        bridge,
        uuid=before.get("uuid") or nics.random_uuid(),
        forward="bridge",
        bridge=Bridge(bridge),
        guard=Guard() if is_guarded else None,
    )
    compiled.write(host.paths, network)
