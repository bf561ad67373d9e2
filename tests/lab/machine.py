"""A machine made of namespaces: network, mounts and processes of its own; its files are the real machine's."""

import ctypes
import json
import os
import pickle
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

CHECKOUT = Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x20000, 0x20000000, 0x40000000  # linux/sched.h
PR_SET_PDEATHSIG = 1
Answer = TypeVar("Answer")
_libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition: Callable[[], Answer], what: str, *, timeout_s: float = 20) -> Answer:
    """What `condition` answers as soon as it is true; AssertionError naming `what` if that takes too long."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not (answer := condition()):
        if time.monotonic() > deadline:
            msg = f"waited {timeout_s} s for {what}"
            raise AssertionError(msg)
        pause.wait(0.02)
    return answer


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def _children_in(pid_namespace: str | None) -> Iterator[None]:
    """Processes started meanwhile are born in this PID namespace (None: in a new one), as direct children of ours."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if pid_namespace is None:
            _check(_libc.unshare(CLONE_NEWPID))
        else:
            theirs = os.open(pid_namespace, os.O_RDONLY | os.O_CLOEXEC)
            try:
                _check(_libc.setns(theirs, CLONE_NEWPID))
            finally:
                os.close(theirs)
        try:
            yield
        finally:
            _check(_libc.setns(own, CLONE_NEWPID))
    finally:
        os.close(own)


