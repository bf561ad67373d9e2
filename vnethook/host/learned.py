"""Which MACs a bridge has learned: what its table of forwarding says. Source: br_fdb_fillbuf() of the kernel."""

_ENTRY_BYTES, _MAC_BYTES, _PORT_LOW, _IS_LOCAL, _PORT_HIGH = 16, 6, 6, 7, 12
"""struct __fdb_entry, linux/if_bridge.h."""


def macs(bridge: str, interface: str) -> set[str]:
    """The MACs that a bridge has seen behind a port; none if it is no port of it."""
    try:
        with open(f"/sys/class/net/{interface}/brport/port_no", encoding="ascii") as file:
            port = int(file.read(), 0)
        with open(f"/sys/class/net/{bridge}/brforward", "rb") as file:
            table = file.read()
    except (OSError, ValueError):
        return set()
    entries = [table[start : start + _ENTRY_BYTES] for start in range(0, len(table), _ENTRY_BYTES)]
    return {
        entry[:_MAC_BYTES].hex(":")
        for entry in entries
        if entry[_PORT_LOW] + (entry[_PORT_HIGH] << 8) == port and not entry[_IS_LOCAL]
    }


def mac(bridge: str, interface: str) -> str:
    """The only MAC that a bridge has seen behind a port; empty for none or several."""
    found = macs(bridge, interface)
    return found.pop() if len(found) == 1 else ""
