"""Our small files: replaced whole or not at all, never through a symbolic link, and JSON without the json module."""

import contextlib
import errno
import json
import os
import posix
import stat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook.errors import HostError
from vnethook.host import trees
from vnethook.live import files

WRITABLE = "the directory {directory} has to be writable"
NO_LINK = "a symbolic link is not followed here"


@pytest.fixture
def directory(tmp_path):
    return str(tmp_path)


def _refusal(function, *words, **more):
    """What a call that must be refused says, and its hint."""
    with pytest.raises(HostError) as caught:
        function(*words, **more)
    return str(caught.value), caught.value.hint


def _refuse(monkeypatch, function, number):
    """Let a function of posix fail with this errno, whatever it is called with."""

    def refuse(*_, **__):
        raise OSError(number, "")

    monkeypatch.setattr(posix, function, refuse)


def _mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# Reading


def test_a_file_that_does_not_exist_is_none(directory):
    files.write_text(f"{directory}/file", "")
    for path in (f"{directory}/none", f"{directory}/none/none", f"{directory}/file/none"):
        assert files.read_text(path) is None
        assert files.read_json(path) is None
        assert files.stamp(path) is None
        assert not files.exists(path)


@given(st.binary(max_size=50))
def test_any_bytes_survive_reading_and_writing(tmp_path_factory, data):
    path = f"{tmp_path_factory.getbasetemp()}/bytes"
    with open(path, "wb") as file:
        file.write(data)
    text = files.read_text(path)
    files.write_text(path, text)
    with open(path, "rb") as file:
        assert file.read() == data


def test_a_file_is_not_read_through_a_symbolic_link(directory):
    files.write_text(f"{directory}/target", "secret")
    os.symlink(f"{directory}/target", f"{directory}/link")
    refusal = (f"file '{directory}/link': read: Too many levels of symbolic links", "")
    assert _refusal(files.read_text, f"{directory}/link") == refusal
    assert _refusal(files.read_json, f"{directory}/link") == refusal


def test_what_is_there_and_cannot_be_read_is_refused(directory, monkeypatch):
    assert _refusal(files.read_text, directory) == (f"file '{directory}': read: Is a directory", "")
    _refuse(monkeypatch, "open", errno.EACCES)
    assert _refusal(files.read_text, f"{directory}/x") == (f"file '{directory}/x': read: Permission denied", "")


@pytest.mark.parametrize(
    ("text", "reason"),
    {
        "": "Expecting value: line 1 column 1 (char 0)",
        '{"a": 1': "Expecting ',' delimiter: line 1 column 8 (char 7)",
        '{"a": 1} x': "Extra data: line 1 column 10 (char 9)",
        "\udcff": "Expecting value: line 1 column 1 (char 0)",
        "[" * 100_000: "nested too deeply",
    }.items(),
    ids=["empty", "cut off", "more than one value", "no text", "nested"],
)
def test_a_damaged_json_file_says_how_it_is_mended(directory, text, reason):
    path = f"{directory}/damaged.json"
    files.write_text(path, text)
    hint = "it is damaged; remove it, then `vnet net-repair` writes it anew"
    assert _refusal(files.read_json, path) == (f"file '{path}': read: {reason}", hint)


# Writing


def test_a_file_is_written_with_its_mode_and_its_directories_whatever_the_umask(directory):
    before = os.umask(0o777)
    try:
        files.write_text(f"{directory}/a/b/public", "one\n")
        files.write_text(f"{directory}/a/secret", "two\n", mode=0o600)
    finally:
        os.umask(before)
    found = {
        name: (files.read_text(f"{directory}/a/{name}"), _mode(f"{directory}/a/{name}"))
        for name in ("b/public", "secret")
    }
    assert found == {"b/public": ("one\n", 0o644), "secret": ("two\n", 0o600)}
    assert {_mode(f"{directory}/a"), _mode(f"{directory}/a/b")} == {0o755}


