"""The errors that a user can meet; the class of an error fixes the exit status of whatever reports it.

Message: ``OBJECT: what failed: reason``, one line, lower case, no full stop. Advice goes into `hint`.
`libvirt_code` is the VIR_ERR_* number that libvirt's own driver raises in the same case (virterror.h).
"""


class VnetError(Exception):
    """What all errors of this package have in common; raised itself only for what is a bug of ours."""

    exit_status = 70
    libvirt_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def report(self) -> str:
        """The lines that a user sees: the message, then the hint."""
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(VnetError):
    """The caller's words are off: a missing argument, an impossible interface name."""

    exit_status = 1
    libvirt_code = 8


class NoConnectionError(UsageError):
    """A connection that is asked for, and that there is none of: to another host."""

    libvirt_code = 5


class UnsupportedOperationError(UsageError):
    """An operation that there is none of for what it is asked of."""

    libvirt_code = 84


class DefinitionError(VnetError):
    """A definition that is refused: its XML, a value in it, or what it collides with."""

    exit_status = 2
    libvirt_code = 27


class MalformedError(DefinitionError):
    """A document that is no XML, or none that we read: too large, too deep, with a document type."""

    libvirt_code = 35


class NoNameError(DefinitionError):
    """A definition without a name."""

    libvirt_code = 21


class UnsupportedError(DefinitionError):
    """A definition that is understood and kept, and that we do not bring up."""

    libvirt_code = 67


class ExistsError(DefinitionError):
    """A name or uuid that another definition has."""

    libvirt_code = 9


class CollisionError(DefinitionError):
    """A bridge or subnet that another definition or the host has."""

    libvirt_code = 1


class NoNetworkError(VnetError):
    """A name that matches no network."""

    exit_status = 3
    libvirt_code = 43


class NoInterfaceError(VnetError):
    """A name or MAC address that no interface of the host's has."""

    exit_status = 3
    libvirt_code = 57


class NoPortError(VnetError):
    """A uuid that no port of the network has."""

    exit_status = 3
    libvirt_code = 107


class PlugError(DefinitionError):
    """A port that says where it is plugged in and is not reclaimed, or is reclaimed and does not say it."""

    libvirt_code = 8


class PortExistsError(DefinitionError):
    """A uuid that a port of the network has already."""

    libvirt_code = 106


class StateError(VnetError):
    """An operation that the network's state forbids: stop it while guests are attached, stop it when it is down."""

    exit_status = 4
    libvirt_code = 55


class NoMetadataError(StateError):
    """A network without what is asked for of its title, description or metadata."""

    libvirt_code = 111


class BusyError(StateError):
    """Somebody else held the lock for longer than the deadline."""

    libvirt_code = 38


class HostError(VnetError):
    """The host refused: the kernel, a program, a full disk, a missing right."""

    exit_status = 5
    libvirt_code = 1
