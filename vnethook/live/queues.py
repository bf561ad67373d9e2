"""The queue of a link that sends at limited rates: a tree of HTB classes, marked as ours by its handle.

Read and removed here; only for limited networks and NICs. Trees are built by host/htb.py. Source of the formats:
linux/pkt_sched.h, linux/rtnetlink.h; tc-htb(8).
"""

from _struct import Struct
from errno import EINVAL, ENODEV, ENOENT

from vnethook.errors import HostError
from vnethook.live.netlink import CREATE, DUMP, EXCLUSIVE, NetlinkError, attributes, number, pack, text
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.rtnl import Links

MAJOR = 0x764E
"""Of our handles; other programs count from 1."""
WHOLE, REST = 1, 2
"""The minor numbers of the class of all traffic and, inside of it, of what has no guaranteed rate."""
_DELETE_QDISC, _GET_QDISC, _GET_CLASS = 37, 38, 42
_NEW_FILTER, _DELETE_FILTER, _GET_FILTER = 44, 45, 46
_MESSAGE = Struct("=BxxxiIII")
_ROOT = 0xFFFFFFFF
_KIND, _OPTIONS = 1, 2
_PARAMETERS, _RATE64, _CEIL64 = 1, 6, 7
_HTB = Struct("=8xI8xIIIIII")
_U64 = Struct("=Q")
_KEY, _OFFSET = Struct(">II"), Struct("=ii")
_U32_CLASS, _U32_SELECTOR, _TERMINAL = 1, 5, 1
_SELECTOR_SIZE = 16
"""Of struct tc_u32_sel without its keys."""
_ALL_PROTOCOLS = 0x0300
"""ETH_P_ALL in network byte order."""
KILO = 1000
BURST_MAX_S = 200
"""The kernel keeps a burst as the time that it takes, in 32 bits."""
_TICK_NS = 64
"""Of the scheduler's clock: PSCHED_SHIFT, net/pkt_sched.h."""


class Class(Value):
    """A class: the minor number of its handle, its rates in bytes per second, its burst in bytes."""

    minor: int
    rate: int
    ceil: int
    burst: int

    def is_like(self, other: "Class") -> bool:
        """Whether two are the same but for what the kernel's clock rounds off."""
        is_same = (self.minor, self.rate, self.ceil) == (other.minor, other.rate, other.ceil)
        return is_same and abs(self.burst - other.burst) <= self.burst // 50 + 2 * self.rate // 1_000_000 + 2


class Tree(Value):
    """What a link may send, in kilobytes (1000) per second and, `burst`, in 1024 bytes: 0 where nothing is said.

    `floors`: (minor number from 3 on, MAC, rate) of what is guaranteed to some of the receivers.
    """

    average: int
    peak: int = 0
    burst: int = 0
    floors: tuple[tuple[int, str, int], ...] = ()

    @property
    def classes(self) -> tuple[Class, ...]:
        """The classes that do this."""
        rate, ceil = self.average * KILO, max(self.peak, self.average) * KILO
        size = min(max(self.burst * 1024, burst(rate)), rate * BURST_MAX_S)
        rest = max(self.average - sum(floor for _, _, floor in self.floors), 1) * KILO
        guaranteed = (Class(minor, floor * KILO, ceil, burst(floor * KILO)) for minor, _, floor in self.floors)
        return (Class(WHOLE, rate, ceil, size), Class(REST, rest, ceil, min(size, rest * BURST_MAX_S)), *guaranteed)


