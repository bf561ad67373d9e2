"""Limited rates, with real traffic: never a time, always one rate against another in the same test."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from tests.lab import CHECKOUT, Client, Host, Machine, wait_for
from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.rates import VOLUME, came, times
from vnethook.lifecycle import bringup, changes, health

pytestmark = pytest.mark.netns
IFUP, IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifup", CHECKOUT / "hooks/qemu/qemu-ifdown"
VOLATILE = ["tcp_fastopen_key", "locks", "leases", r"run/vnethook(/[a-z]+)?$", "shared.json"]
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr1'/>{limits}
  <ip address='10.65.0.1' netmask='255.255.255.0'/>
  <portgroup name='open'/>
  <portgroup name='slow' default='yes'><bandwidth><inbound average='100'/><outbound average='100'/></bandwidth></portgroup>
  <portgroup name='fast'><bandwidth><inbound average='200'/><outbound average='200'/></bandwidth></portgroup>
  <portgroup name='sure'><bandwidth><inbound floor='200'/></bandwidth></portgroup>
</network>"""
EACH = LAB.format(limits="")
ALL = LAB.format(limits="<bandwidth><inbound average='{0}'/><outbound average='{0}'/></bandwidth>")


@contextmanager
def _guests(host: Host, *portgroups: str) -> Iterator[dict[Client, str]]:
    """Guests in these portgroups of `lab`, by their addresses."""
    with ExitStack() as stack:
        found: dict[Client, str] = {}
        for number, portgroup in enumerate(portgroups, 2):
            mac = f"52:54:00:00:65:0{number}"
            client = stack.enter_context(Client(host, f"guest{number}", port=f"v{number}", mac=mac))
            host.vnet("attach", f"v{number}", "--network", f"lab:{portgroup}", "--mac", mac)
            found[client] = f"10.65.0.{number}"
            client.run(["ip", "address", "add", f"{found[client]}/24", "dev", "eth0"])
            wait_for(lambda client=client: client.pings("10.65.0.1"), "the gateway")  # type: ignore[misc]
        yield found


def _up(host: Host, link: str) -> None:
    """Bring a link up, as attaching it does; detach leaves it so."""
    host.run(["ip", "link", "set", link, "up"])


def _sent(machine: Machine, link: str, minor: int = 1) -> int:
    """The bytes that a class of ours has sent."""
    text = machine.run(["tc", "-s", "class", "show", "dev", link]).stdout
    found = re.search(rf"class htb 764e:{minor} .*?Sent (\d+) bytes", text, re.DOTALL)
    return int(found[1]) if found else -1


def test_a_guest_receives_at_the_rate_of_its_portgroup() -> None:
    with Host() as host:
        host.define(EACH)
        with _guests(host, "slow", "fast", "open") as guests:
            slow, fast, unlimited = times(host, guests)
        assert 1.3 < slow / fast < 3.5
        assert unlimited < fast / 3


def test_a_guest_sends_at_the_rate_of_its_portgroup() -> None:
    with Host() as host:
        host.define(EACH)
        with _guests(host, "slow", "fast", "open") as guests:
            slow, fast, unlimited = (came(host, client, "10.65.0.1") for client in guests)
            assert _sent(host, "v2") > 0
            assert _sent(host, "v4") == -1
        assert 1.4 < fast / slow < 2.8
        assert unlimited > 1_500_000


def test_all_guests_of_a_network_share_its_rates() -> None:
    with Host() as host:
        host.define(ALL.format(200))
        with _guests(host, "open", "open") as guests:
            first = next(iter(guests))
            [alone] = times(host, {first: guests[first]})
            together = max(times(host, guests))
            assert 1.3 < together / alone < 3.5
            assert _sent(host, "vnbr1") > 3 * VOLUME
            less = came(host, first, "10.65.0.1")
            host.define(ALL.format(400))
            on(host, lambda here: changes.apply(here, "lab") and None)
            more = came(host, first, "10.65.0.1")
            assert 1.4 < more / less < 2.8


def test_a_guaranteed_rate_is_kept_while_others_take_what_they_get() -> None:
    with Host() as host:
        host.define(ALL.format(250))
        with _guests(host, "sure", "open") as guests:
            before = _sent(host, "vnbr1", 2)
            sure, rest = times(host, guests)
            assert sure < rest
            assert _sent(host, "vnbr1", 3) > VOLUME
            assert _sent(host, "vnbr1", 2) - before > VOLUME


def test_a_rate_that_cannot_be_guaranteed_is_refused() -> None:
    with Host() as host:
        host.define(EACH)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        refused = host.vnet("attach", "tap0", "--network", "lab:sure", "--mac", "52:54:00:00:65:01", check=False)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (
            4,
            "error: interface 'tap0': guarantee 200 kB/s: network 'lab' has no inbound average of its own",
        )
        host.define(ALL.format(300))
        on(host, lambda here: changes.apply(here, "lab") and None)
        host.vnet("attach", "tap0", "--network", "lab:sure", "--mac", "52:54:00:00:65:01")
        refused = host.vnet("attach", "tap1", "--network", "lab:sure", "--mac", "52:54:00:00:65:02", check=False)
        assert refused.stderr.splitlines()[0] == (
            "error: interface 'tap1': guarantee 200 kB/s: of the 300 kB/s of network 'lab', 200 are guaranteed to others"
        )
        assert host.vnet_json("nic-list")[0]["interface"] == "tap0"