class Machine:
    """A context manager; inside it, `run`, `popen` and `call` work on the machine. `directory` goes away with it."""

    def __init__(self, name: str = "machine") -> None:
        self.name = name
        self.directory = Path()
        self._init: subprocess.Popen[bytes] | None = None
        self._programs: list[subprocess.Popen[Any]] = []

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix=f"vnethook-{self.name}-", dir="/tmp"))
        self.directory.chmod(0o755)  # dnsmasq reads its files as nobody
        words = [
            "unshare",
            "--net",
            "--mount-proc",
            PYTHON,
            "-IS",
            CHECKOUT / "tests/lab/init_of_machine.py",
            self.directory,
        ]
        with _children_in(None):
            self._init = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={"PATH": SYSTEM_PATH},
                cwd=CHECKOUT,
                start_new_session=True,
            )
        assert self._init.stdout
        if self._init.stdout.readline() != b"ready\n":
            self.close()
            msg = "namespaces cannot be made here"
            raise OSError(msg)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes of the machine and wait for the kernel to take its namespaces down."""
        if self._init:
            self._init.kill()
            for program in self._programs:  # the kernel keeps the namespace until its dead are reaped
                with program:
                    program.kill()
            self._init.communicate()
            self._init = None
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def pid(self) -> int:
        """The machine's first process, as seen from outside."""
        assert self._init, f"{self.name} is not up"
        return self._init.pid

    @property
    def environment(self) -> dict[str, str]:
        """What every command of the machine gets."""
        return {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": "/root"}

    def popen(
        self, words: Sequence[str | Path], *, env: dict[str, str] | None = None, **options: Any
    ) -> "subprocess.Popen[Any]":
        """Start a program; its pid is the program's own, and its working directory the checkout.

        Its parent is outside of the PID namespace, so that it sees the parent 0.
        """
        enter = ["nsenter", f"--target={self.pid}", "--net", "--mount", "--root", "--wd", "--", *words]
        with _children_in(f"/proc/{self.pid}/ns/pid"):
            program = subprocess.Popen(enter, env=self.environment | (env or {}), **options)
        self._programs = [*(one for one in self._programs if one.poll() is None), program]
        return program

    def run(
        self,
        words: Sequence[str | Path],
        *,
        check: bool = True,
        stdin: str = "",
        timeout_s: float = 120,
        env: dict[str, str] | None = None,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end; AssertionError with what it said if it fails and `check` is set."""
        process = self.popen(
            words, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        with process:
            try:
                out, err = process.communicate(stdin, timeout=timeout_s)
            except BaseException:
                process.kill()
                raise
        if check and process.returncode != 0:
            msg = f"{self.name}: {' '.join(map(str, words))}: status {process.returncode}\n{out}{err}"
            raise AssertionError(msg)
        return subprocess.CompletedProcess(list(words), process.returncode, out, err)

    def json(self, words: Sequence[str | Path]) -> Any:
        """What a program prints, read as JSON; nothing printed is an empty list."""
        return json.loads(self.run(words).stdout or "[]")

    def call(self, function: Callable[[], Answer]) -> Answer:
        """What `function` answers, or raises, in a forked process on this machine; changes in memory are lost."""
        reader, writer = os.pipe()
        target = f"/proc/{self.pid}"
        with _children_in(f"{target}/ns/pid"):
            child = os.fork()
            if child == 0:
                _answer(function, target, writer)
        os.close(writer)
        try:
            with os.fdopen(reader, "rb") as pipe:
                data = pipe.read()
        except BaseException:
            os.kill(child, signal.SIGKILL)
            raise
        finally:
            _, status = os.waitpid(child, 0)
        if not data:
            msg = f"{self.name}: the called function ended with {os.waitstatus_to_exitcode(status)}"
            raise AssertionError(msg)
        is_good, answer = pickle.loads(data)
        if not is_good:
            raise answer
        return answer  # type: ignore[no-any-return]

    def lay_cable(self, ours: str, other: "Machine", theirs: str, *, mac: str = "") -> None:
        """Join two machines by a veth pair, both ends up; `mac` is for the end here.

        The kernel takes an earlier machine's cable away some time after that is gone, so its name is waited for.
        """
        wait_for(lambda: self._has_cable(ours, other, theirs, mac), f"link {theirs!r} of an earlier machine to go")
        self.run(["ip", "link", "set", ours, "up"])
        other.run(["ip", "link", "set", theirs, "up"])

    def _has_cable(self, ours: str, other: "Machine", theirs: str, mac: str) -> bool:
        """Make a veth pair; False if the other end has a link of that name."""
        with open(f"/proc/{other.pid}/ns/net", "rb") as namespace:
            there = f"/proc/self/fd/{namespace.fileno()}"  # pids of one machine mean nothing on another
            words = [
                "ip",
                "link",
                "add",
                ours,
                *(["address", mac] if mac else []),
                "type",
                "veth",
                "peer",
                "name",
                theirs,
                "netns",
                there,
            ]
            with self.popen(words, pass_fds=[namespace.fileno()], stderr=subprocess.PIPE, text=True) as process:
                error = process.stderr.read() if process.stderr else ""
        is_taken = "File exists" in error
        assert process.returncode == 0 or is_taken, error
        return not is_taken

    def add_user(self, name: str, number: int) -> None:
        """Let a user and a group of that name and number be known on this machine alone."""
        for file, line in (("passwd", f"{name}:x:{number}:{number}::/:/bin/false"), ("group", f"{name}:x:{number}:")):
            known = Path("/etc", file).read_text().splitlines()
            copy = self.directory / file
            copy.write_text("\n".join([*(old for old in known if not old.startswith(f"{name}:")), line, ""]))
            self.run(["mount", "--bind", copy, f"/etc/{file}"])

    def connects(self, address: str, port: int, *, timeout_s: float = 2) -> bool:
        """Whether a TCP connection from here opens."""

        def connect() -> bool:
            import socket

            try:
                socket.create_connection((address, port), timeout_s).close()
            except OSError:
                return False
            return True

        return self.call(connect)

    def processes(self) -> list[str]:
        """The command lines of what runs here, but for the first process and what is dead and not yet reaped."""

        def command_lines() -> list[str]:
            found = []
            for pid in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    words = Path("/proc", pid, "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()
                except OSError:
                    continue
                if words and int(pid) not in {1, os.getpid()}:
                    found.append(words)
            return sorted(found)

        return self.call(command_lines)


def _answer(function: Callable[[], Any], target: str, writer: int) -> None:
    """In the forked process of `Machine.call`: enter the machine, write the pickled answer, never return."""
    status = 1
    try:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        root = os.open(f"{target}/root", os.O_RDONLY | os.O_DIRECTORY)
        namespaces = [
            (os.open(f"{target}/ns/{name}", os.O_RDONLY), kind)
            for name, kind in (("net", CLONE_NEWNET), ("mnt", CLONE_NEWNS))
        ]
        for namespace, kind in namespaces:
            _check(_libc.setns(namespace, kind))
            os.close(namespace)
        os.fchdir(root)
        os.chroot(".")
        os.chdir(CHECKOUT)
        os.close(root)
        try:
            data = pickle.dumps((True, function()))
        except BaseException as error:  # noqa: BLE001 (whatever it is, the caller gets it)
            try:
                data = pickle.dumps((False, error))
                pickle.loads(data)
            except Exception:  # noqa: BLE001 (an exception that cannot travel)
                data = pickle.dumps((False, AssertionError(f"{type(error).__name__}: {error}")))
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(data)
        status = 0
    finally:
        os._exit(status)