def burst(rate: int) -> int:
    """The bytes that may be sent at once where nothing else is said: 4 ms of a rate in bytes/s, at least two frames."""
    return max(rate // 250, 3200)


def handle(minor: int = 0) -> int:
    """The handle of one of our classes, or of the queue itself."""
    return MAJOR << 16 | minor


def classes(links: "Links", index: int) -> dict[int, Class]:
    """Our classes on the link of that index, by minor number; none for a link that is gone."""
    found = {}
    try:
        answers = links.ask("queues", "list", _GET_CLASS, DUMP, _MESSAGE.pack(0, index, 0, 0, 0))
    except HostError as error:
        if _errno(error) != ENODEV:
            raise
        return {}
    for answer in answers:
        _, at, own, _, _ = _MESSAGE.unpack_from(answer)
        told = dict(attributes(answer, _MESSAGE.size))
        if at == index and own >> 16 == MAJOR and told.get(_KIND, b"").startswith(b"htb"):
            minor = own & 0xFFFF
            found[minor] = _class(minor, dict(attributes(told.get(_OPTIONS, b""))))
    return found


def stranger(links: "Links", index: int) -> str:
    """The kind of the queue that another program has given the link of that index; empty for none."""
    for kind, own in _roots(links, index):
        if own not in {0, handle()}:  # 0: the kernel's own
            return kind
    return ""


def has_ours(links: "Links", index: int) -> bool:
    """Whether the link of that index has a queue of ours."""
    return any(own == handle() for _, own in _roots(links, index))


def remove(links: "Links", index: int) -> None:
    """Give a link the kernel's own queue back; nothing if ours is gone, or the link."""
    if not has_ours(links, index):
        return
    try:
        links.ask("queues", "remove", _DELETE_QDISC, 0, _MESSAGE.pack(0, index, handle(), _ROOT, 0))
    except HostError as error:
        if _errno(error) not in {EINVAL, ENODEV, ENOENT}:
            raise


def filters(links: "Links", index: int) -> dict[int, str]:
    """The MAC of the frames that are chosen for each class of a link, by its minor number."""
    found = {}
    for answer in links.ask("queues", "list", _GET_FILTER, DUMP, _MESSAGE.pack(0, index, 0, handle(), 0)):
        options = dict(attributes(dict(attributes(answer, _MESSAGE.size)).get(_OPTIONS, b"")))
        keys = options.get(_U32_SELECTOR, b"")[_SELECTOR_SIZE:]
        if len(keys) == 2 * (_KEY.size + _OFFSET.size):
            digits = (keys[4:8] + keys[20:22]).hex()
            found[_MESSAGE.unpack_from(answer)[4] >> 16] = ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    return found


def add_filter(links: "Links", index: int, minor: int, mac: str) -> None:
    """Choose for a class what is sent to a MAC; by hand, since pyroute2 writes no offset before the network header."""
    first, rest = int(mac.replace(":", "")[:8], 16), int(mac.replace(":", "")[8:], 16) << 16
    keys = _KEY.pack(0xFFFFFFFF, first) + _OFFSET.pack(-14, 0) + _KEY.pack(0xFFFF0000, rest) + _OFFSET.pack(-10, 0)
    selector = bytes([_TERMINAL, 0, 2]) + bytes(13) + keys
    options = number(_U32_CLASS, handle(minor)) + pack(_U32_SELECTOR, selector)
    head = _MESSAGE.pack(0, index, 0, handle(), minor << 16 | _ALL_PROTOCOLS)
    body = head + text(_KIND, "u32") + pack(_OPTIONS, options)
    links.ask("queues", "add filter", _NEW_FILTER, CREATE | EXCLUSIVE, body)


def remove_filter(links: "Links", index: int, minor: int) -> None:
    """Choose nothing for a class any more; nothing if nothing was chosen."""
    body = _MESSAGE.pack(0, index, 0, handle(), minor << 16 | _ALL_PROTOCOLS) + text(_KIND, "u32")
    try:
        links.ask("queues", "remove filter", _DELETE_FILTER, 0, body)
    except HostError as error:
        if _errno(error) not in {EINVAL, ENOENT}:
            raise


def _roots(links: "Links", index: int) -> list[tuple[str, int]]:
    """(kind, handle) of the queue of a link; one at most."""
    found = []
    for answer in links.ask("queues", "list", _GET_QDISC, DUMP, _MESSAGE.pack(0, index, 0, 0, 0)):
        _, at, own, parent, _ = _MESSAGE.unpack_from(answer)
        if at == index and parent == _ROOT:
            kind = dict(attributes(answer, _MESSAGE.size)).get(_KIND, b"").rstrip(b"\0").decode(errors="replace")
            found.append((kind, own))
    return found


def _class(minor: int, options: dict[int, bytes]) -> Class:
    rate, ceil, buffer, _, _, _, _ = _HTB.unpack_from(options[_PARAMETERS])
    if _RATE64 in options:
        rate = _U64.unpack(options[_RATE64])[0]
    if _CEIL64 in options:
        ceil = _U64.unpack(options[_CEIL64])[0]
    return Class(minor, rate, ceil, buffer * _TICK_NS * rate // 1_000_000_000)


def _errno(error: HostError) -> int | None:
    return error.__cause__.errno if isinstance(error.__cause__, NetlinkError) else None
