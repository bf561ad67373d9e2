"""The lab keeps what it promises to the tests that are built on it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lab import CHECKOUT, Client, Host, Outside, wait_for

pytestmark = pytest.mark.netns


def test_a_killed_test_leaves_no_process_namespace_or_file():
    program = """
import sys
from tests.lab import Host
with Host() as host:
    host.popen(["dnsmasq", "--conf-file=/dev/null", "--port=0", "--pid-file="]).wait()
    host.popen(["sleep", "1000"])
    print(host.pid, host.directory, host.processes(), flush=True)
    sys.stdin.read()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": CHECKOUT}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as killed:
        pid, directory, processes = killed.stdout.readline().split(" ", 2)
        assert "dnsmasq" in processes
        assert "sleep 1000" in processes
        namespace = f"net:[{Path(f'/proc/{pid}/ns/net').stat().st_ino}]"
        killed.send_signal(signal.SIGKILL)

    def users():
        found = []
        for other in filter(str.isdecimal, os.listdir("/proc")):
            try:
                found += [other] if os.readlink(f"/proc/{other}/ns/net") == namespace else []
            except OSError:
                continue
        return found

    wait_for(lambda: not users() and not Path(directory).exists(), "the host to vanish")


def test_a_snapshot_shows_what_changed_and_nothing_else():
    with Host() as host:
        before = host.snapshot()
        assert before.changes_to(host.snapshot()) == []
        host.make_tap("tap0")
        host.call(lambda: Path("/proc/sys/net/ipv4/conf/lo/proxy_arp").write_text("1"))
        host.run(["nft", "add table inet ours"])
        host.run(["ip", "address", "add", "192.0.2.7/32", "dev", "lo"])
        (host.root / "etc/new").write_text("")
        changes = before.changes_to(host.snapshot(), ignoring=[r"link tap0", r"route "])
        assert changes == [
            "- sysctl net/ipv4/conf/lo/proxy_arp = 0",
            "+ address lo 192.0.2.7/32 global",
            "+ file -rw-r--r-- etc/new e3b0c44298fc",
            "+ nft table inet ours",
            "+ sysctl net/ipv4/conf/lo/proxy_arp = 1",
        ]


def test_outside_is_reached_by_name_and_again_after_the_uplink_changed():
    with Host() as host, Outside() as outside:
        assert not host.connects("203.0.113.80", 80)
        outside.plug(host, subnet6="2001:db8:1::/64")
        assert host.run(["dig", "+short", "@192.0.2.1", "www.example.test"]).stdout == "203.0.113.80\n"
        assert host.connects("203.0.113.80", 80)
        assert host.connects("2001:db8:ffff::80", 80)
        outside.unplug(host)
        assert outside.plug(host, link="wlan0", subnet="198.51.100.0/24") == "198.51.100.2"
        assert host.connects("203.0.113.80", 80)
        assert (host.root / "etc/resolv.conf").read_text() == "nameserver 198.51.100.1\n"


def test_what_a_called_function_raises_arrives_here():
    with Host() as host:
        assert host.call(lambda: os.listdir("/sys/class/net")) == ["lo"]
        with pytest.raises(ZeroDivisionError):
            host.call(lambda: 1 // 0)


def test_a_client_gets_a_lease_from_a_dhcp_server_on_its_port():
    server = "dnsmasq --keep-in-foreground --conf-file=/dev/null --bind-interfaces --interface=port0 --port=0 --no-ping"
    with Host() as host, Client(host, "alice", port="port0", mac="52:54:00:00:53:01") as alice:
        host.run(["ip", "address", "add", "198.51.100.1/24", "dev", "port0"])
        host.run(["ip", "link", "set", "port0", "up"])
        host.popen([*server.split(), "--dhcp-leasefile=/dev/null", "--dhcp-range=198.51.100.9,198.51.100.9,1h"])
        lease = alice.lease(hostname="alice")
        assert (lease["ip"], lease["router"], lease["lease_s"]) == ("198.51.100.9", "198.51.100.1", "3600")
        assert alice.pings("198.51.100.1")
        assert not alice.pings("198.51.100.2")


def test_a_listener_ends_with_its_block_also_where_that_raises():
    with Host() as host:
        with pytest.raises(ZeroDivisionError), host.listening(tcp=8080, udp=8081):
            raise ZeroDivisionError
        assert host.processes() == []
