"""Have a shared NIC's DHCP clients look after its bridge. Pure: facts -> steps, or why it cannot be done."""

from _socket import AF_INET6

from vnethook.host import dhcp_clients
from vnethook.plan.dhcp_client import HoldClient, RunClient

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.nic_facts import NicFacts
    from vnethook.plan.step import Step


def plan(facts: "NicFacts", bridge: str) -> "tuple[tuple[Step, ...], tuple[Step, ...]]":
    """The steps before all others, and those after the bridge has the addresses. `bridge` may be the NIC's old name."""
    pairs = [(client, dhcp_clients.successor(client, bridge)) for client in facts.clients]
    holding = tuple(HoldClient(client=client, successor=successor) for client, successor in pairs)
    running = tuple(RunClient(client=successor, predecessor=client) for client, successor in pairs)
    return holding, running


def refusal(facts: "NicFacts") -> tuple[str, str]:
    """Why its clients cannot be handed over, and what would help; empty if they can be."""
    versions = [client.version for client in facts.clients]
    if len(versions) != len(set(versions)):
        names = " and ".join(f"{client.name} (process {client.pid})" for client in facts.clients)
        return f"{names} both give it addresses", "end the one that should not run"
    fixed = [one for one in facts.addresses if one.family == AF_INET6 and one.is_lasting and one.scope == 0]
    if fixed and any(client.kind == "dhclient" and client.version == 6 for client in facts.clients):
        hint = "give it to the interface in the client's exit hook, or share the NIC by the network manager's own files"
        return f"address {fixed[0]} would be taken away by the script of dhclient -6 as it starts", hint
    return "", ""
