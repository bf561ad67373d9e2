"""What stops the networks of an ordinary user; what is the machine's is not a user's to mend."""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor import kernel, networks, programs
from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vnethook.lifecycle.doctor.survey import Survey


def namespaces(survey: "Survey") -> "Iterator[Finding]":
    """Whether the user gets a namespace: without one, networks are of kind vde."""
    if survey.forbidden:
        yield Finding(WARNS, "user namespaces", survey.forbidden, survey.helps)


def taps(survey: "Survey") -> "Iterator[Finding]":
    """Whether the user can make taps."""
    if not survey.has_tun:
        what = "is not yours to read and write: no guest gets a tap"
        yield Finding(STOPS, "/dev/net/tun", what, "ask for chmod 0666 /dev/net/tun")


IN_ORDER: "tuple[Callable[[Survey], Iterator[Finding]], ...]" = (
    programs.missing,
    namespaces,
    taps,
    kernel.parts,
    networks.definitions,
    networks.overlaps,
    networks.faults,
    networks.links,
    networks.certificates,
)
"""The checks of a user's own host."""
