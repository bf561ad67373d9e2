"""iptables' tables, in either variant: what of ours is in them, and changing one table at once.

A table is changed by iptables-restore(8), which adds to what is there (--noflush) and waits for the lock that all such
programs share; or, for the old tables in a process that has python-iptables, by that (host/xtables.py). Both read the
same lines, so what comes of them is the same.
"""

import os
import sys

from vnethook.errors import HostError
from vnethook.host import filters, programs
from vnethook.live import xtables
from vnethook.live.xtables import FAMILIES, LEGACY, TABLES, VARIANT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.xtables import OldTables

_RESOURCE_PROBLEM = 4
"""The exit status where the tables were changed meanwhile by somebody who does not take the lock. xtables.h"""
_TRIES = 20


class Iptables:
    """The tables of iptables and ip6tables. `variant`: which of the two kinds; a place is "ip filter"."""

    def require(self, variant: str) -> None:
        """Raise HostError if nothing here can change such tables."""
        if _library(variant) is None:
            for family in FAMILIES:
                _restore(family, variant)

    def uses(self, variant: str, chains: tuple[str, ...]) -> dict[str, int]:
        """How often each of these chains is used; those that do not exist are left out."""
        return xtables.chain_uses(variant, chains)

    def present(self, variant: str) -> set[str]:
        """The chains of all tables that are there."""
        return {
            f"{family} {table} {chain}"
            for family in FAMILIES
            for table in TABLES
            for chain in xtables.chain_names(variant, family, table)
        }

    def jumps(self, variant: str, chain: str, base: str) -> int:
        """How many rules of a base chain lead to a chain of ours, and to nothing else."""
        family, table, name = chain.split()
        if variant == LEGACY:
            return xtables.jumps(family, table, name)
        program = programs.require(f"{family}tables-nft")
        finished = programs.run([program, "-t", table, "-S", base])
        return finished.output.split("\n").count(f"-A {base} -j {name}")

    def apply(self, variant: str, transaction: dict[str, list[str]]) -> None:
        """Change tables, each at once, by lines of iptables-restore by place; raise HostError with its own words."""
        library = _library(variant)
        for family in FAMILIES:
            tables = {place.split()[1]: lines for place, lines in transaction.items() if place.split()[0] == family}
            if tables and library is not None:
                library.apply(family, tables)
            elif tables:
                _apply(variant, family, tables)


def _library(variant: str) -> "OldTables | None":
    """python-iptables, if it is for such tables and this process has it and may fork: a hook's has no library."""
    is_there = any(os.path.isdir(f"{directory}/iptc") for directory in sys.path)  # before the cost of an import
    if variant != LEGACY or not is_there or len(os.listdir("/proc/self/task")) > 1:
        return None
    from vnethook.host.xtables import OldTables  # noqa: PLC0415 (a hook has no library)

    try:
        return OldTables()
    except ImportError:
        return None


def _restore(family: str, variant: str) -> str:
    """The program that changes tables; where there is one variant only it may be without the name of it."""
    kind = variant.removeprefix("iptables-")
    name = f"{family}tables-{kind}-restore"
    found = programs.find(name) or programs.find(f"{family}tables-restore")
    if found is None or {VARIANT: "legacy", LEGACY: "nft"}[variant] in os.path.basename(os.path.realpath(found)):
        return programs.require(name)
    return found


def _apply(variant: str, family: str, tables: dict[str, list[str]]) -> None:
    """Change tables of a family one after the other; after an error those that follow are not changed."""
    program = _restore(family, variant)
    for _ in range(_TRIES):
        finished = filters.restore(program, tables)
        if finished.status != _RESOURCE_PROBLEM:
            break
    if finished.status:
        said = [line for line in finished.errors.splitlines() if line.strip()]
        msg = f"{variant}: change tables of {family}tables: {(said or [finished.reason])[0].strip()}"
        raise HostError(msg, hint="a table is changed as a whole or not at all")
