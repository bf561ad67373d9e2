"""A small client of xenstore: read, list, write, remove, transactions; every wait has an end. Part of a warm hook.

The socket is $XENSTORED_PATH, $XENSTORED_RUNDIR/socket or /var/run/xenstored/socket, as Xen's own library has it: who
calls this as root may say where root's programs find the store, a set-id process is not told. Where there is no socket
(the store is another domain's), the same bytes go to /dev/xen/xenbus. Source: xen/io/xs_wire.h, docs/misc/xenstore.txt.
"""

import posix
from _socket import AF_UNIX, SO_RCVTIMEO, SO_SNDTIMEO, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET, socket
from _struct import Struct
from errno import EAGAIN

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.paths import variables
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

SOCKET = "/var/run/xenstored/socket"
DEVICES = ("/dev/xen/xenbus", "/proc/xen/xenbus")
TIMEOUT_S = 10.0
"""For one answer: xenstored is one thread, and on a busy host has much to do."""
PAYLOAD_MAX = 4096
PATH_MAX = 2048
_RECEIVE_BYTES = 1 << 14
_DIRECTORY, _READ, _BEGIN, _END, _WRITE, _REMOVE, _EVENT, _ERROR = 1, 2, 6, 7, 11, 13, 15, 16
_HEADER = Struct("=IIII")
_TIMEVAL = Struct("@ll")
_PATH = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-/_@")
_TRIES = 32
_HINT = "is xenstored running? see `xenstore-ls`"


class StoreError(HostError):
    """What the store refused, `reason`: its word for it ("EACCES"), empty if it was not reached or gave no answer.

    `is_lost`: it was reached before, and has closed the connection since.
    """

    def __init__(self, message: str, *, reason: str = "", hint: str = "", is_lost: bool = False) -> None:
        super().__init__(message, hint=hint)
        self.reason = reason
        self.is_lost = is_lost

    @property
    def is_unreached(self) -> bool:
        """Whether there is no store to speak to."""
        return not self.reason and not self.is_lost


class Store:
    """The xenstore, for `with`; connected at the first question. All methods raise StoreError."""

    def __init__(self, *, timeout_s: float | None = None) -> None:
        self._timeout_s = TIMEOUT_S if timeout_s is None else timeout_s
        self._wire: _Socket | _Device | None = None
        self._request = 0
        self._transaction = 0

    def __enter__(self) -> "Self":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; what is left of a transaction ends with it."""
        if self._wire is not None:
            self._wire.close()
            self._wire = None

    def read(self, path: str) -> str:
        """The value of a node."""
        return _text(self._ask(_READ, "read", path))

    def find(self, path: str) -> str | None:
        """The value of a node, None if it does not exist."""
        return self.find_all(path)[0]

    def find_all(self, *paths: str) -> list[str | None]:
        """The values of nodes, asked for at once; None for one that does not exist."""
        answers = self._ask_all([(_READ, "read", path, b"") for path in paths])
        for answer in answers:
            if isinstance(answer, StoreError) and answer.reason != "ENOENT":
                raise answer
        return [None if isinstance(answer, StoreError) else _text(answer) for answer in answers]

    def directory(self, path: str) -> list[str]:
        """The names of the nodes below one."""
        return [name for name in _text(self._ask(_DIRECTORY, "list", path)).split("\0") if name]

    def write(self, path: str, value: str) -> None:
        """Set a node, made with those above it if it is not there; the value is kept as it is, without an end."""
        self._ask(_WRITE, "write", path, value.encode("utf-8", "backslashreplace"))

    def remove(self, path: str) -> None:
        """Remove a node with all below it; nothing if it is gone."""
        try:
            self._ask(_REMOVE, "remove", path)
        except StoreError as error:
            if error.reason != "ENOENT":
                raise

    def transact(self, change: "Callable[[Store], bool]") -> bool:
        """Do all of `change` or nothing, again if somebody else was faster; what it answers: False undoes it."""
        for _ in range(_TRIES):
            self._transaction = int(_text(self._ask(_BEGIN, "begin a transaction", "")).rstrip("\0"))
            try:
                is_wanted = change(self)
            except BaseException:
                self._abandon()
                raise
            try:
                self._ask(_END, "end a transaction", "", b"T\0" if is_wanted else b"F\0")
            except StoreError as error:
                if error.reason != "EAGAIN":
                    raise
                continue
            finally:
                self._transaction = 0
            return is_wanted
        msg = f"xenstore: end a transaction: {posix.strerror(EAGAIN)}, {_TRIES} times"
        raise StoreError(msg, reason="EAGAIN", hint="other programs write there without a pause")

    def _abandon(self) -> None:
        if self._wire is not None:
            try:
                self._ask(_END, "end a transaction", "", b"F\0")
            except StoreError:
                self.close()
        self._transaction = 0

    def _ask(self, kind: int, verb: str, path: str, value: bytes = b"") -> bytes:
        [answer] = self._ask_all([(kind, verb, path, value)])
        if isinstance(answer, StoreError):
            raise answer
        return answer

    def _ask_all(self, questions: "list[tuple[int, str, str, bytes]]") -> "list[bytes | StoreError]":
        """The answers to (kind, verb, path, value), or what of them was refused; raise what is not xenstored's."""
        _, verb, path, _ = questions[0]
        messages = [(kind, _payload(kind, verb, path, value)) for kind, verb, path, value in questions]
        try:
            answers = self._exchange(messages)
        except OSError as error:
            reason, is_lost = self._reason(error), self._wire is not None and not _is_timeout(error)
            self.close()
            raise StoreError(f"{_what(verb, path)}: {reason}", hint=_HINT, is_lost=is_lost) from error  # noqa: EM102 (by parts)
        except BaseException:
            self.close()  # half a message may be on its way
            raise
        return [
            _refusal(verb, path, data) if kind == _ERROR else data
            for (_, verb, path, _), (kind, data) in zip(questions, answers, strict=True)
        ]

    def _reason(self, error: OSError) -> str:
        if _is_timeout(error):
            return f"no answer within {self._timeout_s:g} s"
        where = shown(socket_path(variables()))
        if self._wire is None and error.errno:
            return f"connect to {where}: {posix.strerror(error.errno)}"
        return posix.strerror(error.errno) if error.errno else str(error)

    def _exchange(self, messages: "list[tuple[int, bytes]]") -> "list[tuple[int, bytes]]":
        """Send messages and wait for their answers, which come in their order, past events."""
        if self._wire is None:
            self._wire = _connect(self._timeout_s)
        sent = []
        for kind, payload in messages:
            self._request += 1
            sent.append(_HEADER.pack(kind, self._request, self._transaction, len(payload)) + payload)
        self._wire.send(sent)
        answers: list[tuple[int, bytes]] = []
        heard = b""
        while len(answers) < len(messages):
            while len(heard) < _HEADER.size or len(heard) < _HEADER.size + _HEADER.unpack_from(heard)[3]:
                part = self._wire.receive(_RECEIVE_BYTES)
                if not part:
                    msg = "the connection was closed"
                    raise OSError(msg)
                heard += part
            kind, request, _, length = _HEADER.unpack_from(heard)
            if kind != _EVENT and request == self._request - len(messages) + len(answers) + 1:
                answers.append((kind, heard[_HEADER.size : _HEADER.size + length]))
            heard = heard[_HEADER.size + length :]
        return answers


