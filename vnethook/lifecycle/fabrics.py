"""Networks on many hosts: what the host's FRR is told of them, and how they are."""

from vnethook.capability import fabric, frr_text
from vnethook.errors import HostError, StateError
from vnethook.host import facts, frr, underlay
from vnethook.lifecycle import catalog
from vnethook.live import record
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host

UP = "up"


class Fabric(Value):
    """How a network goes on at other hosts: `address`, this host's end of the tunnels; `state`: UP, or why not.

    `peers`: (address, state) of those that tell where guests are; `hosts`: the ends of others' tunnels; `guests`: how
    many MACs are known there.
    """

    network: str
    vni: int
    address: str
    peers: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...]
    guests: int
    state: str

    @property
    def peers_up(self) -> int:
        """How many peers tell where guests are."""
        return sum(state == frr.ESTABLISHED for _, state in self.peers)


def configuration(host: "Host", network: str | None = None) -> str:
    """What FRR has to be told: of one network, or else of all that are defined.

    Raises StateError for a network that has no fabric, or none for which there is an end of tunnels here.
    """
    found = _defined(host, network)
    ends = [(one, _end(host, one)) for one in found]
    missing = [one.name for one, end in ends if not end and one.fabric is not None and one.fabric.peers]
    if missing:
        msg = f"network {missing[0]!r}: fabric: this host has no address for its tunnels now"
        raise StateError(msg, hint="write address= or dev= of <connections>, or see to a route to the first peer")
    return frr_text.configuration([(one, end) for one, end in ends if end])


def load(host: "Host", network: str | None = None, *, is_kept: bool) -> str:
    """Add that to what FRR runs with, and with `is_kept` have it write that to its files; what was added.

    Raises HostError if FRR does not take it, or has a BGP of another autonomous system: that is not ours to change.
    """
    text = configuration(host, network)
    if text:
        known, wanted = frr.number(), int(text.partition("router bgp ")[2].split()[0])
        if known not in {None, wanted}:
            msg = f"FRR: load configuration: its BGP is AS {known}, and the networks' is {wanted}"
            raise HostError(msg, hint=f"write as='{known}' into the definitions, or configure FRR yourself")
        frr.tell(text)
        if is_kept:
            frr.keep()
    return text


def fabrics(host: "Host", network: str | None = None) -> list[Fabric]:
    """How each network with a fabric is, or that one."""
    return [_seen(host, one) for one in _defined(host, network)]


def warnings(host: "Host", network: "Network") -> list[str]:
    """What keeps the guests of a network that is up from those on other hosts, a line each.

    That it has no FRR, or no end for the tunnels, whoever defines or starts it is told (uplinks.py).
    """
    if network.fabric is None or not frr.is_installed() or not _end(host, network):
        return []
    seen = _seen(host, network)
    found = [] if seen.state == UP else [f"fabric: {seen.state}"]
    down = [f"fabric: peer {address}: {state}" for address, state in seen.peers if state != frr.ESTABLISHED]
    return found + (down if seen.peers_up else [])


def _defined(host: "Host", name: str | None) -> "list[Network]":
    names = [name] if name is not None else [state.name for state in catalog.states(host)]
    found = [catalog.in_force(host, one) for one in names]
    if name is not None and found[0].fabric is None:
        msg = f"network {name!r}: is on this host alone"
        raise StateError(msg, hint="<connections fabric='evpn' vni='…'> has it go on at others")
    return [one for one in found if one.fabric is not None]


def _end(host: "Host", network: "Network") -> str:
    asked = facts.asked(network).underlay
    found = underlay.tunnel_end(host.links, *asked) if asked else None
    return found[0] if found else ""


def _seen(host: "Host", network: "Network") -> Fabric:
    vni = network.fabric.vni if network.fabric is not None else 0
    end = _end(host, network)
    nothing = Fabric(network.name, vni, end, (), (), 0, "network not active")
    if not record.is_present(host.paths, network.name):
        return nothing
    if not end:
        return nothing.replace(state="this host has no address for its tunnels")
    if not any(text.partition("/")[0] == end for _, text in host.links.all_addresses()):
        return nothing.replace(state=f"address {end} is not this host's")
    try:
        peers = tuple((peer.address, peer.state) for peer in frr.neighbours())
        known = frr.vni(vni)
    except HostError as error:
        return nothing.replace(state=error.message)
    seen = nothing.replace(peers=peers, hosts=known.hosts if known else (), guests=known.macs if known else 0)
    if host.links.link(fabric.link_name(vni)) is None:
        return seen.replace(state=f"the tunnels are not there: `vnet net-repair {network.name}` makes them")
    return seen.replace(state=_state(seen, known))


def _state(seen: Fabric, known: "frr.Vni | None") -> str:
    if known is None or not known.is_advertised:
        return f"FRR does not tell others of VNI {seen.vni}: `vnet fabric-config --load` has it do so"
    if not seen.peers:
        return "FRR has no peers: `vnet fabric-config --load` adds those of the definition"
    if not seen.peers_up:
        return f"no peer is up: {', '.join(f'{address} {state}' for address, state in seen.peers)}"
    return UP
