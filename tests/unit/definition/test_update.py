"""net-update's changes of a definition: what is matched, what is changed, what is refused and in which words."""

import pytest

from vnethook.definition import xml
from vnethook.definition.update import ADD_FIRST, ADD_LAST, DELETE, MODIFY, Change, updated
from vnethook.errors import DefinitionError, StateError, UnsupportedOperationError, UsageError

LAB = xml.parse(
    """
<network>
  <name>lab</name>
  <forward mode='nat'/>
  <dns>
    <txt name='a' value='1'/>
    <srv service='sip' protocol='udp' target='x.example' port='1'/>
    <srv service='sip' protocol='tcp'/>
    <host ip='192.0.2.5'><hostname>one</hostname><hostname>both</hostname></host>
    <host ip='192.0.2.6'><hostname>two</hostname><hostname>both</hostname></host>
  </dns>
  <ip address='198.51.100.1' prefix='24'/>
  <ip address='192.0.2.1' prefix='24'>
    <dhcp>
      <range start='192.0.2.100' end='192.0.2.199'/>
      <host mac='52:54:00:00:00:01' name='db' ip='192.0.2.10'/>
      <host mac='52:54:00:00:00:02' ip='192.0.2.11'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='2001:db8::1' prefix='64'/>
  <portgroup name='slow'/>
  <portgroup name='fast' default='yes'/>
</network>""",
    source="lab",
).network


def changed(command, section, text, network=LAB, index=-1):
    change = Change(command, section, index)
    return updated(network, change, xml.parse_part(text, change.path, source="t"))


def refusal(kind, *arguments, **more):
    with pytest.raises(kind) as caught:
        changed(*arguments, **more)
    return caught.value.message


def difference(before, after):
    """The lines that a dump lost and gained."""
    old, new = xml.dump(before).splitlines(), xml.dump(after).splitlines()
    return (
        [line.strip() for line in old if old.count(line) > new.count(line)],
        [line.strip() for line in new if new.count(line) > old.count(line)],
    )


DB = "<host mac='52:54:00:00:00:01' name='db' ip='192.0.2.10'/>"
NEW = "<host mac='52:54:00:00:00:03' name='new' ip='192.0.2.12'/>"
CHANGES = [
    (ADD_LAST, "ip-dhcp-host", NEW.replace("03'", "0C'"), [], [NEW.replace("03'", "0c'")]),
    (MODIFY, "ip-dhcp-host", "<host mac='52:54:00:00:00:01' ip='192.0.2.13'/>", [DB], ["<host mac='52:54:00:00:00:01' ip='192.0.2.13'/>"]),
    (MODIFY, "ip-dhcp-host", "<host mac='52:54:00:00:00:09' name='db' ip='192.0.2.10'/>", [DB], ["<host mac='52:54:00:00:00:09' name='db' ip='192.0.2.10'/>"]),
    (DELETE, "ip-dhcp-host", "<host mac='52-54-00-00-00-01'/>", [DB], []),
    (DELETE, "ip-dhcp-host", "<host name='db' ip='192.0.2.10'/>", [DB], []),
    (ADD_LAST, "ip-dhcp-range", "<range start='192.0.2.200' end='192.0.2.210'/>", [], ["<range start='192.0.2.200' end='192.0.2.210'/>"]),
    (DELETE, "ip-dhcp-range", "<range start='192.0.2.100' end='192.0.2.199'/>", ["<range start='192.0.2.100' end='192.0.2.199'/>"], []),
    (ADD_LAST, "dns-txt", "<txt name='b' value='2'/>", [], ["<txt name='b' value='2'/>"]),
    (DELETE, "dns-txt", "<txt name='a'/>", ["<txt name='a' value='1'/>"], []),
    (DELETE, "dns-srv", "<srv protocol='tcp'/>", ["<srv service='sip' protocol='tcp'/>"], []),
    (DELETE, "dns-srv", "<srv service='sip' target='x.example'/>", ["<srv service='sip' protocol='udp' target='x.example' port='1'/>"], []),
    (ADD_LAST, "dns-srv", "<srv service='ldap' protocol='tcp'/>", [], ["<srv service='ldap' protocol='tcp'/>"]),
    (ADD_LAST, "portgroup", "<portgroup name='new'/>", [], ["<portgroup name='new'/>"]),
    (MODIFY, "portgroup", "<portgroup name='fast'/>", ["<portgroup name='fast' default='yes'/>"], ["<portgroup name='fast'/>"]),
    (MODIFY, "portgroup", "<portgroup name='fast' default='no' trustGuestRxFilters='no'/>", ["<portgroup name='fast' default='yes'/>"], ["<portgroup name='fast' trustGuestRxFilters='no'/>"]),
    (DELETE, "portgroup", "<portgroup name='slow'/>", ["<portgroup name='slow'/>"], []),
]  # fmt: skip


