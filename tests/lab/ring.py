"""Hosts that reach each other by one underlay, each with a network of one name, and guests on it."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.lab.client import Client
from tests.lab.host import HOOKS, Host
from tests.lab.machine import Machine


class Linked:
    """`hosts` with the addresses 192.0.2.1, 192.0.2.2 and so on, on one LAN (`wire`), and their guests by name."""

    def __init__(self, wire: Machine, hosts: list[Host], stack: ExitStack) -> None:
        self.wire = wire
        self.hosts = hosts
        self._stack = stack

    def plug(self, number: int, network: str, name: str) -> Client:
        """A guest on the host of that number, from 0, attached as by QEMU, which brings the network up."""
        guest = self._stack.enter_context(Client(self.hosts[number], name, port=f"v{name}"))
        mac = guest.json(["ip", "-json", "link", "show", "eth0"])[0]["address"]
        self.hosts[number].run([HOOKS / "qemu/qemu-ifup", f"v{name}"], env={"VNET_NETWORK": network, "VNET_MAC": mac})
        return guest

    def cut(self, number: int, *, is_cut: bool = True) -> None:
        """Take a host off the wire, or put it back."""
        self.wire.run(["ip", "link", "set", f"h{number}", "down" if is_cut else "up"])


def address(number: int) -> str:
    """The address of a host on the wire."""
    return f"192.0.2.{number + 1}"


@contextmanager
def linked(count: int) -> Iterator[Linked]:
    """So many hosts."""
    with ExitStack() as stack, Machine("wire") as wire:
        wire.run(["ip", "link", "add", "br0", "type", "bridge"])
        wire.run(["ip", "link", "set", "br0", "up"])
        hosts = [stack.enter_context(Host(f"host{number}")) for number in range(count)]
        for number, host in enumerate(hosts):
            host.lay_cable("eth0", wire, f"h{number}")
            wire.run(["ip", "link", "set", f"h{number}", "master", "br0"])
            host.run(["ip", "address", "add", f"{address(number)}/24", "dev", "eth0"])
        yield Linked(wire, hosts, stack)
