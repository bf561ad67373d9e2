"""Documents as large as they may be: each is one element of the vocabulary, again and again."""

from vnethook.address import format_ip
from vnethook.definition.syntax import SIZE_MAX

LAN = "<ip address='10.0.0.1' netmask='255.0.0.0'>"
LAN6 = "<ip family='ipv6' address='2001:db8::1' prefix='64'>"
NAT = "<forward mode='nat'/>"


def ip4(number, base=0x0A000000):
    return format_ip(4, base + number + 2)


def ip6(number):
    return format_ip(6, (0x20010DB8 << 96) + number + 2)


def mac(number):
    return f"52:54:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def slot(number):
    return f"domain='{number >> 16}' bus='{number >> 8 & 255}' slot='{number >> 3 & 31}' function='{number & 7}'"


KINDS = {
    # before, one of them by its number, after
    "range": (f"{LAN}<dhcp>", lambda n: f"<range start='{ip4(2 * n)}' end='{ip4(2 * n + 1)}'/>", "</dhcp></ip>"),
    "range with lease": (
        f"{LAN}<dhcp><host mac='52:54:00:00:00:01' ip='10.200.0.9'/>",
        lambda n: f"<range start='{ip4(n)}' end='{ip4(n)}'><lease expiry='{120 + n}'/></range>",
        "</dhcp></ip>",
    ),
    "lease": (
        f"{LAN}<dhcp><range start='10.0.0.2' end='10.0.0.9'>",
        lambda n: f"<lease expiry='{2 + n % 2 * 118}' unit='{('hours', 'minutes')[n % 2]}'/>",
        "</range></dhcp></ip>",
    ),
    "host": (f"{LAN}<dhcp>", lambda n: f"<host mac='{mac(n)}' ip='{ip4(n)}'/>", "</dhcp></ip>"),
    "host among ranges": (
        f"{LAN}<dhcp>",
        lambda n: (
            f"<host mac='{mac(n)}' ip='{ip4(n)}'/><range start='{ip4(n)}' end='{ip4(n)}'><lease expiry='9'/></range>"
        ),
        "</dhcp></ip>",
    ),
    "host by name": (f"{LAN}<dhcp>", lambda n: f"<host name='h{n}' ip='{ip4(n)}'/>", "</dhcp></ip>"),
    "host by id": (f"{LAN6}<dhcp>", lambda n: f"<host id='{n:08x}' ip='{ip6(n)}'/>", "</dhcp></ip>"),
    "bootp": (f"{LAN}<dhcp>", lambda n: "<bootp file='x'/>", "</dhcp></ip>"),
    "dns": ("", lambda n: "<dns enable='yes'/>", ""),
    "dns host": ("<dns>", lambda n: f"<host ip='{ip4(n)}'><hostname>h</hostname></host>", "</dns>"),
    "dns host with one ip": ("<dns>", lambda n: f"<host ip='10.0.0.9'><hostname>h{n}</hostname></host>", "</dns>"),
    "hostname": ("<dns><host ip='10.0.0.9'>", lambda n: f"<hostname>h{n}</hostname>", "</host></dns>"),
    "forwarder": ("<dns>", lambda n: f"<forwarder addr='{ip4(n)}'/>", "</dns>"),
    "txt": ("<dns>", lambda n: f"<txt name='t{n}'/>", "</dns>"),
    "srv": ("<dns>", lambda n: f"<srv service='s{n}' protocol='tcp'/>", "</dns>"),
    "route": (
        f"{LAN}</ip>",
        lambda n: f"<route address='{ip4(n - 2, 0x0B000000)}' prefix='32' gateway='10.0.0.2'/>",
        "",
    ),
    "route of another metric": (
        f"{LAN}</ip>",
        lambda n: f"<route address='198.51.100.0' prefix='24' gateway='{ip4(n)}' metric='{n + 1}'/>",
        "",
    ),
    "portgroup": ("", lambda n: f"<portgroup name='g{n}'/>", ""),
    "tag": ("<vlan>", lambda n: f"<tag id='{n + 1}'/>", "</vlan>", 4094),
    "guard": ("", lambda n: "<guard mode='strict' connections='9'/>", ""),
    "portgroup with tags": (
        "",
        lambda n: f"<portgroup name='g{n}'><vlan><tag id='{n % 4094 + 1}'/></vlan></portgroup>",
        "",
    ),
    "interface": ("<forward mode='private'>", lambda n: f"<interface dev='e{n}'/>", "</forward>"),
    "pf": ("<forward mode='hostdev'>", lambda n: f"<pf dev='e{n}'/>", "</forward>"),
    "pci address": ("<forward mode='hostdev'>", lambda n: f"<address type='pci' {slot(n)}/>", "</forward>"),
    "driver": ("<forward mode='hostdev'>", lambda n: "<driver name='vfio'/>", "</forward>"),
    "parameters": ("<virtualport>", lambda n: f"<parameters typeid='{n}'/>", "</virtualport>"),
    "nat": ("<forward>", lambda n: "<nat ipv6='no'/>", "</forward>"),
    "nat address": ("<forward><nat>", lambda n: "<address start='192.0.2.1' end='192.0.2.2'/>", "</nat></forward>"),
    "nat port": ("<forward><nat>", lambda n: "<port start='1024' end='65535'/>", "</nat></forward>"),
    "tftp": (LAN, lambda n: "<tftp root='/srv/tftp'/>", "</ip>"),
    "ip": ("", lambda n: f"<ip address='{ip4(n * 16)}' prefix='28'/>", "", 64),
    "ip with one address": ("", lambda n: f"{LAN}</ip>", ""),
    "ip with a host": ("", lambda n: f"{LAN}<dhcp><host mac='{mac(n)}' ip='{ip4(n)}'/></dhcp></ip>", ""),
    "dhcp": ("", lambda n: "<dhcp enabled='yes'/>", ""),
    "dhcp ip": ("<dhcp>", lambda n: "<ip address='10.0.0.1' prefix='8'/>", "</dhcp>"),
    "dhcp host": (
        "<dhcp><ip address='10.0.0.1' prefix='8'/>",
        lambda n: f"<host mac='{mac(n)}' ip='{ip4(n)}'/>",
        "</dhcp>",
    ),
    "allow": (
        f"{NAT}{LAN}</ip><forwarding><incoming>",
        lambda n: f"<allow port='{n + 1}' address='10.0.0.9'/>",
        "</incoming></forwarding>",
        20000,
    ),
    "allow from": (
        f"{NAT}{LAN}</ip><forwarding><incoming>",
        lambda n: f"<allow port='1-9999' address='10.0.0.9' from='{ip4(n)}'/>",
        "</incoming></forwarding>",
    ),
    "allow to a guest": (
        f"{NAT}{LAN}<dhcp enabled='no'><host name='g' ip='10.0.0.9'/></dhcp></ip><forwarding><incoming>",
        lambda n: f"<allow port='{n + 1}' domain='g'/>",
        "</incoming></forwarding>",
        20000,
    ),
    "deny": (
        f"{NAT}{LAN}</ip><forwarding><outgoing>",
        lambda n: f"<deny port='{n + 1}'/><allow port='{n + 1}-65535' protocol='tcp'/>",
        "</outgoing></forwarding>",
    ),
    "deny to a destination": (
        f"{NAT}{LAN}</ip><forwarding><outgoing>",
        lambda n: f"<deny destination='{ip4(n, 0x0B000000)}'/>",
        "</outgoing></forwarding>",
    ),
    "deny of a guest": (
        f"{NAT}{LAN}</ip><forwarding><outgoing>",
        lambda n: f"<deny domain='g{n}' port='25'/>",
        "</outgoing></forwarding>",
    ),
    "listen": ("", lambda n: f"<listen address='{ip4(n)}' port='1'/>", ""),
    "listen of another port": ("", lambda n: f"<listen address='192.0.2.1' port='{n + 1}'/>", "", 20000),
    "peer of a listen": ("<listen port='7443'>", lambda n: f"<peer name='p{n}.example'/>", "</listen>"),
    "connection": ("<connections>", lambda n: f"<connection address='{ip4(n)}' port='1'/>", "</connections>"),
    "connections": ("", lambda n: f"<connections><connection address='{ip4(n)}' port='1'/></connections>", ""),
    "option": (
        "<o:options xmlns:o='http://libvirt.org/schemas/network/dnsmasq/1.0'>",
        lambda n: f"<o:option value='cname={n}'/>",
        "</o:options>",
    ),
    "metadata": ("", lambda n: f"<metadata><a:b xmlns:a='urn:{n}'/></metadata>", ""),
    "child of metadata": ("<metadata>", lambda n: f"<a:b xmlns:a='urn:{n}'/>", "</metadata>"),
    "element of a program": ("<metadata><a:b xmlns:a='urn:x'>", lambda n: f"<c d='{n}'/>", "</a:b></metadata>"),
    "name": ("", lambda n: "<name>x</name>", ""),
    "bandwidth": ("", lambda n: "<bandwidth><inbound average='1'/></bandwidth>", ""),
    "outbound": ("<bandwidth>", lambda n: "<outbound average='1'/>", "</bandwidth>"),
}


def document(kind, count):
    """A document with so many of a kind."""
    before, one, after = KINDS[kind][:3]
    return f"<network><name>x</name>{before}{''.join(map(one, range(count)))}{after}</network>"


def most(kind):
    """How many of a kind go into one document, or make sense."""
    before, one, after, *limit = KINDS[kind]
    count = limit[0] if limit else SIZE_MAX
    room = SIZE_MAX - len(f"<network><name>x</name>{before}{after}</network>")
    for number in range(count):
        room -= len(one(number))
        if room < 0:
            return number
    return count
