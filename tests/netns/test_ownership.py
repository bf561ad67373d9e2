"""What belongs to others stays theirs, what fails changes nothing that works, and what is ours goes away with us."""

import os
import signal
import subprocess

import pytest

from tests.lab import CHECKOUT, Client, Host
from tests.lab.host import VNET
from tests.lab.library import on
from tests.lab.machine import PYTHON
from vnethook.errors import HostError, StateError
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, catalog, health
from vnethook.live import nics, record

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
GATEWAY = "10.77.0.1"
UUID = "0d4a2f5e-8a60-4d5c-9d53-6f1d0a4f7b11"
LAB = f"""
<network><name>lab</name><uuid>{UUID}</uuid><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='{GATEWAY}' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.99'/></dhcp></ip>
  <ip family='ipv6' address='2001:db8:77::1' prefix='64'/>
</network>"""
ON_BR0 = """
<network><name>lab</name><forward mode='nat'/><bridge name='br0'/><mac address='52:54:00:00:77:01'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'/>
</network>"""
NOT_OURS = "network 'lab': bridge 'br0': an interface of that name exists and is not ours"

# Takes the ports 53 and 67 of all addresses, as another DNS and DHCP server does; ends with its stdin.
TAKER = """
import socket, sys
sockets = []
for kind, port in ((socket.SOCK_DGRAM, 53), (socket.SOCK_STREAM, 53), (socket.SOCK_DGRAM, 67)):
    taken = socket.socket(socket.AF_INET, kind)
    while True:  # what was killed a moment ago may still hold them
        try:
            taken.bind(("", port))
            break
        except OSError:
            pass
    sockets.append(taken)
print("ready", flush=True)
sys.stdin.read()
"""

# Where the host differs from what forwarding makes of all interfaces: it has to be so again.
OWN_SYSCTLS = {
    "net.ipv4.conf.lan.forwarding": "1",
    "net.ipv6.conf.lan.forwarding": "1",
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.lan.accept_redirects": "0",
    "net.ipv6.conf.lan.accept_redirects": "0",
}
FLUSHED = ("gateways", "gateways6")
MAPS = ("from_guest", "to_guest", "to_host")
DAMAGE = {
    **{f"set {name} was flushed": f"nft flush set inet vnethook {name}" for name in FLUSHED},
    **{f"map {name} was flushed": f"nft flush map inet vnethook {name}" for name in MAPS},
    "the bridge's IPv6 address was removed": "ip -6 address del 2001:db8:77::1/64 dev vnbr7",
    "the bridge's MTU was changed": "ip link set vnbr7 mtu 1400",
}


def _define(host: Host, xml: str) -> None:
    on(host, lambda here: catalog.define(here, xml, source="lab.xml") and None)


def _make_bridge(host: Host, name: str, address: str = "192.168.9.1/24") -> None:
    host.run(["ip", "link", "add", name, "address", "02:00:00:00:00:b0", "type", "bridge"])
    host.run(["ip", "address", "add", address, "dev", name])
    host.run(["ip", "link", "set", name, "up"])


def _of_the_host(host: Host) -> list[str]:
    """Links, addresses, routes, rules, sysctls and processes, without what the kernel does by itself."""
    kinds = ("link", "address", "route", "rule", "nft", "sysctl", "process")
    return sorted(line for line in host.snapshot().lines if line.startswith(kinds) and "tcp_fastopen" not in line)


def _ifup(host: Host, tap: str, network: str = "lab") -> "subprocess.CompletedProcess[str]":
    return host.run([IFUP, tap], env={"VNET_NETWORK": network}, check=False)


def _killed(host: Host, function: "object") -> None:
    with pytest.raises(AssertionError, match="the called function ended with -9"):
        on(host, function)  # type: ignore[arg-type]


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _master(host: Host, link: str) -> str:
    return host.json(["ip", "-json", "link", "show", "dev", link])[0].get("master", "")  # type: ignore[no-any-return]


def test_a_definition_with_the_name_of_a_foreign_bridge_is_refused_and_the_bridge_stays() -> None:
    with Host() as host:
        _make_bridge(host, "br0")
        before = _of_the_host(host)
        with pytest.raises(HostError) as caught:
            _define(host, ON_BR0)
        assert str(caught.value) == NOT_OURS
        assert _of_the_host(host) == before


def test_a_start_on_a_foreign_bridge_is_refused_and_neither_it_nor_a_destroy_touches_the_bridge() -> None:
    with Host() as host:
        _define(host, ON_BR0)
        host.make_tap("tap0")
        _make_bridge(host, "br0")
        before = _of_the_host(host)
        with pytest.raises(HostError) as caught:
            on(host, lambda here: bringup.start(here, "lab") and None)
        assert str(caught.value) == NOT_OURS
        result = _ifup(host, "tap0")
        assert (result.returncode, result.stderr.splitlines()[0]) == (5, f"qemu-ifup: {NOT_OURS}")
        for words in (["net-destroy", "lab"], ["net-destroy", "lab", "--force"]):
            assert host.vnet(*words, check=False).returncode == 4
        assert _of_the_host(host) == before