@pytest.mark.parametrize(("command", "section", "text", "lost", "gained"), CHANGES)
def test_a_change_changes_what_it_says_and_nothing_else(command, section, text, lost, gained):
    assert difference(LAB, changed(command, section, text)) == (lost, gained)


def test_what_is_added_first_stands_first():
    assert changed(ADD_FIRST, "ip-dhcp-host", NEW).ips[1].hosts[0].name == "new"
    assert changed(ADD_LAST, "ip-dhcp-host", NEW).ips[1].hosts[-1].name == "new"


def test_a_dns_host_is_deleted_by_address_or_by_a_name_that_only_it_has():
    assert [host.ip for host in changed(DELETE, "dns-host", "<host ip='192.0.2.5'/>").dns.hosts] == ["192.0.2.6"]
    by_name = changed(DELETE, "dns-host", "<host><hostname>two</hostname></host>")
    assert [host.ip for host in by_name.dns.hosts] == ["192.0.2.5"]


def test_a_dns_host_is_added_with_all_its_names():
    added = changed(ADD_LAST, "dns-host", "<host ip='192.0.2.7'><hostname>x</hostname><hostname>one</hostname></host>")
    assert (added.dns.hosts[-1].ip, added.dns.hosts[-1].names) == ("192.0.2.7", ("x", "one"))


def test_the_uplink_is_added_and_deleted():
    confined = changed(ADD_LAST, "forward-interface", "<interface dev='eth0'/>")
    assert confined.uplinks == ("eth0",)
    assert changed(DELETE, "forward-interface", "<interface dev='eth0'/>", network=confined) == LAB


def test_the_parent_is_the_address_with_dhcp_then_ipv4_then_ipv6_or_the_one_of_the_index():
    without = LAB.replace(ips=tuple(ip.replace(ranges=(), hosts=()) for ip in LAB.ips))
    host = "<host mac='52:54:00:00:00:09' ip='198.51.100.9'/>"
    assert changed(ADD_LAST, "ip-dhcp-host", host, network=without).ips[0].hosts[0].ip == "198.51.100.9"
    six = without.replace(ips=without.ips[2:])
    assert changed(ADD_LAST, "ip-dhcp-host", "<host name='six' ip='2001:db8::9'/>", network=six).ips[0].hosts
    assert changed(ADD_LAST, "ip-dhcp-host", "<host name='six' ip='2001:db8::9'/>", index=2).ips[2].hosts


REFUSALS = [
    ((ADD_LAST, "ip-dhcp-host", "<host mac='52:54:00:00:00:09' name='db' ip='192.0.2.14'/>"), "there is a DHCP host with one of <host mac='52:54:00:00:00:09' name='db' ip='192.0.2.14'/> already"),
    ((MODIFY, "ip-dhcp-host", NEW), "no DHCP host has one of <host mac='52:54:00:00:00:03' name='new' ip='192.0.2.12'/>"),
    ((DELETE, "ip-dhcp-host", "<host name='db' ip='192.0.2.11'/>"), "nothing matches <host name='db' ip='192.0.2.11'/>"),
    ((ADD_LAST, "ip-dhcp-range", "<range start='192.0.2.100' end='192.0.2.199'/>"), "there is <range start='192.0.2.100' end='192.0.2.199'/> already"),
    ((DELETE, "ip-dhcp-range", "<range start='192.0.2.100' end='192.0.2.198'/>"), "nothing matches <range start='192.0.2.100' end='192.0.2.198'/>"),
    ((ADD_LAST, "dns-host", "<host ip='192.0.2.5'><hostname>x</hostname></host>"), "there is a DNS host with ip 192.0.2.5 already"),
    ((DELETE, "dns-host", "<host><hostname>both</hostname></host>"), "2 match <host><hostname>both</hostname></host>"),
    ((DELETE, "dns-srv", "<srv service='sip'/>"), "2 match <srv service='sip'/>"),
    ((ADD_LAST, "dns-txt", "<txt name='a' value='x'/>"), "there is a DNS txt 'a' already"),
    ((ADD_LAST, "portgroup", "<portgroup name='slow'/>"), "there is a portgroup 'slow' already"),
    ((MODIFY, "portgroup", "<portgroup name='none'/>"), "there is no portgroup 'none'"),
    ((ADD_LAST, "portgroup", "<portgroup name='new' default='yes'/>"), "another portgroup is the default already"),
    ((DELETE, "forward-interface", "<interface dev='eth0'/>"), "nothing matches <interface dev='eth0'/>"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "why"), REFUSALS)
