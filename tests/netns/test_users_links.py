"""Links of an ordinary user's networks with other hosts: out by the user's uplink, and in by ports of the machine."""

from collections.abc import Iterator

import pytest

from tests.lab.host import Host
from tests.lab.linked import CONNECTING, FAR, FAR_MAC, LAN, PORT, SERVING, two_hosts, wait_until_up
from tests.lab.plugged import PluggedClient
from tests.lab.sshd import NAMED, sshd
from tests.lab.sshd import PORT as SSH_PORT
from tests.lab.upstream import Upstream
from tests.lab.users_host import USER, UsersHost

pytestmark = pytest.mark.netns
RESOLVER = "127.0.0.53"
LISTENS = f"<listen port='{PORT}'/><listen transport='tcp' port='{PORT + 1}'/><listen transport='ssh'/>"


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Host, UsersHost]]:
    there = UsersHost("users")
    with two_hosts(there) as (here, _):
        there.run(["ip", "route", "add", "default", "via", SERVING])
        Upstream(there, RESOLVER, 53, SERVING)
        there.set_resolvers(RESOLVER)
        there.run(["chown", "-R", f"{USER}:{USER}", there.root / "etc/vnethook"])
        here.define(f"<network><name>lab</name><bridge name='br0'/>{LAN}{LISTENS}</network>")
        here.vnet("net-start", "lab")
        yield here, there


def _connect(host: Host, name: str, words: str) -> None:
    connection = f"<connections><connection address='{words}/></connections>"
    host.vnet("net-define", "-", stdin=f"<network><name>{name}</name>{connection}</network>")
    host.vnet("net-start", name)


def test_a_users_network_is_linked_with_one_of_another_host(hosts: tuple[Host, UsersHost]) -> None:
    here, there = hosts
    there.add_user("erin", USER)
    line = there.vnet("link-key", "--name", "b.example").stdout.splitlines()[0]
    with sshd(here, line.replace("/usr/libexec/vnethook/link-ssh", str(NAMED))) as key:
        (there.root / "etc/vnethook/ssh/known_hosts").write_text(f"[{SERVING}]:{SSH_PORT} {key}\n")
        for transport, port in (("ssh", SSH_PORT), ("tcp", PORT + 1), ("tls", PORT)):
            far = "a.example" if transport == "tls" else SERVING
            _connect(there, "lab", f"{far}' transport='{transport}' port='{port}'")
            wait_until_up(there)
            wait_until_up(here)
            if transport != "tls":
                there.vnet("net-destroy", "lab")
    with PluggedClient(there, "far", network="lab", mac=FAR_MAC, user=USER) as far:
        assert far.lease()["ip"] == FAR
    there.vnet("net-destroy", "lab")
    assert there.users_processes() == []


@pytest.mark.parametrize("place", ["", f"address='{CONNECTING}'"])
def test_others_connect_to_a_users_network_by_a_port_of_the_machine(hosts: tuple[Host, UsersHost], place: str) -> None:
    here, there = hosts
    there.define(f"<network><name>mine</name><forward mode='user'/><listen port='7555' {place}/></network>")
    there.vnet("net-start", "mine")
    _connect(here, "far", f"{CONNECTING}' network='mine' port='7555'")
    found = wait_until_up(there, "mine")
    assert (found.peer, found.address, found.is_incoming) == ("a.example", SERVING, True)
    here.vnet("net-destroy", "far")
    there.vnet("net-destroy", "mine")


def test_two_networks_of_one_user_are_connected(hosts: tuple[Host, UsersHost]) -> None:
    there = hosts[1]
    there.define(f"<network><name>base</name><forward mode='user'/><listen local='yes'/>{LAN}</network>")
    there.define("<network><name>leaf</name><connections><connection network='base'/></connections></network>")
    with PluggedClient(there, "far", network="leaf", mac=FAR_MAC, user=USER) as far:
        assert far.lease()["ip"] == FAR
        assert "base" in there.vnet("net-list").stdout
