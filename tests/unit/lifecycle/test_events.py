"""Each change of a network is one event, in its order, whoever makes it."""

import shutil

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.errors import HostError
from vnethook.host.directories import Unknown
from vnethook.lifecycle import bringup, catalog
from vnethook.lifecycle.events import Watcher
from vnethook.live import files, nics
from vnethook.live.nics import Nic

UUID = "11111111-1111-4111-8111-111111111111"
LAB = (
    f"<network><name>lab</name><uuid>{UUID}</uuid><bridge name='vnbr7'/><ip address='10.77.0.1' prefix='24'/></network>"
)


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


@pytest.fixture
def watcher(host):
    with Watcher(host.paths) as watcher:
        yield watcher


def _define(host, text=LAB):
    catalog.define(host, text, source="lab.xml")


def _told(watcher):
    """The events as words; each has to have the uuid of `lab`."""
    events = list(watcher.events())
    assert {event.uuid for event in events if event.network == "lab"} <= {UUID}
    return [f"{event.network} {event.kind}{event.interface and ' '}{event.interface}" for event in events]


def test_a_network_is_defined_started_stopped_and_undefined(host, watcher):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    bringup.start(host, "lab")
    assert _told(watcher) == ["lab started"]
    bringup.stop(host, "lab")
    assert _told(watcher) == ["lab stopped"]
    catalog.undefine(host, "lab")
    assert _told(watcher) == ["lab undefined"]
    assert _told(watcher) == []


def test_nothing_is_lost_that_happened_before_anybody_asked(host, watcher):
    for _ in range(3):
        _define(host)
        bringup.start(host, "lab")
        bringup.restart(host, "lab")
        bringup.stop(host, "lab")
    catalog.undefine(host, "lab")
    once = ["lab defined", "lab started", "lab stopped", "lab started", "lab stopped"]
    told = [f"{event.network} {event.kind}" for event in watcher.events()]
    assert told == [*once * 3, "lab undefined"]


def test_what_was_there_before_is_no_event(host):
    _define(host)
    bringup.start(host, "lab")
    nics.write(host.paths, Nic("tap0", "lab"))
    with Watcher(host.paths) as watcher:
        assert _told(watcher) == []
        bringup.start(host, "lab")  # mends it: its record is written again
        nics.write(host.paths, Nic("tap0", "lab", guest="web"))
        assert _told(watcher) == []


def test_a_definition_that_is_written_again_is_defined_again_whatever_it_says(host, watcher):
    _define(host)
    _define(host)
    _define(host, LAB.replace("vnbr7", "vnbr8"))
    assert _told(watcher) == ["lab defined"] * 3


def test_an_active_network_is_undefined_and_stops_later(host, watcher):
    _define(host)
    bringup.start(host, "lab")
    assert _told(watcher) == ["lab defined", "lab started"]
    catalog.undefine(host, "lab")
    bringup.stop(host, "lab")
    assert _told(watcher) == ["lab undefined", "lab stopped"]


def test_a_network_that_is_created_starts_and_stops_and_nothing_else(host, watcher):
    catalog.create(host, LAB, source="lab.xml")
    assert _told(watcher) == ["lab started"]
    catalog.stop(host, "lab")
    assert _told(watcher) == ["lab stopped"]


def test_the_built_in_network_starts_and_stops(host, watcher):
    bringup.start(host, "default")
    bringup.stop(host, "default")
    assert [(event.network, event.kind) for event in watcher.events()] == [
        ("default", "started"),
        ("default", "stopped"),
    ]


def test_a_start_that_fails_is_no_event(host, watcher):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    host.changes.fail_at = len(host.changes.made) + 2
    with pytest.raises(Exception, match="refused by the test"):
        bringup.start(host, "lab")
    assert _told(watcher) == []


def test_nics_come_move_and_go(host, watcher):
    first, second = Nic("tap0", "lab"), Nic("tap0", "other")
    nics.write(host.paths, first)
    nics.write(host.paths, first)
    nics.write(host.paths, second)
    assert [(event.network, event.kind, event.interface) for event in watcher.events()] == [
        ("other", "attached", "tap0")
    ]
    nics.write(host.paths, first)
    nics.remove(host.paths, second)
    assert [f"{event.network} {event.kind}" for event in watcher.events()] == ["other detached", "lab attached"]
    nics.remove(host.paths, first)
    assert [f"{event.network} {event.kind}" for event in watcher.events()] == ["lab detached"]


def test_a_nic_that_came_and_went_unseen_is_not_told(host, watcher):
    nics.write(host.paths, Nic("tap0", "lab"))
    nics.remove(host.paths, Nic("tap0", "lab"))
    assert _told(watcher) == []


def test_title_description_and_metadata_are_told_when_they_change(host, watcher):
    text = "<title>one</title><description>of many</description>"
    _define(host, LAB.replace("<bridge", f"{text}<bridge"))
    assert _told(watcher) == ["lab defined"]
    metadata = "<metadata><a:x xmlns:a='urn:a'/></metadata>"
    _define(host, LAB.replace("<bridge", f"{text}{metadata}<bridge"))
    assert _told(watcher) == ["lab defined", "lab element"]
    _define(host)
    assert [(event.kind, event.uri) for event in watcher.events()] == [
        ("defined", ""),
        ("title", ""),
        ("description", ""),
        ("element", "urn:a"),
    ]


