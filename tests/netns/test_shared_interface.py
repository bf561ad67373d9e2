"""A NIC of the host's becomes a port of a bridge and back again, and the host is on the network throughout."""

import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import GATEWAY, GATEWAY6, OURS, OURS6, RICH, SCRIPT, answers, call, connect, layer3
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.lifecycle.share import making, sharing
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.step import Step

pytestmark = pytest.mark.netns
KEPT = ["locks/", r"file d\S+ run/vnethook"]
CLOSED = """add table inet f; add chain inet f c { type filter hook input priority 0; policy drop; };
add rule inet f c iifname { "lo", "eth0" } accept"""
FORWARDS = "net.ipv4.conf.eth0.forwarding=1"


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router)
        yield host


@pytest.fixture
def rich(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router, RICH)
        host.run(
            ["sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1"]
        )  # a packet counts only where the answer would leave
        yield host


def _is_reached(host: Host, router: Machine) -> bool:
    return all(answers(host, address) for address in (GATEWAY, GATEWAY6)) and all(
        router.run(["ping", "-c1", "-W5", address], check=False).returncode == 0 for address in (OURS, OURS6)
    )


def _link(host: Host, name: str) -> dict[str, object]:
    [found] = host.json(["ip", "-json", "-details", "link", "show", "dev", name])
    return found  # type: ignore[no-any-return]


def test_a_bridge_takes_over_all_that_the_nic_has_and_gives_it_back(rich: Host, router: Machine) -> None:
    before, picture = layer3(rich), rich.snapshot()
    assert call(rich, "start") == (0, "")
    during = [line.replace("ebreth0", "eth0") for line in layer3(rich)]
    of_both = [line for line in before if '"multicast"' in line]
    assert sorted(during) == sorted([*before, *of_both])
    assert _link(rich, "eth0")["master"] == "ebreth0"
    assert _link(rich, "eth0")["address"] == _link(rich, "ebreth0")["address"]
    assert _is_reached(rich, router)
    assert call(rich, "stop") == (0, "")
    assert layer3(rich) == before
    assert picture.changes_to(rich.snapshot(), ignoring=KEPT) == []
    assert _is_reached(rich, router)


def test_the_bridge_takes_the_nics_name_too_and_gives_it_back(rich: Host, router: Machine) -> None:
    """In the layout of the proposal whatever names the NIC goes on to mean where packets come from."""
    for words in (["ip", "rule", "add", "iif", "eth0", "lookup", "100"], ["nft", CLOSED], ["sysctl", "-qw", FORWARDS]):
        rich.run(words)
    before, picture = layer3(rich), rich.snapshot()
    on(rich, _start_renaming)
    of_both = [line.replace("eth0", "peth0") for line in before if '"multicast"' in line]
    assert sorted(layer3(rich)) == sorted([*before, *of_both])
    assert _link(rich, "peth0")["master"] == "eth0"
    assert _link(rich, "peth0")["address"] == _link(rich, "eth0")["address"]
    assert rich.run(["sysctl", "-n", "net.ipv4.conf.eth0.forwarding"]).stdout == "1\n"
    assert _is_reached(rich, router)
    on(rich, _stop)
    assert layer3(rich) == before
    assert picture.changes_to(rich.snapshot(), ignoring=KEPT) == []
    assert _is_reached(rich, router)


def test_routing_rules_about_the_nic_hold_for_the_bridge_as_long_as_it_is_there(host: Host) -> None:
    rules = [
        "iif eth0 lookup 100 priority 90",
        "not oif eth0 fwmark 0x5 lookup 101 priority 77",
        "iif lo oif eth0 lookup 102",
    ]
    for version in ("-4", "-6"):
        for rule in (*rules, "iif ebreth0 lookup 100 priority 90"):
            host.run(["ip", version, "rule", "add", *rule.split()])
    before = layer3(host)
    assert call(host, "start") == (0, "")
    for version in ("-4", "-6"):
        known = host.run(["ip", version, "rule"]).stdout
        for rule in ("iif ebreth0 lookup 100", "iif lo oif ebreth0 lookup 102"):
            assert known.count(rule) == 1
        assert "77:\tnot from all fwmark 0x5 oif ebreth0 lookup 101" in known
    assert call(host, "stop") == (0, "")
    assert layer3(host) == before


