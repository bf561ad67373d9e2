"""The definition of a network for whoever brings it up: compiled, so that a hook needs neither lxml nor tomllib.

What changed on disk since it was compiled is compiled here if this process has the libraries, else by the installed
`vnet`: a hook runs on the system's own python3.
"""

from vnethook.capability import subnet as subnets
from vnethook.definition import choices, compiled, settings, sources
from vnethook.definition.model import Network
from vnethook.errors import HostError
from vnethook.host import facts, programs
from vnethook.host.shared import Shared
from vnethook.live import nics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.index import Index
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths


def load(host: "Host", name: str) -> Network:
    """The complete definition of a network; raise NoNetworkError, or DefinitionError if its file is not in order."""
    found = compiled.read(host.paths, name)
    if found is not None:
        return found
    if sources.source_of(host.paths, name) is None:
        if sources.is_built_in(host.paths, name):
            return _built_in(host)
        raise compiled.unknown(host.paths, name)
    with host.shared.lock():
        found = compiled.read(host.paths, name)
    if found is not None:
        return found  # it was just being defined
    from vnethook.lifecycle import catalog  # noqa: PLC0415 (only for what has changed on disk)

    if not catalog.can_read_xml():
        return _compiled_by_vnet(host.paths, name)
    return catalog.compile_definition(host, name)


def choose_subnet(host: "Host", network: Network, index: "Index") -> Network:
    """The network with a free subnet where it wants one; call it with the host's lock held, and remember the result."""
    if not network.wants_subnet:
        return network
    configured = settings.current(host.paths)
    taken = [item.subnet for item in facts.taken_subnets(host, except_devices=[network.bridge.name or ""])]

    def is_taken(subnet: "Subnet") -> bool:
        return index.is_claimed(subnet, but=network.name) or any(subnet.overlaps(other) for other in taken)

    return network.with_subnet(subnets.choose(network.uuid or "", configured.pools, configured.prefix, is_taken))


def choose_again(host: "Host", network: Network) -> Network:
    """The network with another automatic subnet, remembered: the one that it had is the host's now."""
    with host.shared.lock():
        chosen = choose_subnet(host, network.without_automatic(), _index(host.paths))
        compiled.write(host.paths, chosen)
    return chosen


def learn_changed(paths: "Paths", index: "Index") -> None:
    """Let an index know what was changed on disk since it was compiled, as far as it is in order: `vnet` compiles it.

    Raises HostError if there is no `vnet`.
    """
    with Shared(paths).lock():  # somebody may just be defining it
        unread = index.refresh()
    if unread:
        compile_changed()
        with Shared(paths).lock():
            index.refresh()


def compile_changed() -> None:
    """Have `vnet` compile what was changed on disk since it was compiled, as far as it is in order."""
    programs.call_vnet(["net-compile"])


def _built_in(host: "Host") -> Network:
    """The network that exists without a file: what it needs is chosen at its first start and remembered."""
    with host.shared.lock():
        network = choices.filled_in(host.paths, Network(sources.DEFAULT, forward="nat"))
        index = _index(host.paths)
        network = network.replace(
            uuid=network.uuid or nics.random_uuid(),
            mac=network.mac or choices.random_mac(index.macs()),
            bridge=network.bridge.replace(
                name=network.bridge.name or index.free_bridge(lambda name: host.links.link(name) is not None)
            ),
        )
        network = choose_subnet(host, network, index)
        compiled.write(host.paths, network)
    return network


def _index(paths: "Paths") -> "Index":
    """Who has which bridge and subnet, as far as it is compiled; what is not is checked when it is."""
    from vnethook.definition import index as indexes  # noqa: PLC0415 (only where something has to be chosen)

    index = indexes.of(paths)
    index.refresh()
    return index


def _compiled_by_vnet(paths: "Paths", name: str) -> Network:
    programs.run_vnet(["net-compile", name])
    found = compiled.read(paths, name)
    if found is None:
        msg = f"network {name!r}: compile: the definition changed meanwhile"
        raise HostError(msg, hint="try again")
    return found
