"""A network for a bridge of the host's that none uses, so that a guest's configuration can name the bridge alone.

It is called like the bridge, and is forgotten when it stops, as one that was created and not defined. Only hooks adopt
whose caller may use any bridge of the host's: Xen's vif script, as vif-bridge does.
"""

from vnethook.definition import compiled, sources
from vnethook.definition.guard import Guard
from vnethook.definition.model import Bridge, Network
from vnethook.errors import StateError
from vnethook.lifecycle import bringup
from vnethook.live import files, nics, record, shared_interface
from vnethook.names import is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

_TEXT = "<network><name>{0}</name><forward mode='bridge'/><bridge name='{0}'/>{1}</network>\n"
_GUARD = "<guard mode='standard'/>"


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
    if not _is_adopted(host, bridge):
        return
    with host.shared.lock():
        _write(host, bridge, is_guarded=is_guarded)
    if record.is_present(host.paths, bridge):
        from vnethook.lifecycle import changes  # noqa: PLC0415 (few are changed)

        changes.apply(host, bridge)


def forget(host: "Host", bridge: str) -> None:
    """Take the network of an adopted bridge down, which ends it; nothing if there is none. Its guests' records stay."""
    if not _is_adopted(host, bridge):
        return
    try:
        bringup.stop(host, bridge, force=True)
    except StateError:
        bringup.forget_transient(host, bridge)  # it was not up


def _is_adopted(host: "Host", bridge: str) -> bool:
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
