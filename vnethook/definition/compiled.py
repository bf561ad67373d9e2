"""The compiled form of definitions: what a hook reads instead of XML, without lxml.

One JSON file per network, `{"format", "source", "stamp", "chosen", "network"}`, made whenever `vnet` meets a definition
whose stamp (time, size, inode of the XML) differs, or that of what was chosen for it, if the XML leaves something open.
Hard links `bridge:NAME` find a network by its own bridge, those in a directory `on:NAME` all that use a bridge of the
administrator's: they cost no inode, and what they hold may be an earlier form, which names the network all the same.
The definition of a network that was created and not defined lies in the run directory and goes first. Whoever writes
here holds the host's lock.
"""

from vnethook.definition import choices, sources
from vnethook.definition.model import Network
from vnethook.definition.replacement import Replacement
from vnethook.errors import DefinitionError, HostError, NoNetworkError
from vnethook.live import files
from vnethook.names import is_link_name, is_network_name, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.definition.sources import Origin
    from vnethook.live.paths import Paths

FORMAT = 3
NAMES_IN_HINT = 20
"""How many networks are listed to who names one that does not exist."""


def read(paths: "Paths", name: str) -> Network | None:
    """The compiled definition of a network; None if there is none or its XML has changed since, so that it is stale."""
    found = read_whole(paths, name)
    return found[0] if found else None


def read_whole(paths: "Paths", name: str) -> tuple[Network, list[int] | None] | None:
    """The compiled definition, and the stamp of what was chosen for it, None if its XML says all."""
    found = _plain(_path(paths, name))
    if found.get("format") != FORMAT or not sources.is_current(paths, name, found):
        return None
    try:
        return Network.from_plain(found["network"]), found.get("chosen")
    except (AttributeError, DefinitionError, KeyError, TypeError):
        return None  # of another version


def write(paths: "Paths", network: Network) -> None:
    """Compile a complete definition that is in place, with what was chosen for it; that is remembered."""
    source = sources.source_of(paths, network.name)
    stamp = files.stamp(source) if source else None
    with Replacement() as replacement:
        chosen = choices.prepare(paths, replacement, network)
        prepare(paths, replacement, network, source=source, stamps=(stamp, chosen))


def prepare(
    paths: "Paths",
    replacement: Replacement,
    network: Network,
    *,
    source: str | None,
    stamps: "tuple[list[int] | None, list[int] | None]",
) -> None:
    """Write the compiled form that goes with a source, whose stamps those are, and the link by the bridge."""
    plain = {
        "format": FORMAT,
        "source": source,
        "stamp": stamps[0],
        "chosen": stamps[1],
        "network": network.to_sparse(),
    }
    path = _path(paths, network.name)
    replacement.write(path, files.dumps(plain) + "\n")
    bridge = network.bridge.name
    if bridge and network.owns_bridge and _linked(paths, bridge) != network.name:
        replacement.link(path, paths.defined_bridge(bridge))
    elif bridge and not network.owns_bridge and not files.exists(f"{paths.bridge_users(bridge)}/{network.name}"):
        files.make_directory(paths.bridge_users(bridge))
        replacement.link(path, f"{paths.bridge_users(bridge)}/{network.name}")


def origin(paths: "Paths", network: Network) -> "Origin | None":
    """Where a definition came from, see sources.py; None if it is another by now."""
    found = _plain(_path(paths, network.name))
    if found.get("network") != network.to_sparse():
        return None
    return {key: found.get(key) for key in ("source", "stamp", "chosen")}


def identity(paths: "Paths", name: str) -> dict[str, str]:
    """The "uuid", "bridge" and "mac" with which a network was last compiled, as far as it was."""
    network = _plain(_path(paths, name)).get("network")
    if not isinstance(network, dict) or not isinstance(network.get("bridge", {}), dict):
        return {}
    found = {"uuid": network.get("uuid"), "bridge": network.get("bridge", {}).get("name"), "mac": network.get("mac")}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def remove_link(paths: "Paths", bridge: str | None, name: str) -> None:
    """Let a network no longer be found by a bridge that it had."""
    if bridge is None or not is_link_name(bridge):
        return
    if _linked(paths, bridge) == name:
        files.remove(paths.defined_bridge(bridge))
    files.remove(f"{paths.bridge_users(bridge)}/{name}")
    files.remove_directory(paths.bridge_users(bridge))


