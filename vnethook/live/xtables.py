"""Ask the kernel which chains of ours iptables has, in either of its variants, without a process and a library.

A chain is named by family, table and its own name: "ip filter VNETHOOK_INPUT". Its use is the number of its rules and
of the jumps to it, as nftables counts it too; where the tables are the old ones they are read as iptables reads them.
Sources: linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h, linux/netfilter/x_tables.h.
"""

from _socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_RAW, SOCK_CLOEXEC, SOCK_RAW, socket
from _struct import Struct

from vnethook.errors import HostError
from vnethook.live import nftables

LEGACY, VARIANT = "iptables-legacy", "iptables-nft"
FAMILIES = {"ip": 4, "ip6": 6}
TABLES = ("mangle", "nat", "filter")
_SOCKETS = {"ip": (AF_INET, IPPROTO_IP), "ip6": (AF_INET6, IPPROTO_IPV6)}
_GET_INFO, _GET_ENTRIES = 64, 65
_INFO = Struct("=32sI5I5III")
_ENTRIES = Struct("=32sI4x")
_OFFSETS = Struct("=HH")
_FIELDS = {"ip": (88, 112), "ip6": (140, 168)}
"""Where the offsets of an entry's target and of the next entry lie, and where its matches begin."""
_USER_CHAIN = Struct("=H29sB").pack(64, b"ERROR", 0)
"""The target of the entry before a chain, in which its name follows; also that of the last entry of all."""
SHARED = "VNETHOOK_"
"""How the names of our chains begin that all networks share."""
_NAME, _RULES = 32, 64
"""Where, after the beginning of the target that heads a chain, its name is, and its first rule."""
_JUMP = Struct("=H29sBi")
_LAST = b"ERROR"
_TRIES = 10


def tables_in_use(family: str) -> list[str]:
    """The names of the old tables that exist."""
    return nftables.old_tables(FAMILIES[family])


def chain_uses(variant: str, names: "tuple[str, ...] | list[str]") -> dict[str, int]:
    """The use of each of these chains; one that does not exist is left out. Raises HostError if none can be read."""
    if variant == VARIANT:
        found: dict[str, int] = {}
        for place in dict.fromkeys(name.rpartition(" ")[0] for name in names):
            family, table = place.split()
            inside = [name.rpartition(" ")[2] for name in names if name.rpartition(" ")[0] == place]
            uses = nftables.chain_uses(inside, family=nftables.FAMILIES[FAMILIES[family]], table=table)
            found |= {f"{place} {chain}": use for chain, use in uses.items()}
        return found
    there: dict[str, int] = {}
    for place in dict.fromkeys(name.rpartition(" ")[0] for name in names):
        there |= _legacy_uses(place, [name.rpartition(" ")[2] for name in names if name.rpartition(" ")[0] == place])
    return there


def chain_names(variant: str, family: str, table: str) -> list[str]:
    """The chains of a table that users made, and in nf_tables the kernel's own; none if there is no such table."""
    if variant == VARIANT:
        return list(nftables.all_chain_uses(nftables.FAMILIES[FAMILIES[family]], table=table))
    blob, found = _read(family, table), []
    at = _next_head(blob, 0)
    while at >= 0:
        found.append(blob[at + _NAME : at + _RULES].rstrip(b"\0"))
        at = _next_head(blob, at + 1)
    return [name.decode("ascii", "replace") for name in found if name != _LAST]


def jumps(family: str, table: str, chain: str) -> int:
    """How many rules of an old table jump to a chain."""
    blob = _read(family, table)
    head = _head(blob, chain)
    return 0 if head < 0 else blob.count(_JUMP.pack(40, b"", 0, head + _RULES))


def _legacy_uses(place: str, wanted: "list[str]") -> dict[str, int]:
    """The use of chains in an old table, where jumps are looked for in them, in shared ones and in the kernel's."""
    family, table = place.split()
    blob = _read(family, table)
    heads = {name: head for name in wanted if (head := _head(blob, name)) >= 0}
    at, shared = blob.find(SHARED.encode()), []
    while at >= 0:
        if blob.startswith(_USER_CHAIN, at - _NAME):
            shared.append(at - _NAME)
        at = blob.find(SHARED.encode(), at + 1)
    parts = [blob[: _next_head(blob, 0)]]
    parts += [blob[head : _next_head(blob, head + 1)] for head in {*heads.values(), *shared}]
    leading = b"".join(parts)
    return {
        f"{place} {name}": _rules(blob, family, head + _RULES) + leading.count(_JUMP.pack(40, b"", 0, head + _RULES))
        for name, head in heads.items()
    }


def _next_head(blob: bytes, at: int) -> int:
    """Where the next chain that a user made is headed, or the end of all, from `at` on; -1 if there is none.

    What is looked for has few zeros, of which a table is full: that is many times as fast.
    """
    at = blob.find(_LAST, at + 2)
    while at >= 0 and not blob.startswith(_USER_CHAIN, at - 2):
        at = blob.find(_LAST, at + 1)
    return at - 2 if at >= 0 else -1


def _head(blob: bytes, chain: str) -> int:
    """Where a chain is headed; -1 if there is none of that name."""
    name = chain.encode() + b"\0"
    at = blob.find(name)
    while at >= 0 and not blob.startswith(_USER_CHAIN, at - _NAME):
        at = blob.find(name, at + 1)
    return at - _NAME if at >= 0 else -1


def _rules(blob: bytes, family: str, start: int) -> int:
    """How many rules a chain has: all entries up to the next head, but for the one that leads back."""
    offsets, count = _FIELDS[family][0], 0
    while True:
        target, following = _OFFSETS.unpack_from(blob, start + offsets)
        if blob.startswith(_USER_CHAIN, start + target):
            return count - 1
        count += 1
        start += following


def _read(family: str, table: str) -> bytes:
    """The entries of an old table; empty if it does not exist."""
    if table not in tables_in_use(family):
        return b""
    try:
        import _ctypes  # noqa: PLC0415 (only for the old tables; getsockopt of Python's cannot pass a name)
    except ImportError as error:
        msg = f"table {table!r} of {family}tables: read: this Python has no _ctypes"
        raise HostError(msg) from error
    domain, level = _SOCKETS[family]
    try:
        kernel = socket(domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW)
    except OSError as error:
        msg = f"table {table!r} of {family}tables: read: {error.strerror}"
        raise HostError(msg, hint="it needs root") from error
    try:
        program = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # itself, dlopen(3)
        call = _ctypes.dlsym(program, "getsockopt")
        for _ in range(_TRIES):
            info = bytes(bytearray(_INFO.pack(table.encode(), *(0,) * 13)))  # of our own: the kernel writes into it
            if _ctypes.call_function(call, (kernel.fileno(), level, _GET_INFO, info, _length(_INFO.size))) != 0:
                return b""
            size = _INFO.unpack(info)[-1]
            entries = _ENTRIES.pack(table.encode(), size) + bytes(size)
            if _ctypes.call_function(call, (kernel.fileno(), level, _GET_ENTRIES, entries, _length(len(entries)))) == 0:
                return entries[_ENTRIES.size :]
    finally:
        kernel.close()
    msg = f"table {table!r} of {family}tables: read: it changes all the time"
    raise HostError(msg)


def _length(number: int) -> bytes:
    return Struct("=I").pack(number)