def test_a_hook_limits_a_nic_though_its_python_has_no_library() -> None:
    with Host() as host:
        host.define(EACH)
        host.make_tap("tap0")
        assert host.run([PYTHON, "-IS", "-c", "import pyroute2"], check=False).returncode == 1
        ifup = host.directory / "qemu-ifup-lab:fast"
        ifup.symlink_to(IFUP)
        host.run([ifup, "tap0"])
        assert (
            "class htb 764e:1 root rate 1600Kbit ceil 1600Kbit"
            in host.run(["tc", "class", "show", "dev", "tap0"]).stdout
        )
        assert "limit rate over 200000 bytes/second" in host.run(["nft", "list", "ruleset"]).stdout
        assert on(host, lambda here: health.check(here, "lab")) == []
        host.run([IFDOWN, "tap0"])
        assert host.run(["tc", "class", "show", "dev", "tap0"]).stdout == ""
        assert "limit rate over" not in host.run(["nft", "list", "table", "netdev", "vnethook"]).stdout


def test_a_nic_without_limits_takes_those_off_that_its_link_had() -> None:
    with Host() as host:
        host.define(EACH)
        host.make_tap("tap0")
        host.vnet("attach", "tap0", "--network", "lab")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab", "VNET_PORTGROUP": "open"})
        assert host.run(["tc", "class", "show", "dev", "tap0"]).stdout == ""
        assert "limit rate over" not in host.run(["nft", "list", "table", "netdev", "vnethook"]).stdout


def test_limits_that_somebody_took_away_are_named_and_mended() -> None:
    with Host() as host:
        host.define(ALL.format(300))
        host.make_tap("tap0")
        host.vnet("attach", "tap0", "--network", "lab")
        for damage, expected in {
            "tc qdisc del dev tap0 root": ["NIC tap0: has other limits"],
            "nft delete table netdev vnethook": [
                "not done: limit vnbr1: to guests 300 kB/s, from guests 300 kB/s",
                "not done: guard the ports of network lab",
                "NIC tap0: is not guarded as it should be",
                "NIC tap0: has other limits",
            ],
            "tc class change dev vnbr1 classid 764e:1 htb rate 1mbit": [
                "not done: limit vnbr1: to guests 300 kB/s, from guests 300 kB/s"
            ],
        }.items():
            host.run(damage.split())
            assert on(host, lambda here: health.check(here, "lab")) == expected
            assert on(host, lambda here: health.repair(here, "lab")) == expected
            assert on(host, lambda here: health.check(here, "lab")) == []


def test_the_next_hook_mends_the_limits_of_a_network() -> None:
    with Host() as host:
        host.define(ALL.format(300))
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        host.vnet("attach", "tap0", "--network", "lab:open")
        host.run(["tc", "qdisc", "del", "dev", "vnbr1", "root"])
        host.run([IFUP, "tap1"], env={"VNET_NETWORK": "lab:open"})
        assert on(host, lambda here: health.check(here, "lab")) == []


def test_a_queue_of_another_program_is_left_alone() -> None:
    with Host() as host:
        host.define(EACH)
        _up(host, host.make_tap("tap0"))
        host.run(["tc", "qdisc", "add", "dev", "tap0", "root", "handle", "1:", "htb", "default", "1"])
        on(host, lambda here: bringup.start(here, "lab") and None)
        before = host.snapshot()
        refused = host.vnet("attach", "tap0", "--network", "lab", check=False)
        assert refused.stderr.splitlines()[0] == (
            "error: interface 'tap0': limit rate: another program has given it the queue 'htb'"
        )
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
        assert "htb 1: root" in host.run(["tc", "qdisc", "show", "dev", "tap0"]).stdout


def test_a_limited_network_that_stops_leaves_nothing() -> None:
    with Host() as host:
        host.define(ALL.format(300))
        _up(host, host.make_tap("tap0"))
        before = host.snapshot()
        host.vnet("attach", "tap0", "--network", "lab")
        shown = json.loads(host.run(["tc", "-json", "qdisc", "show"]).stdout)
        assert {item["dev"] for item in shown if item.get("handle") == "764e:"} == {"vnbr1", "tap0"}
        host.vnet("detach", "tap0")
        host.vnet("net-stop", "lab")
        assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
        assert "764e" not in host.run(["tc", "qdisc", "show"]).stdout


def test_of_two_networks_on_a_bridge_of_the_administrators_one_may_limit_it() -> None:
    with Host() as host:
        host.run(["ip", "link", "add", "br0", "up", "type", "bridge"])
        for name in ("first", "second"):
            limits = "<bandwidth><inbound average='100'/></bandwidth>"
            host.define(f"<network><name>{name}</name><forward mode='bridge'/><bridge name='br0'/>{limits}</network>")
        host.vnet("net-start", "first")
        refused = host.vnet("net-start", "second", check=False)
        assert refused.stderr.splitlines()[0] == "error: bridge 'br0': limit rate: another network has limited it"
        assert "764e:" in host.run(["tc", "qdisc", "show", "dev", "br0"]).stdout
        host.vnet("net-stop", "first")
        assert "764e:" not in host.run(["tc", "qdisc", "show", "dev", "br0"]).stdout
        host.vnet("net-start", "second")
        assert on(host, lambda here: health.check(here, "second")) == []
