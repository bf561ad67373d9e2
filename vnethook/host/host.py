"""The machine as the steps see it: one object that a test can replace."""

from vnethook.errors import HostError
from vnethook.host.daemons import Daemons
from vnethook.host.filters import Filters
from vnethook.host.guards import Guards
from vnethook.host.nft import Nft
from vnethook.host.routes import Routes
from vnethook.host.shared import Shared
from vnethook.host.sysctls import Sysctls
from vnethook.live.rtnl import Links

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.host.conntrack import Conntrack
    from vnethook.host.firewalld import Firewalld
    from vnethook.host.iptables import Iptables
    from vnethook.host.layer3 import Layer3
    from vnethook.host.listeners import Listener
    from vnethook.host.proxies import Proxies
    from vnethook.host.resolved import Resolved
    from vnethook.host.traffic import Traffic
    from vnethook.live.paths import Paths


class Host:
    """This machine, in this network namespace, with its files at `paths`.

    A user's own host is the user's namespace; `forbidden`: why there is none.
    """

    def __init__(self, paths: "Paths", links: Links | None = None) -> None:
        self.paths = paths
        self.links = links or Links()
        self._outer: Links | None = None
        self.forbidden: HostError | None = None
        self.routes = Routes(self.links)
        self.nft = Nft()
        self.filters = Filters()
        self.guards = Guards(paths, self.links)
        self.daemons = Daemons()
        self.sysctls = Sysctls()
        self.shared = Shared(paths)
        self._traffic: Traffic | None = None
        self._resolved: Resolved | None = None

    @property
    def xtables(self) -> "Iptables":
        """The tables of iptables."""
        from vnethook.host.iptables import Iptables  # noqa: PLC0415 (few hosts have their rules there)

        return Iptables()

    @property
    def traffic(self) -> "Traffic":
        """The limits of rates."""
        if self._traffic is None:
            from vnethook.host.traffic import Traffic  # noqa: PLC0415 (few networks have any)

            self._traffic = Traffic(self.links, self.nft, self.shared)
        return self._traffic

    @property
    def resolved(self) -> "Resolved":
        """systemd-resolved."""
        if self._resolved is None:
            from vnethook.host.resolved import Resolved  # noqa: PLC0415 (few networks register their domain)

            self._resolved = Resolved()
        return self._resolved

    @property
    def firewalld(self) -> "Firewalld":
        """The firewalld that runs here."""
        from vnethook.host.firewalld import Firewalld  # noqa: PLC0415 (few networks name a zone, or a bridge their way)

        return Firewalld()

    @property
    def conntrack(self) -> "Conntrack":
        """The kernel's table of flows."""
        from vnethook.host.conntrack import Conntrack  # noqa: PLC0415 (no start needs it)

        return Conntrack(self.links)

    def listeners(self, is_meant: "Callable[[Listener], bool]") -> "tuple[Listener, ...]":
        """The sockets of programs that listen, of those that are meant by all but their process."""
        from vnethook.host.listeners import listeners  # noqa: PLC0415 (few networks have forwards)

        return listeners(is_meant)

    @property
    def proxies(self) -> "Proxies":
        """Who is answered for."""
        from vnethook.host.proxies import Proxies  # noqa: PLC0415 (few networks are at their uplink's)

        return Proxies(self.links)

    @property
    def layer3(self) -> "Layer3":
        """What links have at layer 3."""
        from vnethook.host.layer3 import Layer3  # noqa: PLC0415 (only to share a NIC of the host's)

        return Layer3(self.links)

    def enter(self, *, is_made: bool = False) -> None:
        """Be the user's own host, in the user's namespace; nothing on the machine's. `is_made`: if need be, make it.

        Raises HostError where the machine forbids it.
        """
        if not self.paths.user:
            return
        from vnethook.host import namespace_calls, user_namespace  # noqa: PLC0415 (only for ordinary users)

        if not user_namespace.is_outside(self.paths):
            return
        try:
            has_entered = user_namespace.enter(self.paths, is_made=is_made)
        except namespace_calls.ForbiddenError as error:
            self.forbidden = error
            raise
        if has_entered:
            self.links.follow()

    @property
    def outer(self) -> "Links | None":
        """The links of the machine around a user's namespace; None for the machine's own host.

        None, too, where nobody is outside any more: a guest that starts inside is not to fail for that.
        """
        if self._outer is None and self.paths.user:
            from vnethook.host import log, outside, user_namespace  # noqa: PLC0415 (only for ordinary users)

            try:
                self._outer = Links() if user_namespace.is_outside(self.paths) else outside.links(self.paths)
            except HostError as error:
                log.warning(f"{error}; the machine's own subnets are not looked at; {error.hint}")
        return self._outer

    def close(self, *, stays: bool = False) -> None:
        """Let go of the kernel's sockets, and of a user's namespace that no network is in.

        `stays`: this process is to become another one in there.
        """
        if self.paths.user:
            from vnethook.host import user_namespace  # noqa: PLC0415 (only for ordinary users)

            if not user_namespace.is_outside(self.paths):
                user_namespace.end_unused(self.paths, stays=stays)
        if self._outer is not None:
            self._outer.close()
        self.links.close()
