"""Share a NIC without a bridge to its network: a network of its name, whose guests are among the hosts there.

Nothing of the NIC's own is touched, so that nothing has to be confirmed; all else is done by the network's definition.
"""

from vnethook.address import Subnet, canonical_ip, format_ip, parse_ip, subnet_of
from vnethook.definition.ip import DhcpRange, Ip
from vnethook.definition.model import Bridge, Network
from vnethook.definition.store import Store, xml_module
from vnethook.errors import StateError, UsageError
from vnethook.host.host import Host
from vnethook.host.occupants import occupied
from vnethook.lifecycle import bringup, catalog, definitions, planning
from vnethook.lifecycle.completion import completed
from vnethook.live import record
from vnethook.plan.step import Step

ANSWER_S, ASKED_MAX = 1.0, 256
"""How long other hosts have to say that an address is theirs, and of how many addresses they are asked."""
_LINK_LOCAL = subnet_of("fe80::", 10)


def start(host: Host, nic: str, ranges: "tuple[str, ...]", *, bridge: str = "") -> tuple[Network, tuple[str, ...]]:
    """Bring up the network of a NIC; without `ranges` the one that is there. Gives it, and what is to be told.

    `ranges`: addresses of the NIC's networks that are set aside, "192.0.2.61-192.0.2.69", the first for the bridge.
    Raises StateError for what cannot be, UsageError for ranges that are missing or none, or as `catalog.create` does.
    """
    known = _known(host, nic, ranges)
    if known is not None:
        bringup.start(host, nic)
        return known, ()
    text = xml_module().dump(network(host, nic, ranges, bridge=bridge))
    made = catalog.create(host, text, source=f"network of {nic}")
    return made.network, made.warnings


def preview(host: Host, nic: str, ranges: "tuple[str, ...]", *, bridge: str = "") -> list[Step]:
    """The steps that would share a NIC so; none if that is so. Changes nothing; raises what `start` would."""
    known = _known(host, nic, ranges)
    if known is None:
        wanted = network(host, nic, ranges, bridge=bridge)
        with host.shared.lock():
            known = completed(host, Store(host.paths), wanted)
    steps = planning.steps_of(host, known, by=bringup.ADMIN)
    return [step for step in steps if not step.is_done(host)]


def stop(host: Host, name: str, *, is_forced: bool = False) -> str:
    """Take the network of a NIC down, and forget it unless it is defined; give the NIC, empty if it has none.

    `name`: the NIC's or the bridge's; `is_forced`: also with guests on it. Raises StateError while guests are on it,
    HostError for what is not undone.
    """
    nic = record.by_bridge(host.paths, name) or name
    store = Store(host.paths)
    if not (record.is_present(host.paths, nic) or bringup.is_half_made(host, nic) or store.is_transient(nic)):
        return ""
    if not _is_meant(bringup.live_definition(host, nic) or definitions.load(host, nic), nic):
        return ""
    catalog.stop(host, nic, force=is_forced)
    return nic


def network(host: Host, nic: str, ranges: "tuple[str, ...]", *, bridge: str = "") -> Network:
    """The definition of such a network; raises as `start` does."""
    _require(host, nic)
    own = [text for text in host.links.addresses(nic) if not _LINK_LOCAL.has_address(text.partition("/")[0])]
    if not ranges:
        msg = f"interface {nic!r}: share: which addresses of its network are set aside is not said"
        where = " or ".join(own) or "its network"
        hint = f"--range FIRST-LAST: of {where}; the first for the bridge, others for guests"
        raise UsageError(msg, hint=hint)
    found = tuple(_ip(host, nic, text, own) for text in ranges)
    made = Network(nic, bridge=Bridge(bridge or None), forward="route", uplinks=(nic,), proxied=True, ips=found)
    _require_free(host, made)
    return made


