"""What the devices of a network's links with others are called: by its uuid, so that whoever comes later finds them.

Links have a bridge of their own, which a cable joins to the network's: a spanning tree among links alone leaves the
ports of guests as they are, and what may come in by a link is judged at one place.
"""

from zlib import crc32

from vnethook.names import BRIDGE_PREFIX

_OWN, _LOCAL = "vnlg", "vnlp"
"""Begin the names of the ends of cables that are on a network's own bridge."""


def links_bridge(uuid: str) -> str:
    """The bridge of a network's links; by its prefix, whatever is said of our bridges is said of it too."""
    return f"{BRIDGE_PREFIX}l{_number(uuid)}"


def cable(uuid: str) -> tuple[str, str]:
    """The ends of the cable from the network's own bridge to that of its links, in this order."""
    return f"{_OWN}{_number(uuid)}", f"vnll{_number(uuid)}"


def local_cable(uuid: str, other: str) -> tuple[str, str]:
    """The ends of the cable to another network of this host, by that one's name: ours, then theirs."""
    number = _number(f"{uuid} {other}")
    return f"vnlo{number}", f"{_LOCAL}{number}"


def is_cable(port: str) -> bool:
    """Whether a port of a network's own bridge leads to links and not to a guest."""
    return port.startswith((_OWN, _LOCAL))


def vxlan(uuid: str, number: int) -> str:
    """The device of a VXLAN with that number."""
    return f"vnlx{_number(f'{uuid} {number}')}"


def _number(text: str) -> str:
    return f"{crc32(text.encode()):08x}"
