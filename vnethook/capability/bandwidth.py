"""What all guests of a network may send and receive together."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Limit what goes through the bridge itself: to and from the host and what is behind it.

    What one guest sends to another passes no such place; a portgroup limits that, on each guest's own port.
    """
    name = network.bridge.name
    limits = network.bandwidth.numbers if network.bandwidth else ()
    if not (name and any(limits)):
        return []
    from vnethook.plan.traffic import LimitTraffic  # noqa: PLC0415 (few networks have any)

    return [LimitTraffic(network.name, name, limits)]
