"""Who is connected to a VDE switch, as its management says. Source: vde_switch(1), port.c and hash.c of vde2 2.3.2."""

from _socket import AF_UNIX, SOCK_STREAM, socket

from vnethook.mac import canonical_mac
from vnethook.value import Value

ANSWER_S = 2.0
_ROOM = 1 << 16
_PROMPT = b"vde$ "
_TEXT_MAX = 1 << 24


class SwitchGuest(Value):
    """A program at a port of a switch: the pid that it says of itself (0: none), the MACs that were seen there."""

    port: int
    pid: int = 0
    macs: tuple[str, ...] = ()


def connected(management: str) -> list[SwitchGuest]:
    """The programs at a switch, by their port; none if it does not answer."""
    try:
        ports, table = _ask(management, ("port/allprint", "hash/print"))
    except (OSError, ValueError):
        return []
    macs = _macs(table)
    return [guest.replace(macs=tuple(sorted(macs.get(guest.port, ())))) for guest in _programs(ports)]


def _programs(text: str) -> list[SwitchGuest]:
    """Of each port the program at it: what is at a tap is none."""
    found, port = [], 0
    for line in text.splitlines():
        words = line.split()
        if line.startswith("Port ") and words[1].isdigit():
            port = int(words[1])
        elif words[:3] == ["--", "endpoint", "ID"] and "unix" in words[4:7]:
            pids = [word.removeprefix("pid=") for word in words if word.startswith("pid=")]
            found.append(SwitchGuest(port, int(pids[-1]) if pids and pids[-1].isdecimal() else 0))
    return found


def _macs(text: str) -> dict[int, set[str]]:
    """The MACs that were seen at each port: "Hash: 0007 Addr: ee:59:fd:92:18:33 VLAN 0000 to port: 003  age 0 secs"."""
    found: dict[int, set[str]] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) > 8 and words[2] == "Addr:" and words[7] == "port:":
            found.setdefault(int(words[8]), set()).add(canonical_mac(words[3]))
    return found


def _ask(management: str, questions: tuple[str, ...]) -> list[str]:
    connection = socket(AF_UNIX, SOCK_STREAM)
    try:
        connection.settimeout(ANSWER_S)
        connection.connect(management)
        _answer(connection)  # its greeting
        answers = []
        for question in questions:
            connection.sendall(f"{question}\n".encode())
            answers.append(_answer(connection).decode("utf-8", "replace"))
        return answers
    finally:
        connection.close()


def _answer(connection: socket) -> bytes:
    """What comes before the next prompt; what a program calls itself can hold one, but no line break."""
    found = b""
    while not (found.endswith(b"\n" + _PROMPT) or found == _PROMPT):
        data = connection.recv(_ROOM)
        found += data
        if not data or len(found) > _TEXT_MAX:
            msg = "the switch hung up"
            raise OSError(msg)
    return found
