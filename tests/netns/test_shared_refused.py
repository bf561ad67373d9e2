"""What network-vnet refuses, in a sentence and with nothing changed: what would cut the host off, at once or later."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import GATEWAY, OURS, add_second_nic, call, connect, master
from tests.lab.machine import PYTHON

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ run/vnethook"]


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router)
        yield host


def _refused(host: Host, *words: str) -> tuple[int, str]:
    """The status and first line of a start that must change nothing."""
    before = host.snapshot()
    status, said = call(host, "start", *words)
    assert before.changes_to(host.snapshot(), ignoring=KEPT) == []
    return status, said.partition("\n")[0].removeprefix("network-vnet: ")


def test_a_nic_that_is_a_port_already_is_refused(host: Host) -> None:
    host.make_tap("tap0")
    for words in ("link add br0 type bridge", "link set tap0 up master br0"):
        host.run(["ip", *words.split()])
    expected = "interface 'tap0': share: is a port of 'br0' already"
    assert _refused(host, "netdev=tap0") == (4, expected)
    assert _refused(host, "netdev=tap0", "bridge=xenbr0") == (4, expected)


def test_a_bridge_that_somebody_made_of_the_nic_is_left_as_it_is(host: Host) -> None:
    for words in (
        *("link add br0 type bridge", "link set br0 up", "link set eth0 master br0"),
        *(f"address add {OURS}/24 dev br0", f"route replace default via {GATEWAY} dev br0"),
    ):
        host.run(["ip", *words.split()])
    before = host.snapshot()
    for words in ((), ("bridge=br0",), ("netdev=eth0", "bridge=br0"), ("netdev=br0",)):
        assert call(host, "start", *words) == (0, "")
        assert call(host, "stop", *words) == (0, "")
    assert before.changes_to(host.snapshot(), ignoring=KEPT) == []
    assert _refused(host, "bridge=xenbr0") == (4, "interface 'br0': share: is a bridge itself")


def test_names_that_are_taken_or_not_there_are_refused(host: Host) -> None:
    host.run(["ip", "link", "add", "xenbr0", "type", "bridge"])
    assert _refused(host, "bridge=xenbr0") == (
        *(4, "bridge 'xenbr0': an interface of that name exists and does not have 'eth0' as a port"),
    )
    assert _refused(host, "netdev=eth7") == (5, "interface 'eth7': share: no such network interface")
    assert call(host, "start") == (0, "")
    expected = "interface 'eth0': share by bridge 'lan': it is shared by bridge 'ebreth0' already"
    assert _refused(host, "netdev=eth0", "bridge=lan") == (4, expected)
    host.run(["ip", "route", "delete", "default"])
    host.run(["ip", "-6", "route", "delete", "default"])
    assert _refused(host)[1] == "default route: there is none to tell which interface to share"


@pytest.mark.parametrize("arguments", [["eth0"], ["-pf", "/run/x", "eth0"], []], ids=str)
def test_a_nic_that_a_dhcp_client_looks_after_is_refused(host: Host, arguments: list[str]) -> None:
    """It would put the address back at the next renewal. Only its name and its arguments say what it is, not its program."""
    program = 'exec -a /sbin/dhclient "$@"'
    words = ["bash", "-c", program, "-", PYTHON, "-ISc", "input()", *arguments]
    with host.popen(words, stdin=subprocess.PIPE) as client:
        wait_for(lambda: any("dhclient" in line for line in host.processes() if "bash" not in line), "the client")
        status, said = call(host, "start")
        client.kill()
    assert status == 4
    assert said.startswith("network-vnet: interface 'eth0': share: dhclient (process ")
    assert "), which is of no kind that is known here, gives it addresses, and would put them back on it\n" in said
    assert master(host, "eth0") == ""
    assert call(host, "start") == (0, "")


def test_a_dhcp_client_of_another_nic_is_no_reason(host: Host, router: Machine) -> None:
    add_second_nic(host, router)
    words = ["bash", "-c", 'exec -a dhclient "$@"', "-", PYTHON, "-ISc", "input()", "eth1"]
    with host.popen(words, stdin=subprocess.PIPE) as client:
        wait_for(lambda: any("dhclient" in line for line in host.processes() if "bash" not in line), "the client")
        assert call(host, "start", "netdev=eth0") == (0, "")
        assert call(host, "start", "netdev=eth1")[0] == 4
        client.kill()


_CLOSED = "add table inet f; add chain inet f c {{ type filter hook input priority 0; policy drop; }}; "
FILTERS = {
    "nftables": (
        "nft",
        _CLOSED + 'add rule inet f c iifname {{ "lo", "{}" }} accept',
        "nftables' table inet f",
    ),
    "a set": (
        "nft",
        "add table ip f; add set ip f s {{ type ifname; elements = {{ {} }}; }}",
        "nftables' table ip f",
    ),
    "iptables": ("iptables", "-A INPUT -i {} -j ACCEPT", "nftables' table ip filter"),
    "old tables": ("iptables-legacy", "-A INPUT -i {} -j ACCEPT", "iptables' table filter"),
}


@pytest.mark.parametrize("kind", FILTERS)
def test_a_filter_that_would_not_know_the_bridge_is_told_first(host: Host, router: Machine, kind: str) -> None:
    """A host that drops what comes from no known NIC would answer no connection any more."""
    program, rules, table = FILTERS[kind]

    def put(link: str) -> None:
        words = [rules.format(link)] if program == "nft" else rules.format(link).split()
        host.run([program, *words])

    put("eth0")
    expected = f"interface 'eth0': share: {table} would not know its bridge 'ebreth0'"
    assert _refused(host) == (4, expected)
    put("ebreth0")
    assert call(host, "start") == (0, "")
    assert router.run(["ping", "-c1", "-W5", OURS], check=False).returncode == 0


@pytest.mark.parametrize("pattern", ["eth1", "e*", "ethx*"])
def test_a_filter_about_others_or_both_is_no_reason(host: Host, pattern: str) -> None:
    host.run(["nft", f'add table inet f; add chain inet f c; add rule inet f c iifname "{pattern}" accept'])
    assert call(host, "start") == (0, "")


def test_an_address_that_a_client_has_to_renew_is_refused(host: Host) -> None:
    host.run(["ip", "address", "change", f"{OURS}/24", "dev", "eth0", "valid_lft", "600", "preferred_lft", "600"])
    status, said = _refused(host)
    assert status == 4
    assert said.startswith(f"interface 'eth0': share: address {OURS}/24 ends in ")


def test_a_route_over_several_links_is_refused(host: Host, router: Machine) -> None:
    add_second_nic(host, router)
    hops = ["nexthop", "via", GATEWAY, "nexthop", "via", "198.51.100.1"]
    host.run(["ip", "route", "add", "203.0.113.0/24", *hops])
    status, said = _refused(host, "netdev=eth0")
    assert (status, said) == (
        *(4, "interface 'eth0': share: is one of several links of a route (nexthop), which cannot be moved"),
    )


def test_a_rule_by_the_nics_index_does_not_go_by_the_name(host: Host) -> None:
    host.run(["nft", "add table inet f; add chain inet f c; add rule inet f c iif eth0 accept"])
    hook = "{ type filter hook ingress device eth0 priority 0; }"
    host.run(["nft", f"add table netdev n; add chain netdev n c {hook}"])
    words = ["share", "eth0", "--layout", "proposal", "--dry-run"]
    risk = "nftables' table inet f would go on to mean 'peth0'"
    assert host.vnet(*words, check=False).stderr == (
        f"error: interface 'eth0': share: {risk}\n  say iifname, oifname in place of iif\n"
    )
    assert host.vnet(*words, "--force").stderr == (
        "warning: interface 'eth0': chains of nftables' table netdev n are at what has its name, since Linux 6.16\n"
        f"warning: interface 'eth0': {risk}\n"
    )


def test_a_name_for_the_nic_that_is_taken_or_too_long_is_refused(host: Host) -> None:
    """What the bridge takes the name of has to be called something else."""
    host.make_tap("peth0")
    words = ["share", "eth0", "--layout", "proposal"]
    assert host.vnet(*words, check=False).stderr == (
        "error: interface 'eth0': share: an interface has the name 'peth0', which it would get\n  use --layout bridge\n"
    )
    host.run(["ip", "link", "add", "enx525400aabb01", "up", "type", "veth", "peer", "name", "far"])
    assert host.vnet("share", "enx525400aabb01", *words[2:], check=False).stderr == (
        "error: interface 'enx525400aabb01': share: its name with 'p' before it is longer than 15 characters\n"
        "  use --layout bridge\n"
    )


def test_a_nic_whose_packets_are_another_links_is_refused(host: Host) -> None:
    made = host.run(["ip", "link", "add", "mv0", "link", "eth0", "type", "macvlan"], check=False)
    if "Unknown device type" in made.stderr:
        pytest.skip("this kernel makes no macvlan")
    assert _refused(host) == (4, "interface 'eth0': share: mv0 has all its packets")
