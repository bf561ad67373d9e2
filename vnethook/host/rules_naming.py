"""Which packet filters of this host name a link, and would not know what has taken its place.

A filter that lets in what comes from the NIC, and drops the rest, cuts the host off from all that connects to it once
that comes from the NIC's bridge; its own pings are still answered. Source: nft(8), iptables-save(8).
"""

from vnethook.host import programs
from vnethook.live import nftables

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_LEGACY = {4: "iptables", 6: "ip6tables"}
_BY_INDEX = {"iif", "oif"}
_BY_ZONES = "firewalld"
"""Whose rules go by the zone that a link is put into."""
_AT_THE_LINK = "netdev"
"""The family whose chains are at a link itself, bridge's port or not."""


def filters(link: str, successor: str) -> tuple[str, ...]:
    """The tables with rules about `link` and none about `successor`, in words."""
    named = [
        words
        for words, patterns in (*_nft(), *_legacy())
        if any(_matches(pattern, link) for pattern in patterns)
        and not any(_matches(pattern, successor) for pattern in patterns)
    ]
    return tuple(named)


def pinned(link: str) -> tuple[str, ...]:
    """The tables of nftables with rules about `link` by its index (iif, oif), which it keeps under another name."""
    return tuple(
        f"nftables' table {family} {name}"
        for family, name, text in _tables()
        if any(f'"{link}"' in line and _BY_INDEX & set(line.split()) for line in text.splitlines())
    )


def hooked(link: str) -> tuple[str, ...]:
    """The tables of nftables with chains at `link` itself, which are at what has its name since Linux 6.16."""
    found = (name for family, name, text in _all_tables() if family == _AT_THE_LINK and f'"{link}"' in text)
    return tuple(f"nftables' table {_AT_THE_LINK} {name}" for name in found)


def _nft() -> "Iterator[tuple[str, set[str]]]":
    """Each table of nftables and the quoted words in it, among which are all names of links."""
    for family, name, text in _tables():
        yield f"nftables' table {family} {name}", set(text.split('"')[1::2])


def _tables() -> "Iterator[tuple[str, str, str]]":
    """Those tables of nftables that are about packets which have left their link, but for firewalld's."""
    for family, name, text in _all_tables():
        if family != _AT_THE_LINK and name != _BY_ZONES:
            yield family, name, text


def _all_tables() -> "Iterator[tuple[str, str, str]]":
    """Family, name and text of each table of nftables."""
    path = programs.find("nft")
    finished = programs.run([path, "--stateless", "list", "ruleset"]) if path else None
    for text in (f"\n{finished.output}" if finished else "").split("\ntable ")[1:]:
        family, name, _ = text.split(maxsplit=2)
        yield family, name, text


def _legacy() -> "Iterator[tuple[str, set[str]]]":
    """Each table of iptables' legacy variant and the words in it; to ask for one that is not there would make it."""
    for version, program in _LEGACY.items():
        path = programs.find(f"{program}-legacy-save")
        for table in nftables.old_tables(version) if path else ():
            finished = programs.run([path or "", "-t", table])
            yield f"{program}' table {table}", {word for word in finished.output.split() if word[:1] != "-"}


def _matches(pattern: str, link: str) -> bool:
    """Whether a link's name in a rule is this one: "eth*" in nftables, "eth+" in iptables."""
    if len(pattern) > 1 and pattern[-1] in "*+":
        return link.startswith(pattern[:-1])
    return pattern == link
