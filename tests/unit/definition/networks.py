"""Strategies that make any network which the model can hold."""

from hypothesis import strategies as st

from vnethook.address import format_ip
from vnethook.definition.dns import DnsSrv, DnsTxt
from vnethook.definition.element import Element
from vnethook.definition.fabric import Fabric, Peer
from vnethook.definition.forwarding import Forwarding, Incoming, Outgoing, PortForward, PortRule
from vnethook.definition.guard import Guard
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip
from vnethook.definition.model import Bridge, Dns, DnsHost, Forwarder, Nat, Network, PortGroup, Route, Vlan
from vnethook.definition.offers import Offers, Service
from vnethook.definition.peers import Connection, Listen
from vnethook.definition.traffic import Bandwidth, Rate, VlanTag
from vnethook.definition.vde import Vde
from vnethook.live.nics import PARTS
from vnethook.names import is_dnsmasq_keyword

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
labels = st.text(LETTERS + "_-", min_size=1, max_size=20).filter(
    lambda text: text[0] in LETTERS and text[-1] != "-" and not is_dnsmasq_keyword(text)
)
domains = st.lists(labels, min_size=1, max_size=3).map(".".join)
host_names = domains.filter(lambda name: not is_dnsmasq_keyword(name))
network_names = st.builds(str.__add__, st.sampled_from(LETTERS + "_"), st.text(LETTERS + "_.+@-", max_size=63))
link_names = st.builds(str.__add__, st.sampled_from(LETTERS + "_"), st.text(LETTERS + "_.+@:-", max_size=14))
macs = st.binary(min_size=6, max_size=6).map(lambda raw: bytes([raw[0] & 0xFE, *raw[1:]]).hex(":"))
uuids = st.uuids().map(str)
addresses = st.one_of(
    st.integers(1, 2**32 - 1).map(lambda number: format_ip(4, number)),
    st.integers(2**65, 2**128 - 1).map(lambda number: format_ip(6, number)),
)
leases = st.none() | st.just(0) | st.integers(120, 1 << 31)
ports = st.integers(1, 65535)
lines = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
prose = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")) | st.just("\n"), max_size=40).map(
    lambda text: text.replace("\ufffe", "").replace("\uffff", "").strip(" \t\r\n") or "x"
)
titles = prose.map(lambda text: "".join(char for char in text if char.isprintable()).strip() or "x")
ids = st.text("0123456789abcdefABCDEF:", min_size=1, max_size=40)


def said(*words):
    """Some of the words that tell what is written though it need not be."""
    return st.lists(st.sampled_from(words), unique=True).map(tuple)


units = st.sampled_from([(), ("seconds",), ("minutes",), ("hours",)])


def _unlike(items, key):
    return st.lists(items, max_size=4, unique_by=key).map(tuple)


@st.composite
def hosts(draw, version, number, *, has_range=True):
    """A host of the subnet; `number` is its address, None for a subnet that is to be chosen."""
    fixed = None if number is None else format_ip(version, number)
    return DhcpHost(
        mac=draw(macs) if version == 4 else None,
        id=draw(st.none() | ids) if version == 4 else draw(ids),
        name=draw(host_names),
        ip=draw(st.none() | st.just(fixed)) if has_range else fixed,
        lease_s=draw(leases),
        said=draw(units),
    )


boots = st.fixed_dictionaries(
    {"tftp_root": st.none() | st.just("/srv/tftp")},
    optional={"bootp_file": st.just("pxelinux.0"), "bootp_server": st.just("192.0.2.69")},
).map(lambda boot: boot if "bootp_file" in boot else {"tftp_root": boot["tftp_root"]})


