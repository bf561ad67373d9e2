"""What a network's supervisor of links is to keep up: its configuration, as a file of JSON."""

from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths


class Target(Value):
    """A far host to connect to: by `transport`, at `address` and `port`.

    `peer`: the name that its certificate is to have, empty: its address; `user`, `network`: of ssh, whom to be
    there and which network to ask for; `keepalive_s`: a far end that is silent for three times that is gone.
    """

    transport: str
    address: str
    port: int
    peer: str = ""
    user: str = ""
    network: str = ""
    keepalive_s: int = 0


class Door(Value):
    """What far hosts connect to: `address` empty: all; `peers`: the names of those who may, empty: any of the CA."""

    transport: str
    address: str = ""
    port: int = 0
    peers: tuple[str, ...] = ()


class Config(Value):
    """All that a network connects to and listens for; `tls`, `ssh`: where keys lie."""

    targets: tuple[Target, ...] = ()
    doors: tuple[Door, ...] = ()
    tls: str = ""
    ssh: str = ""
    _nested = {"targets": Target, "doors": Door}  # noqa: RUF012 (ClassVar needs typing)


def path(paths: "Paths", network: str) -> str:
    """Where it lies."""
    return f"{paths.links(network)}/config.json"


def read(paths: "Paths", network: str) -> Config:
    """What is to be kept up; nothing if there is no such file."""
    found = files.read_json(path(paths, network))
    return Config.from_plain(found) if found else Config()
