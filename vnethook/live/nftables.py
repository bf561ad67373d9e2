"""Ask the kernel which of our nftables chains are there, in microseconds and without a process.

A chain's `use` counts its rules and the jumps to it, so that a flushed chain, map or table shows at once.
Source of the formats: linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
"""

from _struct import Struct
from errno import ENOENT

from vnethook.errors import HostError
from vnethook.live.netlink import NETFILTER, Netlink, NetlinkError, attributes, text

TABLE = "vnethook"
_GET_CHAIN = 10 << 8 | 4
_INET = 1
_GENERIC = Struct("!BBH")
_BIG_U32 = Struct("!I")
_CHAIN_TABLE, _CHAIN_NAME, _CHAIN_USE = 1, 3, 6


def chain_uses(names: "tuple[str, ...] | list[str]") -> dict[str, int]:
    """The use of each of these chains of `table inet vnethook`; a chain that does not exist is left out.

    Raises HostError where the kernel has no nf_tables.
    """
    try:
        netlink = Netlink(NETFILTER)
    except OSError as error:
        msg = f"nftables: open: {error.strerror}"
        raise HostError(msg, hint="the kernel needs nf_tables (CONFIG_NF_TABLES)") from error
    found = {}
    try:
        for name in names:
            body = _GENERIC.pack(_INET, 0, 0) + text(_CHAIN_TABLE, TABLE) + text(_CHAIN_NAME, name)
            try:
                answer = netlink.request(_GET_CHAIN, 0, body)[0]
            except NetlinkError as error:
                if error.errno == ENOENT:
                    continue
                msg = f"nftables: chain {name!r}: read: {error.strerror}"
                raise HostError(msg, hint="it needs root, and a kernel with nf_tables") from error
            found[name] = _BIG_U32.unpack(dict(attributes(answer, 4))[_CHAIN_USE])[0]
    finally:
        netlink.close()
    return found
