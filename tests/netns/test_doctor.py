"""`vnet doctor` on real hosts: what stops guests is named, the command that it gives mends it, a healthy host is a line."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.lab import Host, Outside
from tests.lab.host import VNET
from tests.lab.library import on
from vnethook.definition.store import Store
from vnethook.host import trial

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
HEALTHY = "Nothing on this host stops guests\n"
_HOLD = """
import socket, sys
held = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[3]: held.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[3].encode())
held.bind((sys.argv[1], int(sys.argv[2])))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host, Outside() as outside:
        outside.plug(host)
        host.vnet("hooks", "install", "--root", host.root)
        host.define(LAB)
        host.vnet("net-undefine", "default")
        yield host


def _said(host: Host, *words: str) -> list[str]:
    """The lines of the doctor without the commands; its status goes with them."""
    done = host.vnet("doctor", *words, check=False)
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if not line.startswith("  ")]
    assert done.returncode == (5 if any(line.startswith("error: ") for line in lines) else 0), done.stdout
    return lines


def _mend(host: Host) -> None:
    """Do what the doctor says, as a reader would."""
    for finding in host.json(["sh", "-c", f"{VNET} doctor --json || true"]):
        command = finding["command"].partition("   (")[0]
        host.run(["sh", "-c", command.replace("vnet ", f"{VNET} ", 1) if command.startswith("vnet ") else command])


@contextmanager
def _held(host: Host, address: str, port: int, *, device: str = "") -> Iterator[None]:
    """A program that has a UDP port."""
    words = ["/usr/bin/python3", "-IS", "-c", _HOLD, address, str(port), device]
    with host.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout
        assert program.stdout.readline() == "held\n"
        try:
            yield
        finally:
            program.kill()


def test_of_a_healthy_host_there_is_one_line_and_nothing_changes(host: Host) -> None:
    host.vnet("net-start", "lab")
    before = host.snapshot()
    said = host.vnet("doctor")
    assert (said.stdout, said.stderr) == (HEALTHY, "")
    assert host.vnet("doctor", "lab").stdout == "Nothing on this host stops guests of network lab\n"
    assert host.vnet_json("doctor") == []
    assert before.changes_to(host.snapshot()) == []


def test_a_look_chooses_nothing_that_a_definition_leaves_open(host: Host) -> None:
    (host.root / "etc/vnethook/networks/default.undefined").unlink()
    before = host.snapshot()
    assert _said(host) == [HEALTHY.strip()]
    assert before.changes_to(host.snapshot()) == []
    assert "default" in on(host, lambda here: Store(here.paths).names())


def test_a_taken_port_is_named_with_who_has_it(host: Host) -> None:
    with _held(host, "0.0.0.0", 53):
        [line] = _said(host)
        assert line.startswith("error: port udp/53: is taken by python3 (process ")
        assert line.endswith(") on all addresses: network 'lab' could not serve DNS")
    with _held(host, "0.0.0.0", 67):
        [line] = _said(host)
        assert line.endswith(") on all addresses: network 'lab' could not serve DHCP")
    with _held(host, "127.0.0.53", 53):
        assert _said(host) == [HEALTHY.strip()]
    with _held(host, "0.0.0.0", 67, device="uplink0"):
        assert _said(host) == [HEALTHY.strip()]


def test_a_network_that_serves_needs_its_ports_no_more(host: Host) -> None:
    host.vnet("net-start", "lab")
    with _held(host, "0.0.0.0", 69):
        assert _said(host) == [HEALTHY.strip()]


@pytest.mark.parametrize("hook", ["input", "forward"])
def test_a_policy_of_another_table_is_named_and_its_command_mends_it(host: Host, hook: str) -> None:
    host.vnet("net-start", "lab")
    chain = f"add chain inet mine c {{ type filter hook {hook} priority 0; policy drop; }}"
    host.run(["nft", f"add table inet mine; {chain}; add rule inet mine c ct state established accept"])
    [line] = _said(host)
    dropped = "guests' DNS and guests' DHCP" if hook == "input" else "what guests send outside"
    assert line.startswith(f"error: the nftables table 'mine': drops {dropped}")
    assert line.endswith(", of network 'lab' (table inet mine, chain c)")
    _mend(host)
    assert _said(host) == [HEALTHY.strip()]


def test_iptables_own_filter_is_read_by_its_own_words(host: Host) -> None:
    host.vnet("net-start", "lab")
    host.run(["iptables-nft", "-P", "INPUT", "DROP"])
    for port in ("53", "67"):
        [line] = [line for line in _said(host) if "the filter of iptables" in line]
        assert line.startswith("error: the filter of iptables: drops guests' D")
        match = ["-m", "conntrack", "--ctstate", "NEW,ESTABLISHED", "-m", "comment", "--comment", "let in"]
        host.run(["iptables-nft", "-A", "INPUT", "-i", "vnbr+", "-p", "udp", "--dport", port, *match, "-j", "ACCEPT"])
    [line] = _said(host)
    assert line.startswith("error: network 'lab': is not as defined: let guests through iptables (nft) INPUT")


