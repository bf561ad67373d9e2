"""libvirt's functions that are of no connection yet: they open one, and say which libvirt this is."""

from vnethook.api import arguments, constants
from vnethook.api.connection import LIBVIRT_VERSION, virConnect
from vnethook.api.error import virResetLastError


def open(uri: str | None = None) -> virConnect:
    """A connection to the networks of this host, or of this user."""
    return virConnect(uri)


def openReadOnly(uri: str | None = None) -> virConnect:
    """A connection on which nothing can be changed."""
    return virConnect(uri, is_read_only=True)


def openAuth(uri: str | None, auth: object, flags: int = 0) -> virConnect:  # noqa: ARG001 (nobody asks for credentials)
    """A connection as `open` makes it, read-only with VIR_CONNECT_RO; nobody is asked for credentials."""
    return virConnect(uri, is_read_only=is_read_only(flags))


def is_read_only(flags: object) -> bool:
    """Whether the flags of openAuth() ask for a connection on which nothing can be changed."""
    allowed = constants.VIR_CONNECT_RO | constants.VIR_CONNECT_NO_ALIASES
    return bool(arguments.flags(flags, allowed, "virConnectOpenAuth") & constants.VIR_CONNECT_RO)


def getVersion(name: str | None = None) -> int | tuple[int, int]:
    """The version of libvirt whose network API this is; with the name of a driver, twice."""
    return LIBVIRT_VERSION if arguments.optional_text(name, "name", "virGetVersion") is None else (LIBVIRT_VERSION,) * 2


def virInitialize() -> int:
    """Nothing has to be initialized; gives 0."""
    virResetLastError()
    return 0
