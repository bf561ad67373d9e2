"""How a network's links with other hosts are, as their supervisor last wrote it down."""

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

UP, DOWN, TRYING = "up", "down", "trying"
LISTENING = "listening"
UNKNOWN = "unknown"
"""By VXLAN: nobody sees whether the far host is there."""


class LinkStatus(Value):
    """One link: to whom, and how it is.

    `address`: the far host's as it was written, or that it came from; `peer`: the name in its certificate or of its
    key, empty if there is none or it is not known yet; `since`: Unix time of the state in seconds; `reason`: why it is
    down, or was the last time; `device`: its tap, empty while it is down; `received`, `sent`: bytes by taps before that
    one; `retries`: since it was up; `expires`: Unix time at which the far host's certificate does, 0: it has none.
    """

    transport: str
    address: str
    port: int = 0
    is_incoming: bool = False
    peer: str = ""
    state: str = DOWN
    since: int = 0
    reason: str = ""
    device: str = ""
    received: int = 0
    sent: int = 0
    retries: int = 0
    expires: int = 0


class ListenStatus(Value):
    """What others connect to: LISTENING or DOWN, and whom it has refused; `refusal`: the last one and why."""

    transport: str
    address: str = ""
    port: int = 0
    state: str = DOWN
    since: int = 0
    reason: str = ""
    refused: int = 0
    refusal: str = ""


class Status(Value):
    """All links of a network and all that it listens to."""

    links: tuple[LinkStatus, ...] = ()
    listens: tuple[ListenStatus, ...] = ()
    _nested = {"links": LinkStatus, "listens": ListenStatus}  # noqa: RUF012 (ClassVar needs typing)


def read(paths: "Paths", network: str) -> Status | None:
    """What the supervisor says; None if it has said nothing that can be read."""
    try:
        found = files.read_json(_path(paths, network))
        return Status.from_plain(found) if found else None
    except (AttributeError, HostError, TypeError):
        return None


def write(paths: "Paths", network: str, status: Status) -> None:
    """Say how the links are; raise HostError if the file system refuses."""
    files.write_json(_path(paths, network), status.to_plain())


def _path(paths: "Paths", network: str) -> str:
    return f"{paths.links(network)}/status.json"
