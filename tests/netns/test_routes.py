"""Static routes by a guest: packets get there, what takes them away is mended, and nothing of the host's is captured."""

from collections.abc import Iterator

import pytest

from tests.lab import CHECKOUT, Client, Host, wait_for
from tests.lab.library import on
from vnethook.errors import DefinitionError, HostError
from vnethook.lifecycle import attach, bringup, catalog, changes, health
from vnethook.live import nics

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
LAB = """
<network><name>lab</name><forward mode='route'/><bridge name='vnbr7'/>
  <ip address='10.87.0.1' prefix='24'/><ip family='ipv6' address='fd00:87::1' prefix='64'/>
  {routes}
</network>"""
FOUR = "<route address='203.0.113.0' prefix='24' gateway='10.87.0.2'/>"
SIX = "<route family='ipv6' address='fd00:88::' prefix='48' gateway='fd00:87::2' metric='7'/>"
BEHIND = ("203.0.113.7", "fd00:88::7")


def _define(host: Host, routes: str, text: str = LAB) -> None:
    on(host, lambda here: catalog.define(here, text.format(routes=routes), source="lab.xml") and None)


def _start(host: Host, name: str = "lab") -> None:
    on(host, lambda here: bringup.start(here, name) and None)


def _attach(host: Host, interface: str) -> None:
    on(host, lambda here: attach.attach(here, "lab", nics.Nic(interface=interface, network="lab")) and None)


def _routes(host: Host) -> list[str]:
    """The routes of the bridge but the kernel's own, as ip(8) shows them."""
    lines = []
    for version in ("-4", "-6"):
        lines += host.run(["ip", version, "route", "show", "dev", "vnbr7"]).stdout.splitlines()
    return [" ".join(line.replace(" linkdown", "").split()) for line in lines if "proto kernel" not in line]


IN_FORCE = [
    "203.0.113.0/24 via 10.87.0.2 proto static metric 1",
    "fd00:88::/48 via fd00:87::2 proto static metric 7 pref medium",
]


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        _define(host, FOUR + SIX)
        yield host


@pytest.fixture(scope="module")
def gateway() -> Iterator[Client]:
    """A guest that other networks lie behind: their addresses are on its loopback interface."""
    with Host() as host, Client(host, "gateway", port="vgateway") as gateway:
        _define(host, FOUR + SIX)
        _attach(host, "vgateway")
        gateway.run(["ip", "address", "add", "10.87.0.2/24", "dev", "eth0"])
        gateway.run(["ip", "-6", "address", "add", "fd00:87::2/64", "dev", "eth0", "nodad"])
        for address in BEHIND:
            gateway.run(["ip", "address", "add", address, "dev", "lo"])
        gateway.run(["ip", "route", "add", "default", "via", "10.87.0.1"])
        gateway.run(["ip", "-6", "route", "add", "default", "via", "fd00:87::1"])
        yield gateway


@pytest.mark.parametrize("address", BEHIND)
def test_other_guests_reach_it_by_the_host(gateway: Client, address: str) -> None:
    with Client(gateway.host, "other", port="vother") as other:
        _attach(gateway.host, "vother")
        other.run(["ip", "address", "add", "10.87.0.3/24", "dev", "eth0"])
        other.run(["ip", "-6", "address", "add", "fd00:87::3/64", "dev", "eth0", "nodad"])
        other.run(["ip", "route", "add", "default", "via", "10.87.0.1"])
        other.run(["ip", "-6", "route", "add", "default", "via", "fd00:87::1"])
        wait_for(lambda: other.pings(address), "an answer from behind the guest")


def test_routes_come_and_go_with_the_network(host: Host) -> None:
    before = host.snapshot()
    _start(host)
    assert _routes(host) == IN_FORCE
    on(host, lambda here: bringup.stop(here, "lab"))
    assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", r"\.host", "file d", "leases/"]) == []


@pytest.mark.parametrize(
    "damage",
    [
        "ip route flush proto static",
        "ip route del 203.0.113.0/24",
        "ip -6 route del fd00:88::/48",
        "ip route change 203.0.113.0/24 via 10.87.0.9 dev vnbr7 metric 1",
        "ip link set vnbr7 down; ip link set vnbr7 up",
        "ip link delete vnbr7",
    ],
)
@pytest.mark.parametrize("by", ["hook", "repair"])
def test_a_route_that_is_gone_is_seen_and_brought_back(host: Host, damage: str, by: str) -> None:
    _start(host)
    host.run(["sh", "-ec", damage])
    found = on(host, lambda here: health.check(here, "lab"))
    assert any(line.startswith("not done: add route ") for line in found)
    if by == "repair":
        on(host, lambda here: health.repair(here, "lab"))
    else:
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    assert _routes(host) == IN_FORCE
    assert on(host, lambda here: health.check(here, "lab")) == []


