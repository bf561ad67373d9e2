"""network-vnet as xend and a boot script call it: what is shared, what is refused, what is left alone."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, Machine, wait_for
from tests.lab.lan import (
    GATEWAY,
    GATEWAY6,
    OURS,
    SCRIPT,
    add_second_nic,
    answers,
    call,
    connect,
    has_settled,
    layer3,
    master,
)
from tests.lab.library import on
from vnethook.live import shared_interface

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ run/vnethook"]
LAB = "<network><name>lab</name><ip address='10.79.0.1' netmask='255.255.255.0'/></network>"


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router)
        yield host


def _mtu(host: Host, link: str) -> int:
    [found] = host.json(["ip", "-json", "link", "show", "dev", link])
    return found["mtu"]  # type: ignore[no-any-return]


def test_a_wrapper_shares_two_nics_by_number(host: Host, router: Machine) -> None:
    """The usual script of Xen's users: "$@" and what differs."""
    add_second_nic(host, router)
    wrapper = host.directory / "my-network"
    lines = [f'{SCRIPT} "$@" vifnum={n} netdev=eth{n} bridge=xenbr{n} || exit 1' for n in (0, 1)]
    wrapper.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    wrapper.chmod(0o755)
    before = layer3(host)
    for _ in range(2):
        host.run([wrapper, "start"])
        assert (master(host, "eth0"), master(host, "eth1")) == ("xenbr0", "xenbr1")
        assert answers(host, GATEWAY)
        assert answers(host, "198.51.100.1")
    assert [line.partition(",")[0] for line in host.run([wrapper, "status"]).stdout.splitlines()] == [
        "eth0: shared by bridge xenbr0",
        "eth1: shared by bridge xenbr1",
    ]
    for _ in range(2):
        host.run([wrapper, "stop"])
        assert layer3(host) == before


@pytest.mark.parametrize(
    ("words", "bridge"),
    [
        ((), "ebreth0"),
        (("vifnum=0",), "xenbr0"),
        (("vifnum=7",), "xenbr7"),
        (("bridge=lan",), "lan"),
        (("netdev=eth0", "bridge=eth0"), "ebreth0"),
    ],
    ids=str,
)
def test_the_nic_is_the_default_routes_and_the_bridge_named_by_one_rule(
    host: Host, words: tuple[str, ...], bridge: str
) -> None:
    before = layer3(host)
    assert call(host, *words, "start") == (0, "")
    assert master(host, "eth0") == bridge
    assert call(host, *words, "start") == (0, "")
    assert call(host, "status", *words)[1].startswith(f"eth0: shared by bridge {bridge}, addresses {OURS}/24 ")
    assert call(host, "stop", *words) == (0, "")
    assert layer3(host) == before


def test_the_ipv6_default_route_tells_the_nic_where_there_is_no_other(host: Host) -> None:
    host.run(["ip", "route", "delete", "default"])
    assert call(host, "start") == (0, "")
    assert master(host, "eth0") == "ebreth0"
    assert answers(host, GATEWAY6)


def test_the_null_bridge_does_nothing(host: Host) -> None:
    before = host.snapshot()
    for action in ("start", "stop", "status"):
        assert call(host, action, "bridge=null") == (0, "")
    assert before.changes_to(host.snapshot()) == []


def test_usage_is_told_on_stderr_with_status_1(host: Host) -> None:
    done = host.run([SCRIPT], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "network-vnet: 0 actions given, one is needed\n"
        "  usage: network-vnet start|stop|status [netdev=NIC] [bridge=BRIDGE] [vifnum=NUMBER] [antispoof=yes|no]\n"
    )


def test_what_is_shared_is_found_by_either_name_until_it_is_given_back(host: Host) -> None:
    def found(name: str) -> tuple[str, str, bool] | None:
        shared = on(host, lambda here: shared_interface.named(here.paths, name))
        return (shared.bridge, shared.nic, shared.antispoof) if shared else None

    assert found("eth0") is None
    assert call(host, "start", "antispoof=yes") == (0, "")
    assert found("eth0") == found("ebreth0") == ("ebreth0", "eth0", True)
    assert call(host, "start") == (0, "")
    assert found("eth0") == ("ebreth0", "eth0", True)
    assert call(host, "status")[1].rstrip("\n").endswith(", antispoof, no guests")
    assert call(host, "start", "antispoof=no") == (0, "")
    assert found("eth0") == ("ebreth0", "eth0", False)
    assert found("eth1") is found("../ebreth0") is None
    assert call(host, "stop") == (0, "")
    assert found("eth0") is None


