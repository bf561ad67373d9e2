"""Bring what is up to a plan, take it back, or say what of it is not done.

What is up is what the journal says: nothing at a start, the same plan when a network is mended, another one when its
definition has changed or a change of it was killed. For all of these `apply` is the one way.
"""

from vnethook.errors import HostError, VnetError
from vnethook.plan.step import Step
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vnethook.host.host import Host
    from vnethook.plan.journal import Journal

UNDO, CHANGE, DO = "undo", "change", "do"


class Change(Value):
    """What has to be made of a step: `verb` is UNDO, CHANGE (what `olds`, with the same key, may have done) or DO."""

    verb: str
    step: Step
    olds: tuple[Step, ...] = ()

    def make(self, host: "Host") -> None:
        """Make the change; raise HostError if the host refuses."""
        if self.verb == DO:
            self.step.do(host)
        elif self.verb == CHANGE:
            for old in self.olds:
                self.step.supersede(host, old)
        else:
            for error in revert(host, [self.step])[1]:
                raise error

    @property
    def journalled(self) -> Step:
        """What stands in the journal from before the change until what is up is whole again."""
        step = self.step
        for old in self.olds:
            step = step.covering(old)
        return step

    def __str__(self) -> str:
        return f"{self.verb}: {self.step}"


def changes(host: "Host", steps: "Sequence[Step]", before: "Sequence[Step]") -> "Iterator[Change]":
    """What leads from the journalled steps `before` to the plan `steps`, each to be made before the next is asked for.

    What no new step is about goes first, newest first: an old address or route may stand in the way of a new one.
    """
    olds: dict[tuple[str, ...], list[Step]] = {}
    for step in before:
        olds.setdefault(step.key, []).append(step)
    keys = {step.key for step in steps}
    for step in reversed(before):
        if step.key not in keys:
            yield Change(UNDO, step)
    for step in steps:
        differing = tuple(old for old in olds.get(step.key, ()) if old != step)
        if differing:
            yield Change(CHANGE, step, differing)
        elif not step.is_done(host):
            yield Change(DO, step)


def apply(host: "Host", steps: "Sequence[Step]", journal: "Journal") -> list[Change]:
    """Make the changes that lead to the plan, each in the journal before; give those that were made.

    What is about things that the journal does not know is undone on a failure, newest first, and the first error is
    raised; what could not be undone stays in the journal, so that the next call or stop finds it. What the journal held
    before is not undone: a network that is mended goes on with what could be mended, one that is changed is brought
    back by applying its old plan.
    """
    require(host, steps)
    before = journal.steps()
    made: list[Change] = []
    try:
        for change in changes(host, steps, before):
            journal.add(change.journalled)
            made.append(change)
            change.make(host)
    except BaseException:
        known = {step.key for step in before}
        changed = [change.journalled for change in made if change.verb == CHANGE]
        stuck, _ = revert(host, [change.step for change in made if change.step.key not in known])
        journal.keep([*before, *changed, *stuck])
        raise
    finally:
        journal.close()
    ours = {step.key for step in before} | {change.step.key for change in made}
    journal.keep([step for step in steps if step.key in ours])
    return made


def require(host: "Host", steps: "Sequence[Step]") -> None:
    """Raise HostError for a step that has to be done and cannot be done here at all."""
    for step in check(host, steps):
        step.require(host)


def check(host: "Host", steps: "Sequence[Step]") -> list[Step]:
    """The steps that are not done. Reads, changes nothing."""
    return [step for step in steps if not step.is_done(host)]


def revert(host: "Host", steps: "Sequence[Step]") -> tuple[list[Step], list[VnetError]]:
    """Undo steps, newest first, going on past failures; give the steps that failed, oldest first, and why.

    One that failed and `keeps_earlier` has all before it fail, too.
    """
    left = list(steps)
    stuck: list[Step] = []
    errors: list[VnetError] = []
    while left and not (stuck and stuck[0].keeps_earlier):
        step = left.pop()
        try:
            step.undo(host)
        except VnetError as error:
            stuck.insert(0, step)
            errors.append(error)
        except OSError as error:
            stuck.insert(0, step)
            errors.append(HostError(f"{step}: undo: {error}"))
    return left + stuck, errors
