"""Static routes: what the host reaches by a guest of the network, for as long as the network is up."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Add each route; its gateway is reached by the bridge's address."""
    if not network.routes:
        return []
    from vnethook.plan.routes import AddRoute  # noqa: PLC0415 (few networks have any)

    bridge = network.bridge.name or ""
    return [AddRoute(bridge, str(route.subnet), route.gateway, route.effective_metric) for route in network.routes]


def recorded(network: "Network") -> tuple[tuple[int, int, int, str, int], ...]:
    """The routes as the live record has them: (IP version, first address, prefix, gateway, metric)."""
    return tuple(
        (route.subnet.version, route.subnet.first, route.prefix, route.gateway, route.effective_metric)
        for route in network.routes
    )