def remove(paths: "Paths", name: str) -> None:
    """Forget the compiled form of a network, what was prepared from it, and the link by its bridge."""
    remove_link(paths, identity(paths, name).get("bridge"), name)
    files.remove(_path(paths, name))
    files.remove(paths.prepared(name))


def forget_transient(paths: "Paths", name: str) -> bool:
    """Remove the definition of a network that was created, and with the last one what was chosen; whether it was."""
    if not is_network_name(name) or not files.remove(sources.path_of(paths, name, is_transient=True)):
        return False
    if sources.source_of(paths, name) is None:
        remove(paths, name)
        if not sources.is_built_in(paths, name):
            choices.remove(paths, name)
    remove_unused_index(paths)
    return True


def remove_unused_index(paths: "Paths") -> None:
    """Remove the entries of all definitions after the last one."""
    if not files.names(paths.transient, ".xml") and not files.names(paths.networks, ".xml"):
        files.remove(index_path(paths))


def index_path(paths: "Paths") -> str:
    """Where the entries of all definitions lie; see index.py."""
    return f"{paths.compiled}/index"  # without .json, so that it is no network's


def by_bridge(paths: "Paths", bridge: str) -> str | None:
    """The name of the only network whose bridge is called `bridge`; None if none is compiled that says so."""
    if not is_link_name(bridge):
        return None
    name = _linked(paths, bridge)
    network = read(paths, name) if name is not None else None
    if network is not None and network.owns_bridge and network.bridge.name == bridge:
        return name
    found = users(paths, bridge)
    return found[0] if len(found) == 1 else None


def users(paths: "Paths", bridge: str) -> list[str]:
    """The sorted names of the networks that use a bridge of the administrator's, as far as they are compiled."""
    networks = [read(paths, name) for name in files.names(paths.bridge_users(bridge))]
    found = (network for network in networks if network is not None and not network.owns_bridge)
    return [network.name for network in found if network.bridge.name == bridge]


def network_names(paths: "Paths") -> list[str]:
    """The sorted names of all networks: defined, created, and the built-in default."""
    found = {*files.names(paths.networks, ".xml"), *files.names(paths.transient, ".xml")}
    found |= {sources.DEFAULT} if sources.is_built_in(paths, sources.DEFAULT) else set()
    return sorted(name for name in found if is_network_name(name))


def unknown(paths: "Paths", name: str) -> NoNetworkError:
    """The error for a name that matches no network."""
    known = network_names(paths)
    more = f" and {len(known) - NAMES_IN_HINT} more" if len(known) > NAMES_IN_HINT else ""
    hint = f"known networks: {', '.join(known[:NAMES_IN_HINT])}{more}"
    return NoNetworkError(f"network {shown(name)}: no such network", hint=hint)


def ambiguous(bridge: str, names: list[str]) -> NoNetworkError:
    """The error for the name of a bridge that several networks use."""
    msg = f"bridge {bridge!r}: {len(names)} networks use it"
    listed = ", ".join(names[:NAMES_IN_HINT]) + (" …" if len(names) > NAMES_IN_HINT else "")
    return NoNetworkError(msg, hint=f"name one of them: {listed}")


def _path(paths: "Paths", name: str) -> str:
    return f"{paths.compiled}/{name}.json"


def _linked(paths: "Paths", bridge: str) -> str | None:
    """The name in the form that is found by a bridge."""
    network = _plain(paths.defined_bridge(bridge)).get("network")
    name = network.get("name") if isinstance(network, dict) else None
    return name if isinstance(name, str) and is_network_name(name) else None


def _plain(path: str) -> "dict[str, Any]":
    try:
        found = files.read_json(path)
    except HostError:
        return {}  # damaged: made anew, like a stale one
    return found if isinstance(found, dict) else {}
