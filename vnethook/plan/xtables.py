"""The step that puts a network's rules into iptables' tables, beside everybody else's.

Of ours there are the chains of each network, and chains that all share, which lead to them: VNETHOOK_FORWARD and its
kin hang at the head of the kernel's own chains and only lead on to VNETHOOK_FORWARD_NETS and its kin, so that each
network can tell by numbers alone whether they are whole. A change makes the shared chains anew from the register of
what each network has in them, so that nobody has to be asked which rule is whose.
"""

from vnethook.live.xtables import FAMILIES, SHARED, TABLES
from vnethook.plan.firewall import FirewallStep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self

    from vnethook.host.host import Host
    from vnethook.live.flows import Led

    Chains = dict[str, list[str]]
    """Rules by chain, named as in `live.xtables`."""

NETWORK = "VN"
"""How the names of a network's chains begin."""
_PREFIX = 24
"""So many characters, then _ and what kind of a chain it is."""
ALL, IF_OTHERS = "_NETS", "?"
"""The end of a chain's name in which every network has rules; the end of a section that alone needs no chain."""
HOOKS = {
    ("mangle", "PREROUTING"): "-A",  # last: what others do to marks is done by then
    ("nat", "PREROUTING"): "-I",
    ("nat", "OUTPUT"): "-I",
    ("nat", "POSTROUTING"): "-I",
    ("filter", "INPUT"): "-I",
    ("filter", "FORWARD"): "-I",
}
"""The kernel's chains that lead to ours, and how a rule gets in."""


class InstallXtables(FirewallStep):
    """Put a network's chains into force, each table at once.

    `chains`: (chain, its rules); `links`: (shared chain and section, rules): what the network has there, of which the
    sections are in order, and equal rules of several networks are one; `prefix`: how the names of the
    network's chains begin. For `sources`, `translation` and `forwards` see InstallRules.
    """

    _about = ("network", "variant")
    variant: str
    prefix: str
    chains: tuple[tuple[str, tuple[str, ...]], ...]
    links: tuple[tuple[str, tuple[str, ...]], ...]
    sources: tuple[str, ...] = ()
    translation: tuple[str, ...] = ()
    forwards: "tuple[Led, ...]" = ()

    def is_done(self, host: "Host") -> bool:
        entries = host.shared.entries(self.variant)
        if entries.get(self.network) != self._entry:
            return False
        wanted = dict(self.uses)
        found = host.xtables.uses(self.variant, tuple(wanted))
        if found != wanted:
            return False
        shared = compose(entries.values(), host.xtables.present(self.variant))
        counted = {chain: len(rules) for chain, rules in shared.items() if chain.endswith(ALL)}
        return host.xtables.uses(self.variant, tuple(counted)) == {chain: n + 1 for chain, n in counted.items()}

    def require(self, host: "Host") -> None:
        host.xtables.require(self.variant)

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            before = host.shared.entries(self.variant).get(self.network, {})
            host.shared.enter(self.variant, self.network, self._entry)
            settle(host, self.variant, {*before, *self._entry}, self)
        if self.forwards:
            host.conntrack.settle((), self.forwards)

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            before = host.shared.entries(self.variant).get(self.network, {})
            settle(host, self.variant, {*before, *self._entry}, None, leaving=self.network)
            host.shared.leave(self.variant, self.network)
        if self.sources:
            host.conntrack.forget(self.sources)
        if self.forwards:
            host.conntrack.settle(self.forwards, ())

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)
        if old.translation != self.translation:
            host.conntrack.forget(tuple(dict.fromkeys(old.sources + self.sources)))
        if old.forwards != self.forwards:
            host.conntrack.settle(old.forwards, self.forwards)

    def covering(self, old: "Self") -> "Self":
        return self.replace(
            sources=old.sources + self.sources,
            translation=(*old.translation, "or", *self.translation),  # equal to neither
            forwards=old.forwards + self.forwards,
        )

    @property
    def firewall(self) -> str:
        return self.variant

    @property
    def _entry(self) -> dict[str, str]:
        """What the register holds of the network."""
        return {"": self.prefix, **{place: "\n".join(rules) for place, rules in self.links}}

    def __str__(self) -> str:
        rules = sum(len(rules) for _, rules in (*self.chains, *self.links))
        return f"install {rules} firewall rules for network {self.network} in {self.variant}, table by table"


