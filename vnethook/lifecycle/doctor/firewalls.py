"""Other programs' packet filters that drop what guests send or get."""

from typing import TYPE_CHECKING

from vnethook.host.rules import DROP
from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding, is_plain
from vnethook.lifecycle.doctor.packets import Fate, Packet, fates
from vnethook.names import BRIDGE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.host.rules import Table
    from vnethook.lifecycle.doctor.survey import NetworkSeen, Survey

_OUTSIDE = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Stands for any address outside, RFC 5737 and RFC 3849."""
_NOBODY, _EVERYBODY = "0.0.0.0", "255.255.255.255"  # noqa: S104 (a guest's without a lease, RFC 2131)
_ROUTED = {"nat", "route"}


def dropped(survey: "Survey") -> "Iterator[Finding]":
    """What guests of each network need, where a filter drops it.

    The filter that iptables keeps counts for networks that are up: one that comes up is let through by its own steps,
    and so it is by firewalld if its bridge is not called as our zone has it.
    """
    for network in survey.networks:
        tables = [table for table in survey.tables if network.is_active or not _is_seen_to(table, network)]
        found: dict[tuple[Table, str, str], list[str]] = {}
        for words, packet in _needs(survey, network):
            for fate in fates(tables, packet):
                said = found.setdefault((fate.table, fate.chain, fate.verdict), [])
                said += [] if words in said else [words]
        for (table, chain, verdict), said in found.items():
            yield _finding(network, Fate(verdict, table, chain), said)


def _is_seen_to(table: "Table", network: "NetworkSeen") -> bool:
    """Whether a network that comes up sees to it that this filter lets it through."""
    return table.keeper != "nft" or (table.name == "firewalld" and not network.bridge.startswith(BRIDGE_PREFIX))


def _needs(survey: "Survey", network: "NetworkSeen") -> "Iterator[tuple[str, Packet]]":
    """(what stops if it is dropped, a packet that stands for it)."""
    if not network.bridge or not network.owns_bridge:
        return
    for version in network.versions:
        gateway = next((address for address in network.gateways if (6 if ":" in address else 4) == version), "")
        uplink = next((name for number, name in survey.uplinks if number == version), "")
        bridge = Packet("forward", version, network.bridge, saddr=gateway, daddrtype="unicast")
        if network.forward in _ROUTED and uplink:
            out = bridge.replace(oifname=uplink, l4proto="tcp", dport="443", daddr=_OUTSIDE[version])
            yield "what guests send outside", out
            back = out.replace(iifname=uplink, oifname=network.bridge, dport="50000", saddr=_OUTSIDE[version])
            yield "what comes back to guests", back.replace(state="established", daddr=gateway)
        if version in survey.bridges_call:
            among = bridge.replace(oifname=network.bridge, l4proto="tcp", dport="80", daddr=gateway)
            yield "what guests send to each other (br_netfilter)", among
        asked = bridge.replace(hook="input", l4proto="udp", daddr=gateway, daddrtype="local")
        if network.has_dns:
            yield "guests' DNS", asked.replace(dport="53")
        if network.has_dhcp and version == 4:
            yield "guests' DHCP", asked.replace(dport="67", saddr=_NOBODY, daddr=_EVERYBODY, daddrtype="broadcast")
        elif network.has_dhcp:
            yield "guests' DHCP", asked.replace(dport="547", saddr="fe80::1", daddr="ff02::1:2", daddrtype="multicast")


def _finding(network: "NetworkSeen", fate: Fate, said: list[str]) -> Finding:
    verb = "drops" if fate.verdict == DROP else "perhaps drops"
    dropped = " and ".join(filter(None, (", ".join(said[:-1]), said[-1])))
    what = f"{verb} {dropped}, of network {network.name!r} ({place(fate)})"
    level = STOPS if fate.verdict == DROP else WARNS
    return Finding(level, keeper(fate.table), what, _command(fate, network), network.name)


def place(fate: Fate) -> str:
    """Where a packet is dropped, in words."""
    return f"table {fate.table.family} {fate.table.name}, chain {fate.chain}"


def keeper(table: "Table") -> str:
    """Whose filter it is, as far as its names tell."""
    names = {chain.name for chain in table.chains}
    if table.name == "firewalld":
        return "firewalld"
    if any(name.startswith(("ufw-", "ufw6-")) for name in names):
        return "ufw"
    if any(name.startswith("DOCKER") for name in names):
        return "the filter that Docker shares"
    return "the filter of iptables" if table.keeper != "nft" else f"the nftables table {table.name!r}"


def _command(fate: Fate, network: "NetworkSeen") -> str:
    if keeper(fate.table) == "firewalld":
        if network.bridge.startswith(BRIDGE_PREFIX):
            return "vnet hooks install   (brings a zone for all bridges of that name)"
        return f"vnet hooks install && vnet net-repair {network.name}"
    if fate.table.keeper != "nft" and network.is_active:
        return f"vnet net-repair {network.name}"
    return accepting(fate, network.bridge)


def accepting(fate: Fate, bridge: str) -> str:
    """The command that has a table of nft's let through what comes from a bridge, and what goes to it."""
    if not (is_plain(fate.table.name) and is_plain(fate.chain)):
        return f"let bridge {bridge} through in the file that makes the table"
    before = f"insert rule {fate.table.family} {fate.table.name} {fate.chain}"
    sides = ("iifname", "oifname") if _is_between(fate) else ("iifname",)
    rules = "; ".join(f'{before} {side} "{bridge}" accept' for side in sides)
    return f"nft '{rules}'   (and in the file that makes the table)"


def _is_between(fate: Fate) -> bool:
    """Whether a packet there goes on to another link."""
    return any(chain.name == fate.chain and chain.hook == "forward" for chain in fate.table.chains)
