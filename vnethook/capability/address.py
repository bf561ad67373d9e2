"""The addresses that make the bridge the guests' gateway."""

from vnethook.plan.links import AddAddress, SetLinkUp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.plan.step import Step


def plan(network: "Network", facts: "Facts") -> list["Step"]:  # noqa: ARG001 (one signature for all capabilities)
    """Add each address, then bring the bridge up."""
    name, mac = network.bridge.name, network.mac
    assert name  # a complete definition
    assert mac
    if network.proxied:
        from vnethook.capability import proxied  # noqa: PLC0415 (few networks are)

        return [*proxied.addresses(network), SetLinkUp(name, mac), *proxied.answering(network)]
    added: list[Step] = [AddAddress(name, address) for address in network.addresses]
    return [*added, SetLinkUp(name, mac)]


def subnets(network: "Network") -> tuple[tuple[int, int, int], ...]:
    """The network's subnets as its live record has them: (IP version, first, last address)."""
    return tuple((subnet.version, subnet.first, subnet.last) for subnet in network.subnets)
