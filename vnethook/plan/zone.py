"""The step that puts a bridge into a zone of firewalld."""

from vnethook.errors import HostError
from vnethook.host import log
from vnethook.names import ZONE
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class JoinZone(Step):
    """Have `link` be in `zone` for as long as firewalld runs and reads nothing anew; nothing where it does not run."""

    _about = ("link",)
    link: str
    zone: str

    def is_done(self, host: "Host") -> bool:
        return not host.firewalld.is_running() or host.firewalld.zone_of(self.link) == self.zone

    def require(self, host: "Host") -> None:
        known = host.firewalld.zones()
        if self.zone not in known:
            msg = f"bridge {self.link!r}: firewalld has no zone {self.zone!r}"
            hint = f"it has {', '.join(known)}; `vnet hooks install` brings the zone {ZONE!r}"
            raise HostError(msg, hint=hint)

    def do(self, host: "Host") -> None:
        if host.firewalld.is_running():
            host.firewalld.join(self.link, self.zone)

    def undo(self, host: "Host") -> None:
        if not host.firewalld.is_running():
            return
        try:
            if host.firewalld.zone_of(self.link) == self.zone:
                host.firewalld.leave(self.link, self.zone)
        except HostError as error:
            log.warning(f"{error}; it keeps a name without a link")

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)  # out of the old one by the same call

    def __str__(self) -> str:
        return f"have {self.link} in firewalld's zone {self.zone}"
