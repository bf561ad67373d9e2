"""One after the other on an interface, a MAC, a bridge: killed, refused or overtaken, nothing of one is left to the next."""

import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.lab import Host
from tests.lab.library import on
from vnethook.errors import StateError
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, changes, enforce
from vnethook.lifecycle import nics as lifecycle_nics
from vnethook.live import nics, port, record

pytestmark = pytest.mark.netns
ALICE, BOB = "52:54:00:00:91:01", "52:54:00:00:91:02"
LAB = """
<network><name>{name}</name><bridge name='{name}br'{table}/>{more}
  <ip address='10.{number}.0.1' prefix='24'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.9'/></dhcp></ip>
  <portgroup name='slow'><bandwidth><inbound average='300'/><outbound average='100'/></bandwidth></portgroup>
</network>"""
PLAIN = LAB.format(name="lab", table="", number=91, more="")
TOLD = LAB.format(name="told", table=" macTableManager='libvirt'", number=92, more="")
SHARED = LAB.format(name="shared", table="", number=93, more="<bandwidth><inbound average='1000'/></bandwidth>")


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        for xml in (PLAIN, TOLD, SHARED):
            host.define(xml)
        for tap in ("tap0", "tap1", "tap2"):
            host.make_tap(tap)
        yield host


def _killed(host: Host, act: Callable[[machine.Host], object]) -> None:
    with pytest.raises(AssertionError, match="ended with -9"):
        on(host, lambda here: act(here) and None)


def _kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _listed(host: Host) -> list[tuple[str, str, str]]:
    return [(nic["interface"], nic["network"], nic["guest"]) for nic in host.vnet_json("nic-list")]


def _master(host: Host, link: str) -> str:
    return str(host.json(["ip", "-json", "link", "show", "dev", link])[0].get("master", ""))


def _queue(host: Host, link: str) -> str:
    return str(host.json(["tc", "-json", "qdisc", "show", "dev", link, "root"])[0]["kind"])


def _chains(host: Host) -> list[str]:
    """Those of rates, and of others."""
    found = host.json(["nft", "-json", "list", "chains", "netdev"])["nftables"]
    return [
        name for item in found if (name := item.get("chain", {}).get("name", "n"))[0] not in "gn" or name == "guard"
    ]


def _attach(host: Host, tap: str, network: str, *words: str) -> None:
    assert host.vnet("attach", tap, "--network", network, *words).stderr == ""


def _isolated(host: Host) -> list[bool]:
    return [bool(link["isolated"]) for link in host.json(["bridge", "-json", "-details", "link", "show"])]


def test_a_change_that_is_killed_before_the_ports_is_finished_by_the_next_guest(host: Host) -> None:
    _attach(host, "tap0", "lab")
    _attach(host, "tap1", "lab")
    host.define(PLAIN.replace("</ip>", "</ip><port isolated='yes'/>"))

    def change(here: machine.Host) -> object:
        enforce._attach_again = _kill  # type: ignore[assignment]
        return changes.apply(here, "lab")

    _killed(host, change)
    assert _isolated(host) == [False, False]
    assert host.vnet("net-check", "lab", check=False).returncode == 5
    _attach(host, "tap2", "lab")
    assert _isolated(host) == [True, True, True]
    host.vnet("net-check", "lab")


def test_a_detach_that_comes_too_late_leaves_the_next_guest_alone(host: Host) -> None:
    _attach(host, "tap0", "lab", "--guest", "alice", "--mac", ALICE)

    def detach(here: machine.Host) -> object:
        class Late(port.Lock):
            def __enter__(self):  # type: ignore[no-untyped-def]
                port.Lock = Late.__base__  # type: ignore[misc,assignment]
                here.links.delete("tap0")
                os.system("ip tuntap add dev tap0 mode tap")
                attach.attach(here, "lab", nics.Nic("tap0", "lab", guest="bob", mac=BOB))
                return super().__enter__()

        port.Lock = Late  # type: ignore[misc]
        return port.detach(here.paths, here.links, "tap0")

    assert on(host, detach) is None
    assert _listed(host) == [("tap0", "lab", "bob")]
    assert _master(host, "tap0") == "labbr"


def test_a_nic_that_was_attached_anew_meanwhile_is_not_changed(host: Host) -> None:
    _attach(host, "tap0", "lab", "--guest", "alice", "--mac", ALICE)

    def change(here: machine.Host) -> object:
        original = lifecycle_nics._locked

        def late(*words):  # type: ignore[no-untyped-def]
            here.links.delete("tap0")
            os.system("ip tuntap add dev tap0 mode tap")
            attach.attach(here, "lab", nics.Nic("tap0", "lab", guest="bob", mac=BOB))
            return original(*words)

        lifecycle_nics._locked = late
        return lifecycle_nics.change(here, "tap0", lifecycle_nics.NicChange(guest="carol"))

    with pytest.raises(StateError, match=r"^interface 'tap0': change: it was attached anew in the meantime$"):
        on(host, change)
    assert _listed(host) == [("tap0", "lab", "bob")]


