"""How many connections a guest opens, by its bridge and MAC, so that none fills the host's table of them.

Of what goes through the host and to it; what guests of one network say to each other is no connection there. An answer
is none that the guest opened, nor is what comes in from outside.
"""

from vnethook.definition.guard import CONNECTIONS, NEW_CONNECTIONS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network

BURST = 2
"""How many seconds' worth of new connections may be opened at once."""


def counted(network: "Network") -> list[str]:
    """What drops the first packet of one connection too many: too fast after others, or beside too many."""
    guard = network.effective_guard
    if not guard.counts_flows:
        return []
    rate, most = guard.new_connections or NEW_CONNECTIONS, guard.connections or CONNECTIONS
    guest = "iifname . ether saddr"
    return [
        f"update @new_flows {{ {guest} limit rate over {rate}/second burst {BURST * rate} packets }} drop",
        f"add @kept_flows {{ {guest} ct count over {most} }} drop",
    ]
