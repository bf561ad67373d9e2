"""Writes a network as XML in the one canonical form: libvirt's order of elements and attributes."""

from vnethook.address import netmask_of_prefix
from vnethook.definition import dump_dialect, dump_traffic
from vnethook.definition.document import Document, yes, yes_only
from vnethook.definition.model import Bridge, Dns, Ip, Nat, Network

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.document import Attributes

_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_UNITS = ((3600, "hours"), (60, "minutes"), (1, "seconds"))


def dump(network: Network, *, with_automatic: bool = True, connections: int | None = None) -> str:
    """The definition as XML; `with_automatic=False` leaves out addresses that were chosen, to ask for them again.

    `connections`: how many guests are attached to a running network.
    """
    if not with_automatic:
        network = network.without_automatic()
    document = Document()
    document.start(
        "network",
        {
            "xmlns:dnsmasq": _DNSMASQ if network.options else None,
            "connections": connections or None,
            "ipv6": yes_only(network.ipv6_between_guests),
            "trustGuestRxFilters": yes(network.trusts_filters),
        },
    )
    _identity(document, network)
    _forward(document, network)
    _bridge(document, network)
    _link(document, network)
    _dns(document, network.dns)
    dump_traffic.vlan(document, network.vlan)
    dump_traffic.bandwidth(document, network.bandwidth)
    if network.isolated is not None:
        document.empty("port", {"isolated": yes(network.isolated)})
    for ip in network.ips:
        _ip(document, ip)
    _routes(document, network)
    if network.virtualport is not None:
        dump_traffic.element(document, network.virtualport)
    for group in network.portgroups:
        dump_traffic.portgroup(document, group)
    dump_dialect.write(document, network)
    _options(document, network)
    document.end("network")
    return document.text


def _identity(document: Document, network: Network) -> None:
    for tag, text in (
        ("name", network.name),
        ("uuid", network.uuid),
        ("title", network.title),
        ("description", network.description),
    ):
        if text:
            document.leaf(tag, text)
    if network.metadata:
        document.start("metadata", {})
        for item in network.metadata:
            document.raw(item)
        document.end("metadata")


def _forward(document: Document, network: Network) -> None:
    if network.forward == "none":
        return
    attributes: Attributes = {
        "dev": network.uplinks[0] if network.uplinks else None,
        "mode": network.forward,
        "managed": yes(network.managed),
    }
    nat = network.nat
    if not network.uplinks and not network.foreign and nat == Nat():
        document.empty("forward", attributes)
        return
    document.start("forward", attributes)
    has_driver = sum(item.tag == "driver" for item in network.foreign)  # they stand first
    for item in network.foreign[:has_driver]:
        dump_traffic.element(document, item)
    _nat(document, nat)
    for uplink in network.uplinks:
        document.empty("interface", {"dev": uplink})
    for item in network.foreign[has_driver:]:
        dump_traffic.element(document, item)
    document.end("forward")


def _nat(document: Document, nat: Nat) -> None:
    if nat == Nat():
        return
    attributes: Attributes = {"ipv6": yes_only(nat.ipv6)}
    if nat.addresses is None and nat.ports is None:
        document.empty("nat", attributes)
        return
    document.start("nat", attributes)
    for tag, ends in (("address", nat.addresses), ("port", nat.ports)):
        if ends is not None:
            document.empty(tag, {"start": ends[0], "end": ends[1]})
    document.end("nat")


def _bridge(document: Document, network: Network) -> None:
    bridge = network.bridge
    if network.owns_bridge:
        stp = "on" if bridge.stp else "off"
        table = bridge.mac_table
        document.empty(
            "bridge",
            {"name": bridge.name, "zone": bridge.zone, "stp": stp, "delay": bridge.delay_s, "macTableManager": table},
        )
    elif bridge != Bridge():
        document.empty("bridge", {"name": bridge.name, "macTableManager": bridge.mac_table})


def _link(document: Document, network: Network) -> None:
    if network.mtu is not None:
        document.empty("mtu", {"size": network.mtu})
    if network.mac is not None:
        document.empty("mac", {"address": network.mac})
    if network.domain is not None:
        local, register = yes_only(network.domain_local), yes_only(network.domain_register)
        document.empty("domain", {"name": network.domain, "localOnly": local, "register": register})


def _dns(document: Document, dns: Dns) -> None:
    if dns == Dns():
        return
    attributes: Attributes = {
        "enable": None if dns.enable else "no",
        "forwardPlainNames": None if dns.plain_names else "no",
    }
    if not (dns.forwarders or dns.has_records):
        document.empty("dns", attributes)
        return
    document.start("dns", attributes)
    for forwarder in dns.forwarders:
        document.empty("forwarder", {"domain": forwarder.domain, "addr": forwarder.address, "port": forwarder.port})
    for txt in dns.txts:
        document.empty("txt", {"name": txt.name, "value": txt.value})
    for srv in dns.srvs:
        document.empty("srv", srv.to_plain())
    for host in dns.hosts:
        document.start("host", {"ip": host.ip})
        for name in host.names:
            document.leaf("hostname", name)
        document.end("host")
    document.end("dns")


def _ip(document: Document, ip: Ip) -> None:
    attributes: dict[str, str | int | None] = {}
    if ip.address and ip.version == 6:
        attributes = {"family": "ipv6", "address": ip.address, "prefix": ip.prefix}
    elif ip.address:
        attributes = {"address": ip.address, "netmask": netmask_of_prefix(ip.prefix)}
    document.start("ip", {**attributes, "localPtr": yes_only(ip.local_ptr)})
    if ip.tftp_root is not None:
        document.empty("tftp", {"root": ip.tftp_root})
    _dhcp(document, ip)
    document.end("ip")


def _dhcp(document: Document, ip: Ip) -> None:
    enabled: Attributes = {} if ip.dhcp else {"enabled": "no"}
    if not (ip.ranges or ip.hosts or ip.bootp_file):
        if ip.whole_range or not ip.dhcp:
            document.empty("dhcp", enabled)
        return
    document.start("dhcp", enabled)
    for item in ip.ranges:
        _with_lease(document, "range", {"start": item.start, "end": item.end}, item.lease_s)
    for host in ip.hosts:
        said = {"mac": host.mac, "id": host.id, "name": host.name, "ip": host.ip}
        _with_lease(document, "host", said, host.lease_s)
    if ip.bootp_file is not None:
        document.empty("bootp", {"file": ip.bootp_file, "server": ip.bootp_server})
    document.end("dhcp")


def _with_lease(document: Document, tag: str, attributes: "Attributes", lease_s: int | None) -> None:
    if lease_s is None:
        document.empty(tag, attributes)
        return
    document.start(tag, attributes)
    unit_s, unit = next((size, name) for size, name in _UNITS if lease_s % size == 0)
    document.empty("lease", {"expiry": lease_s // unit_s, "unit": unit if lease_s else None})
    document.end(tag)


def _routes(document: Document, network: Network) -> None:
    for route in network.routes:
        family = "ipv6" if ":" in route.address else None
        document.empty(
            "route",
            {
                "family": family,
                "address": route.address,
                "prefix": route.prefix,
                "gateway": route.gateway,
                "metric": route.metric,
            },
        )


def _options(document: Document, network: Network) -> None:
    if network.options:
        document.start("dnsmasq:options", {})
        for option in network.options:
            document.empty("dnsmasq:option", {"value": option})
        document.end("dnsmasq:options")