@st.composite
def ips(draw, index):
    """The address number `index` of a network; only the first of each family serves DHCP, IPv6 from 64 bits on."""
    version = 4 if index % 2 == 0 else 6
    prefix = draw(st.integers(16, 29) if version == 4 else st.integers(48, 125))
    first = (0x0A000000 if version == 4 else 0x20010DB8 << 96) + (index << (16 if version == 4 else 80))
    own = draw(st.integers(1, 6 if version == 4 else 7))
    address = format_ip(version, first + own)
    local_ptr = draw(st.booleans())
    if index > 1 or draw(st.booleans()):
        return Ip(address, prefix, local_ptr=local_ptr, said=draw(said("family", "prefix", "localPtr")))
    ends = sorted(draw(st.tuples(st.integers(1, 6), st.integers(1, 6))))
    ends = [format_ip(version, first + end) for end in ends]
    ranges = (DhcpRange(*ends, draw(leases), draw(units)),) if draw(st.booleans()) else ()
    numbers = draw(st.lists(st.integers(1, 6).filter(lambda number: number != own), max_size=4, unique=True))
    found = [draw(hosts(version, first + number, has_range=bool(ranges))) for number in numbers]
    unlike = {host.mac or host.id: host for host in found}
    if len({host.id.lower() for host in unlike.values() if host.id}) < sum(bool(host.id) for host in unlike.values()):
        unlike = {}
    can_serve = version == 4 or prefix >= 64 or not (ranges or unlike)
    can_serve = can_serve and draw(st.booleans())
    boot = draw(boots) if version == 4 and (ranges or unlike or not can_serve) else {}
    return Ip(address, prefix, ranges, tuple(unlike.values()), can_serve, local_ptr=local_ptr, **boot)


@st.composite
def unchosen(draw):
    """An address that is still to be chosen."""
    if draw(st.booleans()):
        return Ip()
    found = draw(st.lists(hosts(4, None), max_size=3, unique_by=lambda host: host.mac))
    known = [host.id.lower() for host in found if host.id]
    return Ip(hosts=tuple(found) if len(set(known)) == len(known) else (), dhcp=draw(st.booleans()), whole_range=True)


dns = st.just(Dns(enable=False)) | st.builds(
    Dns,
    hosts=_unlike(
        st.builds(DnsHost, addresses, st.lists(domains, min_size=1, max_size=3, unique=True).map(tuple)),
        lambda host: host.ip,
    ),
    plain_names=st.booleans(),
    forwarders=_unlike(
        st.builds(Forwarder, addresses, st.none() | domains, st.none() | ports)
        | st.builds(Forwarder, st.none(), domains),
        lambda forwarder: forwarder,
    ),
    txts=_unlike(
        st.builds(DnsTxt, domains, lines.map(lambda text: text.replace('"', "").replace("\\", "").strip() or "x")),
        lambda txt: txt.name,
    ),
    srvs=_unlike(
        st.builds(DnsSrv, labels, st.sampled_from(["tcp", "udp"]), st.none() | domains)
        | st.builds(
            DnsSrv,
            labels,
            st.sampled_from(["tcp", "udp"]),
            domains,
            domains,
            ports,
            st.none() | st.integers(0, 9),
            st.none(),
        ),
        lambda srv: srv.identity,
    ),
    said=said("enable", "forwardPlainNames"),
)
rates = st.builds(lambda average, more, burst: Rate(average, average + more, burst), ports, ports, st.none() | ports)
bandwidths = st.builds(Bandwidth, st.none() | rates, rates)
vlans = st.builds(Vlan, st.integers(1, 4094).map(lambda number: (VlanTag(number),))) | st.builds(
    Vlan,
    st.lists(st.integers(1, 4094), min_size=1, max_size=3, unique=True).map(
        lambda numbers: (VlanTag(numbers[0], "untagged"), *(VlanTag(number) for number in numbers[1:]))
    ),
    st.just(True),
)
elements = st.builds(
    Element,
    st.just("virtualport"),
    st.just((("type", "802.1Qbg"),)),
    st.lists(
        st.builds(Element, st.just("parameters"), titles.map(lambda text: (("profileid", text),))), max_size=1
    ).map(tuple),
)
guards = st.builds(
    Guard,
    st.sampled_from(["off", "standard", "strict"]),
    *(st.none() | st.booleans() for _ in PARTS),
)
counting = st.builds(
    lambda guard, most, more: guard.replace(flows=True, connections=most, new_connections=more),
    guards,
    st.none() | st.integers(1, 1 << 24),
    st.none() | st.integers(1, 1_000_000),
)
switches = st.sampled_from([Vde(), Vde("kvm"), Vde("vde2-net", "0660"), Vde(None, "0666")])
portgroups = _unlike(
    st.builds(
        PortGroup,
        titles,
        st.just(False),
        st.none() | bandwidths,
        st.none() | vlans,
        st.none() | elements,
        st.none(),
        st.none() | guards,
    ),
    lambda group: group.name,
)
ranges_of_ports = st.tuples(ports, st.integers(0, 10)).map(lambda pair: (pair[0], min(pair[0] + pair[1], 65535)))
protocols = st.sampled_from(["tcp", "udp", "both"])
destinations = st.none() | st.sampled_from(["203.0.113.0/24", "203.0.113.9/32", "2001:db8:9::/48"])
plain_rules = st.builds(
    PortRule,
    st.sampled_from(["allow", "deny"]),
    st.none(),
    st.sampled_from(["any", "icmp", "tcp", "udp", "both", "gre", "esp", "ah", "sctp"]),
    destinations,
    st.none() | st.sampled_from(["web", "db"]),
)
outgoing = st.builds(
    Outgoing,
    st.sampled_from(["allow", "deny"]),
    _unlike(
        st.builds(PortRule, st.sampled_from(["allow", "deny"]), ranges_of_ports, protocols) | plain_rules,
        lambda rule: rule,
    ),
)
offers = st.just(Offers(everything=True)) | st.builds(
    Offers,
    st.lists(st.builds(Service, ranges_of_ports, protocols), min_size=1, max_size=4, unique=True).map(tuple),
)
nats = st.builds(
    Nat,
    st.none() | st.just(("198.51.100.1", "198.51.100.4")),
    st.none() | ranges_of_ports.filter(lambda found: found != (1024, 65535)),
    st.booleans(),
    said("ipv6", "port"),
)


