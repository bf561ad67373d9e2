"""What happens to a network from outside is mended by the next hook, with the other guests' ports in place."""

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog, health
from vnethook.live import process, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
DUAL_STACK = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
  <ip family='ipv6' address='2001:db8:77::1' prefix='64'/>
</network>"""

DAMAGE = {
    "dnsmasq was killed": "kill -9 $(cat $RUN/dnsmasq/lab/dnsmasq.pid)",
    "the whole ruleset was flushed": "nft flush ruleset",
    "the table was deleted": "nft delete table inet vnethook",
    "the table's rules were flushed": "nft flush table inet vnethook",
    "a base chain was flushed": "nft flush chain inet vnethook forward",
    "a verdict map was flushed": "nft flush map inet vnethook to_host",
    "the set of bridges was flushed": "nft flush set inet vnethook bridges",
    "the set of masqueraded subnets was flushed": "nft flush set inet vnethook masqueraded",
    "the bridge's address was removed": "ip address del 10.77.0.1/24 dev vnbr7",
    "the bridge was deleted": "ip link delete vnbr7",
    "the bridge was taken down": "ip link set vnbr7 down",
    "the bridge was replaced": "ip link delete vnbr7; ip link add vnbr7 type bridge",
    "IPv4 forwarding was turned off": "sysctl -qw net.ipv4.ip_forward=0",
    "IPv6 forwarding was turned off": "sysctl -qw net.ipv6.conf.all.forwarding=0",
    "the live record was lost": "rm $RUN/live/lab.json",
    "the live record was damaged": "echo nonsense > $RUN/live/lab.json",
    "dnsmasq's files were lost": "kill -9 $(cat $RUN/dnsmasq/lab/dnsmasq.pid); rm -r $RUN/dnsmasq",
}
DRIFT = {
    "another MTU was set": "ip link set vnbr7 mtu 1400",
    "another MAC was set": "ip link set vnbr7 address 02:00:00:00:00:01",
    "a sysctl of the bridge was changed": "sysctl -qw net.ipv6.conf.vnbr7.accept_ra=1",
    "a guest's port was taken off": "ip link set tap0 nomaster",
    "a guest's port was taken down": "ip link set tap0 down",
    "a fixed-hosts file was changed": "echo 52:54:00:00:00:01,evil > $RUN/dnsmasq/lab/hosts",
}


def _define(host: Host, xml: str) -> None:
    on(host, lambda here: catalog.define(here, xml, source="test.xml") and None)


def _run_directory(host: Host) -> dict[str, str]:
    return {"RUN": f"{host.root}/run/vnethook"}


def _state(host: Host) -> list[str]:
    """The host's state without what a new bridge or process has anew."""
    volatile = (
        "live/lab.json",
        "shared.json",
        "dnsmasq.json",
        "dnsmasq.pid",
        "ports/lab",
        "journal/lab",
        "locks/",
        "tcp_fastopen",
        *("tap1", "vnethook / chain g3"),
        "leases/",
    )
    return sorted(line for line in host.snapshot().lines if not any(word in line for word in volatile))


def _faults(host: Host) -> list[str]:
    def look(here: machine.Host) -> list[str]:
        live = record.read(here.paths, "lab")
        assert live is not None
        taps = [here.links.link(name) for name in ("tap0", "tap1")]
        word = f"--conf-file={here.paths.dnsmasq('lab')}/dnsmasq.conf"
        servers = [pid for pid in process.running() if word in process.command_line(pid)]
        return [
            record.fault(live, here.links),
            *[f"{tap.name} is off" for tap in taps if tap and (tap.master != live.index or not tap.is_up)],
            *([] if len(servers) == 1 else [f"{len(servers)} dnsmasq"]),
        ]

    return [fault for fault in on(host, look) if fault]


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_next_hook_mends(damage: str) -> None:
    with Host() as host:
        _define(host, DUAL_STACK)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        before = _state(host)
        host.run(["sh", "-c", DAMAGE[damage]], env=_run_directory(host))
        assert _state(host) != before or damage.startswith("dnsmasq was killed") or "live record" in damage
        host.run([IFUP, "tap1"], env={"VNET_NETWORK": "vnbr7"})
        assert _faults(host) == []
        assert _state(host) == before


@pytest.mark.parametrize("drift", [*DAMAGE, *DRIFT])
def test_check_names_and_repair_mends(drift: str) -> None:
    with Host() as host:
        _define(host, DUAL_STACK)
        host.make_tap("tap0")
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        before = _state(host)

        assert on(host, lambda here: health.check(here, "lab")) == []
        host.run(["sh", "-c", (DAMAGE | DRIFT)[drift]], env=_run_directory(host))
        if drift != "the live record was lost":  # then it counts as down, and only a start brings it back
            assert on(host, lambda here: health.check(here, "lab")) != []
            assert on(host, lambda here: health.repair(here, "lab")) != []
        else:
            on(host, lambda here: bringup.start(here, "lab") and None)
        assert on(host, lambda here: health.check(here, "lab")) == []
        assert _faults(host) == []
        assert _state(host) == before
