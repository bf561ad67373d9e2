"""Have what gives a shared NIC its addresses look after its bridge. Pure: facts -> steps, or why it cannot be done."""

from _socket import AF_INET6

from vnethook.capability import slaac
from vnethook.host import dhcp_clients
from vnethook.plan.dhcp_client import HoldClient, RunClient
from vnethook.plan.networkd import KeepConfiguration, ManageBridge
from vnethook.plan.networkmanager import ConnectBridge

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.nic_facts import NicFacts
    from vnethook.plan.step import Step


_NAMES = {"networkd": "systemd-networkd", "networkmanager": "NetworkManager"}


def plan(facts: "NicFacts", bridge: str) -> "tuple[tuple[Step, ...], tuple[Step, ...]]":
    """The steps before all others, and those after the bridge has the addresses. `bridge` may be the NIC's old name."""
    owners = facts.owners
    pairs = [(client, dhcp_clients.successor(client, bridge)) for client in owners.clients]
    before: list[Step] = [HoldClient(client=client, successor=successor) for client, successor in pairs]
    after: list[Step] = [RunClient(client=successor, predecessor=client) for client, successor in pairs]
    if owners.networkd is not None:
        link = owners.networkd
        before.append(KeepConfiguration(nic=link.link, file=link.file, address=link.address))
        after.append(ManageBridge(nic=link, port=facts.link.name, bridge=bridge))
    if owners.networkmanager is not None:
        device, others = owners.networkmanager, slaac.of_no_mac(facts)
        identifier = others[0] if others else ""
        after.append(ConnectBridge(nic=device, bridge=bridge, mac=facts.link.mac, identifier=identifier))
    return tuple(before), tuple(after)


def refusal(facts: "NicFacts", port: str) -> tuple[str, str]:
    """Why that cannot be done, and what would help; empty if it can. `port`: the NIC's name to be, if not as now."""
    versions = [client.version for client in facts.owners.clients]
    if len(versions) != len(set(versions)):
        names = " and ".join(f"{client.name} (process {client.pid})" for client in facts.owners.clients)
        return f"{names} both give it addresses", "end the one that should not run"
    managers = [name for name in ("networkd", "networkmanager") if getattr(facts.owners, name) is not None]
    called = [_NAMES[name] for name in managers]
    if len(managers) + bool(versions) > 1:
        both = " and ".join([*(str(client) for client in facts.owners.clients), *called])
        return f"{both} both give it addresses", "end the one that should not run"
    if managers and port:
        return f"{called[0]} would take the bridge for the NIC by its name", "use --layout bridge"
    if facts.owners.networkmanager is not None and len(slaac.of_no_mac(facts)) > 1:
        reason = "has addresses of several prefixes that are not made of its MAC: on the bridge, one would change"
        return reason, "have NetworkManager make them of the MAC: ipv6.addr-gen-mode eui64"
    fixed = [one for one in facts.addresses if one.family == AF_INET6 and one.is_lasting and one.scope == 0]
    if fixed and any(client.kind == "dhclient" and client.version == 6 for client in facts.owners.clients):
        hint = "give it to the interface in the client's exit hook, or share the NIC by the network manager's own files"
        return f"address {fixed[0]} would be taken away by the script of dhclient -6 as it starts", hint
    return "", ""
