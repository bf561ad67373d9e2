"""What sysfs says of a link, beside what rtnetlink does. Source: Documentation/ABI/testing/sysfs-class-net."""

_PLACE = "/sys/class/net"
_SET_BY_SOMEBODY = "3"
"""NET_ADDR_SET, linux/netdevice.h."""


def attribute(link: str, name: str) -> str:
    """An attribute of a link; empty for a link that is gone, or of which the driver does not say it."""
    try:
        with open(f"{_PLACE}/{link}/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return ""


def has_set_mac(link: str) -> bool:
    """Whether somebody gave the link its MAC: a bridge with another takes the lowest of its ports'."""
    return attribute(link, "addr_assign_type") == _SET_BY_SOMEBODY