def test_a_changed_definition_changes_the_routes_of_a_running_network(host: Host) -> None:
    _start(host)
    _define(
        host,
        FOUR.replace("10.87.0.2", "10.87.0.5")
        + "<route address='203.0.112.0' prefix='24' gateway='10.87.0.2' metric='9'/>",
    )
    made = on(host, lambda here: [str(change) for change in changes.apply(here, "lab")])
    assert made == [
        "undo: add route fd00:88::/48 by fd00:87::2 on vnbr7, metric 7",
        "change: add route 203.0.113.0/24 by 10.87.0.5 on vnbr7, metric 1",
        "do: add route 203.0.112.0/24 by 10.87.0.2 on vnbr7, metric 9",
    ]
    assert sorted(_routes(host)) == [
        "203.0.112.0/24 via 10.87.0.2 proto static metric 9",
        "203.0.113.0/24 via 10.87.0.5 proto static metric 1",
    ]


def _with_lan(host: Host, *routes: str) -> None:
    host.run(["sh", "-ec", "ip link add lan type bridge; ip address add 192.0.2.2/24 dev lan; ip link set lan up"])
    for route in routes:
        host.run(["ip", "route", "add", *route.split(), "dev", "lan"])


CAPTURED = {
    "the same place": (
        "203.0.113.0/24",
        FOUR,
        "route 203.0.113.0/24 of metric 1 would go before the route 203.0.113.0/24 dev lan",
    ),
    "a part of it": (
        "203.0.112.0/20",
        FOUR,
        "route 203.0.113.0/24 of metric 1 would go before the route 203.0.112.0/20 dev lan",
    ),
    "the default route": (
        "default via 192.0.2.1 metric 100",
        "<route address='0.0.0.0' prefix='0' gateway='10.87.0.2' metric='100'/>",
        "route 0.0.0.0/0 of metric 100 would go before the route 0.0.0.0/0 dev lan of metric 100",
    ),
}


@pytest.mark.parametrize("kind", CAPTURED)
@pytest.mark.parametrize("when", ["define", "start"])
def test_a_route_that_would_take_the_hosts_own_away_is_refused(kind: str, when: str) -> None:
    theirs, ours, reason = CAPTURED[kind]
    with Host() as host:
        if when == "start":
            _define(host, ours)
        _with_lan(host, theirs)
        before = host.snapshot()
        with pytest.raises(DefinitionError if when == "define" else HostError) as caught:
            (_start(host) if when == "start" else _define(host, ours))
        assert str(caught.value) == f"network 'lab': {reason}"
        assert caught.value.hint == "change its <route>, or take the host's route away"
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", r"\.host", "file d"]) == []


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("203.0.113.0/25", FOUR),
        ("default via 192.0.2.1 metric 100", "<route address='0.0.0.0' prefix='0' gateway='10.87.0.2' metric='200'/>"),
        ("default via 192.0.2.1", FOUR),
    ],
)
def test_a_wider_route_and_a_default_route_behind_the_hosts_own_leave_its_packets_alone(theirs: str, ours: str) -> None:
    with Host() as host:
        _with_lan(host, theirs)
        way = host.run(["ip", "route", "get", "203.0.113.7"]).stdout
        _define(host, ours)
        _start(host)
        assert host.run(["ip", "route", "get", "203.0.113.7"]).stdout == way or theirs == "default via 192.0.2.1"
        assert on(host, lambda here: health.check(here, "lab")) == []


def test_another_networks_subnet_is_never_chosen_or_written_where_a_route_leads() -> None:
    wide = "<route address='10.192.0.0' prefix='12' gateway='10.87.0.2'/><route address='192.168.192.0' prefix='19' gateway='10.87.0.2'/>"
    with Host() as host:
        _define(host, wide)
        with pytest.raises(DefinitionError, match="subnet: none is free"):
            on(
                host,
                lambda here: (
                    catalog.define(here, "<network><name>auto</name><forward/></network>", source="a") and None
                ),
            )


def test_a_route_that_the_kernel_refuses_ends_the_start_and_leaves_nothing(host: Host) -> None:
    """It came between the look at the host's routes and the step."""
    host.run(["ip", "route", "add", "blackhole", "203.0.113.0/24", "metric", "1"])
    before = host.snapshot()
    with pytest.raises(HostError) as caught:
        _start(host)
    assert str(caught.value) == "route 203.0.113.0/24 by 10.87.0.2 on 'vnbr7': add: File exists"
    assert caught.value.hint == "the host has one of metric 1 already"
    assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", r"\.host", "file d"]) == []
