"""The host's own packet filter, as Docker, ufw or an administrator keeps it with iptables: guests are let through it.

Only where it drops what meets no rule. Who a packet is for is decided in our own table alone, at the same hook: a
packet must pass both, so nothing is opened here that is closed there. What is let through is said as narrowly as can
be without telling the policy twice, since that table may be gone for a while.
"""

from vnethook.host.facts import filtered_versions
from vnethook.host.filters import FORWARD, INPUT, NFT
from vnethook.names import BRIDGE_PREFIX
from vnethook.plan.admission import AdmitGuests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.facts import Facts
    from vnethook.host.filters import Filter
    from vnethook.plan.step import Step

_REPLIES = "-m conntrack --ctstate RELATED,ESTABLISHED"
_FORWARDED = "-m conntrack --ctstate DNAT"
"""Apart from replies: of both in one rule, `nft list` with iptables 1.8.9 shows the latter alone, and loads that."""


def plan(network: "Network", facts: "Facts") -> list["Step"]:
    """A chain that all networks share for bridges with our prefix, and one of its own for what a network has more."""
    if not network.owns_bridge:
        return _on_shared(network, facts)
    steps: list[Step] = []
    for place in facts.filters:
        if name_is_ours(network):
            steps.append(_step(network, place, f"VNETHOOK-{place.chain}", _rules(place, f"{BRIDGE_PREFIX}+")))
        own = _own_rules(network, place)
        if own:
            steps.append(_step(network, place, f"VNETHOOK-{place.chain[0]}-{_own_name(network)}", own, is_shared=False))
    return steps


def _on_shared(network: "Network", facts: "Facts") -> "list[Step]":
    """Let through what is bridged between guests and the network of a shared NIC, and nothing that is routed.

    Only where frames are shown to the filter already: the match itself would have the kernel do that, see xt_physdev.c.
    """
    rule = f"-i {network.bridge.name} -m physdev --physdev-is-bridged -j ACCEPT"
    chain = f"VNETHOOK-F-{_own_name(network)}"
    return [
        _step(network, place, chain, (rule,), is_shared=False)
        for place in facts.filters
        if place.chain == FORWARD and place.version in facts.bridged
    ]


def watched(
    network: "Network", steps: "list[Step]", left: "set[tuple[int, str]]", *, bridged: tuple[int, ...] = ()
) -> tuple[tuple[int, str, str, int], ...]:
    """What a live network's record says of it: (IP version, FORWARD or INPUT, our chain, its use).

    With no chain where none is needed, as long as that place drops nothing. `left`: places that only their owner can
    change, of which a hook need not ask; `bridged`: see Facts.
    """
    ours = [step for step in steps if isinstance(step, AdmitGuests) and step.variant == NFT]
    found = [(step.version, step.place, step.chain, step.use) for step in ours]
    there = {(step.version, step.place) for step in ours} | left
    places = [(version, chain) for version in filtered_versions(network) for chain in (FORWARD, INPUT)]
    places += [(version, FORWARD) for version in bridged]
    return (*found, *((*place, "", 0) for place in places if place not in there))


def name_is_ours(network: "Network") -> bool:
    """Whether one rule for all bridges with our prefix is about this network's too."""
    return (network.bridge.name or "").startswith(BRIDGE_PREFIX)


def _step(
    network: "Network", place: "Filter", chain: str, rules: tuple[str, ...], *, is_shared: bool = True
) -> AdmitGuests:
    return AdmitGuests(
        network=network.name,
        version=place.version,
        variant=place.variant,
        place=place.chain,
        last=place.last,
        chain=chain,
        rules=rules,
        is_shared=is_shared,
    )


def _own_rules(network: "Network", place: "Filter") -> tuple[str, ...]:
    """What the shared rules do not say; nothing of a bridge whose name iptables takes for a wildcard."""
    bridge = network.bridge.name or ""
    if bridge.endswith("+"):
        return ()
    common = () if name_is_ours(network) else _rules(place, bridge)
    if place.chain == FORWARD:
        return (*common, *((f"-o {bridge} -j ACCEPT",) if _may_take_connections(network) else ()))
    return (*common, *(f"-i {bridge} {match}-j ACCEPT" for match in _services(network, place.version)))


def _rules(place: "Filter", bridge: str) -> tuple[str, ...]:
    """What all guests do: open connections and get answers, and ask the host for DHCP, DNS and ICMP."""
    if place.chain == FORWARD:
        refusals = [f"-i {bridge} -j {place.refusing}"] if place.refusing else []  # containers stay closed to guests
        return (
            *refusals,
            f"-i {bridge} -j ACCEPT",
            *(f"-o {bridge} {match} -j ACCEPT" for match in (_REPLIES, _FORWARDED)),
        )
    icmp, dhcp = ("icmp", 67) if place.version == 4 else ("ipv6-icmp", 547)
    return (
        f"-i {bridge} {_REPLIES} -j ACCEPT",
        f"-i {bridge} -p udp -m multiport --dports 53,{dhcp} -j ACCEPT",
        f"-i {bridge} -p tcp -m tcp --dport 53 -j ACCEPT",
        f"-i {bridge} -p {icmp} -j ACCEPT",
    )


def _services(network: "Network", version: int) -> list[str]:
    """What a network's guests reach of the host beside DHCP, DNS and ICMP, as matches."""
    if network.offers is not None and network.offers.everything:
        return [""]
    found = []
    if any(ip.tftp_root and ip.version == version for ip in network.ips):
        found.append("-p udp -m udp --dport 69 ")
    offers = network.offers
    for protocol, ranges in ((each, offers.ports(each)) for each in ("tcp", "udp")) if offers is not None else ():
        ports = [str(first) if first == last else f"{first}:{last}" for first, last in ranges]
        found += [
            f"-p {protocol} -m multiport --dports {','.join(ports[at : at + 7])} " for at in range(0, len(ports), 7)
        ]
    return found


def _may_take_connections(network: "Network") -> bool:
    """Whether some connection to a guest's own address may come in from outside."""
    incoming = network.forwarding.incoming if network.forwarding else None
    return network.forward == "route" or (incoming is not None and incoming.default == "allow")


def _own_name(network: "Network") -> str:
    """Sixteen digits of the uuid: iptables' names have 28 characters, and must not say what a network is called."""
    return (network.uuid or "").replace("-", "")[:16]
