"""What was chosen for a network whose definition does not say it: uuid, bridge, MAC and subnet, one file per network.

Without it the built-in default, a file that an administrator put there by hand, or an automatic subnet would be another
one at each start. The subnet is remembered for the uuid that it was chosen for.
"""

import os

from vnethook.address import parse_subnet
from vnethook.definition.model import Network
from vnethook.errors import DefinitionError, HostError
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.address import Subnet
    from vnethook.live.paths import Paths


BRIDGE_PREFIX = "vnbr"
"""Begins the bridge names that we choose; one wildcard rule of another firewall covers them all."""


def random_mac(taken: "set[str | None]") -> str:
    """A random MAC, of the block that QEMU and libvirt use, that is not taken."""
    while True:
        mac = f"52:54:00:{os.urandom(3).hex(':')}"
        if mac not in taken:
            return mac


def free_bridge(taken: "set[str | None]") -> str:
    """The bridge name of ours with the lowest number that is not taken."""
    number = 0
    while f"{BRIDGE_PREFIX}{number}" in taken:
        number += 1
    return f"{BRIDGE_PREFIX}{number}"


def read(paths: "Paths", name: str) -> dict[str, str]:
    """What was chosen for a network, by "uuid", "bridge", "mac", "subnet"; nothing if the file is lost or damaged."""
    try:
        found = files.read_json(_path(paths, name))
    except HostError:
        return {}  # chosen anew: a guest's start does not fail for it
    if not isinstance(found, dict):
        return {}
    return {key: value for key, value in found.items() if isinstance(value, str)}


def filled_in(paths: "Paths", network: Network) -> Network:
    """The network with what it does not say filled in from what was chosen for it earlier."""
    chosen = read(paths, network.name)
    if not chosen or network.uuid not in {None, chosen.get("uuid")}:
        return network
    try:
        if not network.owns_bridge:
            return network.replace(uuid=chosen.get("uuid"))
        filled = network.replace(
            uuid=chosen.get("uuid"),
            mac=network.mac or chosen.get("mac"),
            bridge=network.bridge.replace(name=network.bridge.name or chosen.get("bridge")),
        )
        subnet = chosen.get("subnet")
        return filled.with_subnet(parse_subnet(subnet)) if subnet and filled.wants_subnet else filled
    except DefinitionError:
        return network  # what was chosen does not go with what is written now


def write(paths: "Paths", network: Network) -> None:
    """Remember what was chosen for a network."""
    chosen = {"uuid": network.uuid, "bridge": network.bridge.name, "mac": network.mac}
    subnet = automatic_subnet(network)
    if subnet is not None:
        chosen["subnet"] = str(subnet)
    files.write_json(_path(paths, network.name), {key: value for key, value in chosen.items() if value})


def remove(paths: "Paths", name: str) -> None:
    """Forget what was chosen for a network."""
    files.remove(_path(paths, name))


def automatic_subnet(network: Network) -> "Subnet | None":
    """The subnet of a network that was chosen and not written, None if it has none."""
    return next((ip.subnet for ip in network.ips if ip.automatic), None)


def _path(paths: "Paths", name: str) -> str:
    return f"{paths.state}/chosen/{name}.json"
