"""What this kernel can do, tried out where it harms nobody: in a network namespace of its own that goes away again."""

import ctypes
import json
import os
from errno import ENOSYS, EPERM
from struct import Struct
from typing import TYPE_CHECKING

from vnethook.errors import VnetError
from vnethook.host.nft import Nft
from vnethook.live import bridge_port, guard, netdev
from vnethook.live.netlink import CREATE, EXCLUSIVE, pack, text
from vnethook.live.nics import GUARDS as MODES
from vnethook.live.nics import STRICT, Nic
from vnethook.live.record import LiveNetwork
from vnethook.live.rtnl import Links

if TYPE_CHECKING:
    from collections.abc import Callable

_NEW_NETWORK = 0x40000000  # linux/sched.h, CLONE_NEWNET
_BRIDGE = "trial0"
_NEW_QDISC, _TC_KIND, _TC_OPTIONS, _HTB_INIT, _ROOT = 36, 1, 2, 2, 0xFFFFFFFF  # linux/rtnetlink.h, linux/pkt_sched.h
_TC_MESSAGE, _HTB = Struct("=BxHiIII"), Struct("=IIIII")

NF_TABLES, NAT, CONNTRACK, FIB, INGRESS = "nf_tables", "nat", "conntrack", "fib", "netdev ingress"
GUARDS = "use for the guards of NICs"
RULES = "use for our rules"
BRIDGE, VLANS, TUN, HTB = "bridge", "vlan filtering", "tun", "htb"
_RULES = {
    NF_TABLES: "add table inet t; add chain inet t c { type filter hook forward priority filter; }",
    NAT: "add table inet n; add chain inet n c { type nat hook postrouting priority srcnat; }\n"
    "add rule inet n c masquerade",
    CONNTRACK: "add table inet s; add chain inet s c; add rule inet s c ct state established accept",
    FIB: "add table inet f; add chain inet f c; add rule inet f c fib daddr type local accept",
}


def missing(rules: str) -> tuple[str, ...] | None:
    """The parts that the kernel lacks, of those above; None where they cannot be tried out, as without root.

    `rules`: what nft has to take; empty where there is no nft, then nothing of the firewall is tried.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(writer, rules)
    os.close(writer)
    with os.fdopen(reader, encoding="ascii") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    found = json.loads(told or "null")
    return None if found is None else tuple(found)


def _answer(writer: int, rules: str) -> None:
    """In the child: write what is missing, and never return."""
    status = 1
    try:
        if _enter():
            with os.fdopen(writer, "w", encoding="ascii") as pipe:
                json.dump(_missing(rules), pipe)
        status = 0
    finally:
        os._exit(status)


def _enter() -> bool:
    """Go into a network namespace of our own; whether we may."""
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.unshare(_NEW_NETWORK) == 0 or ctypes.get_errno() not in {EPERM, ENOSYS}


def _missing(rules: str) -> list[str]:
    links = Links()
    tries: dict[str, Callable[[], object]] = {
        BRIDGE: lambda: links.create_bridge(_BRIDGE, mac="02:00:00:00:00:01", stp=False, delay_s=0),
        VLANS: lambda: _vlans(links),
        HTB: lambda: _htb(links),
        TUN: _tun,
        INGRESS: lambda: netdev.apply(lambda: netdev.replacement("trial", "lo", (), is_there=False), "trial"),
    }
    if rules:
        tries |= {name: _taken(text) for name, text in _RULES.items()}
    found = [name for name, attempt in tries.items() if not _works(attempt)]
    if INGRESS not in found and BRIDGE not in found and not _works(lambda: _guard(links)):
        found.append(GUARDS)
    if rules and not _RULES.keys() & found and not _works(_taken(rules)):
        found.append(RULES)
    return found


def _taken(rules: str) -> "Callable[[], object]":
    return lambda: Nft().apply(rules)


def _works(attempt: "Callable[[], object]") -> bool:
    try:
        attempt()
    except (VnetError, OSError):
        return False
    return True


def _vlans(links: Links) -> None:
    link = links.link(_BRIDGE)
    if link is not None and bridge_port.filters_vlans(links, link.index) is None:
        raise OSError


def _guard(links: Links) -> None:
    """Guard a port as strictly as can be."""
    link = links.link(_BRIDGE)
    if link is not None:
        network = LiveNetwork("trial", "", _BRIDGE, link.index, link.mtu, 0, "", 0)
        nic = Nic(
            _BRIDGE, "trial", link.index, mac=link.mac, addresses=("192.0.2.2", "2001:db8::2"), held=MODES[STRICT]
        )
        guard.put(network, link, nic, None)


def _tun() -> None:
    os.stat("/dev/net/tun")


def _htb(links: Links) -> None:
    """Put a queue on the loopback interface, as rates do on a link."""
    options = pack(_TC_OPTIONS, pack(_HTB_INIT, _HTB.pack(3, 10, 0, 0, 0)))
    body = _TC_MESSAGE.pack(0, 0, 1, 0x10000, _ROOT, 0) + text(_TC_KIND, "htb") + options
    links.ask("queue", "add", _NEW_QDISC, CREATE | EXCLUSIVE, body)
