"""Guests that are not ours, and calls and documents that nobody should make: no guest is stopped by them."""

import os
import subprocess

import pytest

from tests.lab import Host
from tests.lab.libvirt_call import EVERY_ACTION, HOOK, LAB, NIC, call, domain

pytestmark = pytest.mark.netns


@pytest.fixture(scope="module")
def host():
    """One that no test changes."""
    with Host() as host:
        host.define(LAB)
        yield host


FOREIGN = {
    "nothing": "",
    "libvirt's own network": "<interface type='network'><source network='default' bridge='virbr0'/><target dev='vnet0'/></interface>",
    "another bridge": "<interface type='bridge'><source bridge='br0'/><target dev='vnet0'/></interface>",
    "the user's": "<interface type='user'/>",
    "another script": "<interface type='ethernet'><script path='/etc/my-ifup'/><target dev='vnet0'/></interface>",
    "a ready tap": "<interface type='ethernet'><target dev='tap7' managed='no'/></interface>",
    "a bridge of no possible name": "<interface type='bridge'><source bridge='../../etc'/></interface>",
}


@pytest.mark.parametrize("devices", FOREIGN.values(), ids=FOREIGN)
def test_a_guest_that_has_nothing_of_ours_is_left_alone(host, devices):
    before = host.snapshot()
    for action in EVERY_ACTION:
        assert call(host, action, domain(devices)) == (0, "")
    assert before.changes_to(host.snapshot()) == []


UNREADABLE = {
    "": "no XML: no element found: line 1, column 0",
    "<domain>": "no XML: no element found: line 1, column 8",
    "<!DOCTYPE d [<!ENTITY a 'b'>]><domain>&a;</domain>": "has a document type",
    "<a>" * 100_000: "nested deeper than 256 elements",
    f"<domain>{' ' * (17 << 20)}</domain>": "longer than 16 MiB",
    "<domain><uuid>../../../../../../etc/passwd</uuid></domain>": "has no <uuid>",
}


@pytest.mark.parametrize("document", UNREADABLE, ids=["empty", "cut", "entities", "deep", "long", "a path as uuid"])
@pytest.mark.parametrize("action", ["prepare", "start", "reconnect", "release"])
def test_a_document_that_libvirt_would_not_write_stops_no_guest(host, action, document):
    before = host.snapshot()
    expected = f"libvirt: guest 'web': {action}: left alone: UnreadableError: {UNREADABLE[document]}\n"
    assert call(host, action, document) == (0, expected)
    assert before.changes_to(host.snapshot()) == []


def test_what_is_no_text_stops_no_guest(host):
    words = [os.fsencode(HOOK), b"\xff\x1b[31m", b"prepare", b"begin", b"-"]
    environment = host.environment

    def call():
        done = subprocess.run(words, env=environment, input=b"\0\xff<", capture_output=True, check=False)
        return done.returncode, done.stdout, done.stderr

    expected = rb"libvirt: guest '\udcff\x1b[31m': prepare: left alone: UnreadableError: no XML: syntax error: line 1, column 0"
    assert host.call(call) == (0, b"", expected + b"\n")


@pytest.mark.parametrize("streams", ["<&-", "<&- 2>&-", "<&- >&- 2>&-"], ids=str)
def test_a_call_without_a_document_stops_no_guest(host, streams):
    done = host.run(["sh", "-c", f"exec {HOOK} web prepare begin - {streams}"], check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("action", [*EVERY_ACTION[2:4], *EVERY_ACTION[6:], "", "--help", "../x", "\n"], ids=ascii)
def test_an_action_in_which_nothing_is_done_does_not_wait_for_the_document(host, action):
    with host.popen([HOOK, "web", action, "begin", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as hook:
        assert hook.wait(timeout=20) == 0
        assert hook.stdout.read() == b""


def test_a_call_by_hand_says_who_calls_it(host):
    for words, count in (([], 0), (["web"], 1)):
        done = host.run([HOOK, *words], check=False)
        expected = (
            f"qemu: {count} arguments given, three are needed: guest, action, begin or end\n"
            "  libvirt calls this, with the guest's XML on stdin; by hand, use `vnet attach IFNAME`\n"
        )
        assert (done.returncode, done.stdout, done.stderr) == (1, "", expected)


def test_a_users_guest_is_left_alone_unless_it_asks_for_us(host):
    """qemu:///session runs the hook as its user, who cannot reach the host's networks."""
    words = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", HOOK, "web", "prepare", "begin", "-"]
    before = host.snapshot()
    assert host.run(words, stdin=domain(NIC % "")).stderr == ""
    done = host.run(words, stdin=domain(NIC % "", "<v:interface network='lab'/>"), check=False)
    expected = (
        "qemu: guest 'web': put it on network 'lab': not permitted to user 65534\n"
        "  start it as a guest of qemu:///system, or use QEMU's own bridge helper\n"
    )
    assert (done.returncode, done.stderr) == (5, expected)
    assert before.changes_to(host.snapshot()) == []
