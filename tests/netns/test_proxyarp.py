"""Guests among the hosts of a physical network that is not bridged: whoever has a Wi-Fi NIC sends by one MAC only."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from tests.lab import Client, Host, Machine, lan
from tests.lab.host import VNET
from tests.lab.library import on
from tests.lab.machine import PYTHON, wait_for
from vnethook.errors import HostError, StateError
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, definitions, planning
from vnethook.live import guard, nics, proxied
from vnethook.plan.proxied import AnswerForGuests
from vnethook.plan.step import Step

pytestmark = pytest.mark.netns
ALICE, BOB, CAROL = "52:54:00:00:91:01", "52:54:00:00:91:02", "52:54:00:00:91:03"
BRIDGE, BRIDGE6, FIXED, FIXED6 = "192.0.2.61", "2001:db8::61", "192.0.2.75", "2001:db8::75"
INTERNET, INTERNET6 = "203.0.113.80", "2001:db8:ffff::80"
NETWORK = f"""
<network><name>eth0</name><forward mode='route' dev='eth0' proxyarp='yes'/><domain name='lan.test'/>
  <ip address='{BRIDGE}' prefix='24'>
    <dhcp><range start='192.0.2.62' end='192.0.2.69'/><host mac='{CAROL}' name='carol' ip='{FIXED}'/></dhcp></ip>
  <ip family='ipv6' address='{BRIDGE6}' prefix='64'>
    <dhcp><range start='2001:db8::62' end='2001:db8::69'/><host name='carol' ip='{FIXED6}'/></dhcp></ip>
</network>"""
SECOND = """
<network><name>eth1</name><forward mode='route' dev='eth1' proxyarp='yes'/>
  <ip address='198.51.100.61' prefix='24'><dhcp><range start='198.51.100.62' end='198.51.100.69'/></dhcp></ip>
