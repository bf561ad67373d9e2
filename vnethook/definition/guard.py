"""What guests may not send, whoever they say they are: the guard of a network's ports, or of a portgroup's."""

from vnethook.live.nics import GUARDS, PARTS, STRICT
from vnethook.names import refuse, shown
from vnethook.value import Value

DEFAULT = "standard"
CONNECTIONS, NEW_CONNECTIONS = 16384, 2000
"""What a guest may have open, and open per second, where nothing is said. An honest one notices neither."""
CONNECTIONS_MAX, NEW_CONNECTIONS_MAX = 1 << 24, 1_000_000


class Guard(Value):
    """A guard: its mode and, None where that says it, its parts.

    `flows`: whether connections to the outside and to the host are counted: at most `connections` at once (None:
    CONNECTIONS), and `new_connections` more per second (None: NEW_CONNECTIONS), for each MAC.
    """

    mode: str = DEFAULT
    mac: bool | None = None
    ipv4: bool | None = None
    ipv6: bool | None = None
    arp: bool | None = None
    nd: bool | None = None
    dhcp: bool | None = None
    ra: bool | None = None
    ethertypes: bool | None = None
    vlan: bool | None = None
    flows: bool | None = None
    connections: int | None = None
    new_connections: int | None = None

    @property
    def parts(self) -> tuple[str, ...]:
        """What it holds a port to: see GUARDS."""
        common = GUARDS[self.mode]
        held = tuple(part for part in PARTS if _is_held(getattr(self, part), part in common))
        return (*held, STRICT) if held and STRICT in common else held

    @property
    def counts_flows(self) -> bool:
        """Whether connections are counted."""
        return _is_held(self.flows, self.mode != "off")

    def _check(self) -> None:
        if self.mode not in GUARDS:
            refuse(f"guard: mode {shown(self.mode)}: must be {', '.join(GUARDS)}")
        limits = {"connections": CONNECTIONS_MAX, "newConnections": NEW_CONNECTIONS_MAX}
        for (name, most), number in zip(limits.items(), (self.connections, self.new_connections), strict=True):
            if number is not None and not 0 < number <= most:
                refuse(f"guard: {name} {number}: must be 1 to {most}")
            if number is not None and not self.counts_flows:
                refuse(f"guard: {name}: flows are not counted")


def _is_held(said: bool | None, default: bool) -> bool:  # noqa: FBT001 (both are what they are called)
    return default if said is None else said
