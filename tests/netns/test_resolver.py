"""`<domain register='yes'>`: the host finds guests by their names, by a real systemd-resolved, and where none is."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host, Outside, wait_for
from tests.lab.host import VNET
from tests.lab.resolved import SERVER, STUB, Resolved
from tests.lab.upstream import Upstream

pytestmark = pytest.mark.netns
MAC = "52:54:00:00:53:01"
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/><domain name='lab.test' register='{register}'/>
  <dns><host ip='10.87.0.9'><hostname>printer</hostname></host></dns>
  <ip address='10.87.0.1' prefix='24'{ptr}><dhcp><range start='10.87.0.2' end='10.87.0.99'/></dhcp></ip>
  <ip family='ipv6' address='fd00:87::1' prefix='64'/>
</network>"""
ABSENT = "domain register='yes': systemd-resolved does not run here: the host does not know guests' names"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        yield host


@pytest.fixture
def resolved(host: Host) -> Iterator[Resolved]:
    with Resolved(host) as resolved:
        host.set_resolvers(STUB)
        yield resolved


def _define(host: Host, *, register: str = "yes", ptr: str = "") -> None:
    host.define(LAB.format(register=register, ptr=ptr))


def _attach(host: Host) -> None:
    host.vnet("attach", "valice", "--network", "lab", "--guest", "alice", "--mac", MAC)


def test_the_host_resolves_guests_and_asks_their_server_for_nothing_else(host: Host, resolved: Resolved) -> None:
    upstream = Upstream(host, SERVER, 53, "192.0.2.222")
    _define(host, ptr=" localPtr='yes'")
    with Outside() as outside, Client(host, "alice", port="valice", mac=MAC) as alice:
        outside.plug(host)  # a host without a network asks nobody
        _attach(host)
        address = alice.lease()["ip"]
        assert resolved.ask("alice.lab.test") == [address]
        assert resolved.ask("printer.lab.test") == ["10.87.0.9"]
        assert resolved.ask(f"{address.rpartition('.')[2]}.0.87.10.in-addr.arpa", "PTR") == ["alice.lab.test."]
        assert resolved.ask("nobody.lab.test") == []  # the host is not asked back, which would not end
        assert resolved.ask("printer.other.test") == ["192.0.2.222"]
        assert [upstream.was_asked(f"{name}.test") for name in ("printer.other", "nobody.lab", "alice.lab")] == [
            *(True, False, False)
        ]
        assert resolved.set_on("vnbr7") == ("10.87.0.1 fd00:87::1", "~lab.test ~0.87.10.in-addr.arpa")
        assert "-DefaultRoute" in resolved.control("status", "vnbr7").stdout
        host.vnet("net-check", "lab")
        host.vnet("net-destroy", "lab", "--force")
        wait_for(lambda: resolved.ask("printer.lab.test") == ["192.0.2.222"], "the resolver to forget the bridge")


def test_what_was_taken_off_the_link_is_seen_and_mended(host: Host, resolved: Resolved) -> None:
    _define(host)
    host.vnet("net-start", "lab")
    resolved.control("revert", "vnbr7")
    line = "not done: have systemd-resolved ask 10.87.0.1, fd00:87::1 on vnbr7 for lab.test"
    found = host.vnet("net-check", "lab", check=False)
    assert (found.returncode, found.stdout) == (5, f"Network lab is not as defined:\n  {line}\n\n")
    host.vnet("net-repair", "lab")
    assert resolved.set_on("vnbr7") == ("10.87.0.1 fd00:87::1", "~lab.test")


def test_it_is_switched_off_and_on_with_the_network_up(host: Host, resolved: Resolved) -> None:
    _define(host)
    host.vnet("net-start", "lab")
    for register, expected in (("no", ("", "")), ("yes", ("10.87.0.1 fd00:87::1", "~lab.test"))):
        _define(host, register=register)
        host.vnet("net-apply", "lab")
        assert resolved.set_on("vnbr7") == expected


def test_without_a_resolver_the_network_is_up_and_says_what_is_missing(host: Host) -> None:
    file = host.directory / "lab.xml"
    file.write_text(LAB.format(register="yes", ptr=""))
    assert host.vnet("net-define", file).stderr == f"warning: network 'lab': {ABSENT}\n"
    host.vnet("net-start", "lab")
    found = host.vnet("net-check", "lab", check=False)
    assert (found.returncode, found.stdout) == (5, f"Network lab is not as defined:\n  {ABSENT}\n\n")


def test_a_resolver_that_was_killed_or_hangs_keeps_no_guest_waiting(host: Host, resolved: Resolved) -> None:
    _define(host)
    host.make_tap("tap0")
    resolved.kill()  # its socket stays
    for change in (lambda: None, resolved.start, resolved.freeze):
        change()
        host.vnet("attach", "tap0", "--network", "lab")
        assert [nic["interface"] for nic in host.vnet_json("nic-list", "lab")] == ["tap0"]
        host.vnet("detach", "tap0")
        host.vnet("net-destroy", "lab")


def test_the_resolver_of_another_network_namespace_is_left_alone(host: Host, resolved: Resolved) -> None:
    """Numbers of links mean other links there; /run may be shared all the same."""
    _define(host)
    words = ["unshare", "--net", "sh", "-euc", f"ip link set lo up; {VNET} net-start lab; ip -br link show vnbr7"]
    assert "vnbr7" in host.run(words).stdout
    assert "lab.test" not in resolved.control("domain").stdout
