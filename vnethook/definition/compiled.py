"""The compiled form of definitions: what a hook reads instead of XML, without lxml.

One JSON file per network, `{"format", "stamp", "source", "network"}`, made whenever `vnet` meets a definition whose
stamp (time, size, inode of the XML) differs. Links `bridge:NAME` beside them find a network by its bridge. The
definition of a network that was created and not defined lies in the run directory and goes first.
"""

from vnethook.definition.model import Network
from vnethook.errors import DefinitionError, HostError
from vnethook.live import files
from vnethook.live.paths import BRIDGE
from vnethook.names import is_link_name, is_network_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

FORMAT = 1
DEFAULT = "default"
"""The network that exists without a file."""


def source_of(paths: "Paths", name: str) -> str | None:
    """The XML file that defines `name`: a transient one, a stored one, or None (the built-in default has none)."""
    if not is_network_name(name):
        return None
    for directory in (paths.transient, paths.networks):
        path = f"{directory}/{name}.xml"
        if files.stamp(path) is not None:
            return path
    return None


def exists(paths: "Paths", name: str) -> bool:
    """Whether `name` is a network: there is a file for it, or it is the built-in default."""
    return name == DEFAULT or source_of(paths, name) is not None


def read(paths: "Paths", name: str) -> Network | None:
    """The compiled definition of a network; None if there is none or its XML has changed since, so that it is stale."""
    source = source_of(paths, name)
    if source is None and name != DEFAULT:
        return None
    try:
        found = files.read_json(f"{paths.compiled}/{name}.json")
    except HostError:
        return None  # damaged: made anew, like a stale one
    if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("source") != source:
        return None
    if source is not None and found.get("stamp") != files.stamp(source):
        return None
    try:
        return Network.from_plain(found["network"])
    except (AttributeError, DefinitionError, KeyError, TypeError):
        return None  # of another version


def write(paths: "Paths", network: Network, *, stamp: list[int] | None = None) -> None:
    """Compile a complete definition; its source is what `source_of` finds now, with `stamp` when it was read."""
    link = f"{BRIDGE}{network.bridge.name}"
    source = source_of(paths, network.name)
    stamp = stamp or (files.stamp(source) if source else None)
    plain = {"format": FORMAT, "source": source, "stamp": stamp, "network": network.to_plain()}
    files.write_json(f"{paths.compiled}/{network.name}.json", plain)
    if network.bridge.name:
        files.make_link(f"{paths.compiled}/{link}", network.name)
    _remove_links(paths, network.name, but=link)


def remove(paths: "Paths", name: str) -> None:
    """Forget the compiled form of a network and the link by its bridge."""
    _remove_links(paths, name)
    files.remove(f"{paths.compiled}/{name}.json")


def by_bridge(paths: "Paths", bridge: str) -> str | None:
    """The name of the network whose bridge is called `bridge`, None if no definition says so."""
    name = files.link_target(paths.defined_bridge(bridge)) if is_link_name(bridge) else None
    if name is None or not exists(paths, name):
        return None
    network = read(paths, name)
    return name if network is None or network.bridge.name == bridge else None


def network_names(paths: "Paths") -> list[str]:
    """The sorted names of all networks: defined, created, and the built-in default."""
    found = {DEFAULT, *files.names(paths.networks, ".xml"), *files.names(paths.transient, ".xml")}
    return sorted(name for name in found if is_network_name(name))


def _remove_links(paths: "Paths", name: str, *, but: str = "") -> None:
    for link in files.names(paths.compiled):
        path = f"{paths.compiled}/{link}"
        if link.startswith(BRIDGE) and link != but and files.link_target(path) == name:
            files.remove(path)