def test_the_bridge_answers_for_whom_the_nic_answered(host: Host) -> None:
    proxied = ["192.0.2.77", "2001:db8::77"]
    for address in proxied:
        host.run(["ip", "neighbour", "add", "proxy", address, "dev", "eth0"])
    assert call(host, "start") == (0, "")
    for address in proxied:
        assert f"{address} dev ebreth0" in host.run(["ip", "neighbour", "show", "proxy"]).stdout
    host.run(["ip", "neighbour", "add", "proxy", "192.0.2.78", "dev", "ebreth0"])
    assert call(host, "stop") == (0, "")
    known = host.run(["ip", "neighbour", "show", "proxy"]).stdout
    assert sorted(line.split()[:3] for line in known.splitlines()) == [
        [address, "dev", "eth0"] for address in sorted([*proxied, "192.0.2.78"])
    ]


def test_a_second_start_and_a_second_stop_change_nothing(host: Host) -> None:
    before = host.snapshot()
    assert call(host, "stop") == (0, "")
    assert call(host, "start") == (0, "")
    shared, picture = layer3(host), host.snapshot()
    assert call(host, "start") == (0, "")
    assert call(host, "start", "netdev=eth0") == (0, "")
    assert call(host, "start", "netdev=ebreth0") == (0, "")
    assert (layer3(host), picture.changes_to(host.snapshot(), ignoring=KEPT)) == (shared, [])
    assert call(host, "stop") == (0, "")
    assert call(host, "stop") == (0, "")
    assert before.changes_to(host.snapshot(), ignoring=KEPT) == []


def test_a_gateway_that_does_not_answer_any_more_has_all_taken_back(host: Host) -> None:
    """Bridged frames are dropped here, which only shows once the NIC is a port."""
    drop = "add table bridge f; add chain bridge f c { type filter hook prerouting priority 0; policy drop; }"
    host.run(["nft", drop])
    before, picture = layer3(host), host.snapshot()
    status, said = call(host, "start")
    assert status == 5
    assert said.splitlines()[0] == (
        f"network-vnet: interface 'eth0': share: gateway {GATEWAY} did not answer by the bridge any more"
        " (its hardware address and ping)"
    )
    assert layer3(host) == before
    assert picture.changes_to(host.snapshot(), ignoring=KEPT) == []
    assert answers(host, GATEWAY)
    host.run(["nft", "delete table bridge f"])
    assert call(host, "start") == (0, "")


def test_a_call_whose_terminal_goes_ends_with_the_host_as_it_was_or_as_it_was_to_be(host: Host) -> None:
    """It ends by the signal, and not before all is taken back, or whole."""
    before = layer3(host)
    host.run(
        ["nft", "add table bridge f; add chain bridge f c { type filter hook prerouting priority 0; policy drop; }"]
    )
    with host.popen([SCRIPT, "start"], stderr=subprocess.PIPE) as start:
        wait_for(lambda: _link(host, "eth0").get("master"), "the NIC to be a port")  # its gateway is being asked
        start.send_signal(signal.SIGHUP)
        start.send_signal(signal.SIGTERM)
        assert start.wait() in {-signal.SIGHUP, -signal.SIGTERM}
    assert layer3(host) == before
    assert answers(host, GATEWAY)


def test_a_gateway_that_never_answered_is_no_reason(host: Host, router: Machine) -> None:
    router.run(["ip", "link", "set", "lan0", "down"])
    assert call(host, "start") == (0, "")
    router.run(["ip", "link", "set", "lan0", "up"])
    wait_for(lambda: answers(host, GATEWAY), "the gateway")


def test_a_refused_step_leaves_the_host_as_it_was(host: Host, router: Machine) -> None:
    before, picture = layer3(host), host.snapshot()
    kinds = on(host, lambda here: [type(step) for step in _plan(here)])
    assert len(kinds) >= 5
    for number in range(len(kinds)):
        with pytest.raises(HostError, match="refused by the test"):
            on(host, lambda here, number=number: _start_refusing(here, _plan(here)[number]))  # type: ignore[misc]
        assert (layer3(host), picture.changes_to(host.snapshot(), ignoring=KEPT)) == (before, []), kinds[number]
    assert _is_reached(host, router)


def _plan(here: machine.Host) -> tuple[Step, ...]:
    from vnethook.capability import shared_interface as capability

    shared = SharedInterface("ebreth0", "eth0", 0)
    return capability.plan(making.facts_of(here, "eth0", "ebreth0"), shared, at_s=0)


def _start_refusing(here: machine.Host, target: Step) -> None:
    original = type(target).do

    def do(step: Step, host: machine.Host) -> None:
        original(step, host)  # the worst: when all is done
        if step.key == target.key:
            msg = "refused by the test"
            raise HostError(msg)

    type(target).do = do  # type: ignore[method-assign,assignment]
    sharing.start(here, "eth0")


def _start_renaming(here: machine.Host) -> None:
    sharing.start(here, "eth0", sharing.Terms(layout="proposal"))


def _stop(here: machine.Host) -> None:
    sharing.stop(here, "eth0")
