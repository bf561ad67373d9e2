"""Call the package's own functions on a lab host, in a forked process of that host."""

import os
from collections.abc import Callable
from typing import TypeVar

from tests.lab.host import Host
from vnethook.host import host as machine
from vnethook.live import paths

Answer = TypeVar("Answer")


def on(host: Host, function: Callable[[machine.Host], Answer]) -> Answer:
    """What `function` answers, or raises, given vnethook's own view of this host."""

    def call() -> Answer:
        os.environ.update(host.environment)
        return function(machine.Host(paths.current()))

    return host.call(call)