@st.composite
def _forward(draw, port, subnet):
    """A forward to a guest of a subnet."""
    version = subnet.version
    to = draw(st.none() | st.just((port % 65535 + 1, port % 65535 + 1)))
    source = draw(st.none() | st.just("198.51.100.0/24" if version == 4 else "2001:db8:7::/48"))
    on = draw(st.none() | st.just("203.0.113.1" if version == 4 else "2001:db8:8::1"))
    address = format_ip(version, subnet.first + 2)
    return PortForward((port, port), draw(protocols), to, address=address, source=source, on=on)


@st.composite
def forwardings(draw, subnets):
    """Rules for a network with these subnets: each forward leads to an address in one of them."""
    found = draw(st.lists(ports, max_size=3, unique=True)) if subnets else []
    forwards = tuple(draw(_forward(port, subnet)) for port, subnet in zip(found, (list(subnets) * 3)[:3], strict=False))
    incoming = draw(st.none() | st.just(Incoming(draw(st.sampled_from(["allow", "deny"])), forwards)))
    return draw(st.none() | st.just(Forwarding(True, incoming, draw(outgoing))))


@st.composite
def routes(draw, network):
    """The network with static routes by guests."""
    found = []
    taken = {ip.address for ip in network.ips}
    for number, subnet in enumerate(network.subnets):
        gateway = format_ip(subnet.version, subnet.first + 1)
        if gateway not in taken and draw(st.booleans()):
            address = f"203.0.{number}.0" if subnet.version == 4 else f"2001:db9:{number + 1}::"
            length, metric = 24 if subnet.version == 4 else 48, draw(st.none() | st.integers(1, 99))
            found.append(
                Route(address, length, gateway, metric, draw(said("family", "netmask")) if length == 24 else ())
            )
    return network.replace(routes=tuple(found))


MODES = ("nat", "route", "open", "none")


@st.composite
def networks(draw, modes=MODES):
    """Any network with a bridge of its own and without an automatic address that is chosen already."""
    found = [draw(ips(index)) for index in range(draw(st.integers(0, 4)))]
    if draw(st.booleans()):
        found = [item for item in found if item.version == 6] + [draw(unchosen())]
    mode = draw(st.sampled_from(modes))
    domain = draw(st.none() | domains)
    network = Network(
        name=draw(network_names),
        uuid=draw(st.none() | uuids),
        bridge=draw(
            st.builds(
                Bridge,
                st.none() | link_names,
                st.booleans(),
                st.integers(0, 30),
                st.none() | labels,
                st.sampled_from([None, "kernel", "libvirt"]),
            )
        ),
        mac=draw(st.none() | macs),
        mtu=draw(st.none() | st.integers(1280, 65535)),
        forward=mode,
        uplinks=draw(st.just(()) | link_names.map(lambda name: (name,))) if mode in {"nat", "route"} else (),
        nat=draw(nats) if mode == "nat" else Nat(),
        ips=tuple(found),
        dns=draw(dns),
        domain=domain,
        domain_local=bool(domain) and draw(st.booleans()),
        domain_register=bool(domain) and draw(st.booleans()),
        said=draw(said("localOnly", "register")),
    )
    return draw(_with_the_rest(draw(routes(network))))


