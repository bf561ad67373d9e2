"""The step that has the host's own packet filter let through what our rules have decided on."""

from vnethook.host.filters import Filter
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class AdmitGuests(Step):
    """Have a place that drops what meets no rule lead to a chain of ours before that: `chain` accepts by `rules`.

    A packet passes if every table lets it, so the table `inet vnethook` still has its say: what it refuses no rule here
    brings back. And the rules of whoever keeps the filter come first: what they refuse never gets to ours.
    `is_shared`: the chain is all networks', and goes with the last of them.
    """

    _about = ("network", "chain", "variant", "version")
    network: str
    version: int
    variant: str
    place: str
    last: str
    chain: str
    rules: tuple[str, ...]
    is_shared: bool = True

    @property
    def key_of_shared(self) -> str:
        """What the networks hold that share the chain."""
        return f"iptables {self.variant} IPv{self.version} {self.chain}"

    @property
    def use(self) -> int:
        """How often the chain is used when it is whole."""
        return len(self.rules) + 1

    def is_done(self, host: "Host") -> bool:
        if self.is_shared and not host.shared.is_held(self.key_of_shared, self.network):
            return False
        return host.filters.is_whole(self._filter(), self.chain, len(self.rules))

    def require(self, host: "Host") -> None:
        host.filters.require(self._filter())

    def do(self, host: "Host") -> None:
        self._admit(host, is_anew=not self.is_shared)

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            if not self.is_shared or host.shared.last_values(self.key_of_shared, self.network) is not None:
                host.filters.withdraw(self._filter(), self.chain)
            if self.is_shared:
                host.shared.release(self.key_of_shared, self.network)

    def supersede(self, host: "Host", old: "Self") -> None:
        self._admit(host, is_anew=True)  # the chain has one name, whatever is in it and wherever it is led to from

    def _admit(self, host: "Host", *, is_anew: bool) -> None:
        """Have the chain; what another network has made is as good unless `is_anew`."""
        with host.shared.lock():
            if self.is_shared:
                host.shared.hold(self.key_of_shared, self.network, {})
            if is_anew or not host.filters.is_whole(self._filter(), self.chain, len(self.rules)):
                host.filters.admit(self._filter(), self.chain, self.rules)

    def _filter(self) -> Filter:
        return Filter(self.version, self.variant, self.place, self.last)

    def __str__(self) -> str:
        name = "iptables" if self.version == 4 else "ip6tables"
        where = f"{name} ({self.variant}) {self.place}"
        return f"let guests through {where}: {len(self.rules)} rules in {self.chain}, at the end of {self.last}"
