"""The packet filter that other programs keep with iptables(8): what it drops, and chains of ours in it.

iptables has two variants, whose rules are apart: `nft`, in the tables `ip filter` and `ip6 filter` of nf_tables, and
`legacy`. What Docker, ufw or an administrator has is in one of them; where there is none, none comes to be by us.
"""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import nftables, paths
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.host.programs import Finished

NFT, LEGACY = "nft", "legacy"
FORWARD, INPUT = "FORWARD", "INPUT"
TABLE = "filter"
_UFW = {4: "ufw-before-", 6: "ufw6-before-"}
_DOCKERS = "DOCKER-ISOLATION-STAGE-2"
_TRIES = 5
_LOCK = "XTABLES_LOCKFILE"
"""By it the environment moves the lock that all programs of iptables share: iptables(8)."""
_WAIT_S = 10
"""How long another program may keep that lock."""


class Filter(Value):
    """A place at which a packet that meets no rule is dropped: `chain`, FORWARD or INPUT, of a variant and IP version.

    `last`: the chain whose end is the last place before that which heeds all rules of whoever keeps the filter. It is
    the chain itself; or ufw's, behind the user's rules and before its own last ones, which drop DHCP and log the rest.
    `refusing`: Docker's chain, if there is one, that drops what goes to its bridges. It asks it for what comes from one
    of them, after its rules for published ports; what comes from elsewhere it leaves to the policy.
    """

    version: int
    variant: str
    chain: str
    last: str
    refusing: str = ""


class Filters:
    """What iptables keeps in this network namespace.

    `left`: places, (IP version, chain), that were seen to drop and cannot be changed by iptables: what is in the table
    of that name somebody has written with nft(8), or the program is not installed.
    """

    def __init__(self) -> None:
        self.left: set[tuple[int, str]] = set()

    def dropping(self, versions: "tuple[int, ...]") -> "tuple[Filter, ...]":
        """The places that drop what meets no rule, of these IP versions; raise HostError without nf_tables."""
        places = [(version, chain) for version in versions for chain in (FORWARD, INPUT)]
        found = nftables.foreign_chains([(nftables.FAMILIES[version], TABLE, chain) for version, chain in places])
        seen = [place for place in places if found.get((nftables.FAMILIES[place[0]], TABLE, place[1]), (False, 0))[0]]
        nft = [(version, chain) for version, chain in seen if _is_of_iptables(version)]
        self.left = set(seen) - set(nft)
        legacy = [(version, chain) for version, chain in places if f"-P {chain} DROP" in self._legacy(version)]
        named = [(NFT, *place) for place in nft] + [(LEGACY, *place) for place in legacy]
        return tuple(
            Filter(
                *(version, variant, chain, self._last(variant, version, chain)),
                _DOCKERS if chain == FORWARD and self._uses(variant, version, _DOCKERS) else "",
            )
            for variant, version, chain in named
        )

    def is_whole(self, place: Filter, chain: str, rules: int) -> bool:
        """Whether the place, and nothing else, leads to a chain of that many rules."""
        if self._uses(place.variant, place.version, chain) != rules + 1:
            return False
        if place.variant == LEGACY:
            return f"-A {place.last} -j {chain}" in self._legacy(place.version)
        found = nftables.foreign_rules(nftables.FAMILIES[place.version], TABLE, place.last)
        return found is not None and f"{chain}\0".encode() in found

    def require(self, place: Filter) -> None:
        """Raise HostError if the programs are not installed."""
        for ending in ("", "-restore"):
            _program(place.variant, place.version, ending)

    def admit(self, place: Filter, chain: str, rules: tuple[str, ...]) -> None:
        """Make a chain of these rules, or make it anew, and have the place lead to it, last; raise HostError."""

        def lines(saved: list[str]) -> list[str]:
            made = [f":{chain} - [0:0]", *(f"-A {chain} {rule}" for rule in rules)]
            return [*made, *_unlinking(saved, chain), f"-A {place.last} -j {chain}"]

        self._change(place, lines)

    def withdraw(self, place: Filter, chain: str) -> None:
        """Take a chain away, with what leads to it, wherever that is; nothing if it is gone. Raises HostError."""

        def lines(saved: list[str]) -> list[str]:
            if f"-N {chain}" not in saved:
                return []
            return [*_unlinking(saved, chain), f"-F {chain}", f"-X {chain}"]

        if not self._has_table(place):
            return
        try:
            self._change(place, lines)
        except HostError:
            if place.variant != NFT or _is_of_iptables(place.version):
                raise
            _delete(place, chain)

    def _change(self, place: Filter, lines: "Callable[[list[str]], list[str]]") -> None:
        """Make what `lines` says of the present rules in one go; again if they have changed meanwhile."""
        program = _program(place.variant, place.version, "-restore")
        reason = ""
        for _ in range(_TRIES):
            made = lines(_saved(place.variant, place.version))
            if not made:
                return
            finished = restore(program, {TABLE: made})
            if finished.status == 0:
                return
            reason = finished.reason
        msg = f"iptables ({place.variant}, IPv{place.version}): {place.chain}: {reason}"
        raise HostError(msg, hint="see `iptables -S`")

    def _last(self, variant: str, version: int, chain: str) -> str:
        ufws = f"{_UFW[version]}{chain.lower()}"  # there is nothing in it while ufw is disabled
        return ufws if self._uses(variant, version, ufws) > 1 else chain

    def _uses(self, variant: str, version: int, chain: str) -> int:
        if variant == LEGACY:
            return _count(self._legacy(version), chain)
        key = (nftables.FAMILIES[version], TABLE, chain)
        return nftables.foreign_chains([key]).get(key, (False, 0))[1]

    def _has_table(self, place: Filter) -> bool:
        if place.variant == LEGACY:
            return has_legacy(place.version)
        return bool(nftables.foreign_chains([(nftables.FAMILIES[place.version], TABLE, place.chain)]))

    def _legacy(self, version: int) -> list[str]:
        """The rules of the legacy variant; none where it is not in use, or cannot be asked."""
        if not has_legacy(version) or programs.find(_name(LEGACY, version, "")) is None:
            return []
        return _saved(LEGACY, version)


