"""How long to wait before the next repair of what another program undoes again and again. Pure: times are given."""

FREE = 2
"""So many repairs in a row are made at once: a host that boots, or a firewall that is reloaded, undoes some."""
FIRST_S, LONGEST_S = 2.0, 300.0
CALM_S = 60.0
"""What has stood for so long, or for twice the last wait, is not being fought over."""


class Patience:
    """Of one network: when it may be mended next. Times are seconds of a clock that does not jump."""

    def __init__(self) -> None:
        self.is_fight = False
        """Whether repairs have been undone so often that there is a wait between them."""
        self._repairs = 0
        self._last_s = 0.0

    @property
    def wait_s(self) -> float:
        """How long after the last repair the next one is."""
        extra = self._repairs - FREE
        return 0.0 if extra <= 0 else float(min(FIRST_S * 2 ** min(extra - 1, 20), LONGEST_S))

    @property
    def next_s(self) -> float:
        """When the next repair may be made."""
        return self._last_s + self.wait_s

    def see_fault(self, now_s: float) -> bool:
        """Take note that there is something to mend; whether it may be mended now."""
        if self._repairs and now_s - self._last_s > max(CALM_S, 2 * self.wait_s):
            self._repairs, self.is_fight = 0, False
        return now_s >= self.next_s

    def see_repair(self, now_s: float) -> bool:
        """Take note of a repair, or of one that failed; whether this is where a fight begins, which is worth a word."""
        self._repairs += 1
        self._last_s = now_s
        begins = self.wait_s > 0 and not self.is_fight
        self.is_fight = self.is_fight or begins
        return begins