def test_a_file_is_replaced_by_another_and_not_written_over(directory):
    """Whoever has the old one open reads the old one to its end."""
    path = f"{directory}/file"
    files.write_text(path, "old, and longer\n", mode=0o600)
    with open(path) as reader:
        before = files.stamp(path)
        files.write_text(path, "new\n")
        assert reader.read() == "old, and longer\n"
    assert files.read_text(path) == "new\n"
    assert _mode(path) == 0o644
    assert files.stamp(path)[2] != before[2]
    assert os.listdir(directory) == ["file"]


def test_a_file_that_takes_several_writes_is_whole(directory, monkeypatch):
    write = posix.write
    monkeypatch.setattr(posix, "write", lambda fd, data: write(fd, data[:3]))
    files.write_text(f"{directory}/file", "é: more than three bytes\n")
    assert files.read_text(f"{directory}/file") == "é: more than three bytes\n"


def test_a_symbolic_link_is_replaced_and_what_it_points_to_is_left(directory):
    files.write_text(f"{directory}/target", "theirs")
    os.symlink("target", f"{directory}/link")
    files.write_text(f"{directory}/link", "ours")
    assert (files.read_text(f"{directory}/target"), files.read_text(f"{directory}/link")) == ("theirs", "ours")


def test_a_symbolic_link_that_waits_under_the_name_of_the_new_file_is_not_written_through(directory):
    os.symlink(f"{directory}/target", f"{directory}/.file.new")
    refusal = (f"file '{directory}/file': write: Too many levels of symbolic links", NO_LINK)
    assert _refusal(files.write_text, f"{directory}/file", "x") == refusal
    assert sorted(os.listdir(directory)) == [".file.new"]


def test_what_a_killed_writer_left_is_unseen_replaced_and_removed(directory):
    path = f"{directory}/file"
    torn = f"{directory}/.file.new"
    for text in ("", "a torn text that is longer than the next one"):
        with open(torn, "w") as file:
            file.write(text)
        assert files.names(directory) == []
        assert files.remove(path) is False
        assert os.listdir(directory) == []
        with open(torn, "w") as file:
            file.write(text)
        files.write_text(path, "whole\n")
        assert files.read_text(path) == "whole\n"
        assert os.listdir(directory) == ["file"]
        assert files.remove(path) is True
        assert os.listdir(directory) == []


ROOM = "make room in its file system"
REFUSED = {
    ("write", errno.ENOSPC): ("No space left on device", ROOM),
    ("write", errno.EDQUOT): ("Disk quota exceeded", ROOM),
    ("open", errno.ENOSPC): ("No space left on device", ROOM),
    ("open", errno.EACCES): ("Permission denied", WRITABLE),
    ("open", errno.EROFS): ("Read-only file system", WRITABLE),
    ("rename", errno.EIO): ("Input/output error", WRITABLE),
}


@pytest.mark.parametrize(("call", "said"), REFUSED.items(), ids=str)
def test_a_refused_write_leaves_the_old_file_and_says_what_to_do(directory, monkeypatch, call, said):
    path = f"{directory}/file"
    files.write_text(path, "old\n")
    _refuse(monkeypatch, *call)
    refusal = _refusal(files.write_text, path, "new\n")
    monkeypatch.undo()
    assert refusal == (f"file '{path}': write: {said[0]}", said[1].format(directory=directory))
    assert files.read_text(path) == "old\n"
    assert files.names(directory) == ["file"]


def test_a_refused_write_closes_its_descriptor(directory, monkeypatch):
    before = os.listdir("/proc/self/fd")
    _refuse(monkeypatch, "write", errno.ENOSPC)
    for _ in range(3):
        _refusal(files.write_text, f"{directory}/file", "text")
    assert len(os.listdir("/proc/self/fd")) == len(before)


# Removing


def test_a_link_is_removed_and_not_what_it_points_to(directory):
    files.write_text(f"{directory}/target", "theirs")
    os.symlink("target", f"{directory}/link")
    assert files.remove(f"{directory}/link") is True
    assert os.listdir(directory) == ["target"]


def test_removing_what_is_gone_is_no_failure(directory):
    files.write_text(f"{directory}/file", "")
    for path in (f"{directory}/none", f"{directory}/none/none", f"{directory}/file/none"):
        assert files.remove(path) is False
        trees.remove_tree(path)
        files.remove_directory(path)
    assert os.listdir(directory) == ["file"]


