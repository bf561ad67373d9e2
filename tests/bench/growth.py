"""The same hook on hosts with much on them: it must not become slower."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from tests.bench.ours import NETWORK, Site, attach
from tests.bench.sample import Case
from tests.lab import Host
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle import bringup, catalog

GROWTH = 1.3
"""The budget: times the small case."""
CROWD = "crowd"
FIXED = """<network>
  <name>{name}</name>
  <forward mode='nat'/>
  <ip address='10.{high}.{low}.1' netmask='255.255.255.0'>
    <dhcp><range start='10.{high}.{low}.2' end='10.{high}.{low}.254'/></dhcp>
  </ip>
</network>"""
_WITHOUT_DNSMASQ = """<network>
  <name>{name}</name>
  <forward mode='nat'/>
  <dns enable='no'/>
  <ip address='10.{high}.{low}.1' netmask='255.255.255.0'/>
</network>"""
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
"""Each dnsmasq takes one of them, of all that root has on this machine, lab or not."""


def served(count: int) -> int:
    """How many of so many networks may have a dnsmasq: half of what root has is for others on this machine."""
    return min(count, int(INOTIFY.read_text()) // 2)


def with_networks(site: Site, count: int, *, is_up: bool) -> None:
    """Define other networks, and bring them up."""

    def define(here: machine.Host) -> None:
        for number in range(count):
            name = f"net{number}"
            text = FIXED if number < served(count) else _WITHOUT_DNSMASQ
            catalog.define(here, text.format(name=name, high=99, low=number), source="bench")
            if is_up:
                bringup.start(here, name)

    on(site.host, define)


def with_ports(site: Site, count: int, network: str) -> None:
    """Attach other guests to a network."""
    taps = [f"t{number}" for number in range(count)]
    site.others.hold(*taps)

    def fill(here: machine.Host) -> None:
        if network != NETWORK:
            catalog.define(here, FIXED.format(name=network, high=99, low=255), source="bench")
        for number, tap in enumerate(taps):
            mac = f"52:54:00:01:{number >> 8:02x}:{number & 255:02x}"
            attach(here, tap, network, guest=f"guest{number}", mac=mac)

    on(site.host, fill)


def cases(stack: ExitStack, networks: int, ports: int) -> list[Case]:
    """Make the hosts; what they are measured at, each after the small case that it is compared with."""

    def site(fill: Callable[[Site], None], *, has_neighbour: bool = True) -> Site:
        made = Site(stack.enter_context(Host()), has_neighbour=has_neighbour)
        fill(made)
        return made

    nothing = site(lambda _: None)
    up = site(partial(with_networks, count=networks, is_up=True))
    down = site(partial(with_networks, count=networks, is_up=False))
    few = site(partial(with_ports, count=1, network=CROWD))
    many = site(partial(with_ports, count=ports, network=CROWD))
    one = site(partial(with_ports, count=1, network=NETWORK), has_neighbour=False)
    full = site(partial(with_ports, count=ports, network=NETWORK), has_neighbour=False)
    rows = [
        ("no other network", nothing, None),
        (f"{networks} others up", up, nothing),
        (f"{networks} others defined, down", down, nothing),
        ("1 port on another network", few, None),
        (f"{ports} ports on another network", many, few),
        ("1 port on the same network", one, None),
        (f"{ports} ports on the same network", full, one),
    ]
    found: list[Case] = []
    for state in ("warm", "cold"):
        small: dict[Site, Case] = {}
        for name, here, compared in rows:
            case = Case(f"{state}: {name}", here.qemu, here.first if state == "cold" else here.ifup)
            case.prepare = here.warm
            if state == "cold":
                puts_back = here in {one, full}
                case.prepare = partial(here.cold, keeps_ports=puts_back)
                case.note = "puts them back" if puts_back else ""
            if here is up and served(networks) < networks:
                case.note = f"{networks - served(networks)} of them without dnsmasq: {INOTIFY.name}"
            if compared:
                case.small = small[compared]
                case.growth = 0 if state == "cold" and here is full else GROWTH
            small[here] = case
            found.append(case)
    return found
