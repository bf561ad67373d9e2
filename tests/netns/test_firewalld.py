"""Beside a real firewalld, before us and after us, reloaded: as test_coexistence.py; and how it is asked."""

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.firewalls import Firewalls
from tests.lab.host import VNET
from tests.lab.lan import OURS, connect
from tests.lab.library import on
from tests.lab.outside import WWW_4
from tests.lab.reach import ALL, Reach, reach
from vnethook.errors import HostError
from vnethook.host import host as machine

pytestmark = [pytest.mark.netns, pytest.mark.firewalls]


def _look(here: machine.Host) -> list[object]:
    firewalld = here.firewalld
    seen: list[object] = [firewalld.is_running(), firewalld.has_ours(), "home" in firewalld.zones()]
    for zone in ("home", "trusted"):
        firewalld.join("virbr7", zone)
        seen.append(firewalld.zone_of("virbr7"))
    firewalld.leave("virbr7", "trusted")
    seen.append(firewalld.zone_of("virbr7"))
    try:
        firewalld.join("virbr7", "lan")
    except HostError as error:
        seen.append(str(error))
    return seen


def test_firewalld_is_told_of_a_link_with_and_without_busctl() -> None:
    refusal = "firewalld: changeZoneOfInterface lan virbr7: INVALID_ZONE: lan"
    with Host() as host, Firewalls(host) as firewalls:
        assert on(host, lambda here: here.firewalld.is_running()) is False
        firewalls.start_firewalld()
        for _ in range(2):
            assert on(host, _look) == [True, False, True, "home", "trusted", "", refusal]
            host.run(["sh", "-euc", "! program=$(command -v busctl) || rm $program"])
        firewalls.stop_firewalld()
        assert on(host, lambda here: here.firewalld.is_running()) is False


def test_firewalld_running_before_us_and_reloaded() -> None:
    with reach() as (reached, firewalls):
        firewalls.start_firewalld()
        said = reached.host.vnet("net-start", "lab")
        assert said.stderr == (
            "warning: network 'lab': firewalld runs without the zone 'vnethook': "
            "it stops guests, until `vnet hooks install` brings it\n"
        )
        said = reached.host.vnet("hooks", "install")
        assert "firewalld reloaded: it reads what of it is ours\n" in said.stdout
        assert "reloaded" not in reached.host.vnet("hooks", "install").stdout
        reached.plug()
        assert reached.open() == ALL
        reached.host.run(["firewall-cmd", "--reload"])
        assert reached.open() == ALL
        firewalls.stop_firewalld()
        firewalls.start_firewalld()  # after us
        assert reached.open() == ALL
        assert "firewalld reloaded" in reached.host.vnet("hooks", "remove").stdout
        assert "vnethook" not in reached.host.run(["firewall-cmd", "--get-zones"]).stdout
        reached.host.run(["nft", "flush", "ruleset"])  # firewalld does not see it
        reached.call_hooks()
        assert reached.open() == ALL


def test_bridges_of_other_names_are_put_into_their_zones_and_again_after_a_reload() -> None:
    with reach(prefix="virbr", zone="zone='trusted'") as (reached, firewalls):
        reached.host.vnet("hooks", "install")
        reached.plug()
        firewalls.start_firewalld()
        assert not reached.alice.pings(WWW_4)
        reached.call_hooks()
        assert (reached.open(), _zones(reached)) == (ALL, {"virbr77": "vnethook", "virbr78": "trusted"})
        reached.host.run(["firewall-cmd", "--reload"])
        reached.call_hooks()
        assert (reached.open(), _zones(reached)) == (ALL, {"virbr77": "vnethook", "virbr78": "trusted"})
        for network in ("lab", "other"):
            reached.host.vnet("net-destroy", network, "--force")
        assert _zones(reached) == {"virbr77": "", "virbr78": ""}


def test_where_a_watch_runs_no_hook_has_to_come_first() -> None:
    with reach(prefix="virbr") as (reached, firewalls):
        reached.host.vnet("hooks", "install")
        reached.plug()
        reached.host.popen([VNET, "watch"])
        for change in (
            lambda: reached.host.run(["iptables", "-P", "FORWARD", "DROP"]),
            firewalls.start_firewalld,
            lambda: reached.host.run(["firewall-cmd", "--reload"]),
        ):
            change()
            wait_for(lambda: reached.alice.pings(WWW_4) and reached.open() == ALL, "the watch", timeout_s=60)


def test_a_zone_that_firewalld_does_not_have_is_refused_at_start() -> None:
    with reach(zone="zone='lan'") as (reached, firewalls):
        firewalls.start_firewalld()
        said = reached.host.vnet("net-start", "other", check=False)
        assert (said.returncode, said.stderr.splitlines()[0]) == (
            5,
            "error: bridge 'vnbr78': firewalld has no zone 'lan'",
        )


def _zones(reached: Reach) -> dict[str, str]:
    ask = reached.host.run
    words = {name: ["firewall-cmd", f"--get-zone-of-interface={name}"] for name in ("virbr77", "virbr78")}
    return {name: ask(each, check=False).stdout.strip() for name, each in words.items()}


def test_the_bridge_of_a_shared_nic_is_in_the_nics_zone_for_as_long(router: Machine) -> None:
    with Host() as host, Firewalls(host) as firewalls:
        connect(host, router)
        firewalls.start_firewalld()
        zone = ["firewall-cmd", "--get-zone-of-interface=ebreth0"]
        host.run(["firewall-cmd", "--zone=trusted", "--change-interface=eth0"])
        host.vnet("share", "eth0", "--yes")
        assert host.run(zone).stdout == "trusted\n"
        assert router.run(["ping", "-c1", "-W5", OURS], check=False).returncode == 0
        host.vnet("unshare", "eth0")
        assert host.run(zone, check=False).returncode != 0
        assert host.run(["firewall-cmd", "--get-zone-of-interface=eth0"]).stdout == "trusted\n"
        firewalls.stop_firewalld()
