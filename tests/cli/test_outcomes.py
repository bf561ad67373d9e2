"""How a call of `vnet` ends: near misses, bugs, interruptions, closed pipes, full disks."""

import os
import subprocess
import sys

import click

from vnethook.cli import main, slow
from vnethook.errors import HostError

PYTHON = [sys.executable, "-m", "vnethook.cli.main"]


def test_a_near_miss_is_told(vnet) -> None:
    assert vnet("net-lst").err == (
        "error: verb 'net-lst': there is no such verb\n  did you mean net-list? `vnet --help` lists the verbs\n"
    )


def test_the_proposals_words_mean_the_same_for_every_verb(vnet) -> None:
    assert vnet("network-list", "--all", "--name").out == "default\n\n"
    assert vnet("network-dumpxml").out.startswith("<network>\n  <name>default</name>\n")
    context = click.Context(main.vnet)
    for verb in filter(lambda verb: verb.startswith("net-"), main.VERBS):
        theirs = main.vnet.get_command(context, verb.replace("net-", "network-", 1))
        assert theirs is main.vnet.get_command(context, verb)
    for verb in ("create", "dumpxml", "define", "list", "start", "stop", "restart"):
        assert f"net-{verb}" in main.VERBS
    assert vnet("network-plane").status == 1


def test_start_goes_on_past_a_failure_and_gives_the_first_status(vnet) -> None:
    said = vnet("net-start", "first", "second")
    assert said.status == 3
    assert said.err.count("error: network '") == 2


def test_a_bug_is_reported_with_its_traceback_and_status_70(vnet, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> None:
        msg = "\x1b[31m"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(slow.catalog, "states", fail)
    said = vnet("net-list")
    assert said.status == 70
    assert said.err.startswith("error: internal error, please report it:\nTraceback")
    assert said.err.endswith("ZeroDivisionError: \\x1b[31m\n")


def test_ctrl_c_is_status_130(vnet, monkeypatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(slow.catalog, "states", interrupt)
    said = vnet("net-list")
    assert (said.status, said.err.strip()) == (130, "error: interrupted")


def test_a_user_without_the_right_is_told_to_become_root(vnet, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        msg = "link 'x': create: Operation not permitted"
        raise HostError(msg) from PermissionError(1, "")

    monkeypatch.setattr(slow.catalog, "states", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert vnet("net-list").err.splitlines()[1:] == [
        "  user 65534 may not do that: the networks of the host need root, try `sudo vnet`"
    ]


def test_a_closed_pipe_is_quiet(root) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        ended = subprocess.run([*PYTHON, "net-list", "--all"], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_full_disk_is_one_line(root) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([*PYTHON, "net-list"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 5
    assert ended.stderr == b"error: standard output: write: No space left on device\n"


def test_a_definition_that_never_ends_is_refused(vnet) -> None:
    assert vnet("net-define", "/dev/zero").status == 2
