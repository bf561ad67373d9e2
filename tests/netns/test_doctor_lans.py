"""`vnet doctor` on bridges that lead to the physical network: what it says is so, and its commands mend it."""

import json
import subprocess

import pytest

from tests.lab import Client, Host
from tests.lab.library import on
from tests.lab.machine import wait_for
from vnethook.live import process, shared_interface

pytestmark = pytest.mark.netns
THEIRS = """
link add br0 type bridge stp_state 1
link add eth0 type veth peer name far0
link add eth1 type veth peer name far1
link add ebreth1 address 52:54:00:00:00:01 type bridge
link set eth0 master br0
link set eth1 master ebreth1
link set br0 up
link set ebreth1 up
link set eth0 up
link set far0 up
address add 192.0.2.20/24 dev eth0
address add 192.0.2.30/24 dev ebreth1
"""
NFT_DROP = "'add table inet mine; add chain inet mine forward { type filter hook forward priority 0; policy drop; }'"


def _all(host: Host, *words: str) -> list[dict[str, str]]:
    return json.loads(host.vnet("doctor", *words, "--json", check=False).stdout)  # type: ignore[no-any-return]


def _found(host: Host, *words: str) -> dict[str, str]:
    """Of these bridges and their ports, "subject: what" and the command."""
    ours = ("bridge 'br0'", "interface 'eth0'", "bridge 'ebreth1'", "interface 'eth1'")
    return {f"{one['subject']}: {one['what']}": one["command"] for one in _all(host, *words) if one["subject"] in ours}


def test_what_is_wrong_with_a_bridge_is_said_and_mended() -> None:
    with Host() as host:
        for line in filter(None, THEIRS.splitlines()):
            host.run(["ip", *line.split()])
        host.define("<network><name>office</name><forward mode='bridge'/><bridge name='br0'/></network>")
        on(
            host,
            lambda here: shared_interface.write(
                here.paths,
                shared_interface.SharedInterface("ebreth1", "eth1", process.network_namespace(), is_whole=True),
            ),
        )
        found = _found(host)
        assert sorted(found) == [
            "bridge 'br0': has a spanning tree: a guest that starts is on the network after 30 s, too late for some",
            "bridge 'br0': has no MAC of its own: with a guest's port whose MAC is lower, the host has another, and a lease less",
            "interface 'eth0': has address 192.0.2.20/24 although it is a port of bridge 'br0': nobody is reached by it there",
        ]
        assert _found(host, "office") == found
        for command in found.values():
            host.run(["sh", "-c", command])
        assert _found(host) == {}
        [br0] = host.json(["ip", "-json", "address", "show", "dev", "br0"])
        assert [one["local"] for one in br0["addr_info"] if one["family"] == "inet"] == ["192.0.2.20"]


@pytest.mark.parametrize("rule", ["iptables -P FORWARD DROP", f"nft {NFT_DROP}"])
def test_a_filter_that_drops_bridged_frames_is_named_and_its_command_lets_them_through(rule: str) -> None:
    with (
        Host() as host,
        Client(host, "one", port="vif1.0", mac="52:54:00:00:00:0a") as one,
        Client(host, "other", port="vif2.0", mac="52:54:00:00:00:0b") as other,
    ):
        if host.run(["sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1"], check=False).returncode:
            pytest.skip("this kernel has no br_netfilter")
        host.run(["ip", "link", "add", "br0", "address", "52:54:00:00:00:01", "up", "type", "bridge"])
        for port in (one.port, other.port):
            host.run(["ip", "link", "set", port, "master", "br0", "up"])
        one.run(["ip", "address", "add", "192.0.2.2/24", "dev", "eth0"])
        other.run(["ip", "address", "add", "192.0.2.3/24", "dev", "eth0"])
        host.define("<network><name>office</name><forward mode='bridge'/><bridge name='br0'/></network>")
        host.vnet("net-undefine", "default")
        assert one.pings("192.0.2.3")
        host.run(["sh", "-c", rule])
        assert not one.pings("192.0.2.3")
        [found] = [finding for finding in _all(host) if "br_netfilter" in finding["what"]]
        assert (found["level"], "what guests on bridge 'br0' send and get by IPv4" in found["what"]) == ("error", True)
        host.run(["sh", "-c", found["command"].partition("   (")[0]])
        assert one.pings("192.0.2.3")
        assert [finding for finding in _all(host) if "br_netfilter" in finding["what"]] == []


def test_a_client_that_renews_a_lease_on_the_port_is_named_until_it_runs_for_the_bridge() -> None:
    with Host() as host:
        for line in filter(None, THEIRS.splitlines()):
            host.run(["ip", *line.split()])
        host.define("<network><name>office</name><forward mode='bridge'/><bridge name='br0'/></network>")
        for link, is_named in (("eth0", True), ("br0", False)):
            with host.popen(
                ["busybox", "udhcpc", "-f", "-i", link, "-s", "/bin/true"], stderr=subprocess.DEVNULL
            ) as client:
                try:
                    said = f"udhcpc (process {_pid(host)})"
                    found = [text for text in _found(host) if "renews" in text]
                    assert [said in text for text in found] == ([True] if is_named else [])
                finally:
                    client.kill()


def _pid(host: Host) -> int:
    """The client's, as the host sees it, as soon as it is what it is called."""

    def found() -> str:
        return host.run(["pgrep", "-x", "busybox"], check=False).stdout.strip()

    return int(wait_for(found, "the client"))
