"""What the rules of many networks cost: one more network's, and a packet's way through a host that has them."""

from contextlib import ExitStack
from functools import partial

from tests.bench.growth import GROWTH
from tests.bench.sample import Caller, Case, Sample
from tests.lab import Client, Host, Outside
from tests.lab.library import on
from tests.lab.machine import PYTHON
from tests.lab.outside import WWW_4
from tests.lab.witness import PORT, Witness
from vnethook.capability import firewall
from vnethook.host import facts
from vnethook.host import host as machine
from vnethook.lifecycle import attach, bringup, catalog, definitions
from vnethook.live import nics

NFT = "/usr/sbin/nft"
GUEST, LAST = "guest", "last"
TRIPS, FLOWS = 4000, 1500
"""Datagrams that are answered in one sample, of one flow, and each of a flow of its own."""
_NETWORK = """<network>
  <name>{name}</name>
  <forward mode='nat'/>
  <dns enable='no'/>
  <ip address='10.{high}.{low}.1' netmask='255.255.255.0'/>
  <host allow='22/tcp 123/udp'/>
  <forwarding>
    <incoming><allow port='{port}' to='80' address='10.{high}.{low}.9'/></incoming>
    <outgoing><deny port='25'/></outgoing>
  </forwarding>
</network>"""
_TALK = """
import socket, sys
address, flows, trips = (sys.argv[1], int(sys.argv[2])), int(sys.argv[3]), int(sys.argv[4])
for _ in range(flows):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.connect(address)
        for _ in range(trips):
            client.send(b"who")
            client.recv(64)
"""


class Place:
    """A host with so many networks up, with a guest on the first of them and somebody outside who answers it."""

    def __init__(self, stack: ExitStack, count: int) -> None:
        self.host, self.outside = stack.enter_context(Host()), stack.enter_context(Outside())
        self.outside.plug(self.host)
        on(self.host, partial(_fill, count=count))
        self.caller = Caller(self.host)
        guest = stack.enter_context(Client(self.host, GUEST, port="vguest", mac="52:54:00:00:53:09"))
        on(self.host, _attach)
        guest.run(["ip", "address", "add", "10.98.0.10/24", "dev", "eth0"])
        guest.run(["ip", "route", "add", "default", "via", "10.98.0.1"])
        Witness(self.outside)
        self.guest = Caller(guest)
        self._install, self._remove = on(self.host, _rules)

    def install(self) -> Sample:
        """Put the rules of one more network into force."""
        return self.caller.run(NFT, "-f", "-", stdin=self._install)

    def remove(self) -> Sample:
        """Take them away again."""
        return self.caller.run(NFT, "-f", "-", stdin=self._remove)

    def talk(self, flows: int, trips: int) -> Sample:
        """Let the guest send datagrams outside, each after the answer to the one before."""
        return self.guest.run(PYTHON, "-IS", "-c", _TALK, WWW_4, str(PORT), str(flows), str(trips))


def cases(stack: ExitStack, networks: int) -> list[Case]:
    """The same with one network and with so many."""
    found = []
    one, many = Place(stack, 1), Place(stack, networks)
    for what, run in (
        ("rules of one more network", Place.install),
        (f"{TRIPS} datagrams of a flow", partial(Place.talk, flows=1, trips=TRIPS)),
        (f"{FLOWS} datagrams, each a new flow", partial(Place.talk, flows=FLOWS, trips=1)),
    ):
        small = None
        for place, count in ((one, 1), (many, networks)):
            case = Case(f"{what}, {count} up", place.caller, partial(run, place), small=small)
            case.growth = GROWTH if small else 0
            if run is Place.install:
                case.after = place.remove
                # at each commit, nft_table_validate(): what a whole start of a network may grow by is in growth.py
                case.growth, case.note = 0, "the kernel checks the whole table"
            small = case
            found.append(case)
    return found


def _xml(name: str, number: int) -> str:
    return _NETWORK.format(name=name, high=98, low=number, port=10000 + number)


def _fill(here: machine.Host, *, count: int) -> None:
    for number in range(count):
        catalog.define(here, _xml(f"net{number}", number), source="bench")
        bringup.start(here, f"net{number}")


def _attach(here: machine.Host) -> None:
    attach.attach(here, "net0", nics.Nic(interface="vguest", network="net0", mac="52:54:00:00:53:09"))


def _rules(here: machine.Host) -> tuple[str, str]:
    """The transactions that install and remove the rules of a network that is defined and down."""
    catalog.define(here, _xml(LAST, 255), source="bench")
    network = definitions.load(here, LAST)
    [step] = firewall.plan(network, facts.collect(here, facts.asked(network)))
    return step.install, step.removal
