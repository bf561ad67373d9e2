"""macTableManager='libvirt': the bridge sends a frame where its MAC was told to be, and nowhere else."""

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.library import on
from vnethook.lifecycle import health

pytestmark = pytest.mark.netns
TOLD = """
<network><name>told</name><bridge name='vnbr1' macTableManager='libvirt'/>
  <ip address='10.63.0.1' netmask='255.255.255.0'/>
</network>"""
LEARNED = (
    TOLD.replace("told", "learned").replace("vnbr1", "vnbr2").replace("10.63", "10.64").replace("'libvirt'", "'kernel'")
)
ALICE, BOB, NOBODY = "52:54:00:00:63:01", "52:54:00:00:63:02", "52:54:00:00:63:99"


def _address(client: Client, address: str) -> None:
    client.run(["ip", "address", "replace", f"{address}/24", "dev", "eth0"])


def _count(client: Client, mac: str) -> None:
    """Count the frames for a MAC that come to a guest's NIC."""
    client.run(["nft", "-f", "-"], stdin=(
        "table netdev seen {\n chain seen { type filter hook ingress device eth0 priority 0;"
        f" ether daddr {mac} counter; }}\n}}\n"
    ))  # fmt: skip


def _counted(client: Client) -> int:
    words = client.run(["nft", "list", "chain", "netdev", "seen", "seen"]).stdout.split()
    return int(words[words.index("packets") + 1])


def _send(client: Client, mac: str, address: str) -> None:
    """Send a frame to a MAC, whoever it belongs to."""
    client.run(["ip", "neigh", "replace", address, "lladdr", mac, "dev", "eth0", "nud", "permanent"])
    client.run(["ping", "-n", "-c", "1", "-W", "1", address], check=False)


def _listed(host: Host, port: str) -> list[tuple[str, str]]:
    entries = host.json(["bridge", "-json", "fdb", "show", "dev", port])
    return [(item["mac"], item["state"]) for item in entries if item.get("master") and item["state"] != "permanent"]


@pytest.mark.parametrize(("network", "xml", "expected"), [("told", TOLD, 0), ("learned", LEARNED, 1)])
def test_a_frame_for_an_unknown_mac_reaches_no_guest(network: str, xml: str, expected: int) -> None:
    with (
        Host() as host,
        Client(host, "alice", port="va", mac=ALICE) as alice,
        Client(host, "bob", port="vb", mac=BOB) as bob,
    ):
        host.define(xml)
        host.vnet("attach", "va", "--network", network, "--mac", ALICE)
        host.vnet("attach", "vb", "--network", network, "--mac", BOB)
        for number, client in enumerate((alice, bob)):
            _address(client, f"10.6{3 + (network == 'learned')}.0.{2 + number}")
        wait_for(lambda: alice.pings(f"10.6{3 + (network == 'learned')}.0.3"), "both ports to forward")
        _count(bob, NOBODY)
        _send(alice, NOBODY, f"10.6{3 + (network == 'learned')}.0.99")
        assert _counted(bob) == expected


def test_no_guest_can_take_the_mac_of_another() -> None:
    with Host() as host, Client(host, "alice", port="va", mac=ALICE) as alice, Client(host, "eve", port="ve") as eve:
        host.define(TOLD)
        host.vnet("attach", "va", "--network", "told", "--mac", ALICE)
        said = host.vnet("attach", "ve", "--network", "told").stderr
        assert said == "warning: interface 've': its MAC is not known: the bridge goes on learning it\n"
        _address(alice, "10.63.0.2")
        eve.run(["ip", "link", "set", "eth0", "down"])
        eve.run(["ip", "link", "set", "eth0", "address", ALICE])
        eve.run(["ip", "link", "set", "eth0", "up"])
        _address(eve, "10.63.0.66")
        _send(eve, NOBODY, "10.63.0.99")
        assert _listed(host, "va") == [(ALICE, "static")]
        assert _listed(host, "ve") == []
        host.run(["ip", "neigh", "replace", "10.63.0.2", "lladdr", ALICE, "dev", "vnbr1"])
        assert host.run(["ping", "-n", "-c", "1", "-W", "2", "10.63.0.2"], check=False).returncode == 0


def test_a_nic_whose_mac_nobody_told_is_reached_all_the_same() -> None:
    with Host() as host, Client(host, "eve", port="ve") as eve:
        host.define(TOLD)
        host.vnet("attach", "ve", "--network", "told")
        _address(eve, "10.63.0.66")
        assert eve.pings("10.63.0.1")


def test_a_mac_that_another_nic_has_is_refused_and_nothing_is_attached() -> None:
    with Host() as host:
        host.define(TOLD)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        host.vnet("attach", "tap0", "--network", "told", "--mac", ALICE)
        before = host.snapshot()
        refused = host.vnet("attach", "tap1", "--network", "told", "--mac", ALICE, check=False)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (
            4,
            f"error: interface 'tap1': attach to network 'told': MAC {ALICE} is that of 'tap0'",
        )
        assert before.changes_to(host.snapshot(), ignoring=[r"\.names"]) == []


def test_detach_takes_the_mac_out_and_the_next_nic_may_have_it() -> None:
    with Host() as host:
        host.define(TOLD)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        host.vnet("attach", "tap0", "--network", "told", "--mac", ALICE)
        assert _listed(host, "tap0") == [(ALICE, "static")]
        host.vnet("detach", "tap0")
        host.vnet("attach", "tap1", "--network", "told", "--mac", ALICE)
        assert _listed(host, "tap1") == [(ALICE, "static")]
        host.vnet("attach", "tap1", "--network", "told", "--mac", BOB)
        assert _listed(host, "tap1") == [(BOB, "static")]


def test_what_somebody_changed_on_a_port_is_named_and_mended() -> None:
    with Host() as host:
        host.define(TOLD)
        host.make_tap("tap0")
        host.vnet("attach", "tap0", "--network", "told", "--mac", ALICE)
        host.run(["bridge", "link", "set", "dev", "tap0", "learning", "on", "flood", "on"])
        host.run(["bridge", "fdb", "del", ALICE, "dev", "tap0", "master"])
        expected = [
            "NIC tap0: learns MACs",
            "NIC tap0: gets frames for unknown MACs",
            f"NIC tap0: MAC {ALICE} is not told to the bridge",
        ]
        assert on(host, lambda here: health.check(here, "told")) == expected
        assert on(host, lambda here: health.repair(here, "told")) == expected
        assert on(host, lambda here: health.check(here, "told")) == []
