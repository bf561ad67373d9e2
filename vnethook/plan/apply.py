"""Do a plan, take it back, or say what of it is not done."""

from vnethook.errors import HostError, VnetError
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnethook.host.host import Host
    from vnethook.plan.journal import Journal


def apply(host: "Host", steps: "Sequence[Step]", journal: "Journal") -> list[Step]:
    """Do the steps that are not done, in order, each in the journal before; give those that were done.

    On a failure undo what this call did, newest first, and raise the first error; what could not be undone stays in the
    journal, so that the next call or stop finds it. What the journal held before is not undone: when a network is
    mended, its guests go on with what could be mended.
    """
    for step in check(host, steps):
        step.require(host)
    before = journal.steps()
    done: list[Step] = []
    try:
        for step in steps:
            if not step.is_done(host):
                journal.add(step)
                done.append(step)
                step.do(host)
    except BaseException:
        stuck, _ = revert(host, [step for step in done if step not in before])
        journal.keep([*before, *stuck])
        raise
    finally:
        journal.close()
    return done


def check(host: "Host", steps: "Sequence[Step]") -> list[Step]:
    """The steps that are not done. Reads, changes nothing."""
    return [step for step in steps if not step.is_done(host)]


def revert(host: "Host", steps: "Sequence[Step]") -> tuple[list[Step], list[VnetError]]:
    """Undo steps, newest first, going on past failures; give the steps that failed, oldest first, and why."""
    stuck: list[Step] = []
    errors: list[VnetError] = []
    for step in reversed(steps):
        try:
            step.undo(host)
        except VnetError as error:
            stuck.insert(0, step)
            errors.append(error)
        except OSError as error:
            stuck.insert(0, step)
            errors.append(HostError(f"{step}: undo: {error}"))
    return stuck, errors