def test_a_policy_of_iptables_is_mended_by_the_command(host: Host) -> None:
    host.vnet("net-start", "lab")
    for chain in ("FORWARD", "INPUT"):
        host.run(["iptables-nft", "-P", chain, "DROP"])
    assert len([line for line in _said(host) if line.startswith("error: the filter of iptables: drops ")]) == 2
    host.vnet("net-repair", "lab")
    assert _said(host) == [HEALTHY.strip()]


def test_no_legacy_table_comes_to_be(host: Host) -> None:
    host.vnet("net-start", "lab")
    names = Path("/proc/net/ip_tables_names")

    def seen() -> str:
        return names.read_text() if names.exists() else ""

    before = host.call(seen)
    assert _said(host) == [HEALTHY.strip()]
    assert host.call(seen) == before


def test_a_route_into_a_subnet_is_named_in_whatever_table(host: Host) -> None:
    host.run(["ip", "route", "add", "10.77.0.0/16", "dev", "uplink0", "table", "51820"])
    [line] = _said(host)
    overlap = "subnet 10.77.0.0/24 overlaps the route 10.77.0.0/16 dev uplink0 in table 51820"
    assert line == f"error: network 'lab': {overlap}: it cannot be started"


def test_missing_programs_are_named_with_their_packages(host: Host) -> None:
    for program in ("nft", "iptables", "dnsmasq"):  # with iptables a host does without nft
        place = host.run(["sh", "-c", f"command -v {program}"]).stdout.strip()
        host.run(["mount", "--bind", "/dev/null", os.path.realpath(place)])
    said = host.vnet("doctor", check=False)
    assert said.returncode == 5
    assert said.stdout.splitlines() == [
        "error: program 'nft': not installed: no network has a firewall, so none comes up",
        "  apt-get install nftables   (Fedora: dnf install nftables)",
        "error: program 'dnsmasq': not installed: no network has DHCP and DNS",
        "  apt-get install dnsmasq-base   (Fedora: dnf install dnsmasq)",
    ]


def test_what_is_wrong_with_networks_is_named_and_mended_by_the_command(host: Host) -> None:
    host.vnet("net-start", "lab")
    host.run(["nft", "flush", "ruleset"])
    [line] = _said(host)
    assert line.startswith("error: network 'lab': is not as defined: install ")
    _mend(host)
    assert _said(host) == [HEALTHY.strip()]


def test_a_definition_that_does_not_read_and_a_start_that_failed_are_named(host: Host) -> None:
    broken = host.root / "etc/vnethook/networks/broken.xml"
    broken.write_text("<network><name>broken</name><nonsense/></network>")
    host.run(["ip", "link", "add", "vnbr7", "type", "bridge"])
    assert host.vnet("net-start", "lab", check=False).returncode == 5
    said = _said(host)
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == ["network 'broken'", "network 'lab'"]
    assert "nonsense" in said[0]
    assert "did not come up the last time: bridge 'vnbr7': an interface of that name exists" in said[1]
    assert [line.partition(": ")[2].partition(":")[0] for line in _said(host, "lab")] == ["network 'lab'"]


def test_hooks_that_lead_nowhere_are_named(host: Host) -> None:
    hook = host.root / "usr/libexec/vnethook/qemu-ifup"
    lines = hook.read_text().splitlines()
    hook.write_text(
        "\n".join("sys.path.append('/gone')" if line.startswith("sys.path.append") else line for line in lines)
    )
    [line] = _said(host)
    place = "/usr/libexec/vnethook/qemu-ifup leads to /gone, where there is no vnethook"
    assert line == f"error: hook 'qemu-ifup': {place}: guests that call it do not start"


def test_a_host_that_runs_from_memory_is_not_full(host: Host) -> None:
    host.run(
        ["mount", "-t", "ramfs", "ramfs", host.root / "var/lib/vnethook"]
    )  # as an initial RAM disk is: 0 of 0 blocks
    try:
        assert not [line for line in _said(host) if "room" in line]
    finally:
        host.run(["umount", host.root / "var/lib/vnethook"])


def test_what_the_kernel_can_do_is_tried_out_and_leaves_nothing_behind(host: Host) -> None:
    before = host.snapshot()
    firewall = {trial.NF_TABLES, trial.NAT, trial.CONNTRACK, trial.FIB, trial.INGRESS, trial.RULES, trial.GUARDS}
    assert not firewall & set(host.call(lambda: trial.missing("add table inet t")) or ())
    assert trial.RULES in (host.call(lambda: trial.missing("no words of nft")) or ())
    assert trial.BRIDGE not in (host.call(lambda: trial.missing("")) or ())
    assert before.changes_to(host.snapshot()) == []


def test_a_root_without_capabilities_is_told_what_could_not_be_seen(host: Host) -> None:
    host.vnet("net-start", "lab")
    said = host.run(["setpriv", "--inh-caps=-all", "--bounding-set=-all", VNET, "doctor"], check=False)
    unseen = [line for line in said.stdout.splitlines() if line.startswith("unseen: ")]
    assert unseen == [
        f"unseen: {part}: could not be looked at"
        for part in ("whether networks are in order", "what the kernel can do", "the firewall")
    ]
    assert said.stderr == ""
