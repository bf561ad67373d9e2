"""The clients of DHCP that can be handed over to another link, each known by its program's name."""

import posix

from vnethook.host import dhclient, dhcp_client
from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

KINDS: "dict[str, ModuleType]" = {"dhclient": dhclient}


def read(pid: int, words: list[str], nic: str) -> DhcpClient | str:
    """The client that a process is, or why it cannot be handed over."""
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
    found = kind.read(words[1:], environment, nic)
    if isinstance(found, str):
        return found
    client: DhcpClient = found.replace(program=tuple(program), pid=pid, since=process.start_time(pid) or 0)
    return client


def successor(client: DhcpClient, link: str) -> DhcpClient:
    """The same client for another link."""
    return KINDS[client.kind].successor(client, link)  # type: ignore[no-any-return]


def carry(source: DhcpClient, target: DhcpClient) -> None:
    """Give a client that does not run what another knows, and take from the other's past what hinders it."""
    KINDS[source.kind].carry(source, target)
    files.remove(target.pid_file)


def carry_back(source: DhcpClient, target: DhcpClient) -> None:
    """Give what a successor has learned to the client that runs again; nothing where there is no such file any more."""
    carry(source.replace(copies=()), target.replace(copies=()))


def start(client: DhcpClient, *, timeout_s: float) -> None:
    """Start a client and wait for its lease; raise HostError if none comes in time, and it has been ended again."""
    dhcp_client.start(client, timeout_s=timeout_s)


def start_trying(client: DhcpClient) -> None:
    """Start a client that goes on to ask in the background; raise HostError if it does not start."""
    dhcp_client.start(client.replace(arguments=KINDS[client.kind].not_waiting(client.arguments)), timeout_s=5)


def is_there(client: DhcpClient) -> bool:
    """Whether the process that was found still runs."""
    return client.pid != 0 and process.start_time(client.pid) == client.since


def end_found(client: DhcpClient) -> None:
    """End the process that was found, and no other with the same words; its file that names it goes, too."""
    if is_there(client):
        dhcp_client.end_process(client.pid, str(client))
    if (files.read_text(client.pid_file) or "").strip() == str(client.pid):
        files.remove(client.pid_file)


def forget(client: DhcpClient, *, but: DhcpClient) -> None:
    """Remove the files of a client that has ended, but for those that another has, too."""
    for path in {client.leases, client.pid_file, *client.copies[1:]} - {but.leases, but.pid_file, ""}:
        files.remove(path)


def lease_s(client: DhcpClient) -> int:
    """For how many seconds it has its newest lease, where its script does not tell the kernel; else 0."""
    return KINDS[client.kind].lease_s(client)  # type: ignore[no-any-return]


def _environment(pid: int) -> dict[str, str]:
    with open(f"/proc/{pid}/environ", "rb") as file:
        words = file.read().decode("utf-8", "surrogateescape").split("\0")
    return dict(word.split("=", 1) for word in words if "=" in word)
