"""What a network can do, one file each: a pure function of its definition and the host's facts that gives steps.

A capability is added by its module and one line in `IN_ORDER`, the order of bring-up; a network goes down in reverse.
What works on a bridge that is not the network's own stands in `ON_EXISTING_BRIDGE` too.
"""

from vnethook.capability import (
    address,
    admission,
    bandwidth,
    bridge,
    dnsmasq,
    existing_bridge,
    firewall,
    forwarding,
    guard,
    idle,
    resolver,
    routes,
    vlan,
    zone,
)
from vnethook.definition.backend import VDE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step

IN_ORDER = (
    bridge,  # first, since the others name it; down and without addresses it offers nothing yet
    vlan,
    bandwidth,
    firewall,  # before anything can be reached
    admission,  # after what decides
    guard,
    zone,
    forwarding,
    address,
    routes,
    dnsmasq,
    resolver,  # after who answers it
    idle,
)
ON_EXISTING_BRIDGE = (existing_bridge, vlan, bandwidth, admission, guard)


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """The steps that bring a complete network up."""
    if facts.kind == VDE:
        from vnethook.capability import user_switch  # noqa: PLC0415 (only for ordinary users)

        return user_switch.plan(network, facts)
    if facts.user:
        from vnethook.capability import users_host  # noqa: PLC0415 (only for ordinary users)

        return [*users_host.plan(network), *_steps(users_host.masqueraded(network.as_planned), facts)]
    return _steps(network.as_planned, facts)


def _steps(network: "Network", facts: "Facts") -> list["Step"]:
    if network.fabric is not None:
        return _on_many_hosts(network, facts)
    if network.connections:
        from vnethook.capability import links  # noqa: PLC0415 (few networks have any)

        network = links.fitted(network, facts)
    in_order = IN_ORDER if network.owns_bridge else ON_EXISTING_BRIDGE
    steps = [step for capability in in_order for step in capability.plan(network, facts)]
    return steps + _rare(network, facts) if network.owns_bridge else steps


def _on_many_hosts(network: "Network", facts: "Facts") -> list["Step"]:
    """The steps of a network with a fabric, which comes last: whatever it lacks, the host's own guests have theirs."""
    from vnethook.capability import fabric  # noqa: PLC0415 (few networks have one)

    fitted = fabric.fitted(network, facts)
    steps = [step for capability in (*IN_ORDER, fabric) for step in capability.plan(fitted, facts)]
    return steps + _rare(fitted, facts)


def _rare(network: "Network", facts: "Facts") -> list["Step"]:
    """What few networks have: a switch; then what links it with others, since a far guest finds all that there is."""
    steps: list[Step] = []
    if network.vde is not None:
        from vnethook.capability import vde  # noqa: PLC0415 (few networks have a switch)

        steps += vde.plan(network, facts)
    if network.listens or network.connections:
        from vnethook.capability import links  # noqa: PLC0415 (few networks have any)

        steps += links.plan(network, facts)
    return steps