def test_a_file_that_cannot_be_removed_is_named(directory, monkeypatch):
    files.make_directory(f"{directory}/place")
    refusal = (f"file '{directory}/place': remove: Is a directory", WRITABLE.format(directory=directory))
    assert _refusal(files.remove, f"{directory}/place") == refusal
    _refuse(monkeypatch, "unlink", errno.EROFS)
    refusal = (f"file '{directory}/file': remove: Read-only file system", WRITABLE.format(directory=directory))
    assert _refusal(files.remove, f"{directory}/file") == refusal


def test_a_tree_is_removed_without_following_links(directory):
    files.write_text(f"{directory}/kept/file", "theirs")
    files.write_text(f"{directory}/tree/a/b/file", "")
    files.write_text(f"{directory}/tree/.file.new", "")
    os.symlink(f"{directory}/kept", f"{directory}/tree/a/link")
    trees.remove_tree(f"{directory}/tree")
    assert os.listdir(directory) == ["kept"]
    assert files.read_text(f"{directory}/kept/file") == "theirs"


def test_a_link_that_takes_a_directory_s_place_meanwhile_leads_nowhere(directory, monkeypatch):
    """As the user of a daemon that owns a directory might do while root removes it."""
    files.write_text(f"{directory}/kept/file", "theirs")
    files.write_text(f"{directory}/tree/a/file", "")
    scan = posix.scandir

    def scan_and_swap(place):
        with scan(place) as entries:
            found = list(entries)
        if [entry.name for entry in found if entry.is_dir(follow_symlinks=False)] == ["a"]:
            os.rename(f"{directory}/tree/a", f"{directory}/was")
            os.symlink(f"{directory}/kept", f"{directory}/tree/a")
        return contextlib.nullcontext(found)

    monkeypatch.setattr(posix, "scandir", scan_and_swap)
    trees.remove_tree(f"{directory}/tree")
    assert files.read_text(f"{directory}/kept/file") == "theirs"


def test_a_directory_is_removed_only_when_it_is_empty(directory):
    files.write_text(f"{directory}/place/file", "")
    files.remove_directory(f"{directory}/place")
    assert files.names(f"{directory}/place") == ["file"]
    files.remove(f"{directory}/place/file")
    files.remove_directory(f"{directory}/place")
    assert os.listdir(directory) == []


# Directories and links


def test_a_directory_is_made_with_those_above_it_and_left_alone_where_it_is(directory):
    files.make_directory(f"{directory}/a/b", mode=0o700)
    assert [_mode(f"{directory}/{name}") for name in ("a", "a/b")] == [0o755, 0o700]
    files.make_directory(f"{directory}/a/b")
    assert _mode(f"{directory}/a/b") == 0o700


def test_a_directory_that_another_made_meanwhile_is_no_failure(directory, monkeypatch):
    mkdir = posix.mkdir

    def slow(path, mode):
        mkdir(path, 0o700)
        mkdir(path, mode)

    monkeypatch.setattr(posix, "mkdir", slow)
    files.make_directory(f"{directory}/a")
    assert files.is_directory(f"{directory}/a")


def test_a_file_in_the_place_of_a_directory_is_named(directory):
    files.write_text(f"{directory}/file", "")
    refusal = (f"file '{directory}/file': make directory: File exists", WRITABLE.format(directory=directory))
    assert _refusal(files.make_directory, f"{directory}/file/below") == refusal


def test_the_names_of_a_directory_are_sorted_cut_and_without_hidden_ones(directory):
    for name in ("b.json", "a.json", "c", ".hidden.json", ".json", ".a.json.new"):
        files.write_text(f"{directory}/{name}", "")
    assert files.names(directory, ".json") == ["a", "b"]
    assert files.names(directory) == ["a.json", "b.json", "c"]
    assert files.names(f"{directory}/none") == files.names(f"{directory}/c") == []


def test_a_directory_that_cannot_be_listed_is_named(directory, monkeypatch):
    _refuse(monkeypatch, "listdir", errno.EACCES)
    assert _refusal(files.names, directory)[0] == f"file '{directory}': list: Permission denied"


