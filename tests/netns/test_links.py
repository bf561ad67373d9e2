"""Two hosts whose networks are linked: guests behind both are in one LAN, and it heals by itself."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.linked import FAR, FAR_MAC, NEAR_MAC, PORT, define, status, two_hosts, wait_for_link, wait_until_up
from tests.lab.machine import wait_for
from vnethook.live import link_status, process

pytestmark = pytest.mark.netns
Hosts = tuple[Host, Host]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as hosts:
        define(*hosts, "tls")
        yield hosts


def _carriers(host: Host) -> tuple[list[int], list[int]]:
    """The processes of the supervisor there, the two that stay first, and those that have the frames."""

    def pids() -> tuple[list[int], list[int]]:
        ours, plugs = [], []
        for pid in sorted(process.running()):
            words = process.command_line(pid)
            if words[:1] == ["/usr/bin/vde_plug"]:
                plugs.append(pid)
            elif any(word.startswith("vnethook-links:") for word in words):
                ours.append(pid)
        return ours, plugs

    return host.call(pids)


@pytest.mark.parametrize("side", [0, 1])
def test_whatever_process_of_a_link_is_killed_it_is_up_again(hosts: Hosts, side: int) -> None:
    host = hosts[side]
    wait_until_up(hosts[0])
    for number in range(4):  # what keeps the supervisor, the supervisor, who encrypts, who has the frames
        ours, plugs = wait_for(lambda: all(found := _carriers(host)) and found, f"the link of {host.name}")
        host.run(["kill", "-9", str([*ours[:3], *plugs][number])])
        wait_for(lambda old=plugs: (now := _carriers(host)[1]) and now != old, f"the link without process {number}")
        for one in hosts:
            wait_until_up(one)
    assert hosts[1].run(["ip", "-json", "link", "show", "type", "tun"]).stdout.count("vnl") == 1


def test_a_path_that_is_cut_is_noticed_in_seconds_and_so_is_that_it_is_back(hosts: Hosts) -> None:
    here, there = hosts
    wait_until_up(here)
    first = wait_until_up(there)
    here.run(["ip", "link", "set", "u0", "down"])
    try:
        for host in hosts:
            wait_for_link(host, lambda link: link.state != link_status.UP, f"the cut to be noticed by {host.name}")
    finally:
        here.run(["ip", "link", "set", "u0", "up"])
    wait_until_up(here)
    assert wait_until_up(there).since >= first.since


def test_a_listener_whose_port_is_taken_takes_it_once_it_is_free(hosts: Hosts) -> None:
    here, there = hosts
    here.vnet("net-stop", "lab")
    with here.listening(tcp=PORT, udp=9):
        here.vnet("net-start", "lab")
        wait_for(lambda: [one.reason for one in status(here).listens] == ["Address already in use"], "why not")
        assert [link["state"] for link in here.vnet_json("link-list", "lab")] == ["down"]
    wait_until_up(there)


def test_nothing_is_left_of_a_network_with_links(hosts: Hosts) -> None:
    for host in hosts:
        host.vnet("net-stop", "lab")
    before = [host.snapshot() for host in hosts]
    for host in hosts:
        host.vnet("net-start", "lab")
    wait_until_up(hosts[0])
    for host, was in zip(hosts, before, strict=True):
        host.vnet("net-stop", "lab")
        assert was.changes_to(host.snapshot(), ignoring=["tcp_fastopen", "var/lib", r"locks/", "file d"]) == []


def test_without_a_certificate_the_network_is_up_and_says_why_it_has_no_link(hosts: Hosts) -> None:
    there = hosts[1]
    key = there.root / "etc/vnethook/tls/key.pem"
    key.chmod(0o644)
    for host in hosts:
        host.vnet("net-start", "lab")
    try:
        link = wait_for_link(there, lambda link: bool(link.reason), "the reason")
        assert link.reason == f"file '{key}': others than its owner may read it"
    finally:
        key.chmod(0o600)
    wait_until_up(there)


@pytest.mark.parametrize("transport", ["tls", "tcp"])
def test_guests_on_both_hosts_reach_each_other_also_after_one_network_was_started_anew(
    hosts: Hosts, transport: str
) -> None:
    here, there = hosts
    is_tls = transport == "tls"
    define(here, there, transport)
    wait_until_up(there)
    wait_until_up(here)
    with (
        Client(here, "near", port="vnear", mac=NEAR_MAC) as near,
        Client(there, "far", port="vfar", mac=FAR_MAC) as far,
    ):
        here.vnet("attach", "vnear", "--network", "lab", "--guest", "near", "--mac", NEAR_MAC)
        there.vnet("attach", "vfar", "--network", "lab", "--guest", "far", "--mac", FAR_MAC)
        address = near.lease()["ip"]
        lease = far.lease()
        assert (lease["ip"], lease["server"]) == (FAR, "10.61.0.1")
        assert far.resolve("near", server="10.61.0.1") == [address]
        assert near.resolve("far", server="10.61.0.1") == [FAR]
        far.run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", address])
        [link] = [item for item in here.vnet_json("link-list", "lab") if not item["listens"]]
        assert (link["incoming"], link["state"], link["received"] > 0, link["sent"] > 0) == (True, "up", True, True)
        assert link["peer"] == ("b.example" if is_tls else None)
        said = here.vnet("link-list").stderr  # the site's certificates are good for 30 days
        assert ("certificate of b.example ends on" in said, "cert.pem': ends on" in said) == (is_tls, is_tls)
        (here if is_tls else there).vnet("net-restart", "lab")
        wait_for(lambda: far.pings(address), "the far guest to be reached again")
