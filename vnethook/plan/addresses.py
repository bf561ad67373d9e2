"""The step for addresses that are fixed for MACs alone."""

from vnethook.live import naming
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class FixAddresses(Step):
    """Tell dnsmasq, whose files are in `directory`, of `hosts`: (MAC, words for it). Names come and go with guests."""

    _about = ("directory",)
    directory: str
    hosts: tuple[tuple[str, str], ...]

    def is_done(self, host: "Host") -> bool:
        return all(naming.is_fixed(self.directory, mac, words) for mac, words in self.hosts)

    def do(self, host: "Host") -> None:
        for mac, words in self.hosts:
            naming.fix(self.directory, mac, words)

    def undo(self, host: "Host") -> None:
        for mac, _ in self.hosts:
            naming.fix(self.directory, mac, "")

    def supersede(self, host: "Host", old: "Self") -> None:
        for mac in {mac for mac, _ in old.hosts} - {mac for mac, _ in self.hosts}:
            naming.fix(self.directory, mac, "")
        self.do(host)

    def __str__(self) -> str:
        return (
            f"fix the addresses of {len(self.hosts)} MAC{'s' if len(self.hosts) > 1 else ''} in {self.directory}/guests"
        )
