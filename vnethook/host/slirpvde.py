"""slirpvde, which vde2 brings: what leads a user's switch out where libslirp's plug is not installed.

Of Debian 12's (2.3.2) it is known that SIGPIPE ends it when a peer hangs up, that it keeps leases in memory alone, and
that guests reach the host's loopback by its address. Source: slirpvde(1), and seen.
"""

from vnethook.host import programs, vde
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

PROGRAM = "slirpvde"
_IGNORING_SIGPIPE = ("/bin/sh", "-c", 'trap "" PIPE; exec "$0" "$@"')
"""What is ignored stays so in the program that a shell becomes. Source: POSIX, Shell Command Language, 2.14 trap."""


def command(argv: list[str]) -> list[str]:
    """The words that start it so that no peer's hanging up ends it."""
    return [*_IGNORING_SIGPIPE, *argv]


def leads_out(paths: "Paths", network: str, *, is_allowed: bool) -> bool:
    """Whether it is what leads a network out: where it may and nothing better is there.

    One that runs goes on when libslirp is installed: guests would lose their leases to each other.
    """
    if not is_allowed or programs.find(PROGRAM) is None:
        return False
    return not vde.has_slirp() or _runs(f"{paths.switch(network)}/{vde.UPLINK}.json")


def _runs(record: str) -> bool:
    found = files.read_json(record)
    words = process.command_line(found["pid"]) if found else []
    return bool(words) and files.base_name(words[0]) == PROGRAM and process.start_time(found["pid"]) == found["start"]
