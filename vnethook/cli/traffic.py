"""What goes over links and what processes use, as psutil tells it; links by the name that they have now."""

from typing import NamedTuple

import psutil

from vnethook.live import process


class Count(NamedTuple):
    """What has gone over a guest's link since it is there: bytes and packets that the guest received and sent."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    drops: int = 0

    def __add__(self, other: tuple[int, ...]) -> "Count":  # type: ignore[override]  # a tuple would be joined
        return Count(*(one + more for one, more in zip(self, other, strict=True)))


class Usage(NamedTuple):
    """What a process has used: CPU in seconds, memory in bytes."""

    cpu_s: float
    rss_bytes: int


def counts() -> dict[str, Count]:
    """The counts of every link, as its guest has them: what the host sends into a link, the guest receives."""
    return {
        name: Count(one.bytes_sent, one.bytes_recv, one.packets_sent, one.packets_recv, one.dropin + one.dropout)
        for name, one in psutil.net_io_counters(pernic=True, nowrap=False).items()
    }


def usage(pid: int, start: int) -> Usage | None:
    """What the process that started then has used so far; None for one that is gone or not ours to see."""
    if process.start_time(pid) != start:
        return None
    try:
        found = psutil.Process(pid)
        with found.oneshot():
            times = found.cpu_times()
            return Usage(times.user + times.system, found.memory_info().rss)
    except psutil.Error:
        return None