def test_a_nic_that_may_not_move_stays_where_it_is_with_all_that_it_has(host: Host) -> None:
    _attach(host, "tap0", "lab:slow", "--guest", "alice", "--mac", ALICE)
    _attach(host, "tap1", "told", "--guest", "bob", "--mac", ALICE)
    before = host.vnet_json("nic-list")
    refused = host.vnet("attach", "tap0", "--network", "told", "--guest", "alice", "--mac", ALICE, check=False)
    assert refused.returncode == 4
    assert host.vnet_json("nic-list") == before
    assert (_master(host, "tap0"), _queue(host, "tap0")) == ("labbr", "htb")
    for network in ("lab", "told"):
        host.vnet("net-check", network)
    assert host.vnet("net-stop", "lab", check=False).returncode == 4


def test_a_refused_twin_takes_nothing_from_who_is_there(host: Host) -> None:
    _attach(host, "tap0", "told", "--guest", "alice", "--mac", ALICE)
    refused = host.vnet("attach", "tap1", "--network", "told", "--guest", "bob", "--mac", ALICE, check=False)
    assert refused.returncode == 4
    found = {
        place: os.listdir(host.root / f"run/vnethook/dnsmasq/told/{place}") for place in ("guests", "macs", "names")
    }
    assert found == {"guests": [ALICE], "macs": [ALICE], "names": ["alice"]}


def test_a_detach_that_is_killed_when_the_rates_are_gone_leaves_no_rate_to_the_next(host: Host) -> None:
    _attach(host, "tap0", "lab:slow")
    assert (_queue(host, "tap0"), len(_chains(host))) == ("htb", 1)

    def detach(here: machine.Host) -> object:
        port.take_off = _kill
        return attach.detach(here, "tap0")

    _killed(host, detach)
    host.vnet("detach", "tap0")
    _attach(host, "tap0", "lab")
    assert (_queue(host, "tap0") != "htb", _chains(host)) == (True, [])


def test_what_is_guaranteed_to_ports_that_wait_counts(host: Host) -> None:
    text = "<networkport><mac address='52:54:00:00:91:0{number}'/><bandwidth><inbound average='1' floor='600'/></bandwidth></networkport>"
    host.vnet("net-port-create", "shared", "-", stdin=text.format(number=3))
    second = host.vnet("net-port-create", "shared", "-", stdin=text.format(number=4), check=False)
    assert (second.returncode, "600 are guaranteed to others" in second.stderr) == (4, True)
    host.vnet("attach", "tap0", "--network", "shared", "--mac", "52:54:00:00:91:03")
    assert _listed(host) == [("tap0", "shared", "")]


def test_a_guaranteed_rate_follows_a_change_of_the_mac(host: Host) -> None:
    _attach(host, "tap0", "shared", "--mac", ALICE)
    host.vnet("nic-set", "tap0", "--inbound", "0,0,0,200")
    host.vnet("nic-set", "tap0", "--mac", BOB)
    found = host.run(["tc", "filter", "show", "dev", "sharedbr", "parent", "764e:"]).stdout
    assert [word for word in found.split() if word.startswith(("52540000", "9102", "9101"))] == [
        *("52540000/ffffffff", "91020000/ffff0000")
    ]
    host.vnet("net-check", "shared")


def test_a_nic_keeps_its_limits_when_its_portgroup_is_taken_out(host: Host) -> None:
    _attach(host, "tap0", "lab:slow")
    host.vnet("net-update", "lab", "delete", "portgroup", "<portgroup name='slow'/>", "--live", "--config")
    assert _queue(host, "tap0") == "htb"
    limits = host.vnet_json("nic-list")[0]["limits"]
    assert (limits["inbound.average"], limits["outbound.average"]) == (300, 100)
    host.vnet("net-check", "lab")
    host.vnet("net-restart", "lab")
    assert _queue(host, "tap0") == "htb"


def test_a_stop_that_is_killed_leaves_no_guest_on_the_administrators_bridge_unseen(host: Host) -> None:
    host.run(["ip", "link", "add", "lan0", "up", "type", "bridge"])
    host.define("<network><name>lan</name><forward mode='bridge'/><bridge name='lan0'/></network>")
    _attach(host, "tap0", "lan")

    def stop(here: machine.Host) -> object:
        record.remove = _kill
        return bringup.stop(here, "lan", force=True)

    _killed(host, stop)
    assert _master(host, "tap0") == ""
    host.vnet("net-stop", "lan", "--force")


def test_another_programs_queue_keeps_a_nic_from_one_limit_and_not_from_the_other(host: Host) -> None:
    _attach(host, "tap0", "lab:slow")
    host.run(["tc", "qdisc", "replace", "dev", "tap0", "root", "pfifo"])
    host.run(["nft", "flush", "ruleset"])
    said = host.vnet("net-restart", "lab").stderr
    assert "another program has given it the queue 'pfifo'" in said
    assert said.endswith(": interface 'tap0' is attached, not as limited as it should be\n")
    assert (_master(host, "tap0"), len(_chains(host))) == ("labbr", 1)


def test_what_no_kernel_can_count_is_no_limit(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab")
    host.vnet("nic-set", "tap0", "--outbound", "20000000")
    assert _chains(host) == []
    host.vnet("nic-set", "tap0", "--outbound", "100,0,4294967295")
    assert len(_chains(host)) == 1


def test_chains_of_others_in_our_table_are_left_alone(host: Host) -> None:
    host.run(["nft", "add table netdev vnethook; add chain netdev vnethook guard; add chain netdev vnethook i1_2"])
    _attach(host, "tap0", "lab:slow")
    assert len(_chains(host)) == 3
    host.vnet("detach", "tap0")
    assert _chains(host) == ["guard", "i1_2"]
