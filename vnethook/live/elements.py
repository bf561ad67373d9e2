"""Change elements of our sets and maps in one transaction, in microseconds and without a process.

Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h; of a range in concatenated keys:
nft_set_pipapo.c.
"""

from errno import EEXIST, ENOBUFS, ENOENT

from vnethook.address import BITS, parse_ip, subnet_of
from vnethook.errors import HostError
from vnethook.live.netlink import CREATE, NETFILTER, NETFILTER_HEAD, Netlink, nested, pack, text
from vnethook.live.nftables import INET, SUBSYSTEM, TABLE, has_element

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    Elements = Iterable[tuple[str, str]]
    """(set or map, element as nft writes it: "6 . 80-90 . 0.0.0.0/0 . 192.0.2.1 : 10.0.0.9")."""

_TRIES = 4
_CHANGED = {EEXIST, ENOENT, ENOBUFS}
"""What is refused because it is otherwise by now; the last: so many elements are that the answers did not fit."""
_NEW, _DELETE = SUBSYSTEM << 8 | 12, SUBSYSTEM << 8 | 14
_TABLE_NAME, _SET_NAME, _ELEMENTS = 1, 2, 3
_KEY, _DATA, _KEY_END = 1, 2, 10
_HEAD = NETFILTER_HEAD.pack(INET, 0, 0) + text(_TABLE_NAME, TABLE)


def change(*, add: "Elements" = (), delete: "Elements" = ()) -> None:
    """Add and delete elements; raise HostError, then nothing is changed.

    What is added takes the place of what has its key. What is not there need not be deleted, nor its set be there.
    """
    add, delete = tuple(add), tuple(delete)
    for tries_left in reversed(range(_TRIES)):
        try:
            _change(add, delete)
        except OSError as error:
            if tries_left and error.errno in _CHANGED:
                continue  # it was not as we had seen it: another hook was faster
            msg = f"nftables: elements of {TABLE}: change: {error.strerror}"
            raise HostError(msg, hint="it needs root, and the network's rules in place") from error
        return


def _change(add: "Elements", delete: "Elements") -> None:
    netlink = Netlink(NETFILTER)
    try:
        messages = [
            (_DELETE, 0, _message(name, element, with_data=False))
            for name, element in dict.fromkeys((*delete, *add))
            if has_element(netlink, name, packed(element)[0])
        ]
        messages += [(_NEW, CREATE, _message(name, element)) for name, element in add]
        if messages:
            netlink.transact(SUBSYSTEM, messages)
    finally:
        netlink.close()


def _message(name: str, element: str, *, with_data: bool = True) -> bytes:
    first, last, data = packed(element)
    body = _value(_KEY, first) + (_value(_KEY_END, last) if " . " in element else b"")
    return _in_set(name, body + (_value(_DATA, data) if with_data and data else b""))


def _in_set(name: str, element: bytes) -> bytes:
    return _HEAD + text(_SET_NAME, name) + nested(_ELEMENTS, nested(1, element))


def _value(kind: int, value: bytes) -> bytes:
    return nested(kind, pack(1, value))


def packed(element: str) -> tuple[bytes, bytes, bytes]:
    """The first and the last key of an element as the kernel keeps them, and its data; each part in whole words."""
    key, _, data = element.partition(" : ")
    words = key.split(" . ")
    numbers = [index for index, word in enumerate(words) if not ("." in word or ":" in word)]
    parts = [_part(word, bytes_of_number=1 if index in numbers[:1] else 2) for index, word in enumerate(words)]
    if len(parts) == 1:
        return parts[0][0], parts[0][1], b""
    first, last = (b"".join(part[end] + b"\0" * (-len(part[end]) % 4) for part in parts) for end in (0, 1))
    return first, last, _part(data)[0] if data else b""


def _part(word: str, *, bytes_of_number: int = 2) -> tuple[bytes, bytes]:
    """The first and the last value of a protocol (the first number), ports, an address, a subnet or a MAC."""
    if word.count(":") == 5 and len(word) == 17:
        mac = bytes.fromhex(word.replace(":", ""))
        return mac, mac
    if ":" in word or "." in word:
        address, _, prefix = word.partition("/")
        bits = BITS[parse_ip(address)[0]]
        subnet = subnet_of(address, int(prefix) if prefix else bits)
        return subnet.first.to_bytes(bits // 8, "big"), subnet.last.to_bytes(bits // 8, "big")
    first, _, last = word.partition("-")
    return int(first).to_bytes(bytes_of_number, "big"), int(last or first).to_bytes(bytes_of_number, "big")
