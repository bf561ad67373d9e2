"""A network and the host's own networks: no overlap is made, and one that comes about later is resolved or named."""

import pytest

from tests.lab import CHECKOUT, Client, Host
from tests.lab.library import on
from vnethook.errors import DefinitionError, HostError
from vnethook.lifecycle import bringup, catalog, definitions, health
from vnethook.live import record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
LAB = "<network><name>lab</name><forward mode='nat'/><ip address='10.77.0.1' netmask='255.255.255.0'/></network>"
ROUTES = {
    "the same": ("10.77.0.0/24", "the route 10.77.0.0/24 dev lan"),
    "a wider one": ("10.0.0.0/8", "the route 10.0.0.0/8 dev lan"),
    "a narrower one": ("10.77.0.128/25", "the route 10.77.0.128/25 dev lan"),
    "one address": ("10.77.0.9/32", "the route 10.77.0.9/32 dev lan"),
    "one in a table of its own": ("10.77.0.0/24 table 51820", "the route 10.77.0.0/24 dev lan in table 51820"),
}


def _with_lan(host: Host) -> None:
    host.run(["ip", "link", "add", "lan", "type", "bridge"])
    host.run(["ip", "link", "set", "lan", "up"])


def _define(host: Host, xml: str) -> None:
    on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)


def _subnets(host: Host, name: str) -> list[str]:
    return on(host, lambda here: [str(subnet) for subnet in definitions.load(here, name).subnets])


@pytest.mark.parametrize("route", ROUTES)
def test_a_definition_that_overlaps_a_route_is_refused_with_the_route_named(route: str) -> None:
    words, named = ROUTES[route]
    with Host() as host:
        _with_lan(host)
        host.run(["ip", "route", "add", *words.split(), "dev", "lan"])
        with pytest.raises(DefinitionError) as caught:
            _define(host, LAB)
        assert str(caught.value) == f"network 'lab': subnet 10.77.0.0/24 overlaps {named}"


@pytest.mark.parametrize("route", ROUTES)
def test_a_start_that_would_overlap_is_refused_and_changes_nothing(route: str) -> None:
    words, named = ROUTES[route]
    with Host() as host:
        _with_lan(host)
        _define(host, LAB)
        host.run(["ip", "route", "add", *words.split(), "dev", "lan"])
        before = host.snapshot()
        with pytest.raises(HostError) as caught:
            on(host, lambda here: bringup.start(here, "lab") and None)
        assert str(caught.value) == f"network 'lab': subnet 10.77.0.0/24 overlaps {named}"
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", r"\.host", "file d"]) == []


@pytest.mark.parametrize("route", ["default", "0.0.0.0/1", "128.0.0.0/1", "192.0.2.0/24"])
def test_a_default_route_its_halves_and_other_subnets_are_no_overlap(route: str) -> None:
    with Host() as host:
        _with_lan(host)
        host.run(["ip", "route", "add", route, "dev", "lan"])
        _define(host, LAB)
        on(host, lambda here: bringup.start(here, "lab") and None)


def test_an_automatic_subnet_avoids_routes_of_all_tables_addresses_and_definitions() -> None:
    with Host() as host:
        _with_lan(host)
        host.run(
            [
                "sh",
                "-c",
                "mkdir -p $VNETHOOK_ROOT/etc/vnethook; echo '[subnets]\npools = [\"10.9.0.0/22\"]' > $VNETHOOK_ROOT/etc/vnethook/vnethook.toml",
            ]
        )
        host.run(["ip", "route", "add", "10.9.0.0/24", "dev", "lan", "table", "7"])
        host.run(["ip", "address", "add", "10.9.1.77/32", "dev", "lan"])
        _define(host, LAB.replace("10.77.0.1", "10.9.2.1"))
        _define(host, "<network><name>auto</name><forward mode='nat'/></network>")
        assert _subnets(host, "auto") == ["10.9.3.0/24"]
        with pytest.raises(DefinitionError) as caught:
            _define(host, "<network><name>more</name><forward mode='nat'/></network>")
        assert (
            str(caught.value) == "subnet: none is free: all 4 of 10.9.0.0/22 overlap a route, an address or a network"
        )


def test_an_automatic_subnet_is_remembered() -> None:
    with Host() as host:
        host.make_tap("tap0")
        host.run([IFUP, "tap0"])
        first = _subnets(host, "default")
        for _ in range(2):
            on(host, lambda here: bringup.stop(here, "default", force=True))
            host.run([IFUP, "tap0"])
            assert _subnets(host, "default") == first


def test_a_new_lan_takes_the_automatic_subnet_of_a_network_without_guests() -> None:
    with Host() as host:
        _with_lan(host)
        host.make_tap("tap0")
        host.run([IFUP, "tap0"])
        host.run([CHECKOUT / "hooks/qemu/qemu-ifdown", "tap0"])
        before = _subnets(host, "default")
        host.run(["ip", "route", "add", before[0], "dev", "lan", "metric", "5"])
        assert (
            on(host, lambda here: health.check(here, "default"))
            == [
                f"subnet {before[0]} overlaps the route {before[0]} dev lan",
                "a route of the host leads into its subnet",
            ][:1]
        )
        host.run([IFUP, "tap0"])
        after = _subnets(host, "default")
        assert after != before
        assert on(host, lambda here: health.check(here, "default")) == []
        addresses = host.run(["ip", "-4", "-br", "address", "show", "type", "bridge"]).stdout
        assert after[0].removesuffix(".0/24") + ".1/24" in addresses


def test_a_new_lan_leaves_a_network_with_guests_alone_and_is_reported() -> None:
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _with_lan(host)
        host.run([IFUP, "vguest"])
        lease = guest.lease()
        subnet = _subnets(host, "default")[0]
        host.run(["ip", "route", "add", subnet, "dev", "lan", "metric", "5"])
        host.make_tap("tap0")
        host.run([IFUP, "tap0"])
        assert _subnets(host, "default") == [subnet]
        assert on(host, lambda here: health.check(here, "default")) == [
            f"subnet {subnet} overlaps the route {subnet} dev lan"
        ]
        assert guest.lease()["ip"] == lease["ip"]


def test_a_network_of_another_network_namespace_is_not_touched() -> None:
    with Host() as host:
        host.make_tap("tap0")
        host.run([IFUP, "tap0"])
        before = host.snapshot()
        words = ["unshare", "--net", "sh", "-c", f"ip tuntap add tap0 mode tap; {IFUP} tap0"]
        result = host.run(words, check=False)
        pid = on(host, lambda here: record.read(here.paths, "default").daemons[0][1])  # type: ignore[union-attr]
        expected = f"qemu-ifup: network 'default': is up in another network namespace (process {pid} serves it)"
        assert (result.returncode, result.stderr.splitlines()[0]) == (4, expected)
        assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "locks/"]) == []
