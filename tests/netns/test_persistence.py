"""A NIC that is shared for good, by the files of the network manager that has it; unshared, they are what they were."""

import pytest

from tests.lab import Machine
from tests.lab.lan import GATEWAY, GATEWAY6, OURS, OURS6, RICH, connect
from tests.lab.machine import wait_for
from tests.lab.managed_nic import (
    BRIDGE,
    FILES,
    INTERFACES,
    MAC,
    boot,
    claims,
    has_address,
    picture,
    prepared,
    running,
    written,
)
from tests.lab.managers import ManagedHost
from vnethook.capability.manager import from_facts
from vnethook.capability.manager.config import Address, InterfaceConfig, Route
from vnethook.capability.manager.rendering import Said
from vnethook.errors import StateError
from vnethook.host import nic_facts
from vnethook.host.host import Host
from vnethook.live import paths

pytestmark = [pytest.mark.netns, pytest.mark.managers]


def test_a_nic_that_two_managers_have_is_refused_without_a_format():
    with running("networkd") as host:
        host.run(["tee", "/etc/network/interfaces"], stdin=INTERFACES)
        wait_for(lambda: len(host.call(claims)) == 2, "two managers")
        with pytest.raises(StateError) as refused:
            host.call(written)
        assert refused.value.message == (
            f"interface 'eth0': share for good: systemd-networkd by {FILES['networkd'][0]} and ifupdown by /etc/network/interfaces have it"
        )
        host.run(["rm", "/etc/network/interfaces"])
        host.run(["mv", "/run/systemd/netif/links", "/run/moved"])
        with pytest.raises(StateError) as refused:
            host.call(written)
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
            host.call(lambda: prepared("networkd"))
        assert refused.value.message == "interface 'eth0': share for good: it is a bridge, which its own files make"


def test_a_nic_that_is_shared_for_good_is_so_after_a_reboot_and_unshared_as_before():
    with running("ifupdown") as host:
        before = picture(host)
        dry = host.vnet("share", "eth0", "--persist", "--dry-run").stdout
        assert f"+    bridge_hw {MAC}" in dry.splitlines()
        assert "-iface eth0 inet static" in dry.splitlines()
        assert picture(host) == before
        said = host.vnet("share", "eth0", "--persist", "--yes")
        assert "post-up logger eth0 is up" in said.stderr
        written = host.run(["cat", "/etc/network/interfaces"]).stdout
        assert "198.51.100.0/24 via 192.0.2.254" in written
        _reboot(host)
        [bridge] = host.json(["ip", "-json", "address", "show", "dev", BRIDGE])
        assert bridge["address"] == MAC
        assert has_address(host, BRIDGE)
        assert not has_address(host, "eth0")
        host.vnet("unshare", "eth0")
        assert picture(host) == before
        assert has_address(host, "eth0")


def test_files_wait_for_the_confirmation_and_an_edited_one_is_kept():
    with running("ifupdown") as host:
        before = picture(host)
        host.vnet("share", "eth0", "--persist", "--timeout", "1")
        wait_for(lambda: not host.has(f"/sys/class/net/{BRIDGE}"), "the guard to give it back")
        wait_for(lambda: not host.has("/var/lib/vnethook/interface-files"), "the plan to be forgotten")
        host.vnet("share", "eth0", "--persist")
        assert picture(host) == before
        host.vnet("confirm", "eth0")
        assert picture(host) != before
        host.run(["sh", "-c", "echo '# mine' >>/etc/network/interfaces"])
        refused = host.vnet("unshare", "eth0", check=False)
        assert (refused.returncode, refused.stderr.splitlines()[0]) == (
            4,
            "error: file '/etc/network/interfaces': give back: it was edited since it was written",
        )
        assert has_address(host, BRIDGE)
        forced = host.vnet("unshare", "eth0", "--force")
        [aside] = [word.strip("'") for word in forced.stderr.split() if "interface-files-edited" in word]
        assert host.run(["tail", "-n1", aside]).stdout == "# mine\n"
        assert picture(host) == before


def _reboot(host):
    """What the kernel has and what is in /run goes; then the manager brings up what its files say."""
    host.run(
        [
            "sh",
            "-euc",
            f"ip link delete {BRIDGE}; ip address flush dev eth0; ip link set eth0 down; rm -rf /run/vnethook /run/network/*",
        ]
    )
    boot(host, "ifupdown")
