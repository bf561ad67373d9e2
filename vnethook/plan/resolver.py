"""The step that has the host's resolver ask a network's name server for its domain."""

from vnethook.errors import HostError
from vnethook.host import log
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class RegisterDomain(Step):
    """Have systemd-resolved ask `servers`, the addresses of `link`, for names in `domains`.

    A convenience of the host's that no guest waits for: where the resolver is not there or refuses, a network comes up
    all the same, and lifecycle/uplinks.py or the system log says so.
    """

    _about = ("link",)
    link: str
    servers: tuple[str, ...]
    domains: tuple[str, ...]

    def is_done(self, host: "Host") -> bool:
        if host.links.link(self.link) is None:
            return False
        if not host.resolved.is_running():
            return True  # there is nothing to be done
        try:
            found = host.resolved.servers(self.link), host.resolved.domains(self.link)
        except HostError:
            return False
        return found == (self.servers, tuple(f"~{domain}" for domain in self.domains))

    def do(self, host: "Host") -> None:
        if not host.resolved.is_running():
            return
        try:
            host.resolved.register(self.link, servers=self.servers, domains=self.domains)
        except HostError as error:
            log.warning(f"{error}; the host does not resolve names in {self.domains[0]}")

    def undo(self, host: "Host") -> None:
        if host.links.link(self.link) is None or not host.resolved.is_running():
            return
        try:
            host.resolved.revert(self.link)
        except HostError as error:
            log.warning(f"{error}; it forgets the link with the bridge")

    def __str__(self) -> str:
        more = len(self.domains) - 1
        zones = self.domains[0] + (f" and {more} reverse zone{'s' if more > 1 else ''}" if more else "")
        return f"have systemd-resolved ask {', '.join(self.servers)} on {self.link} for {zones}"
