"""What on this host would stop guests, in plain words, each with what mends it. Looks, and never changes anything.

`look` collects a `Survey`; each check is a function from that to findings. A new check: one function, one line in
IN_ORDER, and what it looks at in survey.py and look.py.
"""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor import firewalls, kernel, lans, managers, networks, programs, servers, storage, users
from vnethook.lifecycle.doctor.finding import STOPS, UNSEEN, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vnethook.lifecycle.doctor.survey import Survey

    Check = Callable[[Survey], Iterator[Finding]]

IN_ORDER: "tuple[Check, ...]" = (
    programs.missing,
    programs.python,
    programs.hooks,
    programs.package,
    programs.users,
    kernel.parts,
    kernel.ipv6,
    kernel.sysctls,
    kernel.limits,
    storage.places,
    networks.definitions,
    networks.overlaps,
    networks.faults,
    networks.fabrics,
    networks.links,
    networks.certificates,
    servers.taken,
    firewalls.dropped,
    lans.dropped,
    lans.lost,
    lans.bridges,
    lans.ports,
    managers.networkmanager,
    managers.networkd,
    managers.apparmor,
)


def examine(survey: "Survey") -> list[Finding]:
    """All findings: what stops guests first, then what may, then what could not be seen."""
    in_order = users.IN_ORDER if survey.user else IN_ORDER
    found = [finding for check in in_order for finding in check(survey)]
    parts = () if survey.user else survey.unseen  # root would see the machine, and none of a user's networks
    unseen = [Finding(UNSEEN, part, "could not be looked at", "sudo vnet doctor") for part in parts]
    return [*(one for one in found if one.level == STOPS), *(one for one in found if one.level != STOPS), *unseen]
