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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.definition.settings import Settings
    from vnethook.host.host import Host
    from vnethook.live.paths import Paths

BRIDGE_PREFIX = "vnbr"
"""Begins the bridge names that we choose; one wildcard rule of another firewall covers them all."""


def load(host: "Host", name: str) -> Network:
    """The complete definition of a network; raise NoNetworkError, or DefinitionError if its file is not in order."""
    found = compiled.read(host.paths, name)
    if found is not None:
        return found
    if compiled.source_of(host.paths, name) is None and name == compiled.DEFAULT:
        return _built_in(host)
    try:
        from vnethook.lifecycle import catalog  # noqa: PLC0415 (reads XML; a hook gets no further than its import)
    except ImportError:
        return _compiled_by_vnet(host.paths, name)
    return catalog.compile_definition(host, name)


def settings_of(paths: "Paths") -> "Settings":
    """The host's settings; raise DefinitionError for a vnethook.toml that is not in order."""
    found = settings.compiled(paths)
    if found is not None:
        return found
    return settings.compile(paths)  # tomllib is of the standard library: slow once, after an edit


def choose_subnet(host: "Host", network: Network, others: "list[Network]") -> Network:
    """The network with a free subnet where it wants one; call it with the host's lock held, and remember the result."""
    if not network.wants_subnet:
        return network
    configured = settings_of(host.paths)
    taken: list[Subnet] = [item.subnet for item in facts.taken_subnets(host, except_device=network.bridge.name or "")]
    taken += [subnet for other in others if other.name != network.name for subnet in other.subnets]
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
        network = network.replace(
            uuid=network.uuid or _random_uuid(),
            mac=network.mac or f"52:54:00:{os.urandom(3).hex(':')}",
            bridge=network.bridge.replace(name=network.bridge.name or _free_bridge(host, others)),
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


def _free_bridge(host: "Host", others: list[Network]) -> str:
    taken = {network.bridge.name for network in others}
    number = 0
    while f"{BRIDGE_PREFIX}{number}" in taken or host.links.link(f"{BRIDGE_PREFIX}{number}") is not None:
        number += 1
    return f"{BRIDGE_PREFIX}{number}"


def _random_uuid() -> str:
    """A random UUID, RFC 9562 version 4; the uuid module costs more than the rest of the choice."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


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
