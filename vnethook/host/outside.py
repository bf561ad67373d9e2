"""What a user's namespace has outside of it: a process that starts programs there, and knows the machine's network.

Nobody gets back out of a namespace, and what leads a user's networks out has to run outside. So whoever makes or enters
the namespace sees that a process of ours is there (hook/outside.py), which listens on a socket in the user's run
directory; it ends with the namespace. One message asks it for one thing; it answers with JSON, and a descriptor where
that is the thing.
"""

import posix
from _socket import AF_UNIX, CMSG_SPACE, SCM_RIGHTS, SO_PEERCRED, SOCK_CLOEXEC, SOCK_SEQPACKET, SOL_SOCKET, socket
from _struct import Struct

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files, process
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths

RUN, LINKS, UPLINK = "run", "links", "uplink"
PROGRAMS = ("pasta", "slirp4netns", "vde_plug", "vde_switch", "slirpvde")
"""What it starts: nothing that a user could not, and nothing else."""
LISTENER = 3
"""The descriptor by which it gets its socket."""
MESSAGE_MAX = 1 << 16
ANSWER_S = programs.TIMEOUT_S + 5
_CREDENTIALS = Struct("=3i")
_DESCRIPTOR = Struct("=i")
_PACKAGES = __file__.rsplit("/", 3)[0]
_START = "import sys; sys.path.append(sys.argv.pop(1)); from vnethook.hook.outside import main; main(sys.argv)"


def start(paths: "Paths") -> tuple[int, int]:
    """Start it; its pid and start time. Call it outside."""
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
    directory = posix.open(paths.run, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
    try:
        files.remove(path(paths))
        listener.bind(_by_descriptor(directory))  # a socket's path is 107 bytes long at most, unix(7)
        listener.listen(16)
        argv = [programs.require("python3"), "-IS", "-c", _START, _PACKAGES, f"vnethook-outside:{paths.run}"]
        pid = programs.start_detached(argv, {LISTENER: listener.fileno()})
    finally:
        posix.close(directory)
        listener.close()
    return pid, process.start_time(pid) or 0


def run(paths: "Paths", argv: list[str]) -> None:
    """Run one of PROGRAMS outside, which goes into the background or ends; raise HostError with its last words.

    The first word is its name.
    """
    programs.require(argv[0])
    answer, _ = _ask(paths, {"what": RUN, "argv": argv})
    if answer["status"]:
        msg = f"{argv[0]}: start: {answer['reason']}"
        raise HostError(msg)


def links(paths: "Paths") -> Links:
    """The links of the machine around the namespace."""
    _, descriptor = _ask(paths, {"what": LINKS})
    return Links(descriptor)


def uplink(paths: "Paths", question: "dict[str, Any]") -> "dict[str, Any]":
    """How the uplink is, once what is wanted of it is done (hook/uplink.py); raise HostError if nobody is outside."""
    answer, _ = _ask(paths, {"what": UPLINK, **question})
    if "why" not in answer and "refused" not in answer:
        msg = f"user's networks: what is outside their namespace: {answer.get('reason', 'gave no answer')}"
        raise HostError(msg)
    return answer


def _ask(paths: "Paths", request: "dict[str, Any]") -> "tuple[dict[str, Any], int]":
    client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)
    try:
        directory = posix.open(paths.run, posix.O_RDONLY | posix.O_DIRECTORY | posix.O_CLOEXEC)
        try:
            client.settimeout(ANSWER_S)
            client.connect(_by_descriptor(directory))
        finally:
            posix.close(directory)
        client.send(files.dumps(request).encode())
        text, ancillary, _, _ = client.recvmsg(MESSAGE_MAX, CMSG_SPACE(_DESCRIPTOR.size))
    except OSError as error:
        msg = f"user's networks: reach what is outside their namespace: {error.strerror or error}"
        raise HostError(msg, hint="`vnet net-repair NETWORK`, called outside of `vnet run`, starts it again") from error
    finally:
        client.close()
    found = [data for level, kind, data in ancillary if (level, kind) == (SOL_SOCKET, SCM_RIGHTS)]
    answer = files.loads(text.decode()) if text else {"status": 1, "reason": "it ended"}
    return answer, _DESCRIPTOR.unpack(found[0])[0] if found else -1


def peer(client: socket) -> int:
    """The number of the user at the other end of a connection. Source: unix(7)."""
    user: int = _CREDENTIALS.unpack(client.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))[1]
    return user


def path(paths: "Paths") -> str:
    """Where its socket is."""
    return f"{paths.run}/outside.socket"


def _by_descriptor(directory: int) -> str:
    return f"/proc/self/fd/{directory}/outside.socket"