def test_a_nic_with_a_dot_in_its_name_is_shared_as_any(host: Host) -> None:
    for words in ("link set eth0 down", "link set eth0 name eth0.42", "link set eth0.42 up"):
        host.run(["ip", *words.split()])
    host.run(["ip", "route", "add", "default", "via", GATEWAY])
    wait_for(lambda: has_settled(host, "eth0.42"), "a link-local address")
    before = layer3(host)
    assert call(host, "start") == (0, "")
    assert master(host, "eth0.42") == "ebreth0.42"
    assert answers(host, GATEWAY)
    assert call(host, "stop") == (0, "")
    assert layer3(host) == before


def test_a_vlan_of_a_nic_and_the_nic_are_shared_side_by_side(host: Host, router: Machine) -> None:
    for machine, under, address in ((router, "lan0", "203.0.113.1/24"), (host, "eth0", "203.0.113.2/24")):
        name = f"{under}.42"
        made = machine.run(["ip", "link", "add", "link", under, "name", name, "type", "vlan", "id", "42"], check=False)
        if "Unknown device type" in made.stderr:
            pytest.skip("this kernel makes no VLANs (8021q)")
        for words in (f"address add {address} dev {name}", f"link set {name} up"):
            machine.run(["ip", *words.split()])
    wait_for(lambda: has_settled(host, "eth0.42"), "a link-local address")
    before = layer3(host)
    for nic in ("eth0.42", "eth0"):
        assert call(host, "start", f"netdev={nic}") == (0, "")
        assert master(host, nic) == f"ebr{nic}"
        assert answers(host, "203.0.113.1")
        assert answers(host, GATEWAY)
    for nic in ("eth0", "eth0.42"):
        assert call(host, "stop", f"netdev={nic}") == (0, "")
    assert layer3(host) == before


def test_guests_do_not_change_the_bridges_mtu_or_mac(host: Host) -> None:
    host.run(["ip", "link", "set", "eth0", "mtu", "1400"])
    assert call(host, "start") == (0, "")
    [before] = host.json(["ip", "-json", "link", "show", "dev", "ebreth0"])
    host.make_tap("tap0")
    host.run(["ip", "link", "set", "tap0", "mtu", "1280", "address", "00:00:00:00:53:01", "master", "ebreth0", "up"])
    assert (_mtu(host, "ebreth0"), _mtu(host, "eth0")) == (1400, 1400)
    [after] = host.json(["ip", "-json", "link", "show", "dev", "ebreth0"])
    assert after["address"] == before["address"]
    assert answers(host, GATEWAY)


def test_a_stop_is_refused_while_guests_are_on_the_bridge(host: Host) -> None:
    assert call(host, "start") == (0, "")
    host.make_tap("tap0")
    host.run(["ip", "link", "set", "tap0", "master", "ebreth0"])
    assert call(host, "stop") == (
        4,
        """\
network-vnet: bridge 'ebreth0': stop: guests are on it: tap0
  stop the guests first, or take their links off: ip link set LINK nomaster
""",
    )
    assert call(host, "status")[1].rstrip("\n").endswith(", guests tap0")
    host.run(["ip", "link", "set", "tap0", "nomaster"])
    assert call(host, "stop") == (0, "")


def test_a_network_on_the_bridge_puts_guests_on_the_nics_own_network(host: Host, router: Machine) -> None:
    assert call(host, "start") == (0, "")
    host.define("<network><name>lan</name><forward mode='bridge'/><bridge name='ebreth0'/></network>")
    with Client(host, "guest", port="vnet1") as guest:
        host.vnet("attach", "vnet1", "--network", "lan")
        guest.run(["ip", "address", "add", "192.0.2.30/24", "dev", "eth0"])
        assert guest.run(["ping", "-c1", "-W5", GATEWAY], check=False).returncode == 0
        assert guest.run(["ping", "-c1", "-W5", OURS], check=False).returncode == 0
        assert router.run(["ping", "-c1", "-W5", "192.0.2.30"], check=False).returncode == 0
        assert call(host, "stop")[0] == 4


