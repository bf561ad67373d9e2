"""A NIC that is shared for good, by the files of the network manager that has it; unshared, they are what they were."""

from contextlib import contextmanager

import pytest

from tests.lab import Machine
from tests.lab.lan import GATEWAY, GATEWAY6, OURS, OURS6, RICH, connect
from tests.lab.machine import wait_for
from tests.lab.managers import ManagedHost
from tests.netns.test_manager_files import serve
from vnethook.capability.manager import from_facts
from vnethook.capability.manager.config import Address, InterfaceConfig, Route
from vnethook.capability.manager.rendering import Said
from vnethook.errors import StateError
from vnethook.host import interface_manager, nic_facts
from vnethook.host.host import Host
from vnethook.lifecycle import interface_plan, persistence, share_recovery
from vnethook.live import paths, process
from vnethook.live import shared_interface as records
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan.links import CreateBridge, SetLinkUp
from vnethook.plan.moving import MoveToBridge
from vnethook.plan.sharing import now_s

pytestmark = [pytest.mark.netns, pytest.mark.managers]
MAC, BRIDGE = "52:54:00:aa:bb:01", "ebreth0"
ADDRESS = f"{OURS}/24"
INTERFACES = f"""\
# by hand\t
auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address {ADDRESS}
    gateway {GATEWAY}
    post-up ip route add 198.51.100.0/24 via 192.0.2.254 dev eth0
    post-up logger eth0 \\
        is up
"""
NETWORK = f"[Match]\nName=eth0\n[Network]\nAddress={ADDRESS}\nGateway={GATEWAY}\nDNS=192.0.2.1\nNTP=192.0.2.3\n"
PROFILE = f"[connection]\nid=wired\nuuid=b0a1cb8c-4f39-4b0a-8f2b-7a6d51f0c5a1\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1={ADDRESS},{GATEWAY}\ndns=192.0.2.1;\n[ipv6]\nmethod=link-local\n"
NETPLAN = f'network:\n  ethernets:\n    eth0: {{addresses: ["{ADDRESS}"], optional: true}} # the LAN\n    eth1: {{dhcp4: true}}\n'
FILES = {
    "ifupdown": ("/etc/network/interfaces", INTERFACES),
    "networkd": ("/etc/systemd/network/50-lan.network", NETWORK),
    "keyfile": ("/etc/NetworkManager/system-connections/wired.nmconnection", PROFILE),
    "netplan": ("/etc/netplan/50-cloud-init.yaml", NETPLAN),
}


@contextmanager
def _running(form):
    """A host whose NIC has its address by a manager."""
    with Machine("router") as router, ManagedHost() as host:
        host.prepare()
        router.lay_cable("lan0", host, "eth0")
        host.run(["ip", "link", "set", "eth0", "down"])
        host.run(["ip", "link", "set", "eth0", "address", MAC])
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        path, text = FILES[form]
        mode = 644 if form == "networkd" else 600  # it reads as a user of its own
        host.run(["sh", "-c", f"cat >{path}; chmod {mode} {path}; touch -d @1600000000.123456789 {path}"], stdin=text)
        _boot(host, form)
        yield host


def _boot(host, form):
    _start(host, form)
    wait_for(lambda: _has_address(host, "eth0", BRIDGE), "the address")


def _start(host, form):
    if form == "netplan":
        host.run(["netplan", "generate"])
    if form == "ifupdown":
        host.run(["ifup", "-a"])
    elif form in {"networkd", "netplan"}:
        host.start_networkd()
    else:
        host.start_networkmanager()


def _has_address(host, *links):
    found = host.json(["ip", "-json", "-4", "address"])
    return any(one["local"] == OURS for link in found if link["ifname"] in links for one in link["addr_info"])


def _picture(host):
    """All files of managers' with their bytes, mode, owner and time."""
    places = "/etc/network /etc/systemd/network /etc/NetworkManager/system-connections /etc/netplan /etc/sysconfig"
    listed = f"find {places} -type f -exec stat -c '%n %a %u %g %y' {{}} + -exec md5sum {{}} + 2>/dev/null | sort"
    return host.run(["sh", "-c", listed]).stdout


def _claims():
    link = Host(paths.current()).links.link("eth0")
    return interface_manager.claims("", link)


def _prepared(form):
    host = Host(paths.current())
    return interface_plan.prepare(host, nic_facts.collect(host, host.links.link("eth0"), BRIDGE), BRIDGE, form=form)


def _written():
    """What is prepared and written for the NIC; the texts by path, what is removed, notes."""
    plan = _prepared("")
    persistence.write(Host(paths.current()), plan)
    return (
        plan.form,
        {file.path: file.text for file in plan.rendering.files},
        plan.rendering.removed,
        plan.rendering.notes,
    )


