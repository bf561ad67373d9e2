"""Writes chains of `table netdev vnethook`: what one link may send, judged as it comes in. By netlink, no process.

Each chain is one batch, all of it or nothing. Rules are made as nft(8) makes them, so that it lists them well and a
saved ruleset is loaded again as it was. Source of the formats: linux/netfilter/nf_tables.h, nfnetlink.h.
"""

from _struct import Struct
from errno import EBUSY, ENOENT

from vnethook.errors import HostError
from vnethook.live.netlink import CREATE, NETFILTER, NETFILTER_HEAD, Netlink, NetlinkError, nested, pack, text
from vnethook.live.nftables import NETDEV, SUBSYSTEM, TABLE, all_chain_uses, chain_uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Message = tuple[int, int, bytes]
    """Kind, flags, body."""

_TRIES = 20
PRIORITY = -510
"""Of our hook: before the rates', and before whatever else looks at what comes in."""
_NEW_TABLE, _DELETE_TABLE, _NEW_CHAIN, _DELETE_CHAIN, _NEW_RULE, _DELETE_RULE, _NEW_SET, _NEW_ELEMENT = (
    SUBSYSTEM << 8 | kind for kind in (0, 2, 3, 5, 6, 8, 9, 12)
)
_APPEND, _UNLESS_USED = 0x800, 0x100
_BIG, NATIVE = Struct("!I"), Struct("=I")
_HEAD = NETFILTER_HEAD.pack(NETDEV, 0, 0)
_IN_TABLE = text(1, TABLE)
EQUAL, UNEQUAL = 0, 1
DROP, ACCEPT, RETURN = 0, 1, -5 & 0xFFFFFFFF
LINK_HEADER, NETWORK_HEADER, TRANSPORT_HEADER = 0, 1, 2
_REGISTER = pack(1, _BIG.pack(1))
_INTEGER, _ANONYMOUS, _CONSTANT, _BIG_ENDIAN = 4, 1, 2, 2
_IS_PRESENT, _INVERTED, _OF_PAYLOAD = 1, 1, 7
_FRAGMENT_HEADER = 44


def payload(base: int, offset: int, value: bytes, operator: int = EQUAL) -> bytes:
    """Match bytes of a header, from `offset` on."""
    return load(base, offset, len(value)) + _compare(value, operator)


def masked(base: int, offset: int, value: bytes, mask: bytes) -> bytes:
    """Match the bits of a header that are set in `mask`, against the same ones of `value`."""
    size = len(mask.rstrip(b"\0"))
    if mask[:size] == b"\xff" * size:
        return payload(base, offset, value[:size])  # as nft does
    return load(base, offset, len(value)) + _and(mask) + _compare(value, EQUAL)


def has_bits(base: int, offset: int, mask: bytes) -> bytes:
    """Match a header in which one of the bits of `mask` is set."""
    return load(base, offset, len(mask)) + _and(mask) + _compare(bytes(len(mask)), UNEQUAL)


def meta(key: int, value: bytes, operator: int = EQUAL) -> bytes:
    """Match what is known of a frame."""
    return _expression("meta", pack(2, _BIG.pack(key)) + _REGISTER) + _compare(value, operator)


def state(bits: int) -> bytes:
    """Match packets that meet a flow in that state (NF_CT_STATE_BIT in nf_conntrack_common.h)."""
    return _expression("ct", _REGISTER + pack(2, _BIG.pack(0))) + _compare(NATIVE.pack(bits), EQUAL)


def fragment_header(next_header: int | None = None) -> bytes:
    """Match IPv6 packets that have a fragment header, and in it, unless None, this next header."""
    present = b"" if next_header is not None else pack(5, _BIG.pack(_IS_PRESENT))
    where = pack(3, _BIG.pack(0)) + pack(4, _BIG.pack(1))
    found = _expression("exthdr", _REGISTER + pack(2, bytes([_FRAGMENT_HEADER])) + where + present)
    return found + _compare(bytes([1 if next_header is None else next_header]), EQUAL)


def first_fragment() -> bytes:
    """Match IPv6 fragments that are the first, or the only one."""
    where = pack(3, _BIG.pack(2)) + pack(4, _BIG.pack(2))
    found = _expression("exthdr", _REGISTER + pack(2, bytes([_FRAGMENT_HEADER])) + where)
    return found + _and(b"\xff\xf8") + _compare(b"\0\0", EQUAL)


def load(base: int, offset: int, size: int) -> bytes:
    """Take bytes of a header; where they are not there, the rule matches nothing."""
    where = pack(2, _BIG.pack(base)) + pack(3, _BIG.pack(offset)) + pack(4, _BIG.pack(size))
    return _expression("payload", _REGISTER + where)


def is_none_of(name: int) -> bytes:
    """Match what was taken if it is not in the set of that number in the same batch."""
    of_set = text(1, "__set%d") + pack(2, _BIG.pack(1)) + pack(4, _BIG.pack(name))
    return _expression("lookup", of_set + pack(5, _BIG.pack(_INVERTED)))


def verdict(code: int) -> bytes:
    """End a rule by DROP, ACCEPT or RETURN."""
    data = nested(2, nested(2, pack(1, _BIG.pack(code))))
    return _expression("immediate", pack(1, _BIG.pack(0)) + data)


