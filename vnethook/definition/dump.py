"""Writes a network as XML in the one canonical form: libvirt's order of elements and attributes."""

from vnethook.address import netmask_of_prefix
from vnethook.definition import dump_dialect, dump_traffic
from vnethook.definition.document import Document, no_only, yes, yes_only
from vnethook.definition.model import Bridge, Dns, Ip, Nat, Network
from vnethook.definition.routes import NAT_PORTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.document import Attributes
    from vnethook.definition.model import DhcpHost, DhcpRange

_DNSMASQ = "http://libvirt.org/schemas/network/dnsmasq/1.0"
_UNITS = {"hours": 3600, "minutes": 60, "seconds": 1}


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
    dump_traffic.guard(document, network.guard)
    if network.vde is not None:
        document.empty("vde", {"group": network.vde.group, "mode": network.vde.mode})
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
        "proxyarp": yes_only(network.proxied),
    }
    nat = network.nat
    if not (network.uplinks or network.foreign or network.backend or _says_something(nat)):
        document.empty("forward", attributes)
        return
    document.start("forward", attributes)
    has_driver = sum(item.tag == "driver" for item in network.foreign)  # they stand first
    for item in network.foreign[:has_driver]:
        dump_traffic.element(document, item)
    _nat(document, nat)
    if network.backend:
        document.empty("backend", {"type": network.backend})
    for uplink in network.uplinks:
        document.empty("interface", {"dev": uplink})
    for item in network.foreign[has_driver:]:
        dump_traffic.element(document, item)
    document.end("forward")


def _says_something(nat: Nat) -> bool:
    return bool(nat.said) or nat != Nat()


def _nat(document: Document, nat: Nat) -> None:
    if not _says_something(nat):
        return
    attributes: Attributes = {"ipv6": yes_only(nat.ipv6, is_said="ipv6" in nat.said)}
    ports = nat.ports or (NAT_PORTS if "port" in nat.said else None)
    if nat.addresses is None and ports is None:
        document.empty("nat", attributes)
        return
    document.start("nat", attributes)
    for tag, ends in (("address", nat.addresses), ("port", ports)):
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
        local = yes_only(network.domain_local, is_said="localOnly" in network.said)
        register = yes_only(network.domain_register, is_said="register" in network.said)
        document.empty("domain", {"name": network.domain, "localOnly": local, "register": register})


def _dns(document: Document, dns: Dns) -> None:
    if dns == Dns() and not dns.said:
        return
    attributes: Attributes = {
        "enable": no_only(dns.enable, is_said="enable" in dns.said),
        "forwardPlainNames": no_only(dns.plain_names, is_said="forwardPlainNames" in dns.said),
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
    attributes: dict[str, str | int | None] = {"family": _family(ip.version, ip.said)}
    if ip.address and ip.version == 4 and "prefix" not in ip.said:
        attributes |= {"address": ip.address, "netmask": netmask_of_prefix(ip.prefix)}
    elif ip.address:
        attributes |= {"address": ip.address, "prefix": ip.prefix}
    document.start("ip", {**attributes, "localPtr": yes_only(ip.local_ptr, is_said="localPtr" in ip.said)})
    if ip.tftp_root is not None:
        document.empty("tftp", {"root": ip.tftp_root})
    _dhcp(document, ip)
    document.end("ip")


def _family(version: int, said: tuple[str, ...]) -> str | None:
    """The family= of an address: libvirt takes one without for IPv4."""
    return f"ipv{version}" if version == 6 or "family" in said else None


def _dhcp(document: Document, ip: Ip) -> None:
    enabled: Attributes = {} if ip.dhcp else {"enabled": "no"}
    if not (ip.ranges or ip.hosts or ip.bootp_file):
        if ip.whole_range or not ip.dhcp:
            document.empty("dhcp", enabled)
        return
    document.start("dhcp", enabled)
    for item in ip.ranges:
        _with_lease(document, "range", {"start": item.start, "end": item.end}, item)
    for host in ip.hosts:
        _with_lease(document, "host", {"mac": host.mac, "id": host.id, "name": host.name, "ip": host.ip}, host)
    if ip.bootp_file is not None:
        document.empty("bootp", {"file": ip.bootp_file, "server": ip.bootp_server})
    document.end("dhcp")


def _with_lease(document: Document, tag: str, attributes: "Attributes", item: "DhcpRange | DhcpHost") -> None:
    lease_s = item.lease_s
    if lease_s is None:
        document.empty(tag, attributes)
        return
    document.start(tag, attributes)
    unit = next(name for name in (*item.said, *_UNITS) if lease_s % _UNITS[name] == 0)
    document.empty("lease", {"expiry": lease_s // _UNITS[unit], "unit": unit if lease_s else None})
    document.end(tag)


def _routes(document: Document, network: Network) -> None:
    for route in network.routes:
        is_masked = "netmask" in route.said and route.subnet.version == 4
        document.empty(
            "route",
            {
                "family": _family(route.subnet.version, route.said),
                "address": route.address,
                "netmask": netmask_of_prefix(route.prefix) if is_masked else None,
                "prefix": None if is_masked else route.prefix,
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
