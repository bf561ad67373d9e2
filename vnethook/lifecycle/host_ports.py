"""Ports of the host that a network's forwards take: from another network that is up, or from a program on the host."""

from vnethook.definition import port_claims
from vnethook.definition.forwarding import Forwarding
from vnethook.definition.peers import Listen
from vnethook.definition.port_claims import ListenPort, PortClaims
from vnethook.errors import HostError
from vnethook.live import files, record
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.definition.forwarding import PortForward
    from vnethook.definition.port_claims import Found, Rows
    from vnethook.host.host import Host
    from vnethook.host.listeners import Listener

_DNS, _DHCP = 53, (67, 547)
"""Of our own dnsmasq, which keeps them, the first on the addresses of its network."""


def require(host: "Host", network: str, rows: "Rows") -> None:
    """Raise HostError if a network has a port of the host that another has which is up now, by whatever definition.

    `rows`: its forwards and listeners, as port_claims.py has them.
    """
    found = _taken(host, network, rows)
    if found is not None:
        item, other, its = found
        msg = f"network {network!r}: {item.label}: {its.use} network {other!r}, which is up"
        raise HostError(
            msg, hint=f"`vnet net-stop {other}`, or `vnet net-apply {other}` if it is defined otherwise by now"
        )


def _taken(host: "Host", network: str, rows: "Rows") -> "Found | None":
    claims = PortClaims()
    for number, (name, item) in enumerate(_live(host)):
        claims.add(str(number), name, item)
    return claims.first([port_claims.read(row) for row in rows], but=network)


def _live(host: "Host") -> "Iterator[tuple[str, PortForward]]":
    for name in record.names(host.paths):
        whole = files.read_json(f"{host.paths.definitions}/{name}.json")
        if not isinstance(whole, dict):
            continue
        said = whole.get("forwarding")
        for item in Forwarding.from_plain(said).port_forwards if said else ():
            yield name, item
        for item in port_claims.listened(map(Listen.from_plain, whole.get("listens", ()))):
            yield name, item


def warnings(host: "Host", rows: "Rows") -> list[str]:
    """What of a network's forwards is otherwise on the host than may be thought, a line each."""
    items = [item for item in map(port_claims.read, rows) if not isinstance(item, ListenPort)]
    own = {text.partition("/")[0] for _, text in host.links.all_addresses()}
    missing = sorted({item.on for item in items if item.on and item.on not in own})
    lines = [
        f"incoming on {text}: the host has no such address: nothing comes in by it until it has" for text in missing
    ]
    return [*lines, *_served(host, items)]


def _served(host: "Host", items: "list[PortForward]") -> list[str]:
    """Which ports that forwards take a program of the host serves."""
    found: dict[str, set[str]] = {}
    for listener in host.listeners(lambda one: not _is_ours(one) and any(_is_taken(one, item) for item in items)):
        found.setdefault(f"incoming port {listener.port}/{listener.protocol}", set()).add(listener.program)
    then = _then(host) if found else ""
    return [f"{what}: {_listed(programs)} on the host listens there: {then}" for what, programs in found.items()]


def _then(host: "Host") -> str:
    """What becomes of a port that a program has: the uplink of a user's namespace listens there itself."""
    if host.paths.user:
        from vnethook.host import user_namespace  # noqa: PLC0415 (only for ordinary users)

        if user_namespace.is_outside(host.paths):
            return "the network does not come up before that ends"
    return "what comes goes to the guest"


def _is_ours(listener: "Listener") -> bool:
    return listener.port in _DHCP or (listener.port == _DNS and not listener.is_on_all_addresses)


def _is_taken(listener: "Listener", item: "PortForward") -> bool:
    """Whether a forward takes something of what a program listens for."""
    return (
        listener.protocol in item.protocols
        and item.ports[0] <= listener.port <= item.ports[1]
        and any(version in item.versions for version in listener.versions)
        and (item.on is None or listener.is_on_all_addresses or listener.address == item.on)
    )


def _listed(programs: set[str]) -> str:
    """A process calls itself what it likes."""
    return ", ".join(sorted(name if name.isprintable() else shown(name) for name in programs if name)) or "a program"
