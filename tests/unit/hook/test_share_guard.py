"""The guard of a NIC that is being shared."""

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest

from vnethook.errors import BusyError, HostError
from vnethook.hook import share_guard
from vnethook.host.host import Host
from vnethook.live.shared_interface import SharedInterface

SHARED = SharedInterface("ebreth0", "eth0", 1, is_whole=True, confirm_by=1)


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[share_guard.Guard]:
    """Of a sharing whose time is over."""
    monkeypatch.setattr(share_guard.log, "error", lambda _: None)
    yield share_guard.Guard(cast(Host, SimpleNamespace()), "ebreth0", os.getpid(), 1)
    signal.set_wakeup_fd(-1)


def test_a_guard_tries_again_whatever_goes_wrong(monkeypatch: pytest.MonkeyPatch, guard: share_guard.Guard) -> None:
    wrong: list[Exception] = [OSError(5, "x"), KeyError("step"), *(HostError("no") for _ in range(30)), MemoryError()]
    pauses: list[float] = []

    def take_back(_: share_guard.Guard) -> None:
        if wrong:
            raise wrong.pop()
        monkeypatch.setattr(share_guard.Guard, "_guarded", lambda _: None)

    monkeypatch.setattr(share_guard.Guard, "_guarded", lambda _: SHARED)
    monkeypatch.setattr(share_guard.Guard, "_take_back", take_back)
    monkeypatch.setattr(share_guard.Guard, "_wait", lambda _, left_s: pauses.append(left_s))
    guard.watch()
    assert (wrong, len(pauses), pauses[-1]) == ([], 33, share_guard.PAUSE_MAX_S)


@pytest.mark.parametrize("is_whole", [True, False])
def test_a_guard_ends_who_hangs_half_way_and_nobody_who_is_done(
    monkeypatch: pytest.MonkeyPatch, guard: share_guard.Guard, *, is_whole: bool
) -> None:
    ended: list[int] = []

    def take_back(_: share_guard.Guard) -> None:
        monkeypatch.setattr(share_guard.Guard, "_guarded", lambda _: None)
        msg = "lock: held"
        raise BusyError(msg)

    monkeypatch.setattr(signal, "pidfd_send_signal", lambda _, number: ended.append(number))
    monkeypatch.setattr(share_guard.Guard, "_guarded", lambda _: SHARED.replace(is_whole=is_whole))
    monkeypatch.setattr(share_guard.Guard, "_take_back", take_back)
    monkeypatch.setattr(share_guard.Guard, "_wait", lambda *_: None)
    guard.watch()
    assert ended == ([] if is_whole else [signal.SIGKILL])
