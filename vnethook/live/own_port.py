"""Ports of a network's bridge that are no guest's NIC but its own: that of a switch, with any number of guests behind.

Only for networks that have any: the warm way of a hook to any other does not load this module.
"""

from zlib import crc32

from vnethook.live import guard_rules, netdev, nftables, nics, sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Link, Links


def fault(live: "LiveNetwork", links: "Links") -> str:
    """Which of a network's own ports is not on its bridge; empty if all are."""
    for name in live.own_ports:
        link = links.link(name)
        if link is None:
            return f"port {name!r} is gone"
        if link.master != live.index or not link.is_up:
            return f"port {name!r} is not on bridge {live.bridge!r}" if link.is_up else f"port {name!r} is down"
    return ""


def join(links: "Links", link: "Link", bridge: "Link") -> None:
    """Make a link a port of a bridge, with its MTU, up, and without an IPv6 address of the host's on it."""
    sysctl.set_ipv6(link.name, enabled=False)
    links.set_link(link.name, up=True, mtu=bridge.mtu if link.mtu != bridge.mtu else 0, master=bridge.index)


def is_guarded(live: "LiveNetwork", link: "Link", held: tuple[str, ...]) -> bool:
    """Whether the port is held to these parts, and to nothing else."""
    wanted = {_chain(link): len(_rules(live, link, held, []))} if held else {}
    return _chains(link.name) == wanted


def guard(live: "LiveNetwork", link: "Link", held: tuple[str, ...]) -> None:
    """Hold a port to these parts in place of any other; raise HostError.

    Behind it are several guests, so it is held to what none of them may send, and not to one's MAC and addresses.
    """
    chain = _chain(link)

    def messages() -> "list[netdev.Message]":
        found = _chains(link.name)
        gone = [message for name in found if name != chain for message in netdev.removal(name)]
        sets: list[netdev.Message] = []
        rules = _rules(live, link, held, sets)
        made = netdev.replacement(chain, link.name, rules, is_there=chain in found)
        at = len(made) - len(rules)
        return [*gone, *made[:at], *sets, *made[at:]]

    netdev.apply(messages, f"port {link.name!r}: guard")


def unguard(name: str) -> None:
    """Take what holds a port of that name off, also if its link is gone."""
    for chain in _chains(name):
        netdev.remove(chain)
    netdev.drop_table()


def _rules(live: "LiveNetwork", link: "Link", held: tuple[str, ...], sets: "list[netdev.Message]") -> list[bytes]:
    nic = nics.Nic(link.name, live.name, link.index, held=held)
    return guard_rules.rules(live, nic, link.index, sets)


def _chain(link: "Link") -> str:
    """With the index, since a chain outlives its link from Linux 6.16 on, and is not another's of the same name."""
    return f"{_prefix(link.name)}{link.index}"


def _prefix(name: str) -> str:
    return f"o{crc32(name.encode()):08x}i"


def _chains(name: str) -> dict[str, int]:
    """The chains of a port of that name, whatever its index was, and the number of rules in each."""
    found = nftables.all_chain_uses(nftables.NETDEV)
    return {chain: use for chain, use in found.items() if chain.startswith(_prefix(name))}
