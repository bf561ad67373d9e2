"""net-edit: the user's editor on the stored definition; nothing that he wrote is lost."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from vnethook.cli import editor

LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"
STORED = "etc/vnethook/networks/lab.xml"


@pytest.fixture(autouse=True)
def drafts(vnet, tmp_path_factory, monkeypatch) -> Path:
    """A network and where drafts lie."""
    vnet("net-define", "-", stdin=LAB)
    directory = tmp_path_factory.mktemp("drafts")
    monkeypatch.setattr(editor.tempfile, "tempdir", str(directory))
    monkeypatch.setenv("TMPDIR", str(directory))
    monkeypatch.delenv("VISUAL", raising=False)
    return directory


@pytest.fixture
def edited_by(vnet, monkeypatch):
    """What `vnet net-edit lab` ends with when a command is the editor."""

    def edit(command: str):
        monkeypatch.setenv("EDITOR", command)
        return vnet("net-edit", "lab")

    return edit


def _kept(drafts: Path) -> list[Path]:
    return [path for directory in drafts.iterdir() for path in directory.iterdir()]


def test_what_was_edited_is_stored(vnet, root, drafts, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i 's|<bridge|<title>ours</title><bridge|'")
    assert vnet("net-edit", "lab") == (0, "Network lab XML configuration edited.\n\n", "")
    assert "<title>ours</title>" in (root / STORED).read_text()
    assert _kept(drafts) == []


def test_what_was_not_changed_is_not_stored(vnet, root, drafts, monkeypatch) -> None:
    before = (root / STORED).stat().st_mtime_ns
    monkeypatch.setenv("EDITOR", "true")
    assert vnet("net-edit", "--network", "vnbrlab") == (0, "Network lab XML configuration not changed.\n\n", "")
    assert (root / STORED).stat().st_mtime_ns == before
    assert _kept(drafts) == []


def test_visual_goes_before_editor_and_the_file_is_private(vnet, root, drafts, monkeypatch) -> None:
    monkeypatch.setenv("VISUAL", f"stat -c '%a %n' {drafts}/* >{root}/seen; cp --")
    monkeypatch.setenv("EDITOR", "false")
    assert vnet("net-edit", "lab").status == 5  # cp with one file
    assert (root / "seen").read_text().startswith(f"700 {drafts}/vnet-")


def test_an_address_that_was_chosen_does_not_become_a_written_one(vnet, root, monkeypatch) -> None:
    vnet("net-define", "-", stdin="<network><name>auto</name><forward mode='nat'/></network>")
    monkeypatch.setenv("EDITOR", f"cp -t {root} --")
    assert vnet("net-edit", "auto").out == "Network auto XML configuration not changed.\n\n"
    assert "<ip" not in (root / "auto.xml").read_text()
    assert "<ip" in vnet("net-dumpxml", "auto").out


def test_the_built_in_network_is_stored_when_it_is_edited(vnet, root, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", "sed -i s/nat/route/")
    assert vnet("net-edit", "default").status == 0
    assert "<forward mode='route'/>" in (root / "etc/vnethook/networks/default.xml").read_text()


def test_a_definition_on_disk_that_is_not_in_order_can_be_mended(vnet, root, monkeypatch) -> None:
    (root / STORED).write_text("<network>")
    monkeypatch.setenv("EDITOR", "printf '<network><name>lab</name></network>' >")
    assert vnet("net-edit", "lab").out == "Network lab XML configuration edited.\n\n"
    assert vnet("net-list", "--all", "--name").err == ""


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("sed -i s/name/nmae/g", ":2: network/nmae: unknown element"),
        ("sed -i s/lab/other/", ":1: <name> is 'other': must stay 'lab'"),
        ("printf '<network>' >", ": "),
    ],
)
def test_what_is_refused_is_kept_and_said_where(edited_by, root, drafts, command, message) -> None:
    before = (root / STORED).read_text()
    said = edited_by(command)
    (kept,) = _kept(drafts)
    assert (said.status, said.out) == (2, "")
    assert said.err.startswith(f"error: {kept}")
    assert message.partition(":1")[2] in said.err
    assert said.err.endswith(f"\n  what you wrote is kept in {kept}\n")
    assert kept.name == "lab.xml"
    assert (root / STORED).read_text() == before


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            "false",
            "editor 'false': ended with status 1: nothing is changed\n  VISUAL or EDITOR says which one is used\n",
        ),
        ("nosuch --x", "editor 'nosuch --x': could not be started: nothing is changed\n"),
    ],
)
def test_an_editor_that_fails_changes_nothing(edited_by, drafts, command, message) -> None:
    said = edited_by(command)
    assert (said.status, said.out) == (5, "")
    assert f"error: {message}" in said.err
    assert _kept(drafts) == []


def test_a_draft_that_is_gone_or_no_text_is_an_error(vnet, drafts, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", "rm")
    assert vnet("net-edit", "lab").status == 5
    monkeypatch.setenv("EDITOR", r"printf '\377' >")
    said = vnet("net-edit", "lab")
    assert said.status == 1
    assert "lab.xml': is not UTF-8\n  what you wrote is kept in " in said.err


def test_a_change_by_somebody_else_is_not_overwritten(vnet, root, drafts, monkeypatch) -> None:
    theirs = LAB.replace("<bridge", "<title>theirs</title><bridge")
    (root / "theirs.xml").write_text(theirs)
    monkeypatch.setenv(
        "EDITOR", f"cp {root}/theirs.xml {root}/{STORED}; sed -i 's|<bridge|<title>ours</title><bridge|'"
    )
    said = vnet("net-edit", "lab")
    (kept,) = _kept(drafts)
    assert said.err == (
        "error: network 'lab': edit: the definition was changed by somebody else in the meantime\n"
        f"  what you wrote is kept in {kept}\n"
    )
    assert (said.status, (root / STORED).read_text()) == (4, theirs)
    assert "<title>ours</title>" in kept.read_text()


def test_no_network_and_no_room_for_a_draft(vnet, monkeypatch) -> None:
    assert vnet("net-edit", "nosuch").status == 3
    monkeypatch.setattr(editor.tempfile, "tempdir", "/proc/nothing")
    said = vnet("net-edit", "lab")
    assert (said.status, said.err) == (
        5,
        "error: temporary file: make: No such file or directory\n  TMPDIR says where\n",
    )


def test_the_path_is_never_read_by_the_shell(vnet, tmp_path, monkeypatch) -> None:
    odd = tmp_path / "a $(touch x);b'c"
    odd.mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(editor.tempfile, "tempdir", str(odd))
    monkeypatch.setenv("EDITOR", "true")
    assert vnet("net-edit", "lab").status == 0
    assert not (tmp_path / "x").exists()


def test_without_variables_the_systems_editor_is_taken(monkeypatch) -> None:
    monkeypatch.delenv("EDITOR", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert editor.editor() == "vi"


def test_a_draft_outlives_an_interruption(drafts, capsys) -> None:
    draft = editor.Draft("a", name="x")
    draft.text = "b"
    draft.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert Path(draft.path).exists()
    assert capsys.readouterr().err == f"warning: what you wrote is kept in {draft.path}\n"
    draft.text = draft.original
    draft.__exit__(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not Path(draft.path).exists()


def _at_a_terminal(answers: str) -> "subprocess.CompletedProcess[bytes]":
    """Run `vnet net-edit lab` with a terminal for its input."""
    ours, theirs = pty.openpty()
    with open(ours, "wb", buffering=0) as keyboard:
        keyboard.write(answers.encode())
        words = [sys.executable, "-m", "vnethook.cli.main", "net-edit", "lab"]
        ended = subprocess.run(words, stdin=theirs, capture_output=True, check=False, timeout=60)
        os.close(theirs)
    return ended


def test_at_a_terminal_what_is_refused_can_be_edited_again(root, drafts, monkeypatch) -> None:
    script = f"if [ -e {root}/again ]; then e=s/NAT/nat/; else e='s|<bridge|<forward mode=\"NAT\"/><bridge|'; fi; touch {root}/again; sed -i"
    monkeypatch.setenv("EDITOR", f'{script} "$e"')
    ended = _at_a_terminal("?\ny\n")
    assert ended.returncode == 0, ended.stderr
    assert b"y - yes, start the editor again\n" in ended.stdout
    assert ended.stdout.endswith(b"Network lab XML configuration edited.\n\n")
    assert ended.stderr.count(b"error: ") == 1
    assert "<forward mode='nat'/>" in (root / STORED).read_text()


def test_at_a_terminal_what_is_refused_can_be_thrown_away_or_forced(root, drafts, monkeypatch) -> None:
    monkeypatch.setenv("EDITOR", f"echo >>{root}/{STORED}; sed -i 's|<bridge|<title>ours</title><bridge|'")
    ended = _at_a_terminal("n\n")
    assert (ended.returncode, b"edited" in ended.stdout, _kept(drafts)) == (4, False, [])
    ended = _at_a_terminal("f\n")
    assert ended.returncode == 0, ended.stderr
    assert "<title>ours</title>" in (root / STORED).read_text()