@pytest.mark.parametrize(
    ("form", "claim", "removed", "lines"),
    [
        ("networkd", ("systemd-networkd", FILES["networkd"][0]), (FILES["networkd"][0],), ("NTP=192.0.2.3", "DNS=192.0.2.1")),
        ("keyfile", ("NetworkManager", FILES["keyfile"][0]), (FILES["keyfile"][0],), ("dns=192.0.2.1;",)),
        ("netplan", ("netplan", "/run/systemd/network/10-netplan-eth0.network"), (), ("optional: true",)),
    ],
)  # fmt: skip
def test_the_manager_that_has_the_nic_gets_its_files_and_has_its_own_back(form, claim, removed, lines):
    with _running(form) as host:
        wait_for(lambda: host.call(_claims) == [claim], "the manager to have the NIC")
        before = _picture(host)
        printed = host.vnet("share", "eth0", "--print").stdout
        found, texts, gone, _ = host.call(_written)
        assert (found, gone) == (form, removed)
        assert printed == "\n".join(f"# {path}\n{text}" for path, text in texts.items())
        assert host.run(["sh", "-c", "cat " + " ".join(texts)]).stdout == "".join(texts.values())
        text = "\n".join(texts.values())
        assert [line for line in (*lines, OURS, MAC) if line not in text and line.upper() not in text] == []
        assert host.call(lambda: persistence.give_back(Host(paths.current()), BRIDGE)) == []
        assert _picture(host) == before


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
        _start(host, form)
        leased = wait_for(lambda: _leased(host, "eth0"), "a lease")
        places = "/run/systemd/netif/leases /run/NetworkManager/devices"
        written = ["sh", "-c", f"grep -rhE 'CLIENTID|client_identifier' {places}"]
        wait_for(lambda: host.run(written, check=False).stdout, "the manager to write down what it is to the server")
        assert host.call(_written)[0] == form
        host.stop_manager()
        host.run(["sh", "-c", "ip address flush dev eth0; ip link set eth0 down; rm -rf /run/NetworkManager/devices"])
        _start(host, form)
        assert wait_for(lambda: _leased(host, BRIDGE), "a lease by the bridge") == leased


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
    share_recovery.journal(host, shared).keep([made, SetLinkUp(link=BRIDGE, mac=bridge.mac), moved])
    records.write(host.paths, shared)


@pytest.mark.parametrize("form", ["networkd", "netplan", "keyfile"])
def test_a_bridge_that_a_manager_made_at_boot_is_given_back_while_it_runs(form):
    with _running(form) as host:
        before = _picture(host)
        wait_for(lambda: len(host.call(_claims)) == 1, "the manager to have the NIC")
        host.call(_written)
        host.stop_manager()
        host.run(
            [
                "sh",
                "-c",
                "ip address flush dev eth0; ip link set eth0 down; rm -rf /run/NetworkManager/devices /run/systemd/network/*",
            ]
        )
        _start(host, form)
        wait_for(lambda: _has_address(host, BRIDGE), "the bridge's address")
        wait_for(lambda: host.json(["ip", "-json", "link", "show", "master", BRIDGE]), "its port")
        host.call(_recorded_as_shared)
        host.vnet("unshare", "eth0")
        assert _picture(host) == before
        wait_for(lambda: _has_address(host, "eth0"), "the NIC's address")
        host.run(["ping", "-c", "1", "-w", "5", GATEWAY])
        assert host.call(lambda: Host(paths.current()).links.link(BRIDGE)) is None


def test_a_nic_that_two_managers_have_is_refused_without_a_format():
    with _running("networkd") as host:
        host.run(["tee", "/etc/network/interfaces"], stdin=INTERFACES)
        wait_for(lambda: len(host.call(_claims)) == 2, "two managers")
        with pytest.raises(StateError) as refused:
            host.call(_written)
        assert refused.value.message == (
            f"interface 'eth0': share for good: systemd-networkd by {FILES['networkd'][0]} and ifupdown by /etc/network/interfaces have it"
        )
        host.run(["rm", "/etc/network/interfaces"])
        host.run(["mv", "/run/systemd/netif/links", "/run/moved"])
        with pytest.raises(StateError) as refused:
            host.call(_written)
        assert refused.value.message == "interface 'eth0': share for good: no network manager has it"


