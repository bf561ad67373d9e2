"""The step that limits the rates of a link."""

from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class LimitTraffic(Step):
    """Limit what is sent and received by a link; `limits` as in a NIC's record: see Traits.

    What comes in is dropped beyond the average, so that a peak has no meaning there; libvirt ignores it as well.
    """

    _about = ("link",)
    link: str
    limits: tuple[int, ...]

    def is_done(self, host: "Host") -> bool:
        return host.traffic.is_limited(self.link, self.limits)

    def do(self, host: "Host") -> None:
        host.traffic.limit(self.link, self.limits)

    def undo(self, host: "Host") -> None:
        host.traffic.clear(self.link)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        to_guests = _words("to guests", *self.limits[:3])
        from_guests = _words("from guests", self.limits[4], 0, self.limits[6])
        return f"limit {self.link}: {', '.join(filter(None, (to_guests, from_guests)))}"


def _words(direction: str, average: int, peak: int, burst: int) -> str:
    if not average:
        return ""
    more = (f" (peak {peak})" if peak else "") + (f" with bursts of {burst} KiB" if burst else "")
    return f"{direction} {average} kB/s{more}"
