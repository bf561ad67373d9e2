"""The journal holds what is about to be done, survives a killed writer, and says what it cannot read or write."""

import errno
import os
import pkgutil
import posix
import stat
from importlib import import_module

import pytest

from tests.unit.plan import rich
from vnethook import plan
from vnethook.errors import HostError
from vnethook.live import files
from vnethook.plan import step as steps
from vnethook.plan.journal import Journal
from vnethook.plan.links import SetLinkUp
from vnethook.plan.step import Step, from_record

MAC = "52:54:00:00:00:01"
ONE, TWO = SetLinkUp("vnbr1", MAC), SetLinkUp("vnbr2", MAC)


def test_a_step_is_on_disk_as_soon_as_it_is_added(host):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    assert files.read_text(journal.path) == f'{{"step": "SetLinkUp", "link": "vnbr1", "mac": "{MAC}"}}\n'
    assert stat.S_IMODE(os.stat(journal.path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(os.path.dirname(journal.path)).st_mode) == 0o700


def test_a_step_is_written_once_also_by_a_later_call(host):
    Journal(host.paths, "lab").add(ONE)
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    journal.add(TWO)
    journal.add(ONE)
    assert journal.steps() == [ONE, TWO]


def test_a_broken_last_line_counts_as_not_written(host):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    journal.close()
    with open(journal.path, "a") as file:
        file.write('{"step": "SetLinkUp", "li')
    assert Journal(host.paths, "lab").steps() == [ONE]


@pytest.mark.parametrize(
    "rest", ['{"step": "SetLinkUp", "li', "{", f'{{"step": "SetLinkUp", "link": "vnbr2", "mac": "{MAC}"}}']
)
def test_what_is_added_after_a_broken_last_line_is_read_back(host, rest):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    journal.close()
    with open(journal.path, "a") as file:
        file.write(rest)
    again = Journal(host.paths, "lab")
    again.add(TWO)
    again.close()
    assert Journal(host.paths, "lab").steps() == [ONE, TWO]


def test_a_journal_kept_with_no_steps_is_removed(host):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    journal.keep([TWO])
    assert Journal(host.paths, "lab").steps() == [TWO]
    journal.keep([])
    assert not os.path.exists(journal.path)
    journal.add(ONE)
    assert journal.steps() == [ONE]


def test_a_journal_that_does_not_exist_holds_nothing_and_is_not_made(host):
    assert Journal(host.paths, "lab").steps() == []
    Journal(host.paths, "lab").keep([])
    assert list(host.root.iterdir()) == []


def test_a_step_of_another_version_is_named(host):
    with pytest.raises(HostError, match=r"^journal: unknown step 'Teleport'$") as caught:
        from_record({"step": "Teleport", "link": "vnbr1"})
    assert caught.value.hint == "another version of vnethook wrote it"


def test_a_journal_that_cannot_be_written_says_so(host):
    files.write_text(f"{host.paths.run}", "a file where the directory should be")
    with pytest.raises(HostError) as caught:
        Journal(host.paths, "lab").add(ONE)
    assert str(caught.value) == f"journal '{host.paths.journals}/lab': write: Not a directory"
    assert caught.value.hint == "the run directory has to be writable and have room"


def test_a_line_that_is_written_in_parts_is_written_whole(host, monkeypatch):
    write = posix.write
    monkeypatch.setattr(posix, "write", lambda fd, data: write(fd, data[:10]))
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    journal.add(TWO)
    assert Journal(host.paths, "lab").steps() == [ONE, TWO]


def _refuse_after(monkeypatch, size):
    """Let a write take so many bytes and the next one none, as on a disk that is nearly full."""
    write = posix.write
    room = [size, 0]

    def write_while_there_is_room(fd, data):
        left = room.pop(0)
        if not left:
            raise OSError(errno.ENOSPC, "")
        return write(fd, data[:left])

    monkeypatch.setattr(posix, "write", write_while_there_is_room)


def test_a_line_that_has_room_only_for_a_part_is_refused_and_counts_as_not_written(host, monkeypatch):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    _refuse_after(monkeypatch, 10)
    with pytest.raises(HostError) as caught:
        journal.add(TWO)
    monkeypatch.undo()
    assert str(caught.value) == f"journal '{journal.path}': write: No space left on device"
    assert caught.value.hint == "the run directory has to be writable and have room"
    assert Journal(host.paths, "lab").steps() == [ONE]


def test_a_step_that_was_refused_is_written_whole_when_the_journal_is_opened_again(host, monkeypatch):
    journal = Journal(host.paths, "lab")
    journal.add(ONE)
    _refuse_after(monkeypatch, 10)
    with pytest.raises(HostError):
        journal.add(TWO)
    monkeypatch.undo()
    assert not (files.read_text(journal.path) or "").endswith("\n")
    journal.close()
    journal.add(TWO)
    lines = [f'{{"step": "SetLinkUp", "link": "vnbr{n}", "mac": "{MAC}"}}\n' for n in (1, 2)]
    assert files.read_text(journal.path) == "".join(lines)
    assert Journal(host.paths, "lab").steps() == [ONE, TWO]


def test_a_symbolic_link_is_not_written_through(host):
    files.make_directory(host.paths.journals)
    target = f"{host.root}/target"
    os.symlink(target, f"{host.paths.journals}/lab")
    with pytest.raises(HostError) as caught:
        Journal(host.paths, "lab").add(ONE)
    assert str(caught.value) == f"file '{host.paths.journals}/lab': read: Too many levels of symbolic links"
    assert not os.path.exists(target)


def test_every_step_survives_its_line(host):
    for step in rich.plan(host):
        assert from_record(files.loads(files.dumps(step.to_record()))) == step


def test_no_two_kinds_of_step_have_one_name():
    names = [kind.__name__ for kind in Step.__subclasses__() if kind.__module__.startswith("vnethook.")]
    assert len(set(names)) == len(names)


def test_every_kind_of_step_is_found_by_its_record():
    """A hook loads none of them but by what it reads."""
    modules = [import_module(f"vnethook.plan.{module.name}") for module in pkgutil.iter_modules(plan.__path__)]
    kinds = {
        (kind.__name__, module.__name__.rpartition(".")[2])
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, Step) and kind.__module__ == module.__name__
    }
    assert kinds - set(steps._MODULES.items()) == {
        ("FirewallStep", "firewall"),
        ("Step", "step"),
    }  # of no kind themselves
    assert set(steps._MODULES.items()) <= kinds