def test_what_the_kernel_shows_of_a_nic_is_what_files_are_to_say():
    with Machine("router") as router, ManagedHost() as host:
        connect(host, router, RICH)

        def configured():
            machine = Host(paths.current())
            facts = nic_facts.collect(machine, machine.links.link("eth0"), "br0")
            return from_facts.config(facts, "br0", Said(dns=("192.0.2.1",)))

        config, notes = host.call(configured)
    assert config.replace(mac=MAC) == InterfaceConfig(
        *("eth0", "br0", MAC, 1450),
        addresses=(
            Address("198.51.100.7", 32),
            Address(OURS, 24),
            Address("10.9.0.1", 24),
            Address("192.0.2.21", 24, "1"),
            Address(OURS6, 64),
            Address("2001:db8::21", 64),
            Address("2001:db8:7::1", 128),
            Address("2001:db8:8::1", 64),
        ),
        routes=(
            Route("10.66.0.0/16"),
            Route("2001:db8:67::/48"),
            Route("203.0.113.0/24", GATEWAY, source="192.0.2.21", table=100),
            Route("0.0.0.0/0", GATEWAY, 100),
            Route("203.0.113.0/24", "10.77.0.1", is_onlink=True),
            Route("2001:db8:66::/48", GATEWAY6, source="2001:db8::21", table=100),
            Route("::/0", GATEWAY6, 300),
        ),
        dns=("192.0.2.1",),
    )
    part = "a part of it is left out"
    assert sorted(note for note in notes if not note.startswith("sysctls")) == [
        "address 10.8.0.1: is left out, as it is one end of a line, and no file says that",
        *(
            f"address {ip}: {part}: scope, metric, noprefixroute or lifetime"
            for ip in ("10.9.0.1", OURS, "198.51.100.7", "2001:db8:7::1", "2001:db8:8::1")
        ),
        *(
            f"route {route}: {part}: metrics, a source subnet, a TOS or an encapsulation"
            for route in ("10.66.0.0/16", f"203.0.113.0/24 by {GATEWAY}")
        ),
    ]


def test_a_nic_that_its_managers_own_files_make_is_refused():
    with ManagedHost() as host:
        host.run(["ip", "link", "add", "eth0", "address", MAC, "type", "bridge"])
        with pytest.raises(StateError) as refused:
            host.call(lambda: _prepared("networkd"))
        assert refused.value.message == "interface 'eth0': share for good: it is a bridge, which its own files make"


def test_a_nic_that_is_shared_for_good_is_so_after_a_reboot_and_unshared_as_before():
    with _running("ifupdown") as host:
        before = _picture(host)
        dry = host.vnet("share", "eth0", "--persist", "--dry-run").stdout
        assert f"+    bridge_hw {MAC}" in dry.splitlines()
        assert "-iface eth0 inet static" in dry.splitlines()
        assert _picture(host) == before
        said = host.vnet("share", "eth0", "--persist", "--yes")
        assert "post-up logger eth0 is up" in said.stderr
        written = host.run(["cat", "/etc/network/interfaces"]).stdout
        assert "198.51.100.0/24 via 192.0.2.254" in written
        _reboot(host)
        [bridge] = host.json(["ip", "-json", "address", "show", "dev", BRIDGE])
        assert bridge["address"] == MAC
        assert _has_address(host, BRIDGE)
        assert not _has_address(host, "eth0")
        host.vnet("unshare", "eth0")
        assert _picture(host) == before
        assert _has_address(host, "eth0")


def test_files_wait_for_the_confirmation_and_an_edited_one_is_kept():
    with _running("ifupdown") as host:
        before = _picture(host)
        host.vnet("share", "eth0", "--persist", "--timeout", "1")
        wait_for(lambda: not host.has(f"/sys/class/net/{BRIDGE}"), "the guard to give it back")
        wait_for(lambda: not host.has("/var/lib/vnethook/interface-files"), "the plan to be forgotten")
        host.vnet("share", "eth0", "--persist")
        assert _picture(host) == before
        host.vnet("confirm", "eth0")
        assert _picture(host) != before
        host.run(["sh", "-c", "echo '# mine' >>/etc/network/interfaces"])
        refused = host.vnet("unshare", "eth0", check=False)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (
            4,
            "error: file '/etc/network/interfaces': give back: it was edited since it was written",
        )
        assert _has_address(host, BRIDGE)
        forced = host.vnet("unshare", "eth0", "--force")
        [aside] = [word.strip("'") for word in forced.stderr.split() if "interface-files-edited" in word]
        assert host.run(["tail", "-n1", aside]).stdout == "# mine\n"
        assert _picture(host) == before


def _reboot(host):
    """What the kernel has and what is in /run goes; then the manager brings up what its files say."""
    host.run(
        [
            "sh",
            "-euc",
            f"ip link delete {BRIDGE}; ip address flush dev eth0; ip link set eth0 down; rm -rf /run/vnethook /run/network/*",
        ]
    )
    _boot(host, "ifupdown")
