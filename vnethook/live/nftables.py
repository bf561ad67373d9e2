"""Ask the kernel which of our nftables chains and elements are there, in microseconds and without a process.

A chain's `use` counts its rules and the jumps to it, so that a flushed chain, map or table shows at once; elements of
sets are asked for one by one, so that the answer does not grow with other networks.
Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
"""

from _struct import Struct
from errno import ENOENT

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.netlink import DUMP, NETFILTER, NETFILTER_HEAD, Netlink, NetlinkError, attributes, nested, pack, text

TABLE = "vnethook"
SUBSYSTEM = 10
"""nf_tables' among those of netfilter, linux/netfilter/nfnetlink.h."""
_GET_CHAIN, _GET_RULE, _GET_ELEMENT = (SUBSYSTEM << 8 | kind for kind in (4, 7, 13))
INET, IPV4, NETDEV, IPV6 = 1, 2, 5, 10
"""Families, linux/netfilter.h."""
FAMILIES = {4: IPV4, 6: IPV6}
"""Those in which iptables(8) keeps what it has, by IP version."""
_OURS = (INET, TABLE)
MARKED = 1
"""The use of the chain that says that the guards of a network's ports have not been taken away."""
_BIG_U32 = Struct("!I")
_TABLE_NAME, _CHAIN_NAME, _CHAIN_POLICY, _CHAIN_USE = 1, 3, 5, 6
_RULE_TABLE, _RULE_CHAIN = 1, 2
_SET_NAME, _SET_ELEMENTS = 2, 3
_DROP = b"\0\0\0\0"
"""NF_DROP, linux/netfilter.h."""


def chain_uses(names: "tuple[str, ...] | list[str]", *, family: int = INET, table: str = TABLE) -> dict[str, int]:
    """The use of each of these chains of a table of a family; a chain that does not exist is left out.

    Raises HostError where the kernel has no nf_tables.
    """
    netlink = _open()
    found = {}
    try:
        for name in names:
            answer = _get(netlink, _GET_CHAIN, f"chain {name!r}", text(_CHAIN_NAME, name), (family, table))
            if answer is not None:
                found[name] = _BIG_U32.unpack(dict(attributes(answer, 4))[_CHAIN_USE])[0]
    finally:
        netlink.close()
    return found


def all_chain_uses(family: int, *, table: str = TABLE) -> dict[str, int]:
    """The chains of a table of a family (ours of NETDEV are bound to one link each), and the use of each."""
    netlink = _open()
    try:
        answers = netlink.request(_GET_CHAIN, DUMP, NETFILTER_HEAD.pack(family, 0, 0))
    except NetlinkError as error:
        raise _refused("chains", error) from error  # noqa: EM101 (no message yet)
    finally:
        netlink.close()
    found = [dict(attributes(answer, 4)) for answer in answers]
    return {
        told[_CHAIN_NAME].rstrip(b"\0").decode(): _BIG_U32.unpack(told[_CHAIN_USE])[0]
        for told in found
        if told[_TABLE_NAME].rstrip(b"\0") == table.encode()
    }


def foreign_chains(wanted: "list[tuple[int, str, str]]") -> "dict[tuple[int, str, str], tuple[bool, int]]":
    """Of these chains, (family, table, name), of other tables than ours: whether what meets no rule is dropped; use.

    One that does not exist is left out. That of iptables(8) is the table `filter` of IPV4 or IPV6.
    """
    netlink = _open()
    found = {}
    try:
        for family, table, name in wanted:
            body = text(_CHAIN_NAME, name)
            answer = _get(netlink, _GET_CHAIN, f"chain {name!r}", body, (family, table))
            if answer is not None:
                told = dict(attributes(answer, 4))
                policy = told.get(_CHAIN_POLICY)
                found[family, table, name] = (policy == _DROP, _BIG_U32.unpack(told[_CHAIN_USE])[0])
    finally:
        netlink.close()
    return found


def foreign_rules(family: int, table: str, chain: str) -> bytes | None:
    """The rules of a chain of another table than ours, as the kernel has them; None if there is no such chain."""
    netlink = _open()
    try:
        if _get(netlink, _GET_CHAIN, f"chain {chain!r}", text(_CHAIN_NAME, chain), (family, table)) is None:
            return None
        wanted = text(_RULE_TABLE, table) + text(_RULE_CHAIN, chain)
        return b"".join(netlink.request(_GET_RULE, DUMP, NETFILTER_HEAD.pack(family, 0, 0) + wanted))
    except NetlinkError as error:
        what = f"chain {chain!r}"
        raise _refused(what, error) from error
    finally:
        netlink.close()


def firewalld_dispatch() -> bytes | None:
    """The rules by which firewalld tells links apart; None where it has none in force, or the kernel no nf_tables."""
    try:
        return foreign_rules(INET, "firewalld", "filter_INPUT_ZONES")
    except HostError:
        return None


def old_tables(version: int) -> list[str]:
    """The tables of the kernel's old iptables, which are apart; to ask that for another one would make it, for good."""
    return (files.read_text(f"/proc/net/{'ip' if version == 4 else 'ip6'}_tables_names") or "").split()


def missing_elements(elements: "tuple[tuple[str, str], ...]") -> list[str]:
    """Those of these elements, (set, key in hexadecimal), that are not in the table's sets, as "set key"."""
    netlink = _open()
    try:
        return [f"{name} {key}" for name, key in elements if not has_element(netlink, name, bytes.fromhex(key))]
    finally:
        netlink.close()


def has_element(netlink: Netlink, name: str, key: bytes) -> bool:
    """Whether one of our sets has an element with that key, for a range its first one; raise HostError."""
    element = nested(1, nested(1, pack(1, key)))  # an element, its key, the key's value
    body = text(_SET_NAME, name) + nested(_SET_ELEMENTS, element)
    return _get(netlink, _GET_ELEMENT, f"set {name!r}", body) is not None


def _open() -> Netlink:
    try:
        return Netlink(NETFILTER)
    except OSError as error:
        msg = f"nftables: open: {error.strerror}"
        raise HostError(msg, hint="the kernel needs nf_tables (CONFIG_NF_TABLES)") from error


def _get(netlink: Netlink, kind: int, what: str, body: bytes, of: "tuple[int, str]" = _OURS) -> bytes | None:
    """The answer to a question about a table, None if what is asked for does not exist."""
    try:
        return netlink.request(kind, 0, NETFILTER_HEAD.pack(of[0], 0, 0) + text(_TABLE_NAME, of[1]) + body)[0]
    except NetlinkError as error:
        if error.errno == ENOENT:
            return None
        raise _refused(what, error) from error


def _refused(what: str, error: NetlinkError) -> HostError:
    return HostError(f"nftables: {what}: read: {error.strerror}", hint="it needs root, and a kernel with nf_tables")