def _known(host: Host, nic: str, ranges: "tuple[str, ...]") -> Network | None:
    """The network of that name, if it is such a one of that NIC's; raise StateError for another, or for new ranges."""
    if nic not in Store(host.paths).names():
        return None
    found = bringup.live_definition(host, nic) or definitions.load(host, nic)
    if not _is_meant(found, nic):
        msg = f"interface {nic!r}: share: a network of that name is there, and is another"
        raise StateError(msg, hint=f"see `vnet net-dumpxml {nic}`")
    if ranges:
        msg = f"interface {nic!r}: share: network {nic!r} is for that already, with addresses of its own"
        raise StateError(msg, hint=f"leave --range out, or first `vnet unshare {nic}`, and net-undefine it if defined")
    return found


def _is_meant(found: Network, nic: str) -> bool:
    return found.proxied and found.uplinks == (nic,)


def _require(host: Host, nic: str) -> None:
    """Raise StateError for a link by which guests can be on no network."""
    link = host.links.link(nic)
    if link is None:
        msg = f"interface {nic!r}: share: no such network interface"
        raise StateError(msg, hint="see `ip link`")
    master = host.links.link_at(link.master) if link.master else None
    if master is not None:
        msg = f"interface {nic!r}: share: is a port of {master.name!r} already"
        raise StateError(msg, hint=f"guests join that: bridge={master.name}")
    if link.is_loopback:
        msg = f"interface {nic!r}: share: is the host's loopback"
        raise StateError(msg)


def _require_free(host: Host, wanted: Network) -> None:
    """Raise StateError if another host has one of the addresses, of many one of the first: it was not set aside."""
    nic = wanted.name
    link = host.links.link(nic)
    asked = [number for ip in wanted.ips for number in _numbers(ip)]
    found = occupied(host.links, link, asked, deadline_s=ANSWER_S) if link is not None and link.is_up else []
    if found:
        msg = f"interface {nic!r}: share: {', '.join(found[:5])} of the range is another host's, which answers"
        raise StateError(msg, hint="give a range that nobody uses, nor the DHCP server of that network gives away")


def _numbers(ip: Ip) -> list[str]:
    version, first = parse_ip(ip.address or "")
    last = parse_ip(ip.ranges[0].end)[1] if ip.ranges else first
    return [format_ip(version, number) for number in range(first, min(last, first + ASKED_MAX - 1) + 1)]


def _ip(host: Host, nic: str, text: str, own: list[str]) -> Ip:
    """The address of the bridge, and what DHCP gives to guests, of a range that is set aside."""
    first, _, last = text.partition("-")
    (version, low), (other, high) = parse_ip(first), parse_ip(last or first)
    subnet = _subnet(nic, (first, last or first), own)
    if version != other or high < low:
        msg = f"range {text}: must be the first and the last address"
        raise UsageError(msg)
    taken = {parse_ip(address.partition("/")[0]): "its own" for address in own}
    taken |= {parse_ip(route.gateway): "a gateway's" for route in host.links.routes() if route.gateway}
    for (family, number), whose in taken.items():
        if family == version and low <= number <= high:
            msg = f"interface {nic!r}: share: {format_ip(family, number)} of the range is {whose}"
            raise StateError(msg, hint="give a range that nobody uses")
    guests = (DhcpRange(format_ip(version, low + 1), canonical_ip(last)),) if high > low else ()
    return Ip(canonical_ip(first), subnet.prefix, guests)


def _subnet(nic: str, ends: tuple[str, str], own: list[str]) -> Subnet:
    """The network of the NIC's that both ends are in; raise StateError if there is none."""
    for text in own:
        address, _, prefix = text.partition("/")
        subnet = subnet_of(address, int(prefix))
        if all(subnet.has_address(end) for end in ends):
            return subnet
    msg = f"interface {nic!r}: share: {'-'.join(dict.fromkeys(ends))} is in no network of its"
    raise StateError(msg, hint=f"it has {' and '.join(own)}" if own else "it has no address now")
