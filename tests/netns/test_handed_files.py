"""Files of network managers that run: made for the NIC that they have, in force after a boot, and given back."""

import pytest

from tests.lab import Machine
from tests.lab.lan import GATEWAY, OURS
from tests.lab.machine import wait_for
from tests.lab.managed_nic import BRIDGE, FILES, MAC, claims, has_address, picture, running, start, written
from tests.lab.managers import ManagedHost
from tests.netns.test_manager_files import serve
from vnethook.host.host import Host
from vnethook.lifecycle.share import persistence, recovery
from vnethook.live import paths, process
from vnethook.live import shared_interface as records
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.links import CreateBridge, SetLinkUp
from vnethook.plan.moving import MoveToBridge
from vnethook.plan.sharing import now_s

pytestmark = [pytest.mark.netns, pytest.mark.managers]


@pytest.mark.parametrize(
    ("form", "claim", "removed", "lines"),
    [
        ("networkd", ("systemd-networkd", FILES["networkd"][0]), (FILES["networkd"][0],), ("NTP=192.0.2.3", "DNS=192.0.2.1")),
        ("keyfile", ("NetworkManager", FILES["keyfile"][0]), (FILES["keyfile"][0],), ("dns=192.0.2.1;",)),
        ("netplan", ("netplan", "/run/systemd/network/10-netplan-eth0.network"), (), ("optional: true",)),
    ],
)  # fmt: skip
def test_the_manager_that_has_the_nic_gets_its_files_and_has_its_own_back(form, claim, removed, lines):
    with running(form) as host:
        wait_for(lambda: host.call(claims) == [claim], "the manager to have the NIC")
        before = picture(host)
        printed = host.vnet("share", "eth0", "--print").stdout
        found, texts, gone, _ = host.call(written)
        assert (found, gone) == (form, removed)
        assert printed == "\n".join(f"# {path}\n{text}" for path, text in texts.items())
        assert host.run(["sh", "-c", "cat " + " ".join(texts)]).stdout == "".join(texts.values())
        text = "\n".join(texts.values())
        assert [line for line in (*lines, OURS, MAC) if line not in text and line.upper() not in text] == []
        assert host.call(lambda: persistence.give_back(Host(paths.current()), BRIDGE)) == []
        assert picture(host) == before


@pytest.mark.parametrize("form", ["networkd", "netplan", "keyfile"])
def test_the_bridge_is_the_client_that_the_nic_was(form):
    texts = {
        "networkd": "[Match]\nName=eth0\n[Network]\nDHCP=ipv4\n",
        "netplan": "network:\n  ethernets:\n    eth0: {dhcp4: true}\n",
        "keyfile": "[connection]\nid=wired\nuuid=b0a1cb8c-4f39-4b0a-8f2b-7a6d51f0c5a1\ntype=ethernet\ninterface-name=eth0\n"
        "[ipv4]\nmethod=auto\ndhcp-client-id=duid\n[ipv6]\nmethod=link-local\n",
    }
    with Machine("router") as router, ManagedHost() as host:
        host.prepare()
        router.lay_cable("lan0", host, "eth0")
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        serve(router, by_mac=False)
        mode = "600" if form == "keyfile" else "644"
        host.run(["install", "-m", mode, "/dev/stdin", FILES[form][0]], stdin=texts[form])
        start(host, form)
        leased = wait_for(lambda: _leased(host, "eth0"), "a lease")
        places = "/run/systemd/netif/leases /run/NetworkManager/devices"
        look = ["sh", "-c", f"grep -rhE 'CLIENTID|client_identifier' {places}"]
        wait_for(lambda: host.run(look, check=False).stdout, "the manager to write down what it is to the server")
        assert host.call(written)[0] == form
        host.stop_manager()
        host.run(["sh", "-c", "ip address flush dev eth0; ip link set eth0 down; rm -rf /run/NetworkManager/devices"])
        start(host, form)
        assert wait_for(lambda: _leased(host, BRIDGE), "a lease by the bridge") == leased


@pytest.mark.parametrize("form", ["netplan", "keyfile"])
def test_a_nic_of_a_manager_that_runs_is_shared_for_good_and_given_back(form):
    with running(form) as host:
        before = picture(host)
        wait_for(lambda: len(host.call(claims)) == 1, "the manager to have the NIC")
        host.vnet("share", "eth0", "--persist", "--yes")
        assert has_address(host, BRIDGE)
        assert picture(host) != before
        host.vnet("unshare", "eth0")
        assert picture(host) == before
        assert has_address(host, "eth0")


def _leased(host, link):
    found = host.json(["ip", "-json", "-4", "address"])
    return [address["local"] for one in found if one["ifname"] == link for address in one["addr_info"]]


def _recorded_as_shared():
    """What a boot leaves of the record of a NIC that its manager shares."""
    host = Host(paths.current())
    bridge = host.links.link(BRIDGE)
    shared = SharedInterface(BRIDGE, "eth0", process.network_namespace(), is_whole=True)
    addresses, routes = host.layer3.addresses(bridge), host.layer3.routes(bridge)
    made = CreateBridge(name=BRIDGE, mac=bridge.mac, mtu=bridge.mtu, stp=False, delay_s=0)
    moved = MoveToBridge(nic="eth0", bridge=BRIDGE, addresses=addresses, routes=routes, at_s=now_s())
    recovery.journal(host, shared).keep([made, SetLinkUp(link=BRIDGE, mac=bridge.mac), moved])
    records.write(host.paths, shared)


@pytest.mark.parametrize("form", ["networkd", "netplan", "keyfile"])
def test_a_bridge_that_a_manager_made_at_boot_is_given_back_while_it_runs(form):
    with running(form) as host:
        before = picture(host)
        wait_for(lambda: len(host.call(claims)) == 1, "the manager to have the NIC")
        host.call(written)
        host.stop_manager()
        host.run(
            [
                "sh",
                "-c",
                "ip address flush dev eth0; ip link set eth0 down; rm -rf /run/NetworkManager/devices /run/systemd/network/*",
            ]
        )
        start(host, form)
        wait_for(lambda: has_address(host, BRIDGE), "the bridge's address")
        wait_for(lambda: host.json(["ip", "-json", "link", "show", "master", BRIDGE]), "its port")
        host.call(_recorded_as_shared)
        host.vnet("unshare", "eth0")
        assert picture(host) == before
        wait_for(lambda: has_address(host, "eth0"), "the NIC's address")
        host.run(["ping", "-c", "1", "-w", "5", GATEWAY])
        assert host.call(lambda: Host(paths.current()).links.link(BRIDGE)) is None