def test_what_matches_nothing_or_too_much_is_refused_by_name(arguments, why):
    assert refusal(StateError, *arguments) == f"network 'lab': update: {why}"


def test_an_index_without_an_address_is_refused():
    assert refusal(StateError, ADD_LAST, "ip-dhcp-host", NEW, index=3) == (
        "network 'lab': update: there is no <ip> with index 3"
    )


INVALID = [
    ((ADD_LAST, "ip-dhcp-host", "<host mac='52:54:00:00:00:09' ip='203.0.113.1'/>"), "t:1: DHCP host 52:54:00:00:00:09: 203.0.113.1 is not in 192.0.2.0/24"),
    ((ADD_LAST, "ip-dhcp-host", "<range/>"), "t:1: the outermost element is 'range': must be 'host'"),
    ((ADD_LAST, "ip-dhcp-host", "<host nonsense='1'/>"), "t:1: network/ip/dhcp/host: unknown attribute 'nonsense'"),
    ((ADD_LAST, "ip-dhcp-host", "<host"), "t:1: column 1: unclosed token"),
    ((ADD_LAST, "forward-interface", "<interface dev='a b'/>"), "t:1: forward dev 'a b': not a name for a network interface"),
    ((DELETE, "ip-dhcp-host", "<host mac='x'/>"), "t:1: MAC address 'x': must be six pairs of hexadecimal digits, as in 52:54:00:12:34:56"),
    ((ADD_LAST, "ip-dhcp-range", "<range start='2001:db8::2' end='2001:db8::9'/>"), "t:1: DHCP range 2001:db8::2 to 2001:db8::9: 2001:db8::2 is not in 192.0.2.0/24"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "message"), INVALID)
def test_what_the_network_must_not_be_is_refused_with_the_line(arguments, message):
    assert refusal(DefinitionError, *arguments) == message


def test_dhcp_on_a_second_address_of_a_family_is_refused():
    text = "<range start='198.51.100.2' end='198.51.100.9'/>"
    assert refusal(DefinitionError, ADD_LAST, "ip-dhcp-range", text, index=0) == (
        "t:1: ip: DHCP on two IPv4 addresses of one network"
    )


@pytest.mark.parametrize("section", ["bridge", "domain", "ip", "forward", "forward-pf"])
def test_what_is_no_part_by_itself_is_not_changed_by_itself(section):
    with pytest.raises(UnsupportedOperationError) as caught:
        Change(ADD_LAST, section)
    assert caught.value.message == f"section {section!r}: add-last: cannot be changed by itself"
    assert caught.value.libvirt_code == 84


@pytest.mark.parametrize("section", ["ip-dhcp-range", "forward-interface", "dns-host", "dns-txt", "dns-srv"])
def test_only_hosts_and_portgroups_are_modified(section):
    with pytest.raises(UnsupportedOperationError):
        Change(MODIFY, section)


@pytest.mark.parametrize(("command", "section"), [("change", "dns-txt"), (DELETE, "dns"), ("none", "dns-txt")])
def test_unknown_words_are_refused(command, section):
    with pytest.raises(UsageError):
        Change(command, section)
