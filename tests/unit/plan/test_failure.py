"""Each step of a rich plan fails, or its process is killed: the host is as it was before."""

import pytest

from tests.unit.plan import rich
from tests.unit.plan.fake_host import RefusedError
from tests.unit.plan.rich import STEPS
from vnethook.live import files
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal


@pytest.mark.parametrize("is_late", [False, True], ids=["before it acts", "after it acted"])
@pytest.mark.parametrize("index", range(len(STEPS)), ids=lambda index: f"{index}-{STEPS[index].__name__}")
def test_a_step_that_fails_leaves_the_host_as_it_was(host, monkeypatch, index, is_late):
    steps = rich.plan(host)
    before = host.state()
    kind = type(steps[index])
    do = kind.do

    def refuse(step, on_host):
        if step == steps[index] and not is_late:
            raise RefusedError("refused by the test")
        do(step, on_host)
        if step == steps[index]:
            raise RefusedError("refused by the test")

    monkeypatch.setattr(kind, "do", refuse)
    with pytest.raises(RefusedError, match=r"^refused by the test$"):
        plans.apply(host, steps, Journal(host.paths, "lab"))
    assert host.state() == before
    assert not any("lab" in path.name for path in host.root.rglob("*"))


@pytest.mark.parametrize("is_late", [False, True], ids=["refused", "done and then refused"])
@pytest.mark.parametrize("number", range(17))
def test_a_refused_change_leaves_the_host_as_it_was(host, number, is_late):
    before = host.state()
    host.changes.fail_at, host.changes.is_late = number, is_late
    with pytest.raises(RefusedError) as caught:
        plans.apply(host, rich.plan(host), Journal(host.paths, "lab"))
    assert [caught.value] == host.changes.refused
    assert host.state() == before


def test_there_are_as_many_changes_as_are_refused_above(host):
    plans.apply(host, rich.plan(host), Journal(host.paths, "lab"))
    assert len(host.changes.made) == 18


@pytest.mark.parametrize("number", range(30))
def test_a_refused_file_operation_leaves_the_host_as_it_was(host, monkeypatch, number):
    """The journal, the shared register and dnsmasq's files: no write, mkdir or rename of ours may leave half."""
    before = host.state()
    left = {"calls": number}
    write_text = files.write_text

    def refuse(path, text, *, mode=0o644):
        left["calls"] -= 1
        if left["calls"] == -1:
            raise RefusedError(f"file {path!r}: write: No space left on device")
        write_text(path, text, mode=mode)

    steps = rich.plan(host)
    monkeypatch.setattr(files, "write_text", refuse)
    try:
        plans.apply(host, steps, Journal(host.paths, "lab"))
    except RefusedError:
        assert host.state() == before
    else:
        assert left["calls"] >= 0


@pytest.mark.parametrize("index", range(len(STEPS)), ids=lambda index: f"{index}-{STEPS[index].__name__}")
def test_a_process_killed_at_a_step_is_cleaned_up_by_its_journal(host, monkeypatch, index):
    """No `except` of ours runs in a killed process: only what the journal says can be undone."""
    before = host.state()
    steps = rich.plan(host)
    journal = Journal(host.paths, "lab")
    for step in steps[: index + 1]:
        journal.add(step)
        step.do(host)
    later = Journal(host.paths, "lab")
    assert later.steps() == steps[: index + 1]
    assert plans.revert(host, later.steps()) == ([], [])
    later.keep([])
    assert host.state() == before
