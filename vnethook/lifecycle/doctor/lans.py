"""Bridges by which guests are on the physical network: what cuts them off, or the host."""

from typing import TYPE_CHECKING

from vnethook.host.rules import DROP
from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding, word
from vnethook.lifecycle.doctor.firewalls import accepting, keeper, place
from vnethook.lifecycle.doctor.packets import Fate, Packet, fates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.host.rules import Table
    from vnethook.lifecycle.doctor.survey import Lan, Survey

_SHORTEST_S = 2
"""The least forward delay of a bridge with a spanning tree. Source: BR_MIN_FORWARD_DELAY, net/bridge/br_private.h."""


def lost(survey: "Survey") -> "Iterator[Finding]":
    """NICs that somebody took off their bridges, on which the host's addresses are or were."""
    for nic, bridge in survey.lost:
        what = f"is not on bridge {bridge!r} any more, by which the host and guests are on its network"
        layout = " --layout proposal" if nic == bridge else ""
        yield Finding(STOPS, f"interface {nic!r}", what, f"vnet share {word(nic)}{layout}")


def bridges(survey: "Survey") -> "Iterator[Finding]":
    """Bridges that take another MAC with a guest, or let one onto the network late."""
    for lan in survey.lans:
        subject, name = f"bridge {lan.bridge!r}", word(lan.bridge)
        if not lan.is_pinned:
            what = (
                "has no MAC of its own: with a guest's port whose MAC is lower, the host has another, and a lease less"
            )
            yield Finding(WARNS, subject, what, f"ip link set dev {name} address {lan.mac}")
        if lan.waits_s:
            what = (
                f"has a spanning tree: a guest that starts is on the network after {lan.waits_s} s, too late for some"
            )
            option = f"forward_delay {100 * _SHORTEST_S}" if lan.has_several_ways else "stp_state 0"
            if not lan.has_several_ways or lan.waits_s > 2 * _SHORTEST_S:
                yield Finding(WARNS, subject, what, f"ip link set dev {name} type bridge {option}")


def ports(survey: "Survey") -> "Iterator[Finding]":
    """NICs that are ports, and still have what belongs to their bridge."""
    for lan in survey.lans:
        subject, nic, bridge = f"interface {lan.nic!r}", word(lan.nic), word(lan.bridge)
        for address in lan.addresses:
            what = (
                f"has address {address} although it is a port of bridge {lan.bridge!r}: nobody is reached by it there"
            )
            command = f"ip address replace {address} dev {bridge} && ip address delete {address} dev {nic}"
            yield Finding(WARNS, subject, what, command)
        for client in lan.clients:
            what = f"{client} renews its addresses, which belong to bridge {lan.bridge!r}: the host loses its lease"
            mend = f"vnet unshare {nic} && vnet share {nic}" if lan.is_shared else f"have it run for {bridge}"
            yield Finding(WARNS, subject, what, mend)


def dropped(survey: "Survey") -> "Iterator[Finding]":
    """Filters that drop what guests and the physical network send to each other, which br_netfilter shows them.

    On a shared NIC the filter that iptables keeps counts while a network is up: one that comes up is let through.
    """
    for lan in survey.lans:
        found: dict[Fate, list[int]] = {}
        for version in survey.bridges_call:
            packet = Packet("forward", version, lan.bridge, oifname=lan.bridge, l4proto="tcp", dport="443")
            for fate in fates([table for table in survey.tables if not _is_seen_to(table, lan)], packet):
                found.setdefault(fate, []).append(version)
        for fate, versions in found.items():
            verb = "drops" if fate.verdict == DROP else "perhaps drops"
            words = " and ".join(f"IPv{version}" for version in versions)
            seen = f"what guests on bridge {lan.bridge!r} send and get by {words} (br_netfilter; {place(fate)})"
            level = STOPS if fate.verdict == DROP else WARNS
            yield Finding(level, keeper(fate.table), f"{verb} {seen}", _command(lan, fate))


def _is_seen_to(table: "Table", lan: "Lan") -> bool:
    """Whether a network that comes up there sees to it that this filter lets its guests through."""
    return lan.is_shared and not lan.active and table.keeper != "nft"


def _command(lan: "Lan", fate: Fate) -> str:
    if fate.table.keeper == "nft":
        return accepting(fate, lan.bridge)
    if lan.is_shared:
        return f"vnet net-repair {lan.active[0]}"
    bridge = word(lan.bridge)
    program = fate.table.keeper if fate.table.family == "ip" else fate.table.keeper.replace("ip", "ip6", 1)
    return f"{program} -I FORWARD -i {bridge} -o {bridge} -j ACCEPT"
