"""A client of DHCP as a process: which program with which words, and how to hold it, end it, or have it run for a link.

It is never asked to end: some give their lease back, or take the address away, as they go.
"""

import posix
from _signal import SIGCONT, SIGKILL, SIGSTOP  # type: ignore[import-not-found]  # signal loads enum
from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import cgroup, programs
from vnethook.live import files, process
from vnethook.value import Value

ENDED_S = 5.0
"""How long a process that was killed has to be gone."""
STOPPED = "T"
"""The state of a process that a signal stopped. Source: proc(5)."""


class DhcpClient(Value):
    """A client that looks after a link's addresses of one IP version.

    `kind`: whose it is, "dhclient"; `program`: its path, with what follows before the arguments ("udhcpc" of busybox);
    `environment`: what of it counts; `leases`, `pid_file`: its files, `copies`: files that it reads and that are ours.
    `pid`, `since`: the process that was found, and its start time; 0 for one that is still to be started.
    """

    kind: str
    link: str
    version: int
    program: tuple[str, ...]
    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...] = ()
    leases: str = ""
    pid_file: str = ""
    copies: tuple[str, ...] = ()
    pid: int = 0
    since: int = 0

    @property
    def name(self) -> str:
        """Its program's name."""
        return files.base_name(self.program[-1])

    def __str__(self) -> str:
        return f"{self.name} of {self.link}" if self.version == 4 else f"{self.name} of {self.link} for IPv6"


def processes(client: DhcpClient, *, but: DhcpClient | None = None) -> list[int]:
    """The processes of a client, whoever started them, without the one of another that was found before."""
    other = (but.pid, but.since) if but else (0, 0)
    return [
        pid
        for pid in process.running()
        if _has_words(client, process.command_line(pid))
        and process.is_in_our_network(pid)
        and (pid, process.start_time(pid)) != other
    ]


def _has_words(client: DhcpClient, words: list[str]) -> bool:
    if files.base_name(words[0] if words else "") == "busybox":
        words = words[1:]
    return files.base_name(words[0] if words else "") == client.name and _essence(words[1:]) == _essence(
        client.arguments
    )


def _essence(arguments: "list[str] | tuple[str, ...]") -> list[str]:
    """Arguments without the one by which `start` has a client not wait for its lease."""
    return [word for word in arguments if word != "-nw"]


def is_held(client: DhcpClient) -> bool:
    """Whether none of its processes goes on."""
    return all(_state(pid) in {STOPPED, ""} for pid in processes(client))


def hold(client: DhcpClient) -> None:
    """Stop its processes where they are, so that they neither renew nor change anything."""
    _signal(processes(client), SIGSTOP)


def go_on(client: DhcpClient) -> bool:
    """Let its processes go on; whether there are any."""
    found = processes(client)
    _signal(found, SIGCONT)
    return bool(found)


def end(client: DhcpClient, *, but: DhcpClient | None = None) -> None:
    """End its processes without a chance to say goodbye, to server or script; HostError if they stay."""
    for pid in processes(client, but=but):
        end_process(pid, str(client))


def end_process(pid: int, what: str) -> None:
    """End one process and wait until it is gone; HostError if it stays."""
    _signal([pid], SIGKILL)
    deadline = monotonic() + ENDED_S
    while process.start_time(pid) is not None:
        if monotonic() > deadline:
            msg = f"{what} (process {pid}): end: it does not react to SIGKILL"
            raise HostError(msg)
        sleep(0.001)


def start(client: DhcpClient, *, timeout_s: float) -> None:
    """Start a client and wait for its lease; raise HostError if none comes in time, and it has been ended again."""
    environment = programs.ENVIRONMENT | dict(client.environment)
    try:
        done = programs.run(
            [*client.program, *client.arguments], timeout_s=timeout_s, environment=environment, shares_locks=False
        )
    except HostError as error:
        end(client)
        msg = f"{client}: start: no lease within {timeout_s:.0f} s"
        raise HostError(msg, hint="does the DHCP server answer? see the system log") from error
    if done.status != 0:
        end(client)
        msg = f"{client}: start: {done.reason}"
        raise HostError(msg, hint="see the system log")
    for pid in processes(client):
        cgroup.take_out(pid)


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            posix.kill(pid, number)
        except ProcessLookupError:
            continue


def _state(pid: int) -> str:
    """A process's state as proc(5) has it, empty if it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            stat = file.read()
    except OSError:
        return ""
    return stat[stat.rindex(b")") + 2 :].split()[0].decode()
