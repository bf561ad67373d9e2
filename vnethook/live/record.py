"""What is known of a network that is up, and whether it still is: the question that every warm hook asks.

Written when bringing up has ended, it holds what must be seen on the host: indexes, uses of chains, processes, sysctls.
"""

from vnethook.errors import HostError, StateError
from vnethook.live import files, nftables, process, sysctl
from vnethook.live.nics import Guarding, NicClass
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Link, Links

NFT = "nft"
"""Of the programs that can be the host's firewall the one that is meant to be; others are those of live/xtables.py."""


class LiveNetwork(Value):
    """A network that is up. `started_by`: "guest", "admin" or "autostart"; `since`: Unix time in seconds.

    `chains`: (name, use); `elements`: (set, key in hexadecimal); `daemons`: (program, pid, start time); `sysctls`:
    (path below /proc/sys, value); `addresses`: the bridge's; `subnets`: (IP version, first, last address); `routes`:
    (IP version, first address, prefix, gateway, metric); `fixed`: (MAC or guest's label, words for dnsmasq, name or
    nothing) of hosts in the definition; `reserved`: DNS names that no guest may take; `is_changing`: from before a
    change of the network until after it, to see one that was killed; `classes`: what its NICs have in common, none
    where nothing is special about any; `waiting`: MACs of ports that wait for a NIC; `limits`: those of all NICs
    together, see Traits; `named`: for guests by label what they are in, (set or map, element with ADDRESS4 or ADDRESS6
    in it); `pools`: what DHCP hands out, (IP version, first, last address); `known`: (MAC or guest's label, address) of
    hosts that DHCP does not serve; `owns_bridge`: else it is the administrator's, and may be other networks';
    `keeps_mtu`: the bridge does, whatever ports it has; `guard`: of its ports. `admission`: (IP version, FORWARD or
    INPUT, our chain in that of iptables or nothing, its use), where guests must be let through if that drops what meets
    no rule; `zoned`: the link that firewalld has in a zone by its name; `proxied`: the uplink where the host answers
    for guests; `firewall`: NFT or a variant of iptables; `own_ports`: links on the bridge that are the network's, no
    guest's; `is_on_fabric`: it goes on at other hosts. A user's switch has no `bridge`.
    """

    name: str
    uuid: str
    bridge: str
    index: int
    mtu: int
    namespace: int
    started_by: str
    since: int
    chains: tuple[tuple[str, int], ...] = ()
    elements: tuple[tuple[str, str], ...] = ()
    daemons: tuple[tuple[str, int, int], ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    addresses: tuple[str, ...] = ()
    subnets: tuple[tuple[int, int, int], ...] = ()
    routes: tuple[tuple[int, int, int, str, int], ...] = ()
    fixed: tuple[tuple[str, str, str], ...] = ()
    reserved: tuple[str, ...] = ()
    is_changing: bool = False
    classes: tuple[NicClass, ...] = ()
    waiting: tuple[str, ...] = ()
    limits: tuple[int, ...] = ()
    named: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    pools: tuple[tuple[int, int, int], ...] = ()
    known: tuple[tuple[str, str], ...] = ()
    owns_bridge: bool = True
    keeps_mtu: bool = True
    admission: tuple[tuple[int, str, str, int], ...] = ()
    guard: Guarding = Guarding()
    zoned: str = ""
    proxied: str = ""
    firewall: str = NFT
    own_ports: tuple[str, ...] = ()
    is_on_fabric: bool = False
    _nested = {"classes": NicClass, "guard": Guarding}  # noqa: RUF012 (ClassVar needs typing)


_TUPLES = (
    *("chains", "elements", "daemons", "sysctls", "addresses", "subnets", "routes", "fixed", "reserved"),
    *("classes", "waiting", "limits", "named", "pools", "known", "admission", "own_ports"),
)
_KINDS = {
    "index": int,
    "mtu": int,
    "guard": Guarding,
    **dict.fromkeys(("name", "bridge", "started_by", "firewall", "zoned", "proxied"), str),
    **dict.fromkeys(("is_changing", "owns_bridge", "keeps_mtu", "is_on_fabric"), bool),
    **dict.fromkeys(_TUPLES, tuple),
}


def read(paths: "Paths", name: str) -> LiveNetwork | None:
    """The record of a network; None if it is down, or if the record is damaged: then it is brought up anew.

    One that an earlier version wrote says that a change is under way: the next mend does what that did not know of.
    """
    try:
        live = LiveNetwork.from_plain(plain := files.read_json(path(paths, name)))
    except (AttributeError, HostError, TypeError):
        return None
    if not all(type(getattr(live, field)) is kind for field, kind in _KINDS.items()):
        return None
    return live if len(plain) == len(live.__dict__) else live.replace(is_changing=True)


def is_present(paths: "Paths", name: str) -> bool:
    """Whether there is a record, readable or not."""
    return files.stamp(path(paths, name)) is not None


def path(paths: "Paths", name: str) -> str:
    """Where the record of a network lies."""
    return f"{paths.live}/{name}.json"


def write(paths: "Paths", live: LiveNetwork, *, before: LiveNetwork | None = None) -> None:
    """Say that a network is up: its record, and the link that finds it by its own bridge; `before`: the one so far."""
    if live.owns_bridge:
        files.make_link(f"{paths.bridges}/{live.bridge}", live.name)
    if before is not None and (before.bridge != live.bridge or not live.owns_bridge):
        forget_bridge(paths, before.bridge, live.name)
    files.write_json(path(paths, live.name), live.to_plain())


def remove(paths: "Paths", live: LiveNetwork) -> None:
    """Say that a network is down."""
    files.remove(path(paths, live.name))
    forget_bridge(paths, live.bridge, live.name)


def forget_bridge(paths: "Paths", bridge: str, name: str) -> None:
    """Find the network by that bridge no longer, if it is the one that is found by it."""
    if by_bridge(paths, bridge) == name:
        files.remove(f"{paths.bridges}/{bridge}")


def names(paths: "Paths") -> list[str]:
    """The names of the networks that have a record."""
    return files.names(paths.live, ".json")


def by_bridge(paths: "Paths", bridge: str) -> str | None:
    """The name of the live network whose own this bridge is, None if there is none."""
    return files.link_target(f"{paths.bridges}/{bridge}")


def check_namespace(live: LiveNetwork) -> None:
    """Raise StateError if the network is up in another network namespace, whose host shares our run directory."""
    if live.namespace == process.network_namespace() or not live.bridge:
        return
    alive = [pid for _, pid, start in live.daemons if process.start_time(pid) == start]
    if alive:
        msg = f"network {live.name!r}: is up in another network namespace (process {alive[0]} serves it)"
        raise StateError(msg, hint="set VNETHOOK_ROOT to keep the files of two hosts on one machine apart")


def fault(live: LiveNetwork, links: "Links", *, chain_uses: "dict[str, int] | None" = None) -> str:
    """What of the network is not as it was when it came up; empty if nothing is. Reads, changes nothing.

    `chain_uses`: of all chains of ours in nftables, for who has asked already.
    """
    if live.is_changing or not live.bridge:
        return "a change of it was cut short" if live.is_changing else _service_fault(live, {})
    bridge = links.link(live.bridge)
    if bridge is None or bridge.index != live.index:
        return f"bridge {live.bridge!r} is gone"
    found = _bridge_fault(live, bridge, links) or _service_fault(live, chain_uses)
    found = found or ("" if not live.classes else _vlan_fault(live, links))
    found = found or (_rate_fault(live, links) if live.limits and live.limits[0] else "")
    if live.proxied:
        return found or _proxy_fault(live, links)
    return found or ("" if bridge.has_carrier else _overlap(live, bridge, links))


def _bridge_fault(live: LiveNetwork, bridge: "Link", links: "Links") -> str:
    """What is wrong with the bridge itself."""
    if not bridge.is_up:
        return f"bridge {live.bridge!r} is down"
    if bridge.mtu != live.mtu:
        return f"bridge {live.bridge!r} has another MTU"
    if not set(live.addresses) <= set(links.addresses_at(live.index)):
        return f"bridge {live.bridge!r} lacks an address"
    found = _route_fault(live, links) if live.routes else ""
    if not live.own_ports:
        return found
    from vnethook.live import own_port  # noqa: PLC0415 (few networks have any)

    return found or own_port.fault(live, links)


def _vlan_fault(live: LiveNetwork, links: "Links") -> str:
    """Whether NICs would land in one flat LAN that are to be in VLANs."""
    if not any(group.vlans for group in live.classes):
        return ""
    from vnethook.live import bridge_port  # noqa: PLC0415 (few networks have any)

    filters = bridge_port.filters_vlans(links, live.index)  # None: a kernel that cannot, which has refused such NICs
    return f"bridge {live.bridge!r} does not filter VLANs" if filters is False else ""


def _route_fault(live: LiveNetwork, links: "Links") -> str:
    """Whether a route by a guest is gone."""
    there = {
        (route.version, route.first, route.prefix, route.gateway, route.metric)
        for route in links.routes()
        if route.device == live.index
    }
    return "" if there.issuperset(live.routes) else f"bridge {live.bridge!r} lacks a route"


def _service_fault(live: LiveNetwork, uses: "dict[str, int] | None") -> str:
    """What is wrong beside the bridge: a daemon, a sysctl, the firewall."""
    for program, pid, start in live.daemons:
        if process.start_time(pid) != start:
            return f"{program} (process {pid}) is gone"
    for name, value in live.sysctls:
        if sysctl.read(name) != value:
            return f"sysctl {name} is not {value}"
    found = _firewall_fault(live, uses) or (_admission_fault(live) if live.admission else "")
    return found or (_zone_fault(live) if live.zoned else "")


def _firewall_fault(live: LiveNetwork, uses: "dict[str, int] | None") -> str:
    """What of our tables is gone."""
    found = uses
    if found is None or live.firewall != NFT:
        found = _uses(live) if live.chains else {}
    for chain, use in live.chains:
        if found.get(chain) != use:
            return f"firewall chain {chain} was changed"
    missing = nftables.missing_elements(live.elements) if live.elements else []
    if missing:
        return f"firewall set {missing[0].split()[0]} was changed"
    mark = live.guard.mark
    if not mark:
        return ""
    marks = nftables.chain_uses([mark], family=nftables.NETDEV) if uses is None else uses
    return "" if marks.get(mark) == nftables.MARKED else "the guards of its ports are gone"


def _admission_fault(live: LiveNetwork) -> str:
    """Whether the host's own packet filter has come to drop what guests send, or has lost what lets it through."""
    families = nftables.FAMILIES
    asked = [
        (families[version], "filter", name)
        for version, place, chain, _ in live.admission
        for name in ((place, chain) if chain else (place,))
    ]
    found = nftables.foreign_chains(asked)
    for version, place, chain, use in live.admission:
        is_dropping, _ = found.get((families[version], "filter", place), (False, 0))
        if is_dropping and not chain:
            return f"iptables {place} (IPv{version}) drops packets of guests"
        if is_dropping and found.get((families[version], "filter", chain), (False, 0))[1] != use:
            return f"iptables {place} (IPv{version}) has lost what lets guests through"
    return ""


def _zone_fault(live: LiveNetwork) -> str:
    """Whether firewalld has forgotten the bridge, as it does when it reads its files anew, or has started after us."""
    rules = nftables.firewalld_dispatch()
    name = live.zoned.encode().ljust(16, b"\0")  # IFNAMSIZ: a whole name, as nft compares it
    return f"bridge {live.zoned!r} is in no zone of firewalld" if rules is not None and name not in rules else ""


def _uses(live: LiveNetwork) -> dict[str, int]:
    """How often each chain of a network is used."""
    chains = [chain for chain, _ in live.chains]
    if live.firewall == NFT:
        return nftables.chain_uses(chains)
    from vnethook.live import xtables  # noqa: PLC0415 (few hosts have it)

    return xtables.chain_uses(live.firewall, chains)


def _proxy_fault(live: LiveNetwork, links: "Links") -> str:
    """Whether guests are still answered for at the uplink."""
    from vnethook.live import proxied  # noqa: PLC0415 (few networks are)

    return proxied.fault(live, links)


def _rate_fault(live: LiveNetwork, links: "Links") -> str:
    """What is wrong with the queue of a bridge that sends at a limited rate."""
    from vnethook.live import queues  # noqa: PLC0415 (few networks have any)

    return "" if queues.has_ours(links, live.index) else f"bridge {live.bridge!r} has lost its limits"


def _overlap(live: LiveNetwork, bridge: "Link", links: "Links") -> str:
    """Look for a route into the network's subnets: the host may have moved to another LAN while no guest was there."""
    for route in links.routes():
        if route.device == bridge.index or route.prefix <= DEFAULT_PREFIX[route.version]:
            continue
        for version, first, last in live.subnets:
            if version == route.version and first <= route.last and route.first <= last:
                return "a route of the host leads into its subnet"
    return ""


DEFAULT_PREFIX = {4: 1, 6: 3}
"""A route with a prefix up to this long leads everywhere: a default route, a half of it as VPNs set them, 2000::/3."""