@st.composite
def _with_the_rest(draw, network):
    is_routed = network.forward in {"nat", "route"}
    is_written = bool(network.ips) and all(ip.address and not ip.automatic for ip in network.ips)
    can_be_proxied = network.forward == "route" and network.uplinks and is_written and not network.routes
    switch = draw(st.none() | switches) if (network.mtu or 0) <= 1500 else None
    network = network.replace(
        proxied=bool(can_be_proxied) and network.bridge.name not in network.uplinks and draw(st.booleans()),
        vlan=draw(st.none() | vlans),
        bandwidth=draw(st.none() | bandwidths),
        isolated=draw(st.none() | st.booleans()) if switch is None else None,
        guard=draw(st.none() | guards | counting),
        vde=switch,
        portgroups=draw(portgroups),
        options=draw(st.just(()) | st.just(("log-queries",))),
        ipv6_between_guests=draw(st.booleans()),
        forwarding=draw(forwardings(network.subnets)) if is_routed else None,
        offers=draw(st.none() | offers) if network.ips or network.forward != "none" else None,
        listens=draw(
            st.sampled_from(
                [
                    (),
                    (Listen(port=1, peers=("b.example", "192.0.2.9")),),
                    (Listen(is_local=True), Listen("vxlan", "192.0.2.1")),
                ]
            )
        ),
        connections=()
        if network.wants_subnet
        else draw(st.sampled_from([(), (Connection("ssh", "far.example", user="lab"),)])),
        title=draw(st.none() | titles),
        description=draw(st.none() | prose),
        metadata=draw(st.sampled_from([(), ('<a:b xmlns:a="urn:example:a"></a:b>',)])),
        trusts_filters=draw(st.none() | st.booleans()),
    )
    return network.replace(fabric=draw(fabrics)) if _can_have_fabric(network) else network


def _can_have_fabric(network):
    has_vlans = network.vlan or any(group.vlan for group in network.portgroups)
    is_plain = not (network.bridge.stp or network.bridge.mac_table == "libvirt" or has_vlans or network.proxied)
    return is_plain and not (network.listens or network.connections or network.wants_subnet)


fabrics = st.none() | st.builds(
    Fabric,
    st.integers(1, 2**24 - 1),
    st.sampled_from(["192.0.2.1", "198.51.100.7"]),
    st.none(),
    st.none() | st.integers(1, 65535),
    st.none() | st.integers(1, 2**32 - 1),
    st.lists(
        st.builds(Peer, st.sampled_from(["192.0.2.2", "192.0.2.3", "203.0.113.0/24"]), st.booleans()),
        unique_by=lambda peer: peer.address,
    ).map(tuple),
)


@st.composite
def foreign_networks(draw):
    """Any network on a bridge or device that is not its own."""
    mode = draw(st.sampled_from(["bridge", "private", "vepa", "passthrough", "hostdev"]))
    has_bridge = mode == "bridge" and draw(st.booleans())
    names = draw(st.lists(link_names, min_size=1, max_size=3, unique=True).map(tuple))
    place = (("type", "pci"), ("domain", "0x0000"), ("bus", "0x04"), ("slot", "0x1f"), ("function", "0x0"))
    pci = Element("address", place)
    return Network(
        name=draw(network_names),
        uuid=draw(st.none() | uuids),
        bridge=Bridge(names[0]) if has_bridge else Bridge(),
        forward=mode,
        uplinks=() if has_bridge else names,
        managed=draw(st.none() | st.booleans()) if mode == "hostdev" else None,
        foreign=draw(st.sampled_from([(), (Element("driver", (("name", "vfio"),)), pci)])) if mode == "hostdev" else (),
        virtualport=draw(st.none() | elements),
        bandwidth=draw(st.none() | bandwidths) if has_bridge else None,
        vlan=draw(st.none() | vlans),
        guard=draw(st.none() | guards),
        portgroups=draw(portgroups),
        title=draw(st.none() | titles),
    )