def set_of(name: int, values: "list[bytes]", *, base: int, offset: int) -> "list[Message]":
    """The messages that make an anonymous set of what may stand in a header, known by a number in its batch."""
    size = len(values[0])
    head = _IN_TABLE + text(2, "__set%d")
    description = pack(3, _BIG.pack(_ANONYMOUS | _CONSTANT)) + pack(4, _BIG.pack(_INTEGER)) + pack(5, _BIG.pack(size))
    description += pack(10, _BIG.pack(name)) + nested(9, pack(1, _BIG.pack(len(values))))
    description += pack(13, _note(0, NATIVE.pack(_BIG_ENDIAN)) + _note(3, _type_of(base, offset, size)))
    elements = b"".join(nested(1, nested(1, pack(1, value))) for value in values)
    return [
        (_NEW_SET, CREATE, _HEAD + head + description),
        (_NEW_ELEMENT, CREATE, _HEAD + head + pack(4, _BIG.pack(name)) + nested(3, elements)),
    ]


def replacement(chain: str, link: str, rules: "Iterable[bytes]", *, is_there: bool) -> "list[Message]":
    """The messages that make a chain for what comes in by a link, or a chain of nobody's if `link` is empty.

    `is_there`: one of that name exists, and goes.
    """
    hook = pack(1, _BIG.pack(0)) + pack(2, _BIG.pack(PRIORITY & 0xFFFFFFFF)) + text(3, link)
    base = nested(4, hook) + pack(5, _BIG.pack(1)) + text(7, "filter") if link else b""
    named = _IN_TABLE + text(2, chain)
    return [
        (_NEW_TABLE, CREATE, _HEAD + _IN_TABLE),
        *(removal(chain) if is_there else ()),
        (_NEW_CHAIN, CREATE, _HEAD + _IN_TABLE + text(3, chain) + base),
        *((_NEW_RULE, CREATE | _APPEND, _HEAD + named + nested(4, rule)) for rule in rules),
    ]


def removal(chain: str) -> "list[Message]":
    """The messages that remove a chain."""
    return [
        (_DELETE_RULE, 0, _HEAD + _IN_TABLE + text(2, chain)),
        (_DELETE_CHAIN, 0, _HEAD + _IN_TABLE + text(3, chain)),
    ]


def apply(decide: "Callable[[], list[Message]]", what: str) -> None:
    """Send messages as one transaction; raise HostError that begins with `what` if the kernel refuses it.

    `decide` makes them from the chains that there are: again if some are gone by then, by another's sweep or flush, or
    a table that was to go has got another one.
    """
    for tries_left in reversed(range(_TRIES)):
        try:
            _send(decide())
        except OSError as error:
            if tries_left and error.errno in {EBUSY, ENOENT}:
                continue
            raise _refused(what, error) from error
        return


def is_there(chain: str) -> bool:
    """Whether there is a chain of that name; raise HostError."""
    return chain in chain_uses([chain], family=NETDEV)


def remove(chain: str) -> bool:
    """Remove a chain; whether there was one to remove. Raises HostError."""
    if not is_there(chain):
        return False
    apply(lambda: removal(chain) if is_there(chain) else [], f"chain {chain!r}: remove")
    return True


def remove_last(chains: "Iterable[str]") -> None:
    """Remove chains, and with them the table if nothing else is in it; raise HostError.

    In one transaction, since for each one the kernel waits until no packet is on its way through the rules before.
    """
    wanted = list(chains)
    if _removals(wanted):
        apply(lambda: _removals(wanted), f"chain {wanted[0]!r}: remove")


def _removals(wanted: list[str]) -> "list[Message]":
    found = all_chain_uses(NETDEV)
    present = [name for name in wanted if name in found]
    messages = [message for name in present for message in removal(name)]
    is_all = len(present) == len(found) > 0
    return messages + ([(_DELETE_TABLE, _UNLESS_USED, _HEAD + _IN_TABLE)] if is_all else [])


def drop_table() -> None:
    """Remove the table if nothing is in it; else nothing."""
    try:
        netlink = Netlink(NETFILTER)
    except OSError:
        return  # a kernel without nf_tables has none
    try:
        netlink.transact(SUBSYSTEM, [(_DELETE_TABLE, _UNLESS_USED, _HEAD + _IN_TABLE)])
    except NetlinkError as error:
        if error.errno not in {EBUSY, ENOENT}:
            raise _refused("table netdev vnethook: remove", error) from error  # noqa: EM101 (no message yet)
    finally:
        netlink.close()


def _send(messages: "list[Message]") -> None:
    if not messages:
        return
    netlink = Netlink(NETFILTER)
    try:
        netlink.transact(SUBSYSTEM, messages)
    finally:
        netlink.close()


def _compare(value: bytes, operator: int) -> bytes:
    data = nested(3, pack(1, value))
    return _expression("cmp", _REGISTER + pack(2, _BIG.pack(operator)) + data)


def _and(mask: bytes) -> bytes:
    data = nested(4, pack(1, mask)) + nested(5, pack(1, bytes(len(mask))))
    return _expression("bitwise", _REGISTER + pack(2, _BIG.pack(1)) + pack(3, _BIG.pack(len(mask))) + data)


def _type_of(base: int, offset: int, size: int) -> bytes:
    """What nft notes of a set, to list its elements as bytes of a header. Source: payload_expr_build_udata() of nft."""
    numbers = (0, 0, base + 1, 8 * offset, 8 * size)
    told = b"".join(_note(kind, NATIVE.pack(number)) for kind, number in enumerate(numbers))
    return _note(0, NATIVE.pack(_OF_PAYLOAD)) + _note(1, told)


def _note(kind: int, data: bytes) -> bytes:
    return bytes([kind, len(data)]) + data


def _expression(name: str, data: bytes) -> bytes:
    return nested(1, text(1, name) + nested(2, data))


def _refused(what: str, error: OSError) -> HostError:
    msg = f"{what}: {error.strerror}"
    return HostError(msg, hint="it needs root, and a kernel with nf_tables and its netdev family")
