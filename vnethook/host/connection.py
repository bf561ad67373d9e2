"""The connection URI that programs pass with -c: of no use here, unless it names another host."""

import os

from vnethook.errors import NoConnectionError
from vnethook.names import shown

SYSTEM = "vnethook:///system"
_HERE = {"", "localhost", "localhost.localdomain", "127.0.0.1", "[::1]"}


def require_this_host(uri: str) -> None:
    """Raise NoConnectionError if a URI names another host: what is meant for its networks must not be done to ours.

    Source: libvirt.org/uri.html, driver[+transport]://[user@][host][:port]/[path].
    """
    authority = uri.partition("://")[2].partition("/")[0].rpartition("@")[2]
    host = authority if authority.endswith("]") else authority.rpartition(":")[0] or authority
    if host.lower() not in {*_HERE, os.uname().nodename.lower()}:
        msg = f"connection {shown(uri)}: names another host: vnet manages the networks of the host that it runs on"
        raise NoConnectionError(msg, hint=f"run it there: ssh {shown(host)[1:-1]} vnet …")