@pytest.mark.parametrize("before", ["nothing", "a link", "a file", "a torn writer's link", "a torn writer's file"])
def test_a_link_takes_the_place_of_what_was_there(directory, before):
    place, torn = f"{directory}/in/link", f"{directory}/in/.link.new"
    if before != "nothing":
        os.mkdir(f"{directory}/in")
        path = torn if "torn" in before else place
        os.symlink("other", path) if "link" in before else files.write_text(path, "")
    files.make_link(place, "target")
    assert files.link_target(place) == "target"
    assert os.listdir(f"{directory}/in") == ["link"]


def test_what_is_no_link_has_no_target(directory):
    files.write_text(f"{directory}/file", "")
    for path in (directory, f"{directory}/file", f"{directory}/none"):
        assert files.link_target(path) is None


def test_a_link_that_cannot_be_made_is_named(directory, monkeypatch):
    files.make_directory(f"{directory}/place")
    refusal = (f"file '{directory}/place': link: Is a directory", WRITABLE.format(directory=directory))
    assert _refusal(files.make_link, f"{directory}/place", "x") == refusal
    _refuse(monkeypatch, "symlink", errno.ENOSPC)
    refusal = (f"file '{directory}/link': link: No space left on device", ROOM)
    assert _refusal(files.make_link, f"{directory}/link", "x") == refusal


def test_a_stamp_changes_with_each_edit_and_each_replacement(directory):
    path = f"{directory}/file"
    files.write_text(path, "one")
    stamps = [files.stamp(path)]
    files.write_text(path, "two")  # of the same size
    stamps.append(files.stamp(path))
    os.utime(path, ns=(1, 1))
    stamps.append(files.stamp(path))
    with open(path, "a") as file:
        file.write("more")
    os.utime(path, ns=(1, 1))
    stamps.append(files.stamp(path))
    assert len(set(map(tuple, stamps))) == 4
    assert files.stamp(path) == stamps[-1]


# JSON

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
plain = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(plain)
def test_what_is_written_is_what_the_json_module_writes_and_reads_back(value):
    text = files.dumps(value)
    assert text == json.dumps(value)
    assert files.loads(text) == files.loads(f"{text} \n") == value
    assert files.loads(json.dumps(value, indent=1, ensure_ascii=False)) == value


def test_a_tuple_is_written_as_a_list():
    assert files.dumps({"a": (1, ("b",), ())}) == '{"a": [1, ["b"], []]}'


@pytest.mark.parametrize("value", [{1: 2}, {None: 1}, [b""], {"a": {1}}, Ellipsis], ids=repr)
def test_what_json_cannot_hold_is_not_written(value):
    with pytest.raises(TypeError):
        files.dumps(value)


def test_a_value_that_is_not_written_leaves_the_file(directory):
    files.write_json(f"{directory}/file", [1])
    with pytest.raises(TypeError, match=r"^cannot write set as JSON$"):
        files.write_json(f"{directory}/file", {1})
    assert files.read_text(f"{directory}/file") == "[1]\n"
    assert os.listdir(directory) == ["file"]


@pytest.mark.parametrize(
    "text",
    ["", " ", "{", "}", "[1,]", "nul", "'a'", '"a', '{"a" 1}', "1 2", '{"a": 1}{', "\\", "[" * 100_000, "9" * 5000],
)
def test_what_is_no_json_is_refused_as_the_json_module_does(text):
    with pytest.raises(ValueError, match=r".+"):
        files.loads(text)


@given(st.text(alphabet='{}[]",:0189.-+eE \n\\u"truefalsn\x00\ud800é', max_size=30))
def test_a_text_is_json_if_and_only_if_the_json_module_says_so(text):
    def read(loads):
        try:
            return repr(loads(text))
        except ValueError:
            return "refused"

    assert read(files.loads) == read(json.loads)


def test_a_pipe_in_the_place_of_a_file_is_empty_and_not_waited_at(tmp_path):
    os.mkfifo(tmp_path / "pid")
    assert files.read_text(f"{tmp_path}/pid") == ""
