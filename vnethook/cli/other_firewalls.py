"""What `vnet hooks` does for firewalls of the host that keep files of their own: firewalld's is read, ufw's is told.

Both by one wildcard for all bridges with our prefix, so that no start waits for them, and so that what is enabled or
read anew later lets guests through at once. Neither opens anything: the table inet vnethook decides.
"""

from typing import TYPE_CHECKING

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.host.firewalld import Firewalld
from vnethook.names import BRIDGE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

_BRIDGES = f"{BRIDGE_PREFIX}+"
_SENT_ON = f"route allow in on {_BRIDGES}"
UFW_RULES = (
    f"allow in on {_BRIDGES} to any port 53",
    f"allow in on {_BRIDGES} to any port 67 proto udp",
    f"allow in on {_BRIDGES} to any port 547 proto udp",
    _SENT_ON,
    f"route allow out on {_BRIDGES}",
)
"""In ufw's words, as `ufw show added` has them: DNS, DHCP, what guests send on, and what comes to them."""
_COMMENT = " comment 'vnethook'"
"""Tells rules that we added from equal ones of the administrator's."""


def reload_firewalld() -> "Iterator[str]":
    """Take files that have come or gone into force; what was done, a line each; raise HostError."""
    firewalld = Firewalld()
    if firewalld.is_running():  # one whose rules somebody has flushed refuses, and reads the files when it is restarted
        firewalld.reload()
        yield "firewalld reloaded: it reads what of it is ours"


def tell_ufw() -> "Iterator[str]":
    """Give ufw the rules that it lacks; what was done, a line each; raise HostError."""
    missing = missing_of_ufw()
    for rule in missing:
        _ufw(*rule.split(), "comment", "vnethook")
    if missing:
        yield f"ufw: {len(missing)} rules for bridges {_BRIDGES} added"


def untell_ufw() -> "Iterator[str]":
    """Take back what `tell_ufw` did; what was done, a line each; raise HostError."""
    added = _added() if programs.find("ufw") else set()
    ours = [rule for rule in UFW_RULES if rule + _COMMENT in added]
    for rule in ours:
        words = rule.split()
        _ufw(*(["route", "delete", *words[1:]] if words[0] == "route" else ["delete", *words]))
    if ours:
        yield f"ufw: {len(ours)} rules for bridges {_BRIDGES} removed"


def missing_of_ufw() -> list[str]:
    """The rules that ufw lacks, in its words; none where it is not installed.

    Beside Docker what guests send on is left to the chain that a network brings: a rule of ufw's would open containers
    to them, which only the policy closes.
    """
    if programs.find("ufw") is None:
        return []
    added = _added()
    left_out = {_SENT_ON} if programs.find("dockerd") else set()
    return [rule for rule in UFW_RULES if rule not in left_out and not {rule, rule + _COMMENT} & added]


def _added() -> set[str]:
    """The rules that ufw has, whether it is enabled or not."""
    lines = _ufw("show", "added").splitlines()
    return {line.removeprefix("ufw ").strip() for line in lines if line.startswith("ufw ")}


def _ufw(*words: str) -> str:
    finished = programs.run([programs.require("ufw"), *words])
    if finished.status != 0:
        msg = f"ufw {' '.join(words)}: {finished.reason}"
        raise HostError(msg, hint="docs/firewalls.md has the rules that it needs")
    return finished.output
