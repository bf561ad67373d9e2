"""The step for a sysctl that several networks share."""

from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class HoldSysctl(Step):
    """Set a sysctl for as long as any network needs it.

    `along`: other sysctls that the kernel changes with it, to be given back too (ip_forward resets accept_redirects,
    inet_forward_change() in net/ipv4/devinet.c); `each`: one that it changes on all interfaces ("ipv4", "forwarding"),
    of which those are given back that differed. A value that was right before us is left alone, at stop too.
    """

    _about = ("network", "path")
    network: str
    path: str
    value: str
    along: tuple[str, ...] = ()
    each: tuple[str, ...] = ()

    def is_done(self, host: "Host") -> bool:
        # the register first: who gives a value back writes the sysctl, then the register
        is_ours = host.shared.is_held(self.path, self.network) or not host.shared.is_managed(self.path)
        found = host.sysctls.read(self.path)
        return found is None or (found == self.value and is_ours)  # None: what the kernel lacks cannot be set

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            was = {path: value for path in (self.path, *self.along) if (value := host.sysctls.read(path)) is not None}
            if self.each and not host.shared.is_managed(self.path):
                was |= self._differing(host, was.get(self.path, ""))
            host.shared.hold(self.path, self.network, was)
            if was.get(self.path) != self.value:
                host.sysctls.write(self.path, self.value)

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            values = host.shared.last_values(self.path, self.network)
            for path, value in (values or {}).items():
                if host.sysctls.read(path) not in {value, None}:
                    host.sysctls.write(path, value)
            host.shared.release(self.path, self.network)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)  # the values to give back are kept from the first

    def _differing(self, host: "Host", value: str) -> dict[str, str]:
        """The interfaces' own values that differ from the common one."""
        family, name = self.each
        paths = [f"net/{family}/conf/{interface}/{name}" for interface in host.sysctls.interfaces(family)]
        found = {path: host.sysctls.read(path) for path in paths if path != self.path}
        return {path: own for path, own in found.items() if own not in {value, None} and own is not None}

    def __str__(self) -> str:
        return f"set {self.path.replace('/', '.')}={self.value}, shared by all networks"