def test_a_restart_onto_a_foreign_bridge_is_refused_while_the_network_goes_on() -> None:
    with Host() as host:
        _define(host, LAB)
        host.make_tap("tap0")
        assert _ifup(host, "tap0").returncode == 0
        _define(host, LAB.replace("vnbr7", "br0").replace("77", "78"))
        _make_bridge(host, "br0")
        before = _of_the_host(host)
        with pytest.raises(HostError) as caught:
            on(host, lambda here: bringup.restart(here, "lab") and None)
        assert str(caught.value) == NOT_OURS
        assert _of_the_host(host) == before


def test_a_mend_that_fails_fails_the_new_hook_and_leaves_the_rules_in_force() -> None:
    with Host() as host, Client(host, "old", port="vold") as old:
        _define(host, LAB)
        assert _ifup(host, "vold").returncode == 0
        assert old.lease()["server"] == GATEWAY
        host.make_tap("tap0")
        chain = f"n{UUID.replace('-', '')}_host"
        reached = []
        with host.listening(tcp=8080, udp=8081) as came:
            reached += [host.connects(GATEWAY, 8080), old.connects(GATEWAY, 8080, timeout_s=1)]
            host.run(["nft", "insert", "rule", "inet", "vnethook", chain, "tcp", "dport", "8080", "accept"])
            host.run(["sh", "-c", "kill -9 $(cat $VNETHOOK_ROOT/run/vnethook/dnsmasq/lab/dnsmasq.pid)"])
            taker = host.popen([PYTHON, "-IS", "-c", TAKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            is_taken = taker.stdout.readline()
            result = _ifup(host, "tap0")
            reached += [old.connects(GATEWAY, 8080, timeout_s=1), old.pings(GATEWAY)]
            faults = on(host, lambda here: health.check(here, "lab"))
            taker.communicate()
            again = _ifup(host, "tap0")
            reached.append(old.connects(GATEWAY, 8080, timeout_s=1))
            seen = came()
        assert is_taken == "ready\n"
        expected = "qemu-ifup: dnsmasq: start: dnsmasq: failed to bind DHCP server socket: Address already in use"
        assert (result.returncode, result.stderr.splitlines()[0]) == (5, expected)
        assert [line for line in faults if "dnsmasq" not in line] == []
        assert (again.returncode, again.stderr) == (0, "")
        assert reached == [True, False, False, True, False]
        assert seen == [f"tcp {GATEWAY}"]
        assert on(host, lambda here: health.check(here, "lab")) == []


def test_a_start_that_was_killed_before_its_record_leaves_nothing_after_undefine() -> None:
    def start(here: machine.Host) -> None:
        record.write = _die
        bringup.start(here, "lab")

    with Host() as host:
        before = host.snapshot()
        _define(host, LAB)
        _killed(host, start)
        assert [line for line in host.processes() if "dnsmasq" in line] != []
        host.run([VNET, "net-undefine", "lab"], timeout_s=20)  # less than a lock that is waited for in vain
        kept = [r"file d", r"locks/\.host", "tcp_fastopen"]
        assert before.changes_to(host.snapshot(), ignoring=kept) == []


def test_an_attach_that_was_killed_before_its_record_may_be_repeated() -> None:
    with Host() as host:
        for name, number in (("a", 1), ("b", 2)):
            _define(host, f"<network><name>{name}</name><ip address='10.7{number}.0.1' prefix='24'/></network>")
            on(host, lambda here, name=name: bringup.start(here, name) and None)
        host.make_tap("tap0")
        nic = nics.Nic(interface="tap0", network="b", guest="guest", mac="52:54:00:00:00:01")

        def to_b(here: machine.Host) -> None:
            nics.write = _die
            attach.attach(here, "b", nic)

        on(host, lambda here: attach.attach(here, "a", nic.replace(network="a")) and None)
        _killed(host, to_b)
        assert on(host, lambda here: attach.attach(here, "b", nic)) == []
        found = on(host, lambda here: {name: bringup.guests(here, name) for name in ("a", "b")})
        assert {name: [one.interface for one in of] for name, of in found.items()} == {"a": [], "b": ["tap0"]}
        live = on(host, lambda here: record.read(here.paths, "b"))
        assert live
        assert _master(host, "tap0") == live.bridge
        assert sorted(path.name for path in (host.root / "run/vnethook/ports").rglob("*")) == ["b", "tap0.json"]


def test_an_attach_that_was_killed_after_its_record_leaves_nothing_with_the_network_that_the_nic_was_on() -> None:
    with Host() as host:
        for name, number in (("a", 1), ("b", 2)):
            _define(host, f"<network><name>{name}</name><ip address='10.7{number}.0.1' prefix='24'/></network>")
            on(host, lambda here, name=name: bringup.start(here, name) and None)
        host.make_tap("tap0")
        nic = nics.Nic(interface="tap0", network="b")

        def to_b(here: machine.Host) -> None:
            nics.remove = _die
            attach.attach(here, "b", nic)

        on(host, lambda here: attach.attach(here, "a", nic.replace(network="a")) and None)
        _killed(host, to_b)
        assert on(host, lambda here: attach.attach(here, "b", nic)) == []
        on(host, lambda here: attach.detach(here, "tap0") and None)
        for name in ("a", "b"):
            on(host, lambda here, name=name: bringup.stop(here, name))
        assert list((host.root / "run/vnethook/ports").rglob("*")) == []


def test_a_bridge_that_another_program_made_in_place_of_ours_survives_a_stop() -> None:
    with Host() as host:
        _define(host, LAB)
        on(host, lambda here: bringup.start(here, "lab") and None)
        host.run(["ip", "link", "delete", "vnbr7"])
        _make_bridge(host, "vnbr7")
        link = host.run(["ip", "-o", "link", "show", "vnbr7"]).stdout
        on(host, lambda here: bringup.stop(here, "lab"))
        assert host.run(["ip", "-o", "link", "show", "vnbr7"]).stdout == link
        assert "192.168.9.1/24" in host.run(["ip", "-o", "address", "show", "vnbr7"]).stdout


@pytest.mark.parametrize("is_up", [True, False], ids=["the network is up", "the network is down"])
def test_a_stale_record_does_not_take_a_new_tap_off_a_foreign_bridge(is_up: bool) -> None:
    with Host() as host:
        _define(host, LAB)
        host.make_tap("tap0")
        assert _ifup(host, "tap0").returncode == 0
        host.run(["ip", "link", "delete", "tap0"])
        if not is_up:
            on(host, lambda here: bringup.take_down(here, "lab"))
        _make_bridge(host, "docker0")
        host.make_tap("tap0")
        host.run(["ip", "link", "set", "tap0", "master", "docker0"])
        before = _of_the_host(host) if is_up else []
        result = _ifup(host, "tap0")
        expected = "qemu-ifup: interface 'tap0': attach to network 'lab': already a port of 'docker0'"
        assert (result.returncode, result.stderr.splitlines()[0]) == (StateError.exit_status, expected)
        assert _master(host, "tap0") == "docker0"
        assert (_of_the_host(host) if is_up else []) == before


@pytest.mark.parametrize("count", [1, 2])
def test_sysctls_of_single_interfaces_are_given_back_with_the_last_network(count: int) -> None:
    with Host() as host:
        host.run(["ip", "link", "add", "lan", "type", "bridge"])
        for name, value in OWN_SYSCTLS.items():
            host.run(["sysctl", "-qw", f"{name}={value}"])
        before = _of_the_host(host)
        names = ["lab", "more"][:count]
        _define(host, LAB)
        more = LAB.replace("<name>lab", "<name>more").replace("77", "78").replace("vnbr7", "vnbr8")
        _define(host, more.replace(f"<uuid>{UUID}</uuid>", ""))
        for name in names:
            on(host, lambda here, name=name: bringup.start(here, name) and None)
        read = {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.forwarding": "1", "net.ipv6.conf.all.forwarding": "1"}
        assert {name: host.run(["sysctl", "-n", name]).stdout.strip() for name in read} == read
        for name in names:
            on(host, lambda here, name=name: bringup.stop(here, name))
        assert {name: host.run(["sysctl", "-n", name]).stdout.strip() for name in OWN_SYSCTLS} == OWN_SYSCTLS
        assert _of_the_host(host) == before


@pytest.mark.parametrize("damage", DAMAGE)
def test_check_sees_it_and_the_next_hook_mends_it(damage: str) -> None:
    with Host() as host:
        _define(host, LAB)
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        assert _ifup(host, "tap0").returncode == 0
        before = [line for line in _of_the_host(host) if "tap1" not in line and "vnethook / chain g3" not in line]
        host.run(["sh", "-c", DAMAGE[damage]])
        assert len(on(host, lambda here: health.check(here, "lab"))) == 1
        assert _ifup(host, "tap1").returncode == 0
        assert on(host, lambda here: health.check(here, "lab")) == []
        assert [
            line for line in _of_the_host(host) if "tap1" not in line and "vnethook / chain g3" not in line
        ] == before
