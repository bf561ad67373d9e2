"""The verb `bridge-serve`: root's side of the bridge helper for ordinary users, on a host without systemd."""

import os
import socket

import click

from vnethook.cli.verb import verb
from vnethook.errors import HostError, StateError, UsageError
from vnethook.live import files, paths
from vnethook.live.lock import Lock

_PACKAGES = __file__.rsplit("/", 3)[0]
_START = (
    "import sys; sys.path.append(sys.argv.pop(1)); del sys.argv[0]; from vnethook.hook import loader; "
    "loader.install(); from vnethook.hook.bridge_service import main; sys.exit(main())"
)
_BACKLOG = 256


@verb
@click.option("--group", metavar="GROUP", help="Only users of this group may call; else bridge.conf alone says who.")
def bridge_serve(*, group: str | None) -> None:
    """Give QEMUs of ordinary users what bridge.conf allows.

    What vnethook-bridge.socket does where there is systemd. Listens for hooks/qemu/qemu-bridge-helper until SIGTERM or
    SIGINT; what it has given stays when it ends.
    """
    from vnethook.hook import bridge_service  # noqa: PLC0415 (only here)
    from vnethook.host import programs  # noqa: PLC0415 (as above)

    if os.geteuid() != 0:
        msg = f"user {os.geteuid()}: serve other users: not permitted"
        raise HostError(msg, hint="only root has NICs to give")
    places = paths.current()
    listener = _listener(places, _number(group) if group else None)
    os.dup2(listener.fileno(), bridge_service.PASSED)
    os.set_inheritable(bridge_service.PASSED, True)  # noqa: FBT003 (its only form; it may have been that one already)
    variables = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1"}
    words = ["-IS", "-c", _START, _PACKAGES, bridge_service.NAME, bridge_service.FOR_GOOD]
    python = programs.require("python3")
    os.execve(python, [python, *words], {**os.environ, **variables})  # noqa: S606 (as it is meant)


def _listener(places: paths.Paths, group: int | None) -> socket.socket:
    """A socket that listens where the helper looks; raise StateError if somebody else does already."""
    path = places.bridge_socket
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with Lock(f"{places.locks}/.bridge-socket") as lock:
        lock.finish()
        if _is_served(path):
            msg = f"socket {path!r}: listen: somebody does already"
            raise StateError(msg, hint="`vnet bridge-serve` runs, or vnethook-bridge.socket of systemd")
        files.remove(path)
        try:
            before = os.umask(0o177)
            try:
                listener.bind(path)
            finally:
                os.umask(before)
            if group is not None:
                os.chown(path, 0, group)
            listener.listen(_BACKLOG)
            os.chmod(path, 0o666 if group is None else 0o660)
        except OSError as error:
            msg = f"socket {path!r}: listen: {os.strerror(error.errno or 0)}"
            raise HostError(msg) from error
    return listener


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as caller:
        try:
            caller.connect(path)
        except OSError:
            return False
    return True


def _number(group: str) -> int:
    import grp  # noqa: PLC0415 (only here)

    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        pass
    if group.isascii() and group.isdigit() and len(group) < 10:
        return int(group)
    msg = f"argument --group: {group!r}: no such group"
    raise UsageError(msg)
