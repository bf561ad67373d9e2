"""What guests reach and are reached by, as a table's columns: the ground of tests beside other firewalls."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab.client import Client
from tests.lab.firewalls import Firewalls
from tests.lab.host import HOOKS, Host
from tests.lab.machine import wait_for
from tests.lab.outside import WWW, WWW_4, WWW_6, Outside

NUMBERS = {"lab": 77, "other": 78, "routed": 79}
GUESTS = {"alice": ("lab", 10), "bob": ("lab", 11), "carol": ("other", 12), "dave": ("routed", 13)}
_NETWORK = """
<network><name>{name}</name><forward mode='{mode}'/><bridge name='{bridge}' {zone}/>{more}
  <ip address='10.{number}.0.1' prefix='24'><dhcp><range start='10.{number}.0.50' end='10.{number}.0.99'/></dhcp></ip>
  <ip family='ipv6' address='fd00:{number}::1' prefix='64'/>
</network>"""
_LAB = """<host allow='2224/tcp'/><forwarding><incoming>
  <allow port='8077' to='80' address='10.77.0.11'/><allow port='8077' to='80' address='fd00:77::11'/>
</incoming></forwarding>"""
_ASK_FOR_LEASE = ["busybox", "udhcpc", "-f", "-n", "-q", "-t", "2", "-T", "1", "-i", "eth0", "-s", "/bin/true"]
"""Takes nothing: the guest keeps its address."""
ALL = {
    *("ping out", "tcp out", "udp out", "tcp6 out", "dns", "dns6", "dhcp", "ping host", "offered port"),
    *("guest to guest", "host to guest", "forward in", "forward in6", "forward from host", "forward from guest"),
    "to routed guest",
}
"""The columns that are to be open. Any other that is found open is a fault."""


class Reach:
    """A host with networks `lab` (guests alice and bob), `other` (carol) and `routed` (dave), and an outside world."""

    def __init__(self, host: Host, guests: dict[str, Client], outside: Outside) -> None:
        self.host = host
        self.guests = guests
        self.alice = guests["alice"]
        self.outside = outside
        self._calls = 0

    def plug(self) -> None:
        """Attach the guests, each with addresses, a web server and a way out."""
        for name, guest in self.guests.items():
            network, last = GUESTS[name]
            number = NUMBERS[network]
            self.host.vnet("attach", guest.port, "--network", network)
            commands = [
                f"ip address add 10.{number}.0.{last}/24 dev eth0",
                f"ip route add default via 10.{number}.0.1",
                f"ip -6 address add fd00:{number}::{last}/64 dev eth0 nodad",
                f"ip -6 route replace default via fd00:{number}::1",
            ]
            guest.run(["sh", "-ec", "\n".join(commands)])
            guest.popen(["busybox", "httpd", "-f", "-p", "80", "-h", guest.directory])
        for guest in self.guests.values():
            wait_for(lambda guest=guest: guest.connects("127.0.0.1", 80), "the guest's server")  # type: ignore[misc]

    def call_hooks(self) -> None:
        """What QEMU does for a guest that starts and ends, on each network."""
        for network in NUMBERS:
            self._calls += 1
            tap = self.host.make_tap(f"tap{self._calls}")
            for hook in ("qemu-ifup", "qemu-ifdown"):
                self.host.run([HOOKS / "qemu" / hook, tap], env={"VNET_NETWORK": network})
            self.host.run(["ip", "link", "delete", tap])

    def open(self) -> set[str]:
        """The columns that are open now."""
        alice, host, outside = self.alice, self.host, self.outside
        with host.listening(tcp=2222, udp=2223), host.listening(tcp=2224, udp=2225):
            found = {
                "ping out": alice.pings(WWW_4),
                "tcp out": bool(alice.fetch(WWW_4)),
                "udp out": alice.resolve(WWW, server=WWW_4) == [WWW_4],
                "tcp6 out": bool(alice.fetch(WWW_6)),
                "dns": alice.resolve(WWW, server="10.77.0.1") == [WWW_4],
                "dns6": alice.resolve(WWW, server="fd00:77::1") == [WWW_4],
                "dhcp": alice.run(_ASK_FOR_LEASE, check=False).returncode == 0,
                "ping host": alice.pings("10.77.0.1"),
                "offered port": _connects(alice, "10.77.0.1", 2224),
                "guest to guest": _connects(alice, "10.77.0.11", 80),
                "host to guest": _connects(host, "10.77.0.11", 80),
                "forward in": _connects(outside, "192.0.2.2", 8077),
                "forward in6": _connects(outside, "2001:db8:1::2", 8077),
                "forward from host": _connects(host, "192.0.2.2", 8077),
                "forward from guest": _connects(alice, "192.0.2.2", 8077),
                "to routed guest": _connects(outside, "10.79.0.13", 80),
                "host port": _connects(alice, "10.77.0.1", 2222),
                "host port of the uplink": _connects(alice, "192.0.2.2", 2222),
                "other network": _connects(alice, "10.78.0.12", 80),
                "routed network": _connects(alice, "10.79.0.13", 80),
                "other network's host": _connects(alice, "10.78.0.1", 2224),
                "from outside": _connects(outside, "10.77.0.11", 80),
            }
        return {column for column, is_open in found.items() if is_open}


def _connects(machine: Host | Client | Outside, address: str, port: int) -> bool:
    return machine.connects(address, port, timeout_s=1)


@contextmanager
def reach(*, prefix: str = "vnbr", zone: str = "") -> Iterator[tuple[Reach, Firewalls]]:
    """The networks are defined, `zone` is for `other`; none is up before guests are there, by `plug`."""
    with Host() as host, Outside() as outside, Firewalls(host) as firewalls, ExitStack() as stack:
        for machine in (host, outside):
            machine.run(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"])
        outside.plug(host, subnet6="2001:db8:1::/64")
        for name, number in NUMBERS.items():
            host.define(
                _NETWORK.format(
                    name=name,
                    number=number,
                    mode="route" if name == "routed" else "nat",
                    bridge=f"{prefix}{number}",
                    zone=zone if name == "other" else "",
                    more=_LAB if name == "lab" else "",
                )
            )
        guests = {name: stack.enter_context(Client(host, name, port=f"v{name}")) for name in GUESTS}
        yield Reach(host, guests, outside), firewalls
