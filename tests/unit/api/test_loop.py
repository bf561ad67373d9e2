"""The event loop: descriptors and timers of the program and of ours, in the default loop or in the program's own."""

import os
import sys
import threading

import pytest

from vnethook import api
from vnethook.api import event


@pytest.fixture
def pipe():
    ends = os.pipe2(os.O_NONBLOCK)
    yield ends
    for fd in ends:
        os.close(fd)


def test_a_ready_descriptor_is_told_with_what_was_given_for_it(loop, pipe):
    told = []
    reader, writer = pipe
    watch = api.virEventAddHandle(reader, api.VIR_EVENT_HANDLE_READABLE, lambda *call: told.append(call), "mine")
    os.write(writer, b"x")
    assert api.virEventRunDefaultImpl() == 0
    assert told == [(watch, reader, api.VIR_EVENT_HANDLE_READABLE, "mine")]
    assert api.virEventRemoveHandle(watch) == 0


def test_two_watches_of_one_descriptor_are_told_each_what_it_asked_for(loop, pipe):
    told = []
    reader, writer = pipe
    api.virEventAddHandle(writer, api.VIR_EVENT_HANDLE_WRITABLE, lambda *call: told.append(call[1:3]), None)
    api.virEventAddHandle(reader, 0, lambda *call: told.append(call[1:3]), None)
    api.virEventAddHandle(reader, api.VIR_EVENT_HANDLE_READABLE, lambda *call: told.append(call[1:3]), None)
    os.write(writer, b"x")
    api.virEventRunDefaultImpl()
    assert sorted(told) == sorted([(writer, api.VIR_EVENT_HANDLE_WRITABLE), (reader, api.VIR_EVENT_HANDLE_READABLE)])


def test_a_watch_may_change_what_it_waits_for(loop, pipe):
    told = []
    watch = api.virEventAddHandle(pipe[1], 0, lambda *call: told.append(call[2]), None)
    api.virEventAddTimeout(0, lambda *_: None, None)
    api.virEventRunDefaultImpl()
    assert told == []
    api.virEventUpdateHandle(watch, api.VIR_EVENT_HANDLE_WRITABLE)
    api.virEventRunDefaultImpl()
    assert told == [api.VIR_EVENT_HANDLE_WRITABLE]


def test_a_descriptor_that_was_closed_or_hung_up_is_told_as_such(loop):
    told = []
    reader, writer = os.pipe()
    os.close(writer)
    api.virEventAddHandle(reader, 0, lambda *call: told.append(call[2]), None)
    api.virEventRunDefaultImpl()
    os.close(reader)
    api.virEventRunDefaultImpl()
    assert told == [api.VIR_EVENT_HANDLE_HANGUP, api.VIR_EVENT_HANDLE_ERROR]


def test_a_timer_is_called_again_and_again_until_it_is_removed_or_off(loop):
    told = []
    timer = api.virEventAddTimeout(1, lambda *call: told.append(call), "mine")
    for _ in range(10):
        api.virEventRunDefaultImpl()
        if len(told) == 3:
            break
    assert told == [(timer, "mine")] * 3
    api.virEventUpdateTimeout(timer, -1)
    always = api.virEventAddTimeout(0, lambda *_: told.append("always"), None)
    api.virEventRunDefaultImpl()
    api.virEventRunDefaultImpl()
    assert told[3:] == ["always"] * 2
    assert [api.virEventRemoveTimeout(number) for number in (timer, always)] == [0, 0]


def test_a_timer_may_remove_itself_and_others(loop):
    told = []

    def call(timer, others):
        told.append(timer)
        for number in others:
            api.virEventRemoveTimeout(number)

    second = api.virEventAddTimeout(0, call, [])
    first = api.virEventAddTimeout(0, call, [])
    api.virEventUpdateTimeout(second, 0)
    loop._timers[second] = loop._timers[second]._replace(opaque=[second, first])
    api.virEventRunDefaultImpl()
    assert told == [second]


