"""Take the sharing of a NIC back, also what a killed call left of it: one lock for all of them, a journal for each."""

import posix

from vnethook.errors import HostError, VnetError
from vnethook.host import log
from vnethook.host.signals import HeldBack
from vnethook.lifecycle.share import boot_files, guarding, leaving, reboot, snapshots
from vnethook.live import process
from vnethook.live import shared_interface as records
from vnethook.live.lock import DEADLINE_S, Lock
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal
from vnethook.plan.sharing import now_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

_JOURNAL = ".shared:"
"""Begins the names of their journals: the dot and the colon are in no network's."""


def lock(host: "Host", *, deadline_s: float = DEADLINE_S) -> Lock:
    """The lock of all shared NICs, waited for that long."""
    return Lock(f"{host.paths.locks}/.shared-interfaces", deadline_s=deadline_s)


def journal(host: "Host", shared: SharedInterface) -> Journal:
    """What sharing the NIC has changed."""
    return Journal(host.paths, f"{_JOURNAL}{shared.bridge}")


def take_back(host: "Host", shared: SharedInterface, *, is_forced: bool = False) -> None:
    """Undo the sharing of a NIC; raise HostError with all that could not be undone, which the next call tries again.

    `is_forced`: also with guests on the bridge, which are detached.
    """
    try:
        records.write(host.paths, shared.replace(is_whole=False))  # first: from now on no guest joins
    except HostError as error:
        log.error(f"{error}; it is given back all the same")
    if is_forced:
        _let_go(host, shared)
    with HeldBack():
        errors = undo(host, shared)
    if errors:
        msg = f"bridge {shared.bridge!r}: give back: " + "; ".join(str(error) for error in errors)
        raise HostError(msg, hint="what could not be undone is tried again by the next start or stop")


def _let_go(host: "Host", shared: SharedInterface) -> None:
    try:
        leaving.let_go(host, shared)
    except VnetError as error:
        log.error(f"{error}; interface {shared.nic!r} is given back all the same")


def undo(host: "Host", shared: SharedInterface) -> "list[VnetError]":
    """Undo what the journal holds; give what could not be undone, which stays in it."""
    written = journal(host, shared)
    steps = written.steps()
    given_back = boot_files.give_back(host, shared, steps)
    stuck, errors = plans.revert(host, steps)
    written.keep(stuck)
    boot_files.tell_manager(given_back)
    errors += given_back.errors
    if not errors:
        snapshots.remove(host.paths, shared.bridge)
        records.remove(host.paths, shared)
        if shared.confirm_by:
            guarding.disarm(host, shared)
    return errors


def settle_others(host: "Host") -> None:
    """Do what `settle` does; what fails of it is logged, since it has nothing to do with the NIC that is meant."""
    try:
        settle(host)
    except VnetError as error:
        log.error(str(error))


def settle(host: "Host") -> None:
    """Take back what a killed call left half-made, or what nothing but its journal or its snapshot is left of.

    Goes on past failures; the first of them is raised.
    """
    read_snapshots(host)
    known = records.every(host.paths)
    lost = set(_journalled(host)) - {shared.bridge for shared in known}
    errors = []
    for shared in (*known, *(SharedInterface(name, "", process.network_namespace()) for name in sorted(lost))):
        try:
            _settle(host, shared)
        except VnetError as error:
            errors.append(error)
    boot_files.settle(host)
    if errors:
        raise errors[0]


def _settle(host: "Host", shared: SharedInterface) -> None:
    if not records.is_here(shared):
        return
    if not shared.is_whole:
        log.warning(f"bridge {shared.bridge!r}: an earlier call was killed: what it left is taken back")
        take_back(host, shared, is_forced=True)
    elif shared.confirm_by and not guarding.is_armed(host, shared):
        _settle_unguarded(host, shared)


def _settle_unguarded(host: "Host", shared: SharedInterface) -> None:
    """Give back what waits to be confirmed and has lost its guard, or give it another if there is time."""
    if shared.confirm_by > now_s():
        guarding.arm(host, shared)
        return
    log.warning(f"interface {shared.nic!r}: nobody has confirmed it in time, and its guard is gone: it is given back")
    take_back(host, shared, is_forced=True)


def read_snapshots(host: "Host") -> None:
    """Have a record again of what was lost with the run directory, and forget what a reboot has taken back."""
    for snapshot in snapshots.every(host.paths):
        shared = snapshot.shared
        if records.read(host.paths, shared.bridge) is not None:
            continue
        if snapshot.is_of_this_boot and records.is_here(shared):
            journal(host, shared).keep(snapshot.steps())
            records.write(host.paths, shared.replace(is_whole=shared.is_kept))
        elif not snapshot.is_of_this_boot:
            steps = reboot.settle(host, snapshot)
            if steps is not None:
                journal(host, shared).keep(steps)
                records.write(host.paths, shared.replace(namespace=process.network_namespace()))


def _journalled(host: "Host") -> list[str]:
    """The bridges that have a journal."""
    try:
        found = posix.listdir(host.paths.journals)
    except FileNotFoundError:
        return []
    return [name.removeprefix(_JOURNAL) for name in found if name.startswith(_JOURNAL)]