def _payload(kind: int, verb: str, path: str, value: bytes) -> bytes:
    if path and not (_PATH.issuperset(path) and len(path) <= PATH_MAX):
        msg = f"xenstore: {verb} {shown(path)}: not a path there"
        raise StoreError(msg, reason="EINVAL")
    payload = (path.encode() + b"\0" if path or kind == _BEGIN else b"") + value
    if len(payload) > PAYLOAD_MAX:
        msg = f"{_what(verb, path)}: {len(payload)} bytes, {PAYLOAD_MAX} at most"
        raise StoreError(msg, reason="E2BIG")
    return payload


def _what(verb: str, path: str) -> str:
    return f"xenstore: {verb} {path!r}" if path else f"xenstore: {verb}"


def _refusal(verb: str, path: str, data: bytes) -> StoreError:
    name = _text(data).rstrip("\0")
    return StoreError(f"{_what(verb, path)}: {_REASONS.get(name, name)}", reason=name)


def _is_timeout(error: OSError) -> bool:
    return isinstance(error, BlockingIOError | TimeoutError)


_REASONS = {"ENOENT": "no such node", "EACCES": "permission denied", "EQUOTA": "quota exceeded"}


class _Socket:
    """The connection to xenstored.

    Its waits end by options of the socket: a connect that cannot wait is refused where many come at once, since
    xenstored lets few stand in line.
    """

    def __init__(self, path: str, timeout_s: float) -> None:
        self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        try:
            timeval = _TIMEVAL.pack(int(timeout_s), int(timeout_s % 1 * 1e6))
            for option in (SO_SNDTIMEO, SO_RCVTIMEO):
                self._socket.setsockopt(SOL_SOCKET, option, timeval)
            self._socket.connect(path)
        except BaseException:
            self._socket.close()
            raise

    def send(self, messages: list[bytes]) -> None:
        self._socket.sendall(b"".join(messages))

    def receive(self, length: int) -> bytes:
        return self._socket.recv(length)

    def close(self) -> None:
        self._socket.close()


class _Device:
    """The way to the store of another domain."""

    def __init__(self, path: str, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._fd = posix.open(path, posix.O_RDWR | posix.O_CLOEXEC)

    def send(self, messages: list[bytes]) -> None:
        for message in messages:  # the kernel takes one by each write: xenbus_dev_frontend.c
            posix.write(self._fd, message)

    def receive(self, length: int) -> bytes:
        import select  # noqa: PLC0415 (few hosts have their store elsewhere)

        if not select.select([self._fd], [], [], self._timeout_s)[0]:
            raise TimeoutError
        return posix.read(self._fd, length)

    def close(self) -> None:
        posix.close(self._fd)


def _connect(timeout_s: float) -> "_Socket | _Device":
    path = socket_path(variables())
    try:
        return _Socket(path, timeout_s)
    except FileNotFoundError:
        device = next((device for device in DEVICES if files.exists(device)), None)
        if device is None:
            raise
        return _Device(device, timeout_s)


def socket_path(environ: "Mapping[str, str]") -> str:
    """Where xenstored listens; what a set-id process was told is not heard. Source: xs_daemon_socket(), libxenstore."""
    if posix.getuid() != posix.geteuid() or posix.getgid() != posix.getegid():
        return SOCKET
    directory = environ.get("XENSTORED_RUNDIR", "")
    return environ.get("XENSTORED_PATH", "") or (f"{directory}/socket" if directory else SOCKET)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
