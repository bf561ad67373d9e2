"""`libvirtError`, and the last error of each thread, as libvirt-python has them. Source: virterror.h, its libvirt.py.

An error is libvirt's tuple: code, domain, message, level, str1, str2, str3, int1, int2. Of ours, str1 is the form of
the message, str2 what went wrong, str3 what would help, if there is advice.
"""

import threading
from typing import TYPE_CHECKING

from vnethook.api import codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.errors import VnetError

    Info = tuple[int, int, str, int, str | None, str | None, str | None, int, int]
    Handler = Callable[[object, Info], object]

FORMS = {
    codes.VIR_ERR_INTERNAL_ERROR: "internal error: %s",
    codes.VIR_ERR_NO_SUPPORT: "this function is not supported by the connection driver: %s",
    codes.VIR_ERR_NO_CONNECT: "no connection driver available for %s",
    codes.VIR_ERR_INVALID_CONN: "invalid connection pointer in %s",
    codes.VIR_ERR_INVALID_ARG: "invalid argument: %s",
    codes.VIR_ERR_OPERATION_FAILED: "operation failed: %s",
    codes.VIR_ERR_NO_NAME: "missing name information in %s",
    codes.VIR_ERR_XML_ERROR: "XML error: %s",
    codes.VIR_ERR_OPERATION_DENIED: "operation forbidden: %s",
    codes.VIR_ERR_NO_NETWORK: "Network not found: %s",
    codes.VIR_ERR_NO_INTERFACE: "Interface not found: %s",
    codes.VIR_ERR_MULTIPLE_INTERFACES: "multiple matching interfaces found: %s",
    codes.VIR_ERR_INVALID_MAC: "invalid MAC address: %s",
    codes.VIR_ERR_OPERATION_INVALID: "Requested operation is not valid: %s",
    codes.VIR_ERR_CONFIG_UNSUPPORTED: "unsupported configuration: %s",
    codes.VIR_ERR_OPERATION_UNSUPPORTED: "Operation not supported: %s",
    codes.VIR_ERR_XML_INVALID_SCHEMA: "XML document failed to validate against schema: %s",
    codes.VIR_ERR_NO_NETWORK_PORT: "network port not found: %s",
    codes.VIR_ERR_NO_NETWORK_METADATA: "metadata not found: %s",
}
"""How libvirt begins the message of an error: programs look for some of these words."""


class _Last(threading.local):
    error: "Info | None" = None


_last = _Last()
_handlers: "list[tuple[Handler, object]]" = []


class libvirtError(Exception):
    """What every function here raises; made by a program itself, it has the last error of its thread, as in libvirt."""

    def __init__(self, defmsg: str) -> None:
        self.err = _last.error
        super().__init__(defmsg if self.err is None else self.err[2])

    def get_error_code(self) -> int | None:
        """VIR_ERR_…."""
        return None if self.err is None else self.err[0]

    def get_error_domain(self) -> int | None:
        """VIR_FROM_…."""
        return None if self.err is None else self.err[1]

    def get_error_message(self) -> str | None:
        """The message, one line."""
        return None if self.err is None else self.err[2]

    def get_error_level(self) -> int | None:
        """VIR_ERR_ERROR."""
        return None if self.err is None else self.err[3]

    def get_str1(self) -> str | None:
        """The form of the message."""
        return None if self.err is None else self.err[4]

    def get_str2(self) -> str | None:
        """What went wrong."""
        return None if self.err is None else self.err[5]

    def get_str3(self) -> str | None:
        """What would help, None if there is no advice."""
        return None if self.err is None else self.err[6]

    def get_int1(self) -> int | None:
        """-1: our errors have no numbers."""
        return None if self.err is None else self.err[7]

    def get_int2(self) -> int | None:
        """-1: our errors have no numbers."""
        return None if self.err is None else self.err[8]


def failure(code: int, what: str, *, hint: str = "", domain: int = codes.VIR_FROM_NETWORK) -> libvirtError:
    """The error to raise, which becomes the thread's last one and is shown to the handler."""
    form = FORMS.get(code, "%s")
    return _failure((code, domain, message(code, what), codes.VIR_ERR_ERROR, form, what, hint or None, -1, -1))


def message(code: int, what: str) -> str:
    """What libvirt's message of such an error is with `what` went wrong."""
    return FORMS.get(code, "%s").replace("%s", what)


def misuse(function: str, argument: str, reason: str) -> libvirtError:
    """The error to raise for an argument that a function cannot take."""
    code, level = codes.VIR_ERR_INVALID_ARG, codes.VIR_ERR_ERROR
    return _failure((code, codes.VIR_FROM_NETWORK, reason, level, function, argument, None, 0, 0))


def translated(error: "VnetError") -> libvirtError:
    """One of our errors as libvirt's."""
    return failure(error.libvirt_code, error.message, hint=error.hint)


def _failure(info: "Info") -> libvirtError:
    _last.error = info
    for handler, context in _handlers:
        handler(context, info)
    return libvirtError(info[2])


# libvirt-python's functions


def registerErrorHandler(f: "Handler | None", ctx: object) -> int:
    """Have `f(ctx, error)` called for every error, also for one that is caught; None: nothing more. Gives 1.

    Without a handler nothing is printed, which libvirt does: whoever catches an error decides that.
    """
    _handlers[:] = [] if f is None else [(f, ctx)]
    return 1


def virGetLastError() -> "Info | None":
    """The last error of this thread, None if its last call was good."""
    return _last.error


def virGetLastErrorCode() -> int:
    """The code of the last error of this thread, VIR_ERR_OK if there is none."""
    return codes.VIR_ERR_OK if _last.error is None else _last.error[0]


def virGetLastErrorDomain() -> int:
    """The domain of the last error of this thread, VIR_FROM_NONE if there is none."""
    return codes.VIR_FROM_NONE if _last.error is None else _last.error[1]


def virGetLastErrorMessage() -> str:
    """The message of the last error of this thread."""
    return "no error" if _last.error is None else _last.error[2]


def virResetLastError() -> None:
    """Forget the last error of this thread."""
    _last.error = None
