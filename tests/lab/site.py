"""A host between an outside world and networks of ours, each with a guest: the ground that tests of policy stand on."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab.client import Client
from tests.lab.host import Host
from tests.lab.library import on
from tests.lab.outside import Outside
from vnethook.lifecycle import attach, catalog
from vnethook.live import nics

_IPS = """
  <ip address='10.{number}.0.1' netmask='255.255.255.0'/>
  <ip family='ipv6' address='fd00:{number}::1' prefix='80'/>"""


_OF_EVERY_NETWORK = "what guests open is not counted: the rules are in iptables"


class Site:
    """`host` between `outside` (by uplink0, 192.0.2.0/24 and 2001:db8:1::/64) and its networks."""

    def __init__(self, host: Host, outside: Outside, stack: ExitStack) -> None:
        self.host = host
        self.outside = outside
        self.guests: dict[str, Client] = {}
        self._stack = stack
        self._numbers: dict[str, int] = {}

    def address(self, name: str, version: int = 4) -> str:
        """The address of a guest."""
        number, last = self._numbers[name], 10 + list(self.guests).index(name)
        return f"10.{number}.0.{last}" if version == 4 else f"fd00:{number}::{last}"

    def gateway(self, name: str, version: int = 4) -> str:
        """The address of a guest's gateway."""
        number = self._numbers[name]
        return f"10.{number}.0.1" if version == 4 else f"fd00:{number}::1"

    def define(
        self, name: str, number: int, forward: str, *, more: str = "", ips: str = _IPS, attributes: str = ""
    ) -> list[str]:
        """Define a network with 10.NUMBER.0.0/24, fd00:NUMBER::/80 and bridge vnbrNUMBER; give the warnings.

        But for what is said of every network whose rules are in iptables.
        """
        xml = f"<network {attributes}><name>{name}</name>{forward}<bridge name='vnbr{number}'/>{ips.format(number=number)}{more}</network>"
        self._numbers[name] = number
        warnings = on(self.host, lambda here: list(catalog.define(here, xml, source="x.xml").warnings))
        return [line for line in warnings if not line.endswith(_OF_EVERY_NETWORK)]

    def plug(self, network: str, name: str = "") -> Client:
        """A guest, called like its network if nothing else is said, with addresses and default routes."""
        name = name or network
        guest = Client(self.host, name, port=f"v{name}")
        self._stack.enter_context(guest)
        self.guests[name], self._numbers[name] = guest, self._numbers[network]
        on(
            self.host,
            lambda here: attach.attach(here, network, nics.Nic(interface=f"v{name}", network=network)) and None,
        )
        guest.run(["ip", "address", "add", f"{self.address(name)}/24", "dev", "eth0"])
        guest.run(["ip", "route", "add", "default", "via", self.gateway(name)])
        guest.run(["ip", "-6", "address", "add", f"{self.address(name, 6)}/80", "dev", "eth0", "nodad"])
        guest.run(["ip", "-6", "route", "add", "default", "via", self.gateway(name, 6)])
        return guest


@contextmanager
def site() -> Iterator[Site]:
    """A site without networks."""
    with ExitStack() as stack, Host() as host, Outside() as outside:
        for machine in (
            host,
            outside,
        ):  # addresses of links that have just come up are else tentative for a second or two
            machine.run(["sysctl", "-qw", "net.ipv6.conf.all.accept_dad=0", "net.ipv6.conf.default.accept_dad=0"])
        outside.plug(host, subnet6="2001:db8:1::/64")
        with stack:
            yield Site(host, outside, stack)
