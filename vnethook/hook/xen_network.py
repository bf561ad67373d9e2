"""Xen's network script: `(network-script network-vnet)` in xend-config.sxp, or a call at boot where xl is used.

Contract: network-bridge of Xen 3.x and 4.x, tools/hotplug/Linux: start, stop or status at any position, and NAME=VALUE
of netdev, bridge, vifnum and antispoof. start and stop are no failure where there is nothing to do; bridge=null does
nothing; usage goes to stderr, with status 1. Nothing is read from xenstore, and no variable from the environment.
"""

import posix
import sys

from vnethook.errors import UsageError, VnetError
from vnethook.hook import serve
from vnethook.names import check_link_name, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from vnethook.host.host import Host
    from vnethook.live.paths import Paths

NAME = "network-vnet"
_HINT = f"usage: {NAME} start|stop|status [netdev=NIC] [bridge=BRIDGE] [vifnum=NUMBER] [antispoof=yes|no]"
_ACTIONS = ("start", "stop", "status")
_KEYS = ("netdev", "bridge", "vifnum", "antispoof")
_BOOLEANS = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}


class Call(Value):
    """What is asked: names are empty, and `antispoof` None, where nothing is said."""

    action: str
    netdev: str = ""
    bridge: str = ""
    antispoof: bool | None = None

    @property
    def is_for_nothing(self) -> bool:
        """Whether the administrator has turned the script off, as network-bridge has it."""
        return self.bridge == "null"


def main() -> int:
    """The exit status of network-vnet."""
    return serve.run(_run, sys.argv)


def parse(words: list[str]) -> Call:
    """The call in the script's arguments; raise UsageError for anything else."""
    actions = [word for word in words if "=" not in word]
    for action in actions:
        if action not in _ACTIONS:
            _refuse(action, "unknown")
    if len(actions) != 1:
        msg = f"{len(actions)} actions given, one is needed"
        raise UsageError(msg, hint=_HINT)
    given = _settings([word for word in words if "=" in word])
    number, antispoof = given.get("vifnum", ""), given.get("antispoof", "").lower()
    if number and not (number.isascii() and number.isdecimal() and len(number) <= 4):
        _refuse(f"vifnum={number}", "no number")
    if antispoof and antispoof not in _BOOLEANS:
        _refuse(f"antispoof={antispoof}", "neither yes nor no")
    bridge = given.get("bridge") or (f"xenbr{int(number)}" if number else "")
    return Call(actions[0], given.get("netdev", ""), bridge, _BOOLEANS.get(antispoof))


def _settings(words: list[str]) -> dict[str, str]:
    """What NAME=VALUE words say; an empty value says nothing, as in a wrapper that passes on what it was not given."""
    given = {}
    for key, _, value in (word.partition("=") for word in words):
        if key not in _KEYS:
            _refuse(key, "unknown")
        if value:
            given[key] = check_link_name(value) if key in {"netdev", "bridge"} else value
    return given


def _run(paths: "Paths", argv: list[str]) -> None:
    call = parse(argv[1:])
    if call.is_for_nothing:
        return
    from vnethook.host.host import Host  # noqa: PLC0415 (after the usage is checked)
    from vnethook.lifecycle.share import sharing  # noqa: PLC0415 (after the usage is checked)

    host = Host(paths)
    if call.action == "start":
        _start(host, call)
    elif call.action == "stop":
        sharing.stop(host, call.netdev, call.bridge)
    else:
        lines = sharing.status(host, call.netdev, call.bridge)
        posix.write(1, "".join(f"{line}\n" for line in lines).encode())


def _start(host: "Host", call: Call) -> None:
    """Share the NIC, and start what is marked for it whether that fails or not: guests need the one or the other."""
    from vnethook.lifecycle import autostart  # noqa: PLC0415 (after the usage is checked)
    from vnethook.lifecycle.share import sharing  # noqa: PLC0415 (after the usage is checked)

    errors: list[VnetError] = []
    try:
        sharing.start(host, call.netdev, sharing.Terms(call.bridge, call.antispoof))
    except VnetError as error:
        errors.append(error)
    errors += autostart.start(host)
    serve.warn(NAME, [error.report() for error in errors[1:]])
    if errors:
        raise errors[0]


def _refuse(word: str, reason: str) -> "NoReturn":
    msg = f"argument {shown(word)}: {reason}"
    raise UsageError(msg, hint=_HINT)
