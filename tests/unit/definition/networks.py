"""Strategies that make any network which the model can hold."""

from hypothesis import strategies as st

from vnethook.address import format_ip
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip
from vnethook.definition.model import Bridge, Dns, DnsHost, Forwarder, Network
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
ids = st.text("0123456789abcdefABCDEF:", min_size=1, max_size=40)


def _unlike(items, key):
    return st.lists(items, max_size=4, unique_by=key).map(tuple)


@st.composite
def hosts(draw, version, number):
    """A host of the subnet; `number` is its address, None for a subnet that is to be chosen."""
    return DhcpHost(
        mac=draw(macs) if version == 4 else None,
        id=draw(st.none() | ids) if version == 4 else draw(ids),
        name=draw(host_names),
        ip=None if number is None else draw(st.none() | st.just(format_ip(version, number))),
    )


@st.composite
def ips(draw, index):
    """The address number `index` of a network; only the first of each family serves DHCP, IPv6 from 64 bits on."""
    version = 4 if index % 2 == 0 else 6
    prefix = draw(st.integers(16, 29) if version == 4 else st.integers(48, 125))
    first = (0x0A000000 if version == 4 else 0x20010DB8 << 96) + (index << (16 if version == 4 else 80))
    own = draw(st.integers(1, 6 if version == 4 else 7))
    address = format_ip(version, first + own)
    if index > 1 or draw(st.booleans()):
        return Ip(address, prefix)
    ends = sorted(draw(st.tuples(st.integers(1, 6), st.integers(1, 6))))
    ranges = (DhcpRange(*(format_ip(version, first + end) for end in ends)),) if draw(st.booleans()) else ()
    numbers = draw(st.lists(st.integers(1, 6).filter(lambda number: number != own), max_size=4, unique=True))
    found = [draw(hosts(version, first + number)) for number in numbers]
    unlike = {host.mac or host.id: host for host in found}
    if len({host.id.lower() for host in unlike.values() if host.id}) < sum(bool(host.id) for host in unlike.values()):
        unlike = {}
    can_serve = version == 4 or prefix >= 64 or not (ranges or unlike)
    return Ip(address, prefix, ranges, tuple(unlike.values()), can_serve and draw(st.booleans()))


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
    forwarders=_unlike(
        st.builds(Forwarder, addresses, st.none() | domains) | st.builds(Forwarder, st.none(), domains),
        lambda forwarder: forwarder,
    ),
)


@st.composite
def networks(draw):
    """Any network without an automatic address that is chosen already."""
    found = [draw(ips(index)) for index in range(draw(st.integers(0, 4)))]
    if draw(st.booleans()):
        found = [item for item in found if item.version == 6] + [draw(unchosen())]
    return Network(
        name=draw(network_names),
        uuid=draw(st.none() | uuids),
        bridge=draw(st.builds(Bridge, st.none() | link_names, st.booleans(), st.integers(0, 30))),
        mac=draw(st.none() | macs),
        mtu=draw(st.none() | st.integers(1280, 65535)),
        forward=draw(st.sampled_from(["nat", "route", "none"])),
        ips=tuple(found),
        dns=draw(dns),
        domain=draw(st.none() | domains),
    )
