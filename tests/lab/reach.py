"""What guests reach and are reached by, as a table's columns: the ground of tests beside other firewalls."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.client import Client
from tests.lab.firewalls import Firewalls
from tests.lab.host import HOOKS, Host
from tests.lab.machine import wait_for
from tests.lab.outside import WWW, WWW_4, WWW_6, Outside

BRIDGES = ("vnbr7", "vnbr8")
_NETWORK = """
<network><name>{name}</name><forward mode='nat'/><bridge name='{bridge}' {zone}/>
  <ip address='10.{number}.0.1' prefix='24'><dhcp><range start='10.{number}.0.50' end='10.{number}.0.99'/></dhcp></ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='64'/>
</network>"""
_ASK_FOR_LEASE = ["busybox", "udhcpc", "-f", "-n", "-q", "-t", "2", "-T", "1", "-i", "eth0", "-s", "/bin/true"]
"""Takes nothing: the guest keeps its address."""
ALL = {
    *("ping out", "tcp out", "udp out", "tcp6 out", "dns", "dns6", "dhcp", "ping host"),
    *("guest to guest", "host to guest"),
}
"""The columns that are to be open. Any other that is found open is a fault."""


class Reach:
    """A host with networks `lab` (guests alice and bob) and `other` (carol), and an outside world."""

    def __init__(self, host: Host, guests: list[Client], outside: Outside) -> None:
        self.host = host
        self.alice, self.bob, self.carol = guests
        self.outside = outside
        self._calls = 0

    def call_hook(self, network: str = "lab") -> None:
        """What QEMU does for a guest that starts and ends."""
        self._calls += 1
        tap = self.host.make_tap(f"tap{self._calls}")
        for hook in ("qemu-ifup", "qemu-ifdown"):
            self.host.run([HOOKS / "qemu" / hook, tap], env={"VNET_NETWORK": network})
        self.host.run(["ip", "link", "delete", tap])

    def open(self) -> set[str]:
        """The columns that are open now."""
        alice, host = self.alice, self.host
        with host.listening(tcp=2222, udp=2223):
            found = {
                "ping out": alice.pings(WWW_4),
                "tcp out": bool(alice.fetch(WWW_4)),
                "udp out": alice.resolve(WWW, server=WWW_4) == [WWW_4],
                "tcp6 out": bool(alice.fetch(WWW_6)),
                "dns": alice.resolve(WWW, server="10.77.0.1") == [WWW_4],
                "dns6": alice.resolve(WWW, server="fd00:77::1") == [WWW_4],
                "dhcp": alice.run([*_ASK_FOR_LEASE], check=False).returncode == 0,
                "ping host": alice.pings("10.77.0.1"),
                "guest to guest": alice.connects("10.77.0.11", 80, timeout_s=1),
                "host to guest": host.connects("10.77.0.11", 80, timeout_s=1),
                "host port": alice.connects("10.77.0.1", 2222, timeout_s=1),
                "host port of the uplink": alice.connects("192.0.2.2", 2222, timeout_s=1),
                "other network": alice.connects("10.78.0.12", 80, timeout_s=1),
                "other network's host": alice.connects("10.78.0.1", 2222, timeout_s=1),
                "from outside": self.outside.connects("10.77.0.11", 80, timeout_s=1),
            }
        return {column for column, is_open in found.items() if is_open}


@contextmanager
def reach(*, bridges: tuple[str, str] = BRIDGES, zone: str = "") -> Iterator[tuple[Reach, Firewalls]]:
    """The networks are defined; none is up before a guest is attached by `plug`."""
    with Host() as host, Outside() as outside, Firewalls(host) as firewalls:
        for machine in (host, outside):
            machine.run(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"])
        outside.plug(host, subnet6="2001:db8:1::/64")
        for name, number, bridge in (("lab", 77, bridges[0]), ("other", 78, bridges[1])):
            host.define(_NETWORK.format(name=name, number=number, bridge=bridge, zone=zone))
        with (
            Client(host, "alice", port="valice") as alice,
            Client(host, "bob", port="vbob") as bob,
            Client(host, "carol", port="vcarol") as carol,
        ):
            yield Reach(host, [alice, bob, carol], outside), firewalls


def plug(reached: Reach) -> None:
    """Attach the guests, each with addresses, a web server and a way out."""
    for guest, network, last in ((reached.alice, 77, 10), (reached.bob, 77, 11), (reached.carol, 78, 12)):
        reached.host.vnet("attach", guest.port, "--network", "lab" if network == 77 else "other")
        guest.run(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"])
        for words in (
            f"address add 10.{network}.0.{last}/24 dev eth0",
            f"route add default via 10.{network}.0.1",
            f"-6 address add fd00:{network}::{last}/64 dev eth0 nodad",
            f"-6 route add default via fd00:{network}::1",
        ):
            guest.run(["ip", *words.split()])
        guest.popen(["busybox", "httpd", "-f", "-p", "80", "-h", guest.directory])
        wait_for(lambda guest=guest: guest.connects("127.0.0.1", 80), "the guest's server")