def settle(host: "Host", variant: str, parts: set[str], step: InstallXtables | None, *, leaving: str = "") -> None:
    """Make the shared chains anew, and the chains of a step; delete chains of ours that are no network's.

    `parts`: what the network has or had in shared chains, so that those are changed. `leaving`: a network without which
    it is to be. A start that is killed may leave some tables as they were: its journal is there.
    """
    entries = host.shared.entries(variant)
    entries.pop(leaving, None)
    present = host.xtables.present(variant)
    own = {chain: list(rules) for chain, rules in step.chains} if step else {}
    shared = compose(entries.values(), present | own.keys())
    others = {entry[""] for name, entry in entries.items() if step is None or name != step.network}
    stale = [
        chain
        for chain in present
        if is_ours(chain) and chain not in shared and chain not in own and _prefix(chain) not in others
    ]
    touched = {_place(chain) for chain in (*own, *stale)} | {_place(_place(part)) for part in parts if part}
    transaction = {}
    for place in _places():
        if place in touched:
            wanted = {chain: rules for chain, rules in (own | shared).items() if _place(chain) == place}
            gone = [chain for chain in stale if _place(chain) == place]
            jumps = _removal_of_jumps(host, variant, gone)
            lines = [*jumps, *_chains(wanted, gone), *_hung(host, variant, wanted, present)]
            if lines:
                transaction[place] = lines
    host.xtables.apply(variant, transaction)


def compose(entries: "Iterable[dict[str, str]]", present: set[str]) -> "Chains":
    """The shared chains of all networks; what leads to a chain that is not there, of a start cut short, is left out."""
    sections: dict[str, dict[int, set[str]]] = {}
    needed = set()
    for entry in entries:
        for place, rules in entry.items():
            if place:
                chain, _, section = place.removesuffix(IF_OTHERS).rpartition(" ")
                kept = [rule for rule in rules.split("\n") if _leads_somewhere(_place(chain), rule, present)]
                sections.setdefault(chain, {}).setdefault(int(section), set()).update(kept)
                if kept and not place.endswith(IF_OTHERS):
                    needed.add(chain)
    found = {
        chain: [rule for section in sorted(by_section) for rule in sorted(by_section[section])]
        for chain, by_section in sorted(sections.items())
        if chain in needed
    }
    return found | {chain.removesuffix(ALL): [f"-j {_name(chain)}"] for chain in found if chain.endswith(ALL)}


def is_ours(chain: str) -> bool:
    """Whether a chain's name is one that we give."""
    name = _name(chain)
    return name.startswith(SHARED) or (name.startswith(NETWORK) and name[_PREFIX : _PREFIX + 1] == "_")


def _leads_somewhere(place: str, rule: str, present: set[str]) -> bool:
    target = rule.rpartition(" ")[2]
    return target[_PREFIX : _PREFIX + 1] != "_" or target.startswith(SHARED) or f"{place} {target}" in present


def _prefix(chain: str) -> str:
    """How the names of the chains of that network begin whose chain this is."""
    return _name(chain)[:_PREFIX]


def _places() -> list[str]:
    return [f"{family} {table}" for family in FAMILIES for table in TABLES]


def _place(chain: str) -> str:
    return chain.rpartition(" ")[0]


def _name(chain: str) -> str:
    return chain.rpartition(" ")[2]


def _hung(host: "Host", variant: str, wanted: "Chains", present: set[str]) -> list[str]:
    """What hangs the shared chains under the kernel's, once each."""
    lines = []
    for chain in wanted:
        table, hook = chain.split()[1], _name(chain).removeprefix(SHARED)
        if (table, hook) in HOOKS:
            jumps = host.xtables.jumps(variant, chain, hook) if chain in present else 0
            if jumps != 1:
                lines += [f"-D {hook} -j {_name(chain)}"] * jumps
                lines.append(f"{HOOKS[table, hook]} {hook} -j {_name(chain)}")
    return lines


def _removal_of_jumps(host: "Host", variant: str, gone: list[str]) -> list[str]:
    lines = []
    for chain in gone:
        hook = _name(chain).removeprefix(SHARED)
        if (chain.split()[1], hook) in HOOKS:
            lines += [f"-D {hook} -j {_name(chain)}"] * host.xtables.jumps(variant, chain, hook)
    return lines


def _chains(wanted: "Chains", gone: list[str]) -> list[str]:
    """Make chains and fill them, empty and delete others: naming a chain makes or empties it, iptables-restore(8)."""
    lines = [f":{_name(chain)} - [0:0]" for chain in (*wanted, *gone)]
    lines += [f"-A {_name(chain)} {rule}" for chain, rules in wanted.items() for rule in rules]
    return [*lines, *(f"-X {_name(chain)}" for chain in gone)]
