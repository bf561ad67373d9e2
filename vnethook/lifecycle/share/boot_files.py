"""The way to network managers' files for those few shared NICs that have any; nothing of it is loaded for others."""

from vnethook.errors import HostError, VnetError
from vnethook.host import log
from vnethook.live import files
from vnethook.live import shared_interface as records
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts
    from vnethook.lifecycle.share.file_plan import FilePlan
    from vnethook.lifecycle.share.making import Terms
    from vnethook.live.shared_interface import SharedInterface
    from vnethook.plan.step import Step

_TELLING = ("vnethook.plan.networkd", "vnethook.plan.networkmanager")
"""Where the steps are that tell managers."""


def planned(host: "Host", facts: "NicFacts", bridge: str, terms: "Terms") -> "FilePlan | None":
    """The files that would make the bridge at boot, None if it is not for good; raises as `prepare` does."""
    if not terms.is_persistent:
        return None
    from vnethook.lifecycle.share import file_plan  # noqa: PLC0415 (few NICs are shared for good)

    return file_plan.prepare(host, facts, bridge, form=terms.form)


def hold(host: "Host", plan: "FilePlan | None") -> None:
    """Keep a plan until it is confirmed, and tell what it does not say."""
    if plan is not None:
        for note in plan.rendering.notes:
            log.warning(note)
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        persistence.hold(host, plan)


def load(host: "Host") -> None:
    """Have loaded what giving files back needs, where there are any."""
    if _has_any(host):
        from vnethook.lifecycle.share import persistence  # noqa: F401, PLC0415 (as above)


def write(host: "Host", bridge: str) -> None:
    """Put the files in place that are planned for a bridge; nothing if none are; raises HostError, StateError."""
    if _has_any(host):
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        persistence.write_held(host, bridge)


def require_unedited(host: "Host", bridge: str) -> None:
    """Raise StateError if somebody has edited the files of a bridge since they were written."""
    if _has_any(host):
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        persistence.require_unedited(host, bridge)


def is_persistent(host: "Host", bridge: str) -> bool:
    """Whether the bridge is made at boot, or will be once it is confirmed."""
    top = f"{host.paths.state}/interface-files/{bridge}"
    return files.exists(f"{top}/manifest.json") or files.exists(f"{top}.held")


class GivenBack(Value):
    """What was given back: files of this format for this NIC, if its manager has to be told, and what could not be."""

    form: str = ""
    nic: str = ""
    errors: tuple[VnetError, ...] = ()


def give_back(host: "Host", shared: "SharedInterface", steps: "Sequence[Step]") -> GivenBack:
    """Have the files be as before, ahead of undoing steps: a manager that is told to look again reads them.

    Until the next boot some of these steps tell the manager; then it is our files that had it make the bridge.
    """
    if not _has_any(host):
        return GivenBack()
    from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

    try:
        kept = persistence.form_of(host, shared.bridge)
        form = "" if any(type(step).__module__ in _TELLING for step in steps) else kept
        persistence.let_go(form, (shared.port_name, shared.bridge))
        for line in persistence.give_back(host, shared.bridge, is_forced=True):
            log.warning(line)
        persistence.read_again(kept)
    except VnetError as error:
        return GivenBack(errors=(error,))
    except OSError as error:
        return GivenBack(errors=(HostError(f"bridge {shared.bridge!r}: give files back: {error}"),))
    return GivenBack(form, shared.nic)


def tell_manager(given_back: GivenBack) -> None:
    """Have a manager that runs take up the NIC by the files that it has again."""
    if given_back.form:
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        persistence.take_up(given_back.form, given_back.nic)


def give_back_lost(host: "Host", name: str) -> None:
    """Have the files be as before of a NIC, by its name or its bridge's, that they did not share at boot."""
    if name and _has_any(host):
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        if bridge := persistence.named(host, name):
            for line in persistence.give_back(host, bridge, is_forced=True):
                log.warning(line)
            log.warning(f"interface {name!r}: is not shared now; its network manager's files are as they were before")


def settle(host: "Host") -> None:
    """Take back what killed calls left."""
    if _has_any(host):
        from vnethook.lifecycle.share import persistence  # noqa: PLC0415 (as above)

        for line in persistence.settle(host, [shared.bridge for shared in records.every(host.paths)]):
            log.warning(line)


def _has_any(host: "Host") -> bool:
    return files.is_directory(f"{host.paths.state}/interface-files")
