"""Links by ssh: the key of the connecting host may link with a network that listens for it, and nothing else."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host
from tests.lab.linked import FAR, FAR_MAC, SERVING, define, status, two_hosts, wait_for_link, wait_until_up
from tests.lab.machine import wait_for
from tests.lab.sshd import NAMED, PORT, sshd
from vnethook.live import link_status

pytestmark = pytest.mark.netns
Hosts = tuple[Host, Host]


@pytest.fixture(scope="module")
def hosts() -> Iterator[Hosts]:
    with two_hosts() as (here, there):
        line = there.vnet("link-key", "--name", "b.example").stdout.splitlines()[0]
        with sshd(here, line.replace("/usr/libexec/vnethook/link-ssh", str(NAMED))) as key:
            known = there.root / "etc/vnethook/ssh/known_hosts"
            known.write_text(f"[{SERVING}]:{PORT} {key}\n")
            yield here, there


def test_a_guest_behind_a_link_by_ssh_has_its_lease_and_the_link_heals(hosts: Hosts) -> None:
    here, there = hosts
    define(here, there, "ssh", PORT)
    wait_until_up(there)
    assert wait_until_up(here).peer == "b.example"
    with Client(there, "far", port="vfar", mac=FAR_MAC) as far:
        there.vnet("attach", "vfar", "--network", "lab", "--guest", "far", "--mac", FAR_MAC)
        assert far.lease()["ip"] == FAR
        for host in hosts:
            assert host.run(["pgrep", "-x", "vde_plug", "-u", "root"], check=False).stdout == ""
            assert host.run(["pgrep", "-x", "vde_plug"]).stdout
        far.run(["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", "1472", "10.61.0.1"])
        for name in ("ssh", "vde_plug"):
            there.run(["pkill", "-9", "-x", name])
            wait_for_link(there, lambda link: link.state != link_status.UP, f"{name} to be missed")
            wait_until_up(there)
        wait_for(lambda: far.pings("10.61.0.1"), "the link to be back")
    assert len([link for link in status(here).links if link.state == "up"]) == 1
