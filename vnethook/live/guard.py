"""Puts the guard of a port on its link and takes it off: a chain of `table netdev vnethook`, `g` with the link's index.

What it holds a guest to is decided in guard_rules.py. Part of a warm hook: no process, one message to the kernel.
"""

from vnethook.errors import HostError
from vnethook.live import files, guard_rules, netdev, nftables, nics
from vnethook.live.nics import STRICT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.netdev import Message
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


def chain_name(index: int) -> str:
    """The chain that guards the link of that index."""
    return f"g{index}"


def put(live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> list[str]:
    """Put the guard of a NIC on its link, in place of any other, or take it off; give warnings.

    `before`: the NIC that was the last on the interface, whose guard goes if its link is gone: since Linux 6.16 a chain
    outlives its link. Raises HostError; then the guard is what it was.
    """
    netdev.apply(lambda: _messages(live, link, nic, before), f"interface {nic.interface!r}: guard")
    if not nic.held:
        netdev.drop_table()
    return _warnings(live, nic)


def _messages(live: "LiveNetwork", link: "Link", nic: "Nic", before: "Nic | None") -> "list[Message]":
    chain = chain_name(link.index)
    old = [chain_name(before.index)] if before is not None and before.held and before.index != link.index else []
    found = nftables.chain_uses([chain, *old], family=nftables.NETDEV)
    messages = [message for name in old if name in found for message in netdev.removal(name)]
    if not nic.held:
        return messages + (netdev.removal(chain) if chain in found else [])
    sets: list[Message] = []
    rules = guard_rules.rules(live, nic, link.index, sets)
    made = netdev.replacement(chain, link.name, rules, is_there=chain in found)
    at = len(made) - len(rules)
    return [*messages, *made[:at], *sets, *made[at:]]


def remove(index: int) -> None:
    """Take the guard off the link of that index, which may be gone; nothing if it has none."""
    netdev.remove_last([chain_name(index)])


def sweep(paths: "Paths", links: "Links", network: str, *, is_up: bool) -> None:
    """Remove the guards of links that are gone or, of this network, that no record of a NIC speaks of.

    `is_up`: else those of all its NICs.
    """
    try:
        found = nftables.all_chain_uses(nftables.NETDEV)
    except HostError:
        return  # a kernel without nf_tables has none
    chains = [name for name in found if name[:1] == "g" and name[1:].isdecimal()]
    if not chains:
        return
    there = {chain_name(link.index): link for link in links.all_links()}
    gone = [name for name in chains if name not in there or not _is_kept(paths, there[name], network, is_up=is_up)]
    if gone:
        netdev.remove_last(gone)


def _is_kept(paths: "Paths", link: "Link", network: str, *, is_up: bool) -> bool:
    """Whether the guard on a link stays: it is another network's business, or that of a NIC."""
    if files.link_target(f"{paths.interfaces}/{link.name}") not in {None, network}:
        return True
    nic = nics.read(paths, link.name)
    return nic is not None and is_up and nic.index == link.index and bool(nic.held)


def is_whole(live: "LiveNetwork", nic: "Nic") -> bool:
    """Whether the guard of a NIC is on its link as it was put there, or is not where it has none."""
    chain = chain_name(nic.index)
    found = nftables.chain_uses([chain], family=nftables.NETDEV)
    return found.get(chain) == (len(guard_rules.rules(live, nic, nic.index, [])) if nic.held else None)


def _warnings(live: "LiveNetwork", nic: "Nic") -> list[str]:
    """What a NIC is not held to, though it was asked for."""
    if not nic.held or not (live.guard.is_asked or nic.guard or STRICT in nic.held):
        return []
    what = f"interface {nic.interface!r}"
    found = []
    if not nic.mac:
        found.append(f"{what}: its MAC is not known: it is not held to it")
    unknown = [version for version in guard_rules.Claim(live, nic).unknown if f"ipv{version}" in nic.held]
    return found + [
        f"{what}: its IPv{version} address is not known: it is held to those of its network" for version in unknown
    ]
