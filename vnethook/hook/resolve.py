"""Which network a call means. First match wins: what the call names, the administrator's map, `default`.

A network is named by its name or by its bridge's name, with the name of a portgroup after a colon; a NIC of the host's
that guests share, by its own name or its bridge's, where no network is called so. A live record answers at once; the
definitions are looked at only for a network that is down.
"""

from vnethook.live import files, record
from vnethook.names import is_link_name, is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.request import NicRequest
    from vnethook.live.paths import Paths


def network_of(paths: "Paths", request: "NicRequest") -> tuple[str, str]:
    """The name of the network that a request means, and the portgroup; raise NoNetworkError if there is no network."""
    meant = request.explicit or _mapped(paths, request) or "default"
    network, portgroup = _grouped(paths, meant, takes_any=request.takes_any_bridge)
    return network, request.portgroup or portgroup


def _grouped(paths: "Paths", text: str, *, takes_any: bool) -> tuple[str, str]:
    """The network and the portgroup (empty: none is named) of "NAME" or "NAME:GROUP"; raise as `named` does.

    No network's name holds a colon; a bridge's may, and goes first.
    """
    name, colon, portgroup = text.partition(":")
    if not colon:
        return named(paths, text, takes_any=takes_any), ""
    bridged = by_bridge(paths, text) if is_link_name(text) else None
    if bridged is not None:
        return bridged, ""
    return named(paths, name if portgroup else text, takes_any=takes_any), portgroup


def named(paths: "Paths", name: str, *, takes_any: bool = False) -> str:
    """The network of that name, or with a bridge of that name, or on that shared NIC, in this order.

    `takes_any`: any bridge of the host's becomes one. Raises NoNetworkError that lists the known ones.
    """
    if is_network_name(name):
        if record.is_present(paths, name) or name == "default" or _is_defined(paths, name):
            return name
        found = by_bridge(paths, name) or on_shared(paths, name) or _after_edit(paths, name)
    else:
        found = on_shared(paths, name)
    if found is not None:
        return found
    from vnethook.definition import compiled  # noqa: PLC0415 (only for what was never used, or on the way to an error)
    from vnethook.lifecycle import adoption  # noqa: PLC0415 (as above)

    users = compiled.users(paths, name) if is_link_name(name) else []
    if len(users) > 1:
        raise compiled.ambiguous(name, users)
    if files.is_directory(paths.shared_snapshots) and (found := _since_boot(paths, name)) is not None:
        return found
    if takes_any and is_link_name(name) and _adopted(paths, name):
        return name
    raise adoption.unknown(paths, name)


def _since_boot(paths: "Paths", name: str) -> str | None:
    """The network on a NIC that the host's own files share since its boot, which nobody has asked for before."""
    from vnethook.host.host import Host  # noqa: PLC0415 (only for who joins first after a boot)
    from vnethook.lifecycle.share import sharing  # noqa: PLC0415 (as above)

    sharing.settle_named(Host(paths), name)
    return on_shared(paths, name)


def _adopted(paths: "Paths", bridge: str) -> bool:
    from vnethook.host.host import Host  # noqa: PLC0415 (only for who joins a bridge first)
    from vnethook.lifecycle import adoption  # noqa: PLC0415 (as above)

    return adoption.adopt(Host(paths), bridge)


def is_known(paths: "Paths", name: str) -> bool:
    """Whether there is a network of that name or with that bridge, as far as it costs little to see."""
    is_one = is_network_name(name) and (record.is_present(paths, name) or _is_defined(paths, name))
    return is_one or by_bridge(paths, name) is not None or on_shared(paths, name) is not None


def on_shared(paths: "Paths", name: str) -> str | None:
    """The network by which guests join a shared NIC of the host's, by its name or its bridge's; None if none is.

    That of a definition on its bridge, else the one that is called like the bridge and made here. Raises NoNetworkError
    if several definitions are on it.
    """
    if not files.is_directory(paths.shared_interfaces):
        return None
    from vnethook.live import shared_interface  # noqa: PLC0415 (few hosts share one)

    shared = shared_interface.named(paths, name)
    if shared is None:
        return None
    users = [user for user in files.names(paths.bridge_users(shared.bridge)) if user != shared.bridge]
    live = record.read(paths, users[0] if users else shared.bridge) if len(users) < 2 else None
    if live is not None and live.bridge == shared.bridge:
        return live.name
    from vnethook.host.host import Host  # noqa: PLC0415 (only for the first guest)
    from vnethook.lifecycle import adoption  # noqa: PLC0415 (only for the first guest)

    return adoption.network_on(Host(paths), shared)


def by_bridge(paths: "Paths", bridge: str) -> str | None:
    """The network with a bridge of that name, live or defined; None if none of ours has it, or several use it."""
    if not is_link_name(bridge):
        return None
    found = record.by_bridge(paths, bridge)
    if found is not None:
        return found
    users = files.names(paths.bridge_users(bridge))
    live = record.read(paths, users[0]) if len(users) == 1 else None
    if live is not None and not live.owns_bridge and live.bridge == bridge:
        return live.name
    if not users and not files.exists(paths.defined_bridge(bridge)):
        return None
    from vnethook.definition import compiled  # noqa: PLC0415 (only for a network that is down)

    return compiled.by_bridge(paths, bridge)


def _after_edit(paths: "Paths", bridge: str) -> str | None:
    """The network with this bridge where a definition was changed by hand, so that what is compiled does not tell."""
    from vnethook.definition import index  # noqa: PLC0415 (only on the way to an error)

    known = index.of(paths)
    if known.refresh():
        from vnethook.lifecycle import definitions  # noqa: PLC0415 (only after an edit)

        definitions.learn_changed(paths, known)
    names = {entry.name for entry in known.holders("bridge", bridge)}
    return names.pop() if len(names) == 1 else None


def _is_defined(paths: "Paths", name: str) -> bool:
    return files.exists(f"{paths.networks}/{name}.xml") or files.exists(f"{paths.transient}/{name}.xml")


def _mapped(paths: "Paths", request: "NicRequest") -> str:
    """The administrator's map by interface or guest name (`[map]` in vnethook.toml)."""
    if not files.exists(paths.config):
        return ""
    from vnethook.definition import settings  # noqa: PLC0415 (only where there is a configuration)

    return settings.current(paths).network_of(request.interface, request.guest)
