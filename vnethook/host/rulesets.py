"""The packet filters of this host, whoever keeps them, as rules that can be asked what becomes of a packet.

Those of nf_tables are read as nft(8) lists them; those that iptables keeps there, and its legacy variant, as
iptables-save(8) does, since nft cannot show their matches. What is not understood is kept as such.
"""

import json
from typing import TYPE_CHECKING

from vnethook.errors import HostError
from vnethook.host import programs, rules_iptables, rules_nft
from vnethook.live import xtables

if TYPE_CHECKING:
    from vnethook.host.rules import Table

OURS = ("inet", "vnethook")
PROGRAMS = {"ip": "iptables", "ip6": "ip6tables"}
"""Who keeps the filter of a family."""


def read() -> "tuple[Table, ...]":
    """The tables of all programs but ours; raise HostError where they cannot be read."""
    return (*_nft(), *_legacy())


def _nft() -> "list[Table]":
    path = programs.find("nft")
    if path is None:
        return []
    finished = programs.run([path, "-j", "list", "ruleset"])
    if finished.status != 0:
        msg = f"nft: list: {finished.reason}"
        raise HostError(msg)
    found = [
        table for table in rules_nft.parse(json.loads(finished.output or "{}")) if (table.family, table.name) != OURS
    ]
    return [_by_iptables(table) if table.family in PROGRAMS and table.name == "filter" else table for table in found]


def _by_iptables(table: "Table") -> "Table":
    """A table that iptables keeps, as that shows it; as nft shows it if iptables does not."""
    path = programs.find(f"{PROGRAMS[table.family]}-nft-save")
    finished = programs.run([path, "-t", table.name]) if path else None
    if finished is None or finished.status != 0:
        return table
    return rules_iptables.parse(finished.output, family=table.family, keeper="iptables") or table


def _legacy() -> "list[Table]":
    found = []
    for family, program in PROGRAMS.items():
        path = programs.find(f"{program}-legacy-save")
        if path and "filter" in xtables.tables_in_use(family):
            finished = programs.run([path, "-t", "filter"])
            table = rules_iptables.parse(finished.output, family=family, keeper="iptables-legacy")
            if table is not None:
                found.append(table)
    return found