def has_legacy(version: int) -> bool:
    """Whether the legacy variant of iptables keeps a filter here."""
    try:
        return TABLE in nftables.old_tables(version)
    except HostError:
        return False  # a hook that is confined


def restore(program: str, tables: dict[str, list[str]]) -> "Finished":
    """Change tables, each as a whole or not at all, by lines of iptables-restore(8) beside what is there."""
    lines = [line for table, inside in tables.items() for line in (f"*{table}", *inside, "COMMIT")]
    return _run([program, "--noflush"], text="".join(f"{line}\n" for line in lines))


def _run(words: list[str], *, text: str = "") -> "Finished":
    """Run a program of iptables, which waits for the lock."""
    place = paths.variables().get(_LOCK)
    environment = programs.ENVIRONMENT | ({} if place is None else {_LOCK: place})
    return programs.run([*words, "-w", f"{_WAIT_S}"], text=text, environment=environment)


def _saved(variant: str, version: int) -> list[str]:
    """The filter in the words of `iptables -S`; raise HostError."""
    finished = _run([_program(variant, version, ""), "-S"])
    if finished.status != 0:
        msg = f"iptables ({variant}, IPv{version}): list: {finished.reason}"
        raise HostError(msg)
    return finished.output.splitlines()


def _is_of_iptables(version: int) -> bool:
    """Whether iptables can list, and so change, what nf_tables has in the table of its name."""
    programs_needed = [programs.find(_name(NFT, version, ending)) for ending in ("", "-restore")]
    if None in programs_needed:
        return False
    return _run([_program(NFT, version, ""), "-S"]).status == 0


def _delete(place: Filter, chain: str) -> None:
    """Take a chain out of a table that iptables cannot list by now: somebody has written into it with nft(8)."""
    family = "ip" if place.version == 4 else "ip6"
    if not nftables.foreign_chains([(nftables.FAMILIES[place.version], TABLE, chain)]):
        return
    nft = programs.require("nft")
    made = []
    for name in dict.fromkeys((place.chain, place.last)):
        for line in programs.run([nft, "-a", "list", "chain", family, TABLE, name]).output.splitlines():
            rule, _, handle = line.strip().rpartition(" # handle ")
            if rule.endswith(f"jump {chain}") and handle.isdecimal():
                made.append(f"delete rule {family} {TABLE} {name} handle {handle}\n")
    made += [f"{verb} chain {family} {TABLE} {chain}\n" for verb in ("flush", "delete")]
    finished = programs.run([nft, "-f", "-"], text="".join(made))
    if finished.status != 0:
        msg = f"nft: table {family} {TABLE}: remove chain {chain}: {finished.reason}"
        raise HostError(msg, hint=f"see `nft list table {family} {TABLE}`")


def _unlinking(saved: list[str], chain: str) -> list[str]:
    """The deletion of each rule that leads to a chain."""
    return [f"-D{rule[2:]}" for rule in saved if rule.startswith("-A ") and rule.endswith(f" -j {chain}")]


def _count(saved: list[str], chain: str) -> int:
    return sum(rule.startswith(f"-A {chain} ") for rule in saved) + len(_unlinking(saved, chain))


def _program(variant: str, version: int, ending: str) -> str:
    """The program of a variant; raise HostError if it is not installed."""
    return programs.require(_name(variant, version, ending))


def _name(variant: str, version: int, ending: str) -> str:
    return f"{'iptables' if version == 4 else 'ip6tables'}-{variant}{ending}"
