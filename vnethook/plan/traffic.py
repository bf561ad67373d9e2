"""The step that limits the rates of a network."""

from vnethook.errors import HostError
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class LimitTraffic(Step):
    """Limit what is sent and received by the bridge of a network; `limits` as in a NIC's record: see Traits.

    Of networks that share a bridge of the administrator's only one can. What comes in is dropped beyond the average, so
    that a peak has no meaning there; libvirt ignores it as well.
    """

    _about = ("network", "link")
    network: str
    link: str
    limits: tuple[int, ...]

    def is_done(self, host: "Host") -> bool:
        return host.shared.is_held(self._register, self.network) and host.traffic.is_limited(self.link, self.limits)

    def require(self, host: "Host") -> None:
        if self._is_anothers(host):
            msg = f"bridge {self.link!r}: limit rate: another network has limited it"
            raise HostError(
                msg, hint="of networks on one bridge only one may have <bandwidth>; limit portgroups instead"
            )

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            self.require(host)
            host.shared.hold(self._register, self.network, {})
        host.traffic.limit(self.link, self.limits)

    def undo(self, host: "Host") -> None:
        if self._is_anothers(host):
            return
        link = host.links.link(self.link)
        host.traffic.clear(self.link, link.index if link else 0)
        with host.shared.lock():
            host.shared.release(self._register, self.network)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    @property
    def _register(self) -> str:
        """What is held of what networks share: the limits of this bridge."""
        return f"limits of {self.link}"

    def _is_anothers(self, host: "Host") -> bool:
        return host.shared.is_managed(self._register) and not host.shared.is_held(self._register, self.network)

    def __str__(self) -> str:
        to_guests = _words("to guests", *self.limits[:3])
        from_guests = _words("from guests", self.limits[4], 0, self.limits[6])
        return f"limit {self.link}: {', '.join(filter(None, (to_guests, from_guests)))}"


def _words(direction: str, average: int, peak: int, burst: int) -> str:
    if not average:
        return ""
    more = (f" (peak {peak})" if peak else "") + (f" with bursts of {burst} KiB" if burst else "")
    return f"{direction} {average} kB/s{more}"