def test_what_the_bridge_was_given_since_goes_to_the_nic(host: Host) -> None:
    before = layer3(host)
    added = ("address add 10.5.0.1/24 dev ebreth0", "-6 address add 2001:db8:5::1/64 dev ebreth0 nodad")
    routes = ("route add 203.0.113.0/24 via 10.5.0.9", "-6 route add 2001:db8:6::/48 via 2001:db8:5::9")
    assert call(host, "start") == (0, "")
    for words in (*added, *routes):
        host.run(["ip", *words.split()])
    assert call(host, "stop") == (0, "")
    assert [master(host, "eth0"), answers(host, GATEWAY)] == ["", True]
    after = layer3(host)
    assert [line for line in before if line not in after] == []
    new = " ".join(line for line in after if line not in before)
    for word in ("10.5.0.1", "2001:db8:5::1", "203.0.113.0/24", "2001:db8:6::/48", "10.5.0.0/24"):
        assert f'"{word}"' in new


def test_what_leads_nowhere_any_more_does_not_keep_a_stop_from_the_rest(host: Host) -> None:
    """The kernel takes no route by a gateway that no address is beside, though it keeps one that is there."""
    for words in ("address add 2001:db8:5::1/64 dev eth0 nodad", "route add 2001:db8:6::/48 via 2001:db8:5::9"):
        host.run(["ip", "-6", *words.split()])
    before = layer3(host)
    assert call(host, "start") == (0, "")
    host.run(["ip", "-6", "address", "delete", "2001:db8:5::1/64", "dev", "ebreth0"])
    host.run(["ip", "-6", "address", "add", "2001:db8:7::1/64", "dev", "ebreth0", "nodad"])
    host.run(["ip", "-6", "route", "add", "2001:db8:8::/48", "via", "2001:db8:7::9"])
    host.run(["ip", "-6", "address", "delete", "2001:db8:7::1/64", "dev", "ebreth0"])
    assert call(host, "stop") == (0, "")
    assert layer3(host) == before
    assert answers(host, GATEWAY)


@pytest.mark.parametrize("action", ["start", "stop"])
def test_a_damaged_or_lost_record_is_made_up_for_by_the_journal(host: Host, action: str) -> None:
    before = layer3(host)
    assert call(host, "start") == (0, "")
    whole = layer3(host)
    record = host.root / "run/vnethook/interfaces-shared/ebreth0.json"
    for harm in (record.unlink, lambda: record.write_text('{"bridge": "ebr')):
        harm()
        assert call(host, action, "netdev=eth0") == (0, "")
        assert layer3(host) == (whole if action == "start" else before)
        assert call(host, "start") == (0, "")


@pytest.mark.parametrize("harm", ["link delete ebreth0", "link set eth0 nomaster"])
def test_what_others_undo_is_shared_anew_by_the_next_start(host: Host, harm: str) -> None:
    before = layer3(host)
    assert call(host, "start", "antispoof=yes") == (0, "")
    whole = layer3(host)
    for finish in ("start", "stop"):
        host.run(["ip", *harm.split()])
        assert call(host, "status")[1] == "eth0: not on bridge ebreth0 any more; the next start shares it anew\n"
        assert call(host, finish, "netdev=eth0") == (0, "")
        assert layer3(host) == (whole if finish == "start" else before)
        assert answers(host, GATEWAY)


def test_networks_that_are_marked_come_up_with_the_start_also_where_it_is_refused(host: Host) -> None:
    host.define(LAB)
    host.define(LAB.replace("lab", "other").replace("10.79", "10.80"))
    host.vnet("net-autostart", "lab")
    assert call(host, "start", "netdev=eth7")[0] == 5
    active = [row["name"] for row in host.vnet_json("net-list")]
    assert active == ["lab"]
    host.vnet("net-destroy", "lab")
    assert call(host, "start") == (0, "")
    assert [row["name"] for row in host.vnet_json("net-list")] == ["lab"]
    assert call(host, "stop") == (0, "")
    assert [row["name"] for row in host.vnet_json("net-list")] == ["lab"]


def test_of_two_starts_at_once_one_shares_and_the_other_finds_it_done(host: Host) -> None:
    starts = [host.popen([SCRIPT, "start"], stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [start.communicate()[1] for start in starts] == [""] * 4
    assert [start.returncode for start in starts] == [0] * 4
    assert master(host, "eth0") == "ebreth0"
