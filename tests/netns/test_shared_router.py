"""A NIC that has its address and route by a router's advertisements is shared, and the router goes on to be heard."""

from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.lan import call, connect

pytestmark = pytest.mark.netns
WORDS = ["--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--pid-file=", "--interface=lan0"]
ADVERTISE = ["--enable-ra", "--dhcp-range=2001:db8:77::,ra-only,64,600", "--ra-param=lan0,4,1800"]
KERNELS, STAND_IN = "ra", "static"


@pytest.fixture
def host(router: Machine) -> Iterator[Host]:
    with Host() as host:
        connect(host, router, "")
        for name in ("accept_ra", "autoconf", "router_solicitation_interval"):
            host.run(["sysctl", "-qw", f"net.ipv6.conf.eth0.{name}=1"])
        router.run(["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])  # else its neighbours see that it is no router
        router.run(["ip", "-6", "address", "add", "2001:db8:77::1/64", "dev", "lan0", "nodad"])
        yield host


def test_lifetimes_and_route_are_refreshed_on_the_bridge_and_on_the_nic_again(host: Host, router: Machine) -> None:
    router.popen(["dnsmasq", *WORDS, *ADVERTISE])
    given = _heard(host, "eth0")
    for action, link in (("start", "ebreth0"), ("stop", "eth0")):
        assert call(host, action) == (0, "")
        assert _given(host, link) == given
        assert _routes(host, link)
        wait_for(lambda link=link: KERNELS in _routes(host, link), "the router to be heard")  # type: ignore[misc]
        assert _given(host, link) == given


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
        if one["local"].startswith("2001:db8:77:") and not one.get("tentative") and one["valid_life_time"] <= 600
    ]


def _routes(host: Host, link: str) -> dict[str, int]:
    """The metric of default routes by the router on a link, by who made them."""
    found = host.json(["ip", "-json", "-6", "route", "show", "default", "dev", link])
    return {route["protocol"]: route["metric"] for route in found}
