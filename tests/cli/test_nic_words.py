"""What is asked of a NIC in words: rates, names, MACs; what is none is refused before anything is looked at."""

import pytest

from vnethook.mac import canonical_mac, is_multicast_mac

REFUSED = [
    ([], "nic-set: nothing to change"),
    (["--inbound", "fast"], "argument --inbound: 'fast': must be AVERAGE[,PEAK[,BURST[,FLOOR]]]"),
    (["--inbound", "1,2,3,4,5"], "argument --inbound: '1,2,3,4,5': must be AVERAGE[,PEAK[,BURST[,FLOOR]]]"),
    (["--outbound", "1,2,3,4"], "argument --outbound: '1,2,3,4': must be AVERAGE[,PEAK[,BURST]]"),
    (["--outbound", "-1"], "argument --outbound: '-1': must be AVERAGE[,PEAK[,BURST]]"),
    (["--outbound", "\u0661"], "argument --outbound: '\\u0661': must be AVERAGE[,PEAK[,BURST]]"),
    (["--hostname", "a.b"], "argument --hostname: 'a.b': must be one label of letters, digits and -"),
    (["--hostname", "a\nb"], "argument --hostname: 'a\\nb': must be one label of letters, digits and -"),
    (["--guest", "a\nb"], "guest 'a\\nb': holds what cannot be shown"),
    (["--mac", "01:00:5e:00:00:01"], "argument --mac: 01:00:5e:00:00:01: is a multicast address"),
    (
        ["--mac", "1:2"],
        "argument --mac: MAC address '1:2': must be six pairs of hexadecimal digits, as in 52:54:00:12:34:56",
    ),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_a_change_in_impossible_words_is_refused(vnet, words, said) -> None:
    done = vnet("nic-set", "tap0", *words)
    assert (done.status, done.out, done.err.splitlines()[0]) == (1, "", f"error: {said}")


def test_a_nic_that_is_attached_nowhere_cannot_be_changed(vnet) -> None:
    done = vnet("nic-set", "tap0", "--isolated", "yes")
    assert (done.status, done.err.splitlines()[0]) == (4, "error: interface 'tap0': is attached to no network")


def test_a_random_mac_is_one_of_a_nic_and_another_each_time(vnet) -> None:
    first, second = (vnet("nic-mac").out.strip() for _ in range(2))
    assert first != second
    for mac in (first, second):
        assert canonical_mac(mac) == mac
        assert not is_multicast_mac(mac)


def test_ports_of_a_network_that_is_down_are_said_not_to_be(vnet) -> None:
    vnet("net-define", "-", stdin="<network><name>lab</name></network>")
    done = vnet("net-port-list", "lab")
    assert (done.status, done.err.splitlines()[0]) == (4, "error: network 'lab': list ports: network is not active")
    unknown = vnet("net-port-dumpxml", "lab", "nonsense")
    assert (unknown.status, unknown.err.splitlines()[0]) == (3, "error: network 'lab': port 'nonsense': no such port")
    both = vnet("net-port-list", "lab", "--uuid", "--table")
    assert (both.status, both.err.splitlines()[0]) == (
        1,
        "error: net-port-list: only one of --table and --uuid can be asked for",
    )


def test_a_port_that_is_not_in_order_is_refused_with_its_file_and_line(vnet) -> None:
    vnet("net-define", "-", stdin="<network><name>lab</name></network>")
    done = vnet("net-port-create", "lab", "-", stdin="<networkport>\n<mac/></networkport>")
    assert (done.status, done.err) == (2, "error: <stdin>:2: element 'mac' lacks address=\n")
