"""The clients of DHCP that can be handed over to another link, each known by its program's name, as processes.

None is asked to end: some give their lease back, or take the address away, as they go.
"""

import posix
from _signal import SIGCONT, SIGKILL, SIGSTOP  # type: ignore[import-not-found]  # signal loads enum
from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import cgroup, dhclient, dhcpcd, programs, supervised
from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

KINDS: "dict[str, ModuleType]" = {"dhclient": dhclient, "dhcpcd": dhcpcd}
ENDED_S = 5.0
"""How long a process that was killed has to be gone."""
STOPPED = "T"
"""The state of a process that a signal stopped. Source: proc(5)."""


def read(pid: int, words: list[str], nic: str) -> DhcpClient | str | None:
    """The client that a process is, why it cannot be handed over, or None if it is a part of another."""
    try:
        program, environment = [posix.readlink(f"/proc/{pid}/exe")], _environment(pid)
    except OSError as error:
        return f"cannot be looked at ({posix.strerror(error.errno or 0)})"
    if files.base_name(words[0]) == "busybox" or files.base_name(program[0]) == "busybox":
        words = words[1:] if files.base_name(words[0]) == "busybox" else words
        program.append(files.base_name(words[0]))
    kind = KINDS.get(files.base_name(program[-1]))
    if kind is None:
        return "is of no kind that is known here"
    found = kind.read(words, environment, nic)
    if not isinstance(found, DhcpClient):
        return found  # type: ignore[no-any-return]
    if not _is_roots(pid, program[0]):
        return "is not root's, so that root runs nothing that it says"
    if unit := supervised.restarted_by(pid):
        return f"{unit} would start again"
    client: DhcpClient = found.replace(program=tuple(program), pid=pid, since=process.start_time(pid) or 0)
    return client


def _is_roots(pid: int, program: str) -> bool:
    """Whether root has started a process: anybody can have one with these words, of a program of that name.

    A client that has given root up has a part that has not, as its parent or its child.
    """
    if process.user(pid) == 0:
        return True
    family = [process.parent(pid), *(one for one in process.running() if process.parent(one) == pid)]
    return any(process.user(one) == 0 and files.link_target(f"/proc/{one}/exe") == program for one in family)


def successor(client: DhcpClient, link: str) -> DhcpClient:
    """The same client for another link."""
    return KINDS[client.kind].successor(client, link)  # type: ignore[no-any-return]


def carry(source: DhcpClient, target: DhcpClient) -> None:
    """Give a client that does not run what another knows, and take from the other's past what hinders it."""
    KINDS[source.kind].carry(source, target)
    files.remove(target.pid_file)


def carry_back(source: DhcpClient, target: DhcpClient) -> None:
    """Give what a successor has learned to the client that runs again; nothing where there is no such file any more."""
    carry(source.replace(made=()), target.replace(made=()))


def start_trying(client: DhcpClient) -> None:
    """Start a client that goes on to ask in the background; raise HostError if it does not start."""
    start(client.replace(arguments=KINDS[client.kind].not_waiting(client.arguments)), timeout_s=5)


def is_there(client: DhcpClient) -> bool:
    """Whether the process that was found still runs."""
    return client.pid != 0 and process.start_time(client.pid) == client.since


def end_found(client: DhcpClient) -> None:
    """End the process that was found, and no other with the same words; its file that names it goes, too."""
    if is_there(client):
        end_process(client.pid, str(client))
    if (files.read_text(client.pid_file) or "").strip() == str(client.pid):
        files.remove(client.pid_file)


def forget(client: DhcpClient, *, but: DhcpClient) -> None:
    """Remove the files of a client that has ended, but for those that another has, too."""
    for path in {client.leases, client.pid_file, *client.made} - {but.leases, but.pid_file, ""}:
        files.remove(path)


def lease_s(client: DhcpClient) -> int:
    """For how many seconds it has its newest lease, where its script does not tell the kernel; else 0."""
    return KINDS[client.kind].lease_s(client)  # type: ignore[no-any-return]


def processes(client: DhcpClient, *, but: DhcpClient | None = None) -> list[int]:
    """The processes of root's that are a client, without the one of another that was found before."""
    other = (but.pid, but.since) if but else (0, 0)
    return [
        pid
        for pid in process.running()
        if _is_it(client, process.command_line(pid))
        and process.is_in_our_network(pid)
        and (pid, process.start_time(pid)) != other
        and _is_roots(pid, client.program[0])
    ]


def _is_it(client: DhcpClient, words: list[str]) -> bool:
    if not words or not words[0]:
        return False
    kind = KINDS[client.kind]
    return bool(kind.is_it(client, words[1:] if files.base_name(words[0]) == "busybox" else words))


def is_held(client: DhcpClient) -> bool:
    """Whether none of its processes goes on."""
    return all(process.state(pid) in {STOPPED, ""} for pid in processes(client))


def hold(client: DhcpClient) -> None:
    """Stop its processes where they are, so that they neither renew nor change anything."""
    _signal(_with_children(processes(client)), SIGSTOP)


def go_on(client: DhcpClient) -> bool:
    """Let its processes go on; whether there are any. One that heeds the kernel is ended: its address went."""
    found = processes(client)
    if found and KINDS[client.kind].HEEDS_THE_KERNEL and not is_held(client):
        return True
    if KINDS[client.kind].HEEDS_THE_KERNEL:
        end(client)
        return False
    _signal(_with_children(found), SIGCONT)
    return bool(found)


def end(client: DhcpClient, *, but: DhcpClient | None = None) -> None:
    """End its processes without a chance to say goodbye, to server or script; HostError if they stay."""
    for pid in processes(client, but=but):
        end_process(pid, str(client))


def end_process(pid: int, what: str) -> None:
    """End a process with its children and wait until they are gone; HostError if one stays."""
    pids = _with_children([pid])
    _signal(pids, SIGKILL)
    deadline = monotonic() + ENDED_S
    while any(process.start_time(pid) is not None for pid in pids):
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


def _with_children(pids: list[int]) -> list[int]:
    """These processes and all below them: a client's parts, or its script."""
    if not pids:
        return []
    parents = {pid: process.parent(pid) for pid in process.running()}
    found = list(pids)
    for one in found:
        found += [pid for pid, parent in parents.items() if parent == one]
    return found


def _signal(pids: list[int], number: int) -> None:
    for pid in pids:
        try:
            posix.kill(pid, number)
        except ProcessLookupError:
            continue


def _environment(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        words = file.read().decode("utf-8", "surrogateescape").split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)
