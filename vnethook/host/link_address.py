"""An address of a link with all that the kernel says of it, so that another link can be given the same.

Source of the format: rtnetlink(7), linux/if_addr.h; which flags are taken: inet6_rtm_newaddr(), inet_rtm_newaddr().
"""

from _socket import AF_INET6, inet_ntop
from _struct import Struct

from vnethook.live.netlink import attributes, number, pack, text
from vnethook.live.rtnl import ADDRESS
from vnethook.value import Value

_LIFETIMES = Struct("=IIII")
_PEER, _LOCAL, _LABEL, _BROADCAST, _CACHE, _FLAGS, _METRIC, _PROTOCOL = 1, 2, 3, 4, 6, 8, 9, 11
_CARRIED = (_PEER, _LOCAL, _BROADCAST, _METRIC, _PROTOCOL)
_NO_DAD, _DAD_FAILED = 0x02, 0x08
_TAKEN = 0x10 | 0x100 | 0x200 | 0x400
"""Those flags that are an administrator's or a program's to set: home, mngtmpaddr, noprefixroute, autojoin."""
FOR_EVER = 0xFFFFFFFF
_LABEL_MAX = 15


class LinkAddress(Value):
    """An address: family, prefix length, scope, flags; its other attributes as (kind, hexadecimal).

    `preferred_s`, `valid_s`: lifetimes left when it was read, FOR_EVER for none; `label`: what follows the link's name
    in an IPv4 address's label, for example ":1".
    """

    family: int
    prefix: int
    scope: int
    flags: int
    attributes: tuple[tuple[int, str], ...]
    preferred_s: int = FOR_EVER
    valid_s: int = FOR_EVER
    label: str = ""

    @property
    def key(self) -> tuple[int, int, str]:
        """What makes it the same address on another link."""
        found = dict(self.attributes)
        return self.family, self.prefix, found.get(_LOCAL, "") + found.get(_PEER, "")

    @property
    def packed(self) -> bytes:
        """The host's own address, as packets have it."""
        found = dict(self.attributes)
        return bytes.fromhex(found.get(_LOCAL) or found[_PEER])

    @property
    def host(self) -> str:
        """The host's own address: "192.0.2.1"."""
        return inet_ntop(self.family, self.packed)

    @property
    def is_somebody_elses(self) -> bool:
        """Whether another host was found to have it, so that ours does not take what is sent to it."""
        return bool(self.flags & _DAD_FAILED)

    @property
    def subnet(self) -> tuple[int, int, int]:
        """Family, prefix and first address of what is on the link with it."""
        packed = bytes.fromhex(dict(self.attributes)[_PEER])
        low_bits = 8 * len(packed) - self.prefix
        return self.family, self.prefix, int.from_bytes(packed, "big") >> low_bits << low_bits

    @property
    def is_lasting(self) -> bool:
        """Whether it stays until somebody takes it away."""
        return self.valid_s == FOR_EVER

    def aged(self, seconds: int, *, now: "LinkAddress | None" = None) -> "LinkAddress | None":
        """The same that much later, or with the lifetimes of what it is now; None if it has ended by then."""
        if now is not None:
            return self.replace(valid_s=now.valid_s, preferred_s=now.preferred_s)
        if self.is_lasting:
            return self
        if self.valid_s <= seconds:
            return None
        left_s = FOR_EVER if self.preferred_s == FOR_EVER else max(self.preferred_s - seconds, 0)
        return self.replace(valid_s=self.valid_s - seconds, preferred_s=left_s)

    def body(self, link: str, index: int, *, checked: bool) -> bytes:
        """The message that gives it to a link.

        `checked`: it counts as found to be nobody else's, so that it is of use at once (RFC 4862, 5.4).
        """
        flags = self.flags & _TAKEN
        if self.family == AF_INET6 and checked and not self.flags & _DAD_FAILED:
            flags |= _NO_DAD
        if self.family == AF_INET6 and not checked:
            flags |= self.flags & _NO_DAD
        data = b"".join(pack(kind, bytes.fromhex(value)) for kind, value in self.attributes)
        data += pack(_CACHE, _LIFETIMES.pack(self.preferred_s, self.valid_s, 0, 0)) + number(_FLAGS, flags)
        if self.label and len(link + self.label) <= _LABEL_MAX:
            data += text(_LABEL, link + self.label)
        return self._head(index) + data

    def removal(self, index: int) -> bytes:
        """The message that takes it from a link."""
        found = [(kind, value) for kind, value in self.attributes if kind in {_LOCAL, _PEER}]
        return self._head(index) + b"".join(pack(kind, bytes.fromhex(value)) for kind, value in found)

    def _head(self, index: int) -> bytes:
        return ADDRESS.pack(self.family, self.prefix, 0, self.scope, index)

    def __str__(self) -> str:
        return f"{self.host}/{self.prefix}"


def parse(answer: bytes, link: str) -> tuple[int, LinkAddress]:
    """The index of the link, named `link`, and the address in an answer of the kernel."""
    family, prefix, flags, scope, index = ADDRESS.unpack_from(answer)
    found = dict(attributes(answer, 8))
    if _FLAGS in found:
        flags = int.from_bytes(found[_FLAGS], "little" if Struct("=H").pack(1)[0] else "big")
    preferred_s, valid_s = FOR_EVER, FOR_EVER
    if _CACHE in found:
        preferred_s, valid_s, _, _ = _LIFETIMES.unpack(found[_CACHE])
    label = found.get(_LABEL, b"").rstrip(b"\0").decode(errors="replace")
    carried = tuple((kind, found[kind].hex()) for kind in _CARRIED if kind in found)
    rest = label.removeprefix(link) if label.startswith(f"{link}:") else ""
    return index, LinkAddress(family, prefix, scope, flags, carried, preferred_s, valid_s, rest)
