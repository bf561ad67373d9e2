"""Functions of the package that are killed just before they make a change: any one of all that they make."""

import os
import posix
import signal
from collections.abc import Callable

from tests.lab.host import Host
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.live import files, netlink, sysctl

CHANGING = {16, 17, 19, 20, 21, 24, 25, 28, 32, 33}
"""The messages of rtnetlink that change something."""


def is_killed(host: Host, number: int, function: Callable[[machine.Host], None]) -> bool:
    """Whether a function, called on a host, came to its change of that number, and was killed there."""
    try:
        on(host, killed_at(number, function))
    except AssertionError as error:
        assert "ended with -9" in str(error)
        return True
    return False


def killed_at(number: int, function: Callable[[machine.Host], None]) -> Callable[[machine.Host], int]:
    """Call a function and be killed just before its change of that number; how many changes there are."""

    def run(here: machine.Host) -> int:
        made = 0

        def counted(original: Callable[..., object], is_change: Callable[..., bool]) -> Callable[..., object]:
            def change(*words: object, **more: object) -> object:
                nonlocal made
                if is_change(*words):
                    if made == number:
                        os.kill(os.getpid(), signal.SIGKILL)
                    made += 1
                return original(*words, **more)

            return change

        for place, name in ((files, "put_in_place"), (files, "remove"), (sysctl, "write"), (posix, "write")):
            setattr(place, name, counted(getattr(place, name), lambda *_: True))
        netlink.Netlink.request = counted(  # type: ignore[method-assign,assignment]
            netlink.Netlink.request, lambda _, kind, *__: kind in CHANGING
        )
        function(here)
        return made

    return run
