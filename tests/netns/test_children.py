"""The programs that we run end well for us whatever the process does with its children: ignore, reap or wait for them."""

import json
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.lab import CHECKOUT, Host, wait_for
from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live.lock import Lock

pytestmark = pytest.mark.netns
PYTHON = CHECKOUT / ".venv/bin/python"
LAB = """
<network><name>lab</name><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
REFUSED = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>bad</name><bridge name='vnbr8'/>
  <ip address='10.78.0.1' netmask='255.255.255.0'><dhcp><range start='10.78.0.2' end='10.78.0.9'/></dhcp></ip>
  <dnsmasq:options><dnsmasq:option value='no-such-word'/></dnsmasq:options>
</network>"""
# How a program treats its children, and then where it calls the API.
IGNORES = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)"
REAPS = """
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
signal.signal(signal.SIGCHLD, reap)"""
WAITS = """
def wait():
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(0.001)
threading.Thread(target=wait, daemon=True).start()"""
PROGRAM = """
import json, os, signal, sys, threading, time
from vnethook import api
{children}
before = signal.getsignal(signal.SIGCHLD)
said = []
def work():
    network = api.open().networkDefineXML(sys.argv[1])
    said.append([network.create(), network.isActive(), network.destroy()])
    try:
        api.open().networkCreateXML(sys.argv[2])
    except api.libvirtError as error:
        said.append([error.get_error_code(), error.get_error_message()])
{call}
assert signal.getsignal(signal.SIGCHLD) == before
print(json.dumps(said))
"""
IN_A_THREAD = """
thread = threading.Thread(target=work)
thread.start()
thread.join()"""


@pytest.mark.parametrize("call", ["work()", IN_A_THREAD], ids=["first thread", "other thread"])
@pytest.mark.parametrize("children", [IGNORES, REAPS, WAITS], ids=["ignores", "reaps", "waits"])
def test_the_api_works_in_a_program_that_does_its_own_with_children(children: str, call: str) -> None:
    with Host() as host:
        before = host.snapshot()
        text = PROGRAM.format(children=children, call=call)
        done = host.run([PYTHON, "-c", text, LAB, REFUSED])
        assert json.loads(done.stdout) == [
            [0, 1, 0],
            [27, "XML error: (network_definition):4: dnsmasq option 'no-such-word': bad option"],
        ]
        assert before.changes_to(host.snapshot(), ignoring=["^[+-] file "]) == []


def _in_a_thread(function: Callable[[], Any]) -> Any:
    """What `function` answers, or raises, in another thread."""
    answers: list[Any] = []

    def call() -> None:
        try:
            answers.append(function())
        except HostError as error:
            answers.append(str(error))

    thread = threading.Thread(target=call)
    thread.start()
    thread.join()
    return answers[0]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("cat; echo err >&2; exit 7", (7, "in\n", "err\n")),
        ("kill -KILL $$", (137, "", "")),
        ("ls /proc/self/fd | wc -l", (0, "5\n", "")),  # three, the lock, and what ls reads
    ],
)
def test_a_program_tells_its_status_and_has_no_descriptor_more(host_call, script, said) -> None:  # type: ignore[no-untyped-def]
    def run() -> tuple[int, str, str]:
        with Lock(f"{host_call.directory}/lock"):
            finished = programs.run(["/bin/sh", "-c", script], text="in\n")
        errors = "" if finished.status > 128 else finished.errors  # a shell may say what it saw
        return finished.status, finished.output, errors

    assert host_call.call(run) == said
    assert host_call.call(lambda: _in_a_thread(run)) == said


@pytest.fixture
def host_call():  # type: ignore[no-untyped-def]
    with Host() as host:
        yield host


def test_a_program_that_does_not_end_is_ended_with_all_that_it_started(host_call) -> None:  # type: ignore[no-untyped-def]
    file = host_call.directory / "pid"

    def run() -> tuple[str, bool]:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        said = _in_a_thread(
            lambda: programs.run(["/bin/sh", "-c", f"sleep 1000 & echo $! >{file}; wait"], timeout_s=0.3)
        )
        return said, signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN

    assert host_call.call(run) == ("program '/bin/sh': did not end within 0 s", True)
    wait_for(
        lambda: not os.path.exists(f"/proc/{host_call.pid}/root/proc/{file.read_text().strip()}/cmdline"), "the end"
    )


def test_a_program_that_is_not_there_is_said_so_by_both_ways(host_call) -> None:  # type: ignore[no-untyped-def]
    def run() -> str:
        try:
            programs.run(["/nonexistent"])
        except HostError as error:
            return str(error)
        return ""

    assert host_call.call(run) == "program '/nonexistent': start: not installed"
    assert host_call.call(lambda: _in_a_thread(run)) == "program '/nonexistent': start: not installed"
