"""systemd-resolved, the host's resolver where it runs, by resolvectl(1): a link's name servers, and for which domains.

It forgets a link together with what was set on it, and asks the servers of one only while that has a carrier.
"""

from _socket import AF_UNIX, SO_PEERCRED, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, SOL_SOCKET, socket
from _struct import Struct
from time import monotonic

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import process

SOCKET = "/run/systemd/resolve/io.systemd.Resolve"
"""Where it listens, whoever made the socket. Source: systemd-resolved.service(8)."""
PATIENCE_S = 2.0
"""How long all its answers together may take."""
_CREDENTIALS = Struct("=iII")


class Resolved:
    """The resolver of this network namespace; one that has taken too long is not asked again."""

    def __init__(self, path: str = SOCKET) -> None:
        self._path = path
        self._patience_s = PATIENCE_S

    def is_running(self) -> bool:
        """Whether it is there, and for this network namespace: to another one's, our links' numbers are others."""
        if self._patience_s <= 0:
            return False
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC)
        try:
            client.connect(self._path)
            pid, _, _ = _CREDENTIALS.unpack(client.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
        except OSError:
            return False
        finally:
            client.close()
        return process.is_in_our_network(pid)

    def servers(self, link: str) -> tuple[str, ...]:
        """The name servers of a link; raise HostError as all here: for a link that is gone, or no answer in time."""
        return self._words("dns", link)

    def domains(self, link: str) -> tuple[str, ...]:
        """The domains that its servers are asked for; with a `~`, names of one label are not tried in it."""
        return self._words("domain", link)

    def register(self, link: str, *, servers: tuple[str, ...], domains: tuple[str, ...]) -> None:
        """Have the servers asked for names in these domains, and for no others."""
        self._run("dns", link, *servers)
        self._run("domain", link, *(f"~{domain}" for domain in domains))
        self._run("default-route", link, "no")
        self._run("dnssec", link, "no")  # dnsmasq signs nothing, and no zone above delegates to it

    def revert(self, link: str) -> None:
        """Take back all that was set on a link."""
        self._run("revert", link)

    def _words(self, verb: str, link: str) -> tuple[str, ...]:
        _, _, words = self._run(verb, link).partition("):")  # Link 3 (vnbr0): 192.0.2.1
        return tuple(words.split())

    def _run(self, verb: str, link: str, *words: str) -> str:
        argv = [programs.require("resolvectl"), "--no-pager", verb, link, *words]
        if self._patience_s <= 0:
            msg = f"systemd-resolved: {verb} of {link!r}: it took over {PATIENCE_S:.0f} s to answer other questions"
            raise HostError(msg)
        since = monotonic()
        try:
            finished = programs.run(argv, timeout_s=self._patience_s)
        finally:
            self._patience_s -= monotonic() - since
        if finished.status != 0:
            msg = f"systemd-resolved: {verb} of {link!r}: {finished.reason}"
            raise HostError(msg, hint="see `resolvectl status` and the system log")
        return finished.output
