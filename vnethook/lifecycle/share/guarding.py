"""The guard of a NIC that is being shared: a process that takes it back unless somebody confirms that all is well.

It runs out of the session and the control group of whoever shares, so that it outlives a terminal that goes, the
command and the service that it was. hook/share_guard.py is what it does.
"""

import posix

from vnethook.host import programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.shared_interface import SharedInterface

_PACKAGES = __file__.rsplit("/", 4)[0]
_START = "import sys; sys.path.append(sys.argv.pop(1)); from vnethook.hook.share_guard import main; main(sys.argv)"


def arm(host: "Host", shared: "SharedInterface") -> None:
    """Start the guard, which watches this process, too; raise HostError if it does not run."""
    paths = host.paths
    word = _word(host, shared)
    argv = [programs.require("python3"), "-IS", "-c", _START, _PACKAGES, word, shared.bridge, str(posix.getpid())]
    argv += [str(shared.confirm_by), paths.etc, paths.run, paths.state, paths.resolv_conf]
    host.daemons.start(argv, record=_record(host, shared), pid_file=_pid_file(host, shared), word=word, tag="")


def is_armed(host: "Host", shared: "SharedInterface") -> bool:
    """Whether the guard runs."""
    return host.daemons.running(_record(host, shared), _word(host, shared)) is not None


def disarm(host: "Host", shared: "SharedInterface") -> None:
    """End the guard, whose NIC has been given back or is kept; nothing if there is none."""
    host.daemons.stop(record=_record(host, shared), pid_file=_pid_file(host, shared), word=_word(host, shared))


def name(bridge: str) -> str:
    """What its files are called."""
    return f"share-guard-{bridge}"


def _word(host: "Host", shared: "SharedInterface") -> str:
    """The argument that no other process has."""
    return f"vnethook-share-guard:{host.paths.run}:{shared.bridge}"


def _record(host: "Host", shared: "SharedInterface") -> str:
    return f"{host.paths.run}/{name(shared.bridge)}.json"


def _pid_file(host: "Host", shared: "SharedInterface") -> str:
    return f"{host.paths.run}/{name(shared.bridge)}.pid"