def test_what_is_added_from_another_thread_ends_the_wait(loop):
    told = []
    entered = threading.Event()
    api.virEventAddTimeout(0, lambda timer, _: (api.virEventRemoveTimeout(timer), entered.set()), None)

    def run():
        while not told:
            api.virEventRunDefaultImpl()

    thread = threading.Thread(target=run)
    thread.start()
    entered.wait()
    api.virEventAddTimeout(0, lambda *_: told.append("added"), None)
    thread.join(10)
    assert told[0] == "added"


def test_an_exception_of_a_callback_goes_to_the_programs_hook_and_the_loop_goes_on(loop, monkeypatch):
    seen = []
    monkeypatch.setattr(sys, "excepthook", lambda kind, *_: seen.append(kind))
    api.virEventAddTimeout(0, lambda *_: 1 / 0, None)
    assert api.virEventRunDefaultImpl() == 0
    assert seen == [ZeroDivisionError]


@pytest.mark.parametrize("remove", [api.virEventRemoveHandle, api.virEventRemoveTimeout])
def test_what_is_not_there_cannot_be_removed(loop, remove):
    with pytest.raises(api.libvirtError, match=r"^virEventRemove\w+\(\) failed$"):
        remove(99)
    api.virEventUpdateHandle(99, 1)
    api.virEventUpdateTimeout(99, 1)


def test_without_a_loop_nothing_can_be_waited_for(monkeypatch, refused):
    monkeypatch.setattr(event, "_loops", [])
    expected = (1, "internal error: virEventAddTimeout: no event loop is registered")
    assert refused(api.virEventAddTimeout, 1, print, None) == expected
    assert refused(api.virEventRunDefaultImpl)[0] == 1


def test_the_first_loop_stays(loop):
    api.virEventRegisterImpl(*[None] * 6)
    assert api.virEventRegisterDefaultImpl() == 0
    assert event._loops == [loop]


def test_a_programs_own_loop_is_called_as_libvirt_python_calls_it(monkeypatch, refused):
    monkeypatch.setattr(event, "_loops", [])
    calls, told = [], []

    def answer(name, value):
        return lambda *call: calls.append((name, *call)) or value

    names = ("add", "update", "remove", "add timer", "update timer", "remove timer")
    own = [answer(name, value) for name, value in zip(names, (7, None, 0, 8, None, -1), strict=True)]
    api.virEventRegisterImpl(*own)

    def tell(*call):
        told.append(call)

    assert api.virEventAddHandle(3, 1, tell, "mine") == 7
    assert api.virEventAddTimeout(9, tell, "mine") == 8
    api.virEventUpdateHandle(7, 2)
    api.virEventUpdateTimeout(8, 10)
    assert api.virEventRemoveHandle(7) == 0
    with pytest.raises(api.libvirtError):
        api.virEventRemoveTimeout(8)
    [add, add_timer, *rest] = calls
    assert rest == [("update", 7, 2), ("update timer", 8, 10), ("remove", 7), ("remove timer", 8)]
    assert add[:3] == ("add", 3, 1)
    assert add_timer[:2] == ("add timer", 9)
    add[3](7, 3, 1, add[4])  # as a loop calls them today, and as the first ones did
    add[3](7, 3, 1, *add[4][:2])
    add_timer[2](8, add_timer[3])
    add_timer[2](8, *add_timer[3][:2])
    assert told == [(7, 3, 1, "mine")] * 2 + [(8, "mine")] * 2
    assert api.virEventInvokeFreeCallback(add[4]) is None
    assert refused(api.virEventRunDefaultImpl) == (1, "internal error: the event loop is the program's own")


def test_a_timer_may_stop_another_one_that_is_due(loop):
    told = []
    timers = {}

    def first(*_):
        told.append("first")
        api.virEventUpdateTimeout(timers["second"], -1)

    timers["first"] = api.virEventAddTimeout(0, first, None)
    timers["second"] = api.virEventAddTimeout(0, lambda *_: told.append("second"), None)
    for _ in range(3):
        api.virEventRunDefaultImpl()
    assert told == ["first"] * 3
