"""One attempt at a link with another host, in a process of its own: it may wait for names, answers and handshakes.

It tells the supervisor by a message on `report`, JSON: `{"peer": …, …}` once the far end is there and is who it should
be, else `{"error": why}`. What a listener is told on, it asks: the supervisor answers `{}` or `{"error": why}`, and the
far end is told the same in one line before the first frame.
"""

import array  # noqa: F401 (socket.send_fds wants it, when we may be nobody who reads no file of ours)
import json
import socket
import ssl
from collections.abc import Callable

from vnethook.hook.link_ssh import WELCOME
from vnethook.host import link_process, link_stream, link_tls, log
from vnethook.live import files
from vnethook.live.link_config import Target
from vnethook.names import shown

HANDSHAKE_S = 10
"""From the first byte to the last of all that comes before frames."""
_REFUSED = b"vnethook: refused: "
_LINE = 300
"""The longest line that a far end may say before the first frame."""


class AttemptError(Exception):
    """Why there is no link."""


def with_first(work: Callable[..., None], *first: object) -> Callable[[socket.socket, socket.socket], None]:
    """`work` as an attempt, with its first arguments."""
    return lambda report, plain: work(*first, report, plain)


def with_names(resolv_conf: str, work: Callable[..., None]) -> Callable[[socket.socket, socket.socket], None]:
    """`work` as an attempt that looks names up by the name servers of a file; without it where it is not there."""

    def attempt(report: socket.socket, plain: socket.socket) -> None:
        if files.exists(resolv_conf):
            try:
                link_process.ask_by(resolv_conf)
            except OSError as error:
                log.warning(f"a link's process: /etc/resolv.conf: {error.strerror}: asks the machine's name servers")
        work(report, plain)

    return attempt


def connect(target: Target) -> socket.socket:
    """A connection to the far host, by the first of its addresses that answers; raise AttemptError."""
    try:
        found = socket.getaddrinfo(target.address.encode(), target.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        msg = f"{target.address}: {error.strerror}"
        raise AttemptError(msg) from error
    reasons = []
    for family, kind, protocol, _, address in found:
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(HANDSHAKE_S)
        try:
            stream.connect(address)
        except OSError as error:
            stream.close()
            reasons.append(link_tls.reason(error))
            continue
        link_stream.notice_death(stream, target.keepalive_s)
        return stream
    raise AttemptError(", ".join(dict.fromkeys(reasons)))


def connect_plain(target: Target, report: socket.socket, _plain: socket.socket) -> None:
    """Connect by TCP, and hand the connection over."""
    try:
        stream = connect(target)
    except AttemptError as error:
        tell(report, error=str(error))
        return
    stream.settimeout(None)
    socket.send_fds(report, [json.dumps({"peer": ""}).encode()], [stream.fileno()])


def connect_tls(target: Target, context: ssl.SSLContext, report: socket.socket, plain: socket.socket) -> None:
    """Connect, shake hands, hear that we are welcome, then carry bytes until one end closes."""
    try:
        stream = connect(target)
        name = target.peer or target.address
        try:
            secure = context.wrap_socket(stream, server_hostname=name)
            far = link_tls.peer(secure)
            hear_welcome(secure)
        except OSError as error:
            raise AttemptError(link_tls.reason(error)) from error
        tell(report, peer=far.name, expires=far.expires)
        _carry(secure, plain)
    except AttemptError as error:
        tell(report, error=str(error))


def accept_tls(stream: socket.socket, context: ssl.SSLContext, report: socket.socket, plain: socket.socket) -> None:
    """Shake hands with who has connected, ask whether it may, then carry bytes until one end closes."""
    try:
        stream.settimeout(HANDSHAKE_S)
        try:
            secure = context.wrap_socket(stream, server_side=True)
        except OSError as error:
            raise AttemptError(link_tls.reason(error)) from error
        far = link_tls.peer(secure)
        tell(report, peer=far.name, names=far.names, expires=far.expires)
        answer = json.loads(report.recv(1 << 16) or b'{"error": "closed"}')
        try:
            if "error" in answer:
                secure.sendall(_REFUSED + answer["error"].encode() + b"\n")
                secure.unwrap()
                return
            secure.sendall(WELCOME)
        except OSError as error:
            raise AttemptError(link_tls.reason(error)) from error
        _carry(secure, plain)
    except AttemptError as error:
        tell(report, error=str(error))


def tell(report: socket.socket, **said: "str | int | tuple[str, ...]") -> None:
    """Send the supervisor a message."""
    report.send(json.dumps(said).encode())


def check_welcome(line: bytes) -> None:
    """Raise AttemptError unless the far end says by its line that frames may follow."""
    if line == WELCOME:
        return
    if line.startswith(_REFUSED):
        raise AttemptError("refused by the far end: " + shown(line[len(_REFUSED) :].decode(errors="replace").strip()))
    what = shown(line.decode(errors="replace").strip()) if line else "nothing"
    msg = f"the far end is no link of vnethook's: it said {what}"
    raise AttemptError(msg)


def hear_welcome(stream: socket.socket) -> None:
    """Take the far end's one line, and not a byte of the frames after it."""
    line = b""
    while not line.endswith(b"\n") and len(line) < _LINE:
        byte = stream.recv(1)
        if not byte:
            break
        line += byte
    check_welcome(line)


def _carry(secure: ssl.SSLSocket, plain: socket.socket) -> None:
    try:
        link_stream.relay(secure, plain)
    except OSError as error:
        raise AttemptError(link_tls.reason(error)) from error
