"""The definition of a network for whoever brings it up: compiled, so that a hook needs neither lxml nor tomllib.

What changed on disk since it was compiled is compiled here if this process has the libraries, else by the installed
`vnet`: a hook runs on the system's own python3.
"""

import os

from vnethook.capability import subnet as subnets
from vnethook.definition import choices, compiled, settings
from vnethook.definition.model import Network
from vnethook.errors import HostError
from vnethook.host import facts, programs
from vnethook.live import nics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.settings import Settings
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths


def load(host: "Host", name: str) -> Network:
    """The complete definition of a network; raise NoNetworkError, or DefinitionError if its file is not in order."""
    found = compiled.read(host.paths, name)
    if found is not None:
        return found
    if compiled.source_of(host.paths, name) is None and name == compiled.DEFAULT:
        return _built_in(host)
    from vnethook.lifecycle import catalog  # noqa: PLC0415 (only for what has changed on disk)

    if not catalog.can_read_xml():
        return _compiled_by_vnet(host.paths, name)
    return catalog.compile_definition(host, name)


def settings_of(paths: "Paths") -> "Settings":
    """The host's settings; raise DefinitionError for a vnethook.toml that is not in order."""
    return settings.compiled(paths) or settings.compile(paths)  # compiled once after an edit


def choose_subnet(host: "Host", network: Network, others: "list[Network]") -> Network:
    """The network with a free subnet where it wants one; call it with the host's lock held, and remember the result."""
    if not network.wants_subnet:
        return network
    configured = settings_of(host.paths)
    taken: list[Subnet] = [
        item.subnet for item in facts.taken_subnets(host, except_devices=[network.bridge.name or ""])
    ]
    taken += [subnet for other in others if other.name != network.name for subnet in other.claims]
    return network.with_subnet(subnets.choose(network.uuid or "", configured.pools, configured.prefix, taken))


def choose_again(host: "Host", network: Network) -> Network:
    """The network with another automatic subnet, remembered: the one that it had is the host's now."""
    with host.shared.lock():
        chosen = choose_subnet(host, network.without_automatic(), _others(host, network.name))
        choices.write(host.paths, chosen)
        compiled.write(host.paths, chosen)
    return chosen


def _built_in(host: "Host") -> Network:
    """The network that exists without a file: what it needs is chosen at its first start and remembered."""
    with host.shared.lock():
        network = choices.filled_in(host.paths, Network(compiled.DEFAULT, forward="nat"))
        others = _others(host, network.name)
        taken = {*(other.bridge.name for other in others), *(link.name for link in host.links.all_links())}
        network = network.replace(
            uuid=network.uuid or nics.random_uuid(),
            mac=network.mac or choices.random_mac({other.mac for other in others}),
            bridge=network.bridge.replace(name=network.bridge.name or choices.free_bridge(taken)),
        )
        network = choose_subnet(host, network, others)
        choices.write(host.paths, network)
        compiled.write(host.paths, network)
    return network


def _others(host: "Host", name: str) -> list[Network]:
    """The other definitions, as far as they are compiled; what is not is checked when it is."""
    names = (other for other in compiled.network_names(host.paths) if other != name)
    found = (compiled.read(host.paths, other) for other in names)
    return [network for network in found if network is not None]


def _compiled_by_vnet(paths: "Paths", name: str) -> Network:
    environment = dict(programs.ENVIRONMENT)
    if "VNETHOOK_ROOT" in os.environ:
        environment["VNETHOOK_ROOT"] = os.environ["VNETHOOK_ROOT"]
    finished = programs.run([programs.vnet(), "net-compile", name], environment=environment)
    found = compiled.read(paths, name)
    if finished.status == 0 and found is not None:
        return found
    lines = [line.strip() for line in finished.errors.splitlines() if line.strip()] or [finished.reason]
    error = HostError(lines[0].removeprefix("error: "), hint=" ".join(lines[1:]))
    error.exit_status = finished.status if finished.status else HostError.exit_status
    raise error
