"""What was chosen for a network whose definition does not say it: uuid, bridge, MAC and subnet, one file per network.

Without it the built-in default, a file that an administrator put there by hand, or an automatic subnet would be another
one at each start. The subnet is remembered for the uuid that it was chosen for.
"""

import posix

from vnethook.address import parse_subnet
from vnethook.definition import sources
from vnethook.definition.model import Network
from vnethook.errors import DefinitionError, HostError
from vnethook.live import files, nics

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from vnethook.address import Subnet
    from vnethook.definition.index import Index
    from vnethook.definition.replacement import Replacement
    from vnethook.live.paths import Paths


def random_mac(taken: "Container[str | None]") -> str:
    """A random MAC, of the block that QEMU and libvirt use, that is not taken."""
    while True:
        mac = f"52:54:00:{posix.urandom(3).hex(':')}"
        if mac not in taken:
            return mac


def _common_mac(network: Network) -> str | None:
    """The MAC that is written, or that which the bridge has on all hosts of a fabric."""
    return network.mac or (network.fabric.gateway_mac if network.fabric is not None else None)


def complete(network: Network, old: Network | None, index: "Index", *, is_taken: "Callable[[str], bool]") -> Network:
    """The network with uuid, MAC and bridge name: those of `old`, which it replaces, else others than all of `index`.

    `is_taken`: whether there is a link of that name on the host.
    """
    uuid, mac, bridge, subnet = network.uuid, _common_mac(network), network.bridge.name, None
    if old is not None and uuid in {None, old.uuid}:
        uuid, subnet = old.uuid, automatic_subnet(old)
        if old.owns_bridge:
            mac, bridge = mac or old.mac, bridge or old.bridge.name
    network = network.replace(uuid=uuid or nics.random_uuid())
    if network.owns_bridge and not (network.mac and network.bridge.name):
        bridge = bridge or index.free_bridge(is_taken)
        mac = mac or random_mac(index.macs())
        network = network.replace(mac=mac, bridge=network.bridge.replace(name=bridge))
    return network.with_subnet(subnet) if subnet is not None and network.wants_subnet else network


def read(paths: "Paths", name: str) -> dict[str, str]:
    """What was chosen for a network, by "uuid", "bridge", "mac", "subnet"; nothing if the file is lost or damaged."""
    try:
        found = files.read_json(sources.chosen_path(paths, name))
    except HostError:
        return {}  # chosen anew: a guest's start does not fail for it
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def filled_in(paths: "Paths", network: Network, former: "Mapping[str, str] | None" = None) -> Network:
    """The network with what it does not say filled in from what was chosen for it earlier, else from `former`."""
    if network.is_complete:
        return network
    chosen = read(paths, network.name) or former
    if not chosen or network.uuid not in {None, chosen.get("uuid")}:
        return network
    try:
        if not network.owns_bridge:
            return network.replace(uuid=chosen.get("uuid"))
        filled = network.replace(
            uuid=chosen.get("uuid"),
            mac=_common_mac(network) or chosen.get("mac"),
            bridge=network.bridge.replace(name=network.bridge.name or chosen.get("bridge")),
        )
        subnet = chosen.get("subnet")
        return filled.with_subnet(parse_subnet(subnet)) if subnet and filled.wants_subnet else filled
    except DefinitionError:
        return network  # what was chosen does not go with what is written now


def content(network: Network) -> dict[str, str]:
    """What there is to remember of a network."""
    subnet = automatic_subnet(network)
    chosen = {
        "uuid": network.uuid,
        "bridge": network.bridge.name,
        "mac": network.mac,
        "subnet": None if subnet is None else str(subnet),
    }
    return {key: value for key, value in chosen.items() if value}


def prepare(paths: "Paths", replacement: "Replacement", network: Network) -> list[int]:
    """Write what was chosen for a network beside what is remembered; give the stamp that it will have.

    An automatic subnet stands nowhere else, so it has to outlive a power cut.
    """
    chosen = content(network)
    if chosen == read(paths, network.name):
        return sources.chosen_stamp(paths, network.name)
    is_durable = "subnet" in chosen
    return replacement.write(
        sources.chosen_path(paths, network.name), files.dumps(chosen) + "\n", is_durable=is_durable
    )


def remove(paths: "Paths", name: str) -> None:
    """Forget what was chosen for a network."""
    files.remove(sources.chosen_path(paths, name))


def automatic_subnet(network: Network) -> "Subnet | None":
    """The subnet of a network that was chosen and not written, None if it has none."""
    return next((ip.subnet for ip in network.ips if ip.automatic), None)
