"""A NIC that has its address and route by a router's advertisements is shared, and the router goes on to be heard."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import call, connect

pytestmark = pytest.mark.netns
WORDS = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=", "--interface=lan0"]
ADVERTISE = ["--enable-ra", "--dhcp-range=2001:db8:77::,ra-only,64,600", "--ra-param=lan0,4,1800"]
PREFIX = "2001:db8:77:"
KERNELS, STAND_IN = "ra", "static"


KINDS: dict[str, tuple[str, ...]] = {
    "the MAC": (),
    "a secret, and temporary ones": (
        "sysctl -qw net.ipv6.conf.eth0.stable_secret=2001:db8::1234",
        "sysctl -qw net.ipv6.conf.eth0.use_tempaddr=2",
    ),
}
"""What a host has its kernel make addresses of."""


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with _host(router) as host:
        yield host


@contextmanager
def _host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router, "")
        for name in ("accept_ra", "autoconf", "router_solicitation_interval"):
            host.run(["sysctl", "-qw", f"net.ipv6.conf.eth0.{name}=1"])
        router.run(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])  # else its neighbours see that it is no router
        router.run(["ip", "-6", "address", "add", "2001:db8:77::1/64", "dev", "lan0", "nodad"])
        yield host


def test_lifetimes_and_route_are_refreshed_on_the_bridge_and_on_the_nic_again() -> None:
    with ExitStack() as stack:
        given = {}
        for kind, words in KINDS.items():
            router = stack.enter_context(Machine("router"))
            host = stack.enter_context(_host(router))
            for line in (*words, *(("ip link set eth0 down", "ip link set eth0 up") if words else ())):
                host.run(line.split())
            router.popen(["dnsmasq", *WORDS, *ADVERTISE])
            given[host] = kind, _heard(host, "eth0")
        for action, link in (("start", "ebreth0"), ("stop", "eth0")):
            seen: dict[Host, dict[str, int]] = {}
            for host, (kind, addresses) in given.items():
                assert call(host, action) == (0, ""), kind
                seen[host] = _lifetimes(host, link)
                assert set(addresses) <= set(seen[host]), kind
            missing = dict.fromkeys(given)
            wait_for(lambda: _has_all_heard(missing, link, seen), "all lifetimes to be refreshed")  # noqa: B023 (called here)
            for host, (kind, addresses) in given.items():
                assert KERNELS in _routes(host, link), kind
                if "temporary" not in kind:  # of which a new one is made on the other link
                    assert set(_lifetimes(host, link)) == set(addresses), kind


def _has_all_heard(missing: dict[Host, None], link: str, seen: dict[Host, dict[str, int]]) -> bool:
    """Whether an address of every host has been given more time since it was looked at."""
    for host in list(missing):
        now = _lifetimes(host, link)
        if any(now.get(address, 0) > before for address, before in seen[host].items()):
            del missing[host]
        seen[host] = now
    return not missing


def _lifetimes(host: Host, link: str) -> dict[str, int]:
    """For how many seconds a link's addresses of the router's prefix are still valid."""
    [found] = host.json(["ip", "-json", "-6", "address", "show", "dev", link])
    return {one["local"]: one["valid_life_time"] for one in found["addr_info"] if one["local"].startswith(PREFIX)}


def test_until_the_router_is_heard_one_copy_of_its_route_stands_in(host: Host, router: Machine) -> None:
    with router.popen(["dnsmasq", *WORDS, *ADVERTISE]) as server:
        given = _heard(host, "eth0")
        server.kill()
    for action, link in (("start", "ebreth0"), ("stop", "eth0")) * 2:
        assert call(host, action) == (0, "")
        assert _routes(host, link) == {STAND_IN: 1025}
        assert _given(host, link) == given


def _heard(host: Host, link: str) -> list[str]:
    """The addresses that a link has by the router, as soon as they can be used and there is a route, too."""
    wait_for(lambda: _routes(host, link) == {KERNELS: 1024}, "a route by the router")
    return wait_for(lambda: _given(host, link), "an address of the router's prefix")


def _given(host: Host, link: str) -> list[str]:
    """The addresses of the router's prefix on a link that can be used, and that end unless it is heard again."""
    [found] = host.json(["ip", "-json", "-6", "address", "show", "dev", link])
    return [
        one["local"]
        for one in found["addr_info"]
        if one["local"].startswith(PREFIX) and not one.get("tentative") and one["valid_life_time"] <= 600
    ]


def _routes(host: Host, link: str) -> dict[str, int]:
    """The metric of default routes by the router on a link, by who made them."""
    found = host.json(["ip", "-json", "-6", "route", "show", "default", "dev", link])
    return {route["protocol"]: route["metric"] for route in found}