</network>"""
VOLATILE = ["locks/", "tcp_fastopen_key", "leases/", "/pinned", "/eth0.json", r"dnsmasq\.(json|pid)"]


def _connected(host: Host, router: Machine) -> None:
    """Put the host on the air, with all in the way that a host may have."""
    lan.connect(host, router)
    [link] = host.json(["ip", "-json", "link", "show", "eth0"])
    host.run(["ip", "link", "set", "eth0", "address", "02:00:00:00:91:99"])
    lan.let_only_through(router, link["address"])
    assert host.run(["ping", "-c1", "-W1", lan.GATEWAY], check=False).returncode, "another MAC is let through"
    host.run(["ip", "link", "set", "eth0", "address", link["address"]])
    for version, address in (("-4", INTERNET), ("-6", INTERNET6)):
        router.run(["ip", version, "address", "add", address, "dev", "lo"])
    host.run(["sysctl", "-qw", "net.ipv4.conf.all.rp_filter=1"])
    for program in ("iptables", "ip6tables"):
        host.run([program, "-P", "FORWARD", "DROP"])  # as Docker has it


def _lease(client: Client, address6: str) -> str:
    """Have the addresses that DHCP gives; the IPv4 one."""
    wait_for(lambda: lan.has_settled(client, "eth0"), "a link-local address")
    found = client.lease6(f"00:03:00:01:{client.mac}")
    assert found
    assert found.ip == address6
    client.run(["ip", "address", "add", f"{found.ip}/128", "dev", "eth0", "nodad"])
    default = ["ip", "-json", "-6", "route", "show", "default"]
    wait_for(lambda: client.json(default), "a router advertisement")
    return client.lease()["ip"]


@pytest.fixture(scope="module")
def air() -> Iterator[SimpleNamespace]:
    """A host with two guests, on a network that lets its MAC alone through."""
    with Machine("router") as router, Host() as host:
        _connected(host, router)
        host.define(NETWORK)
        with (
            Client(host, "alice", port="va", mac=ALICE) as alice,
            Client(host, "carol", port="vc", mac=CAROL) as carol,
        ):
            host.vnet("attach", "va", "--network", "eth0", "--mac", ALICE, "--guest", "alice")
            host.vnet("attach", "vc", "--network", "eth0", "--mac", CAROL, "--guest", "carol")
            own, own6 = _own(host, "va")
            assert _lease(alice, own6) == own
            assert _lease(carol, FIXED6) == FIXED
            yield SimpleNamespace(
                router=router, host=host, alice=alice, carol=carol, addresses={4: own, 6: own6}, bridge="vnbr0"
            )


@pytest.mark.parametrize(
    ("who", "where"),
    [
        *(("alice", address) for address in (lan.GATEWAY, lan.OURS, BRIDGE, FIXED, INTERNET)),
        *(("alice", address) for address in (lan.GATEWAY6, lan.OURS6, BRIDGE6, FIXED6, INTERNET6)),
        *(("router", address) for address in (FIXED, FIXED6)),
        *(("host", address) for address in (FIXED, FIXED6)),
    ],
)
def test_a_guest_the_host_its_network_and_the_internet_reach_each_other(
    air: SimpleNamespace, who: str, where: str
) -> None:
    assert getattr(air, who).run(["ping", "-n", "-c1", "-W3", where], check=False).returncode == 0


def test_the_network_sees_guests_by_the_hosts_mac_only(air: SimpleNamespace) -> None:
    [link] = air.host.json(["ip", "-json", "link", "show", "eth0"])
    for address in air.addresses.values():
        assert lan.answers(air.router, address)
        [entry] = air.router.json(["ip", "-json", "neighbour", "show", address])
        assert entry["lladdr"] == link["address"]


def test_the_network_finds_open_ports_of_guests_and_guests_names(air: SimpleNamespace) -> None:
    air.carol.popen([PYTHON, "-IS", "-m", "http.server", "80"], stderr=subprocess.DEVNULL)  # ends with its machine
    wait_for(lambda: air.router.connects(FIXED, 80), "the guest's port")
    assert air.alice.resolve("carol.lan.test", server=BRIDGE) == [FIXED]


def test_the_host_answers_for_nobody_else(air: SimpleNamespace) -> None:
    for address in ("192.0.2.62", "10.0.0.9"):  # of the range and not given; by another way of the host's
        air.router.run(["ip", "route", "replace", f"{address}/32", "dev", "lan0"])
        assert air.router.run(["ping", "-n", "-c1", "-W1", address], check=False).returncode != 0
        found = air.router.json(["ip", "-json", "neighbour", "show", address])
        assert not any("lladdr" in entry for entry in found)


@pytest.mark.parametrize("address", [FIXED, "192.0.2.99"])
def test_a_guest_that_takes_another_address_is_heard_by_nobody(air: SimpleNamespace, address: str) -> None:
    for where in (lan.GATEWAY, lan.OURS):
        air.alice.run(["ip", "address", "add", f"{address}/32", "dev", "eth0"])
        words = ["ping", "-n", "-c1", "-W1", "-I", address, where]
        assert air.alice.run(words, check=False).returncode != 0
        air.alice.run(["ip", "address", "del", f"{address}/32", "dev", "eth0"])


def test_guests_take_no_addresses_of_the_network_by_themselves(air: SimpleNamespace) -> None:
    [link] = air.alice.json(["ip", "-json", "-6", "address", "show", "dev", "eth0", "scope", "global"])
    assert [one["local"] for one in link["addr_info"] if one] == [air.addresses[6]]
    routes = air.alice.json(["ip", "-json", "-6", "route", "show"])
    assert not any(route["dst"] == "2001:db8::/64" for route in routes)


@pytest.fixture
def host() -> Iterator[Host]:
    """A host on such a network, of which nobody else is there, with its definition and three taps."""
    with Host() as host:
        host.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0"])
        for name in ("eth0", "far0"):
            host.run(["ip", "link", "set", name, "up"])
        for line in filter(None, lan.PLAIN.splitlines()):
            host.run(["ip", *line.split()])
        host.define(NETWORK)
        for name in ("tap0", "tap1", "tap2"):
            host.make_tap(name)
            host.run(["sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1"])
        yield host


def _attach(
    host: Host, link: str, *, guest: str = "", mac: str = "", asked: tuple[str, ...] = (), network: str = "eth0"
) -> list[str]:
    request = NicRequest(link, network, guest=guest, mac=mac, via="vif-vnet", asked=asked)
    return on(host, lambda here: serve.attach(here.paths, request))


def _there(host: Host) -> set[str]:
    """The addresses that lead to guests, each of which has to be answered for, and none else."""
    routes = [
        route["dst"]
        for version in ("-4", "-6")
        for route in host.json(["ip", "-json", version, "route", "show", "proto", str(proxied.OURS)])
    ]
    found = [line.split()[0] for line in host.run(["ip", "neighbour", "show", "proxy"]).stdout.splitlines()]
    assert sorted(set(found) - {BRIDGE, BRIDGE6}) == sorted(routes)
    assert {BRIDGE, BRIDGE6} <= set(found)
    return set(routes)


def test_what_is_there_for_a_guest_comes_and_goes_with_its_nic(host: Host) -> None:
    _attach(host, "tap0", mac=CAROL)
    host.vnet("detach", "tap0")
    host.vnet("net-destroy", "eth0")
    before = host.snapshot()
    _attach(host, "tap0", mac=CAROL)
    _attach(host, "tap1", asked=("192.0.2.80", "2001:db8::80"), mac=ALICE)
    assert _there(host) == {FIXED, FIXED6, "192.0.2.80", "2001:db8::80"}
    host.vnet("detach", "tap1")
    assert _there(host) == {FIXED, FIXED6}
    host.vnet("net-restart", "eth0")
    assert _there(host) == {FIXED, FIXED6}
    host.vnet("net-check", "eth0")
    host.vnet("detach", "tap0")
    assert _there(host) == set()
    host.vnet("net-destroy", "eth0")
    assert before.changes_to(host.snapshot(), ignoring=[*VOLATILE, "link tap"]) == []
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout == ""


def _own(host: Host, link: str) -> tuple[str, ...]:
    return on(host, lambda here: (nics.read(here.paths, link) or nics.Nic("", "")).addresses)


def test_a_network_that_goes_down_with_guests_leaves_nothing_and_leads_to_them_when_it_is_back(host: Host) -> None:
    _attach(host, "tap1", guest="alice", mac=ALICE)
    before = _there(host)
    host.vnet("net-destroy", "eth0", "--force")
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout == ""
    host.vnet("net-start", "eth0")
    assert _there(host) == before != set()


def test_a_guest_is_refused_what_is_the_hosts_or_a_gateways_or_nothing(host: Host) -> None:
    for address, whose in ((lan.OURS, "the host's own"), (lan.GATEWAY, "that of a gateway of the host's")):
        with pytest.raises(HostError) as caught:
            _attach(host, "tap0", mac=ALICE, asked=(address,))
        assert str(caught.value) == f"interface 'tap0': address {address}: is {whose}"
    for mac, why in (("", "its MAC is not known, so no address is"), (ALICE, "no address is known for it")):
        with pytest.raises(StateError) as refused:
            _attach(host, "tap0", mac=mac)
        assert str(refused.value) == f"interface 'tap0': attach to network 'eth0': {why}"
        host.define(re.sub("<range[^>]*>", "", NETWORK))
        host.vnet("net-apply", "eth0")
    assert _there(host) == set()


def test_a_bridge_that_would_have_the_hosts_own_address_is_refused(host: Host) -> None:
    host.define(NETWORK.replace(f"address='{BRIDGE}'", f"address='{lan.OURS}'"))
    done = host.vnet("net-start", "eth0", check=False)
    assert done.stderr.startswith(f"error: address {lan.OURS}: give to a bridge for guests: it is that of 'eth0'")


def _killed(host: Host, act: Callable[[machine.Host], object]) -> None:
    with pytest.raises(AssertionError, match="ended with -9"):
        on(host, lambda here: act(here) and None)


def _kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("moment", ["before", "between", "after"])
def test_a_killed_attach_is_finished_by_the_next_and_a_killed_detach_too(host: Host, moment: str) -> None:
    _attach(host, "tap0", mac=CAROL)
    others = _there(host)

    def attach(here: machine.Host) -> object:
        if moment == "before":
            proxied.put = _kill
        elif moment == "between":
            proxied.answer = _kill
        else:
            guard.put = _kill
        return serve.attach(here.paths, NicRequest("tap1", "eth0", guest="alice", mac=ALICE, via="vif-vnet"))

    _killed(host, attach)
    _attach(host, "tap1", guest="alice", mac=ALICE)
    assert len(_there(host)) == len(others) + 2
    host.vnet("net-check", "eth0")

    def detach(here: machine.Host) -> object:
        if moment == "before":
            proxied.withdraw = _kill
        elif moment == "between":
            proxied._lead_no_more = _kill
        else:
            nics.remove = _kill
        return serve.detach(here.paths, "tap1")

    _killed(host, detach)
    if moment == "between":  # the guest is gone without anybody having said so
        host.run(["ip", "link", "delete", "tap1"])
        host.vnet("net-repair", "eth0")
    else:
        on(host, lambda here: serve.detach(here.paths, "tap1") and None)
    assert _there(host) == others
    host.vnet("net-check", "eth0")


def test_an_uplink_that_was_down_is_mended_by_the_next_guest_or_a_repair(host: Host) -> None:
    _attach(host, "tap0", mac=CAROL)
    before = _there(host)
    host.run(["ip", "link", "set", "eth0", "down"])
    host.run(["ip", "link", "set", "eth0", "up"])
    done = host.vnet("net-check", "eth0", check=False)
    assert "not done: answer for guests on eth0" in done.stdout
    assert f"NIC tap0: nobody answers for {FIXED} on eth0" in done.stdout
    _attach(host, "tap2", guest="bob", mac=BOB)
    assert _there(host) == before | {*_own(host, "tap2")}
    host.run(["ip", "link", "set", "vnbr0", "down"])
    host.run(["ip", "-6", "address", "add", f"{lan.OURS6}/64", "dev", "eth0", "nodad"])  # it went with the link
    host.vnet("net-repair", "eth0")
    assert _there(host) == before | {*_own(host, "tap2")}
    host.vnet("net-check", "eth0")


def test_what_others_take_from_one_guest_is_seen_and_mended(host: Host) -> None:
    _attach(host, "tap0", mac=CAROL)
    before = _there(host)
    host.run(["ip", "route", "delete", FIXED])
    host.run(["ip", "neighbour", "delete", "proxy", FIXED6, "dev", "eth0"])
    said = host.vnet("net-check", "eth0", check=False).stdout.splitlines()
    assert f"  NIC tap0: no route leads to {FIXED} on vnbr0" in said
    assert f"  NIC tap0: nobody answers for {FIXED6} on eth0" in said
    host.run(["ip", "route", "add", f"{FIXED}/32", "dev", "vnbr0", "proto", str(proxied.OURS)])
    host.run(["ip", "route", "add", "192.0.2.77/32", "dev", "vnbr0", "proto", str(proxied.OURS)])  # of a killed hook
    host.vnet("net-repair", "eth0")
    assert _there(host) == before
    host.run(["ip", "route", "add", "192.0.2.81/32", "dev", "eth0"])
    with pytest.raises(HostError) as caught:
        _attach(host, "tap1", mac=ALICE, asked=("192.0.2.81",))
    assert str(caught.value) == "network 'eth0': address 192.0.2.81: the host has a route to it already"
    assert _there(host) == before


def test_a_watch_mends_what_goes_with_the_uplink_by_itself(host: Host) -> None:
    _attach(host, "tap0", mac=CAROL)
    words = ["ip", "neighbour", "show", "proxy"]
    before = sorted(host.run(words).stdout.splitlines())
    with host.popen([VNET, "watch"], stderr=subprocess.DEVNULL) as watch:
        try:
            for _ in range(2):
                host.run(["ip", "link", "set", "eth0", "down"])
                host.run(["ip", "link", "set", "eth0", "up"])
                wait_for(lambda: sorted(host.run(words).stdout.splitlines()) == before, "the watch to mend it")
        finally:
            watch.kill()


def test_guests_start_while_the_uplink_is_away_or_elsewhere(host: Host) -> None:
    host.run(["ip", "address", "flush", "dev", "eth0"])
    _attach(host, "tap0", mac=CAROL)
    done = host.vnet("net-check", "eth0", check=False)
    assert "forward dev 'eth0': is not in 192.0.2.0/24 now: guests are reached when it is" in done.stdout
    host.run(["ip", "link", "set", "eth0", "down"])
    host.run(["ip", "link", "set", "eth0", "name", "away0"])
    _attach(host, "tap1", guest="alice", mac=ALICE)
    host.run(["ip", "link", "set", "away0", "name", "eth0"])
    host.run(["ip", "link", "set", "eth0", "up"])
    host.run(["ip", "address", "add", f"{lan.OURS}/24", "dev", "eth0"])
    host.run(["ip", "-6", "address", "add", f"{lan.OURS6}/64", "dev", "eth0", "nodad"])
    host.vnet("net-repair", "eth0")
    assert _there(host) == {FIXED, FIXED6, *_own(host, "tap1")}
    assert "Network eth0 is as defined" in host.vnet("net-check", "eth0").stdout


def test_two_networks_lead_to_their_own_guests(host: Host, router: Machine) -> None:
    lan.add_second_nic(host, router)
    host.define(SECOND)
    with Client(host, "bob", port="vb", mac=BOB) as bob:
        _attach(host, "tap0", mac=CAROL)
        _attach(host, "vb", guest="bob", mac=BOB, network="eth1")
        own = bob.lease()["ip"]
        assert own.startswith("198.51.100.6")
        assert lan.answers(router, own)
        assert not bob.pings(FIXED), "networks do not reach each other"
        before = host.run(["ip", "neighbour", "show", "proxy", "dev", "eth0"]).stdout
        host.vnet("detach", "vb")
        host.vnet("net-destroy", "eth1")
        assert host.run(["ip", "neighbour", "show", "proxy", "dev", "eth1"]).stdout == ""
        assert host.run(["ip", "neighbour", "show", "proxy", "dev", "eth0"]).stdout == before


def test_a_nic_that_goes_to_another_network_is_led_to_there_no_longer(host: Host) -> None:
    host.define("<network><name>lab</name><bridge name='vnlab'/><ip address='10.91.0.1' prefix='24'/></network>")
    _attach(host, "tap0", mac=CAROL)
    _attach(host, "tap0", mac=CAROL, network="lab")
    assert _there(host) == set()
    _attach(host, "tap0", mac=CAROL)
    assert FIXED in _there(host)
    host.define(NETWORK.replace(" proxyarp='yes'", "").replace("192.0.2.", "10.92.0.").replace("2001:db8:", "fd00:92:"))
    host.vnet("net-apply", "eth0")
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout == ""
    assert host.json(["ip", "-json", "route", "show", "proto", str(proxied.OURS)]) == []


def test_another_uplink_takes_over(host: Host) -> None:
    _attach(host, "tap0", mac=CAROL)
    before = [line.partition(" ")[0] for line in host.run(["ip", "neighbour", "show", "proxy"]).stdout.splitlines()]
    host.define(NETWORK.replace("dev='eth0'", "dev='far0'"))
    host.vnet("net-apply", "eth0")
    there = host.run(["ip", "neighbour", "show", "proxy"]).stdout.splitlines()
    assert there == [f"{address} dev far0 proxy proto {proxied.OURS} " for address in before]
    host.vnet("net-restart", "eth0")
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout.splitlines() == there


@pytest.mark.parametrize("is_after", [False, True])
def test_a_stop_killed_before_or_after_nobody_is_answered_for_is_finished(host: Host, is_after: bool) -> None:
    def stop(here: machine.Host) -> object:
        original = AnswerForGuests.undo

        def undo(step: AnswerForGuests, host: machine.Host) -> None:
            if is_after:
                original(step, host)
            _kill()

        AnswerForGuests.undo = undo  # type: ignore[method-assign]
        return bringup.stop(here, "eth0", force=True)

    _attach(host, "tap0", mac=CAROL)
    _killed(host, stop)
    host.run(["ip", "link", "delete", "tap0"])
    on(host, lambda here: bringup.stop(here, "eth0"))
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout == ""
    assert host.json(["ip", "-json", "link", "show", "type", "bridge"]) == []


def test_a_start_killed_at_any_step_of_these_is_finished_by_the_next(host: Host) -> None:
    host.vnet("net-start", "eth0")
    host.vnet("net-restart", "eth0")  # the first start has made what is kept
    whole = host.snapshot()
    on(host, lambda here: bringup.stop(here, "eth0"))
    before = host.snapshot()
    steps = on(host, lambda here: planning.steps_of(here, definitions.load(here, "eth0"), by=bringup.ADMIN))
    ours = [step for step in steps if "Lone" in str(step.key) or ("eth0" in str(step) and "neigh" in str(step))]
    ours += [step for step in steps if "AnswerForGuests" in step.key]
    assert len(ours) == 4
    for target in ours:
        for is_after in (False, True):
            _killed(host, lambda here, step=target, late=is_after: _start(here, step, is_after=late))  # type: ignore[misc]
            on(host, lambda here: bringup.start(here, "eth0") and None)
            assert whole.changes_to(host.snapshot(), ignoring=VOLATILE) == []
            on(host, lambda here: bringup.stop(here, "eth0"))
            assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []


def _start(here: machine.Host, target: Step, *, is_after: bool) -> object:
    original = type(target).do

    def do(step: Step, host: machine.Host) -> None:
        if is_after or step != target:
            original(step, host)
        if step == target:
            _kill()

    type(target).do = do  # type: ignore[method-assign]
    return bringup.start(here, "eth0")