def test_what_changes_in_a_running_network_is_told_once_though_it_is_stored_as_well(host, watcher):
    _define(host)
    bringup.start(host, "lab")
    assert _told(watcher) == ["lab defined", "lab started"]
    live = bringup.live_definition(host, "lab").replace(title="one")
    files.write_json(f"{host.paths.definitions}/lab.json", live.to_plain())
    assert _told(watcher) == ["lab title"]
    _define(host, LAB.replace("<bridge", "<title>one</title><bridge"))
    assert _told(watcher) == ["lab defined"]


# By hand


def _file(host, name="lab"):
    return f"{host.paths.networks}/{name}.xml"


def test_a_file_that_is_written_in_place_is_defined_once_and_only_if_it_changed(host, watcher):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    with open(_file(host), "a"):
        pass
    assert _told(watcher) == []
    with open(_file(host), "a") as file:
        file.write("\n")
    assert _told(watcher) == ["lab defined"]


def test_an_editor_that_moves_the_old_file_aside_undefines_nothing(host, watcher, tmp_path):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    text = files.read_text(_file(host))
    shutil.move(_file(host), f"{_file(host)}~")
    with open(_file(host), "w") as file:
        file.write(text)
    assert _told(watcher) == ["lab defined"]
    shutil.move(_file(host), tmp_path / "elsewhere.xml")
    assert _told(watcher) == ["lab undefined"]


def test_a_definition_that_is_not_in_order_is_defined_all_the_same(host, watcher):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    files.write_text(_file(host), "<network")
    assert _told(watcher) == ["lab defined"]


@pytest.mark.parametrize("name", [".lab.xml.swp", "lab.xml~", "lab.txt", "-lab.xml", "a b.xml"])
def test_other_files_are_no_networks(host, watcher, name):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    files.write_text(f"{host.paths.networks}/{name}", LAB)
    files.write_text(f"{host.paths.live}/{name}", "{}")
    files.remove(f"{host.paths.networks}/{name}")
    assert _told(watcher) == []


def test_a_network_that_went_before_anybody_could_read_it_has_no_uuid(host, watcher):
    _define(host)
    catalog.undefine(host, "lab")
    assert [(event.kind, event.uuid) for event in watcher.events()] == [("defined", ""), ("undefined", "")]


# Where the kernel cannot tell


def test_a_lost_run_directory_stops_what_was_active(host, watcher):
    _define(host)
    bringup.start(host, "lab")
    nics.write(host.paths, Nic("tap0", "lab"))
    assert _told(watcher) == ["lab defined", "lab started", "lab attached tap0"]
    shutil.rmtree(host.paths.run)
    assert sorted(_told(watcher)) == ["lab detached tap0", "lab stopped"]
    bringup.start(host, "lab")
    assert _told(watcher) == ["lab started"]


def test_a_store_that_was_moved_away_undefines_what_was_in_it(host, watcher, tmp_path):
    _define(host)
    assert _told(watcher) == ["lab defined"]
    shutil.move(host.paths.etc, tmp_path / "etc.old")
    assert _told(watcher) == ["lab undefined"]
    shutil.move(tmp_path / "etc.old", host.paths.etc)
    assert _told(watcher) == ["lab defined"]


def test_after_an_overflow_the_states_are_compared(host, watcher, monkeypatch):
    _define(host)
    _define(host, LAB.replace("lab", "old").replace("vnbr7", "vnbr8").replace("1111-4", "2222-4").replace("77", "78"))
    bringup.start(host, "old")
    assert _told(watcher) == ["lab defined", "old defined", "old started"]
    bringup.start(host, "lab")
    bringup.stop(host, "old")
    catalog.undefine(host, "old")
    _define(host)
    nics.write(host.paths, Nic("tap0", "lab"))
    list(watcher._directories.changes())  # what the kernel has lost
    monkeypatch.setattr(type(watcher._directories), "changes", lambda self: iter([Unknown()]))
    assert _told(watcher) == ["lab defined", "lab started", "old stopped", "old undefined", "lab attached tap0"]
    assert _told(watcher) == []


@pytest.fixture
def early(host, monkeypatch):
    """A watcher that may not make the directories, and is there before them."""

    def refuse(path, **_):
        msg = f"file {path!r}: make directory: refused by the test"
        raise HostError(msg)

    with monkeypatch.context() as patch:
        patch.setattr(files, "make_directory", refuse)
        watcher = Watcher(host.paths)
    with watcher:
        yield watcher


def test_a_watcher_may_be_there_before_the_first_directory(host, early):
    _define(host)
    assert _told(early) == ["lab defined"]
    bringup.start(host, "lab")
    assert _told(early) == ["lab started"]
    nics.write(host.paths, Nic("tap0", "lab"))
    assert _told(early) == ["lab attached tap0"]
    catalog.undefine(host, "lab")
    _define(host)
    assert _told(early) == ["lab undefined", "lab defined"]


def test_what_a_look_at_all_has_told_the_kernel_does_not_tell_again(host, early):
    """The store's directory is made and filled between two looks of the kernel's."""
    files.make_directory(host.paths.networks)
    changes = early._directories.changes()
    assert next(changes) == Unknown()
    _define(host)
    bringup.start(host, "lab")
    assert [event.kind for event in early._look_at_all()] == ["defined", "started"]
    assert _told(early) == []


def test_waiting_ends_with_an_event_or_the_time(host, watcher):
    assert watcher.wait(0) is False
    _define(host)
    assert watcher.wait(5) is True
    assert _told(watcher) == ["lab defined"]
    assert watcher.wait(0) is False
