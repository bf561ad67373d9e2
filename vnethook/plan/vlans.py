"""Steps for bridges that tell VLANs apart."""

from vnethook.errors import HostError
from vnethook.live import bridge_port
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class FilterVlans(Step):
    """Have a bridge of ours tell VLANs apart, and be in `vlans` itself, (id, flags).

    `is_needed`: else a kernel that knows no VLANs on bridges is no failure; ports that need them are refused later.
    """

    _about = ("bridge",)
    bridge: str
    vlans: tuple[tuple[int, int], ...]
    is_needed: bool

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.bridge)
        if link is None:
            return False
        found = bridge_port.filters_vlans(host.links, link.index)
        if found is None:
            return not self.is_needed
        return found and bridge_port.vlans(host.links, link.index) == self.vlans

    def require(self, host: "Host") -> None:
        link = host.links.link(self.bridge)
        if self.is_needed and link is not None and bridge_port.filters_vlans(host.links, link.index) is None:
            raise bridge_port.no_vlans(f"bridge {self.bridge!r}")  # noqa: EM102 (no message yet)

    def do(self, host: "Host") -> None:
        link = host.links.link(self.bridge)
        index = link.index if link else 0
        if not self.is_needed and bridge_port.filters_vlans(host.links, index) is None:
            return
        bridge_port.filter_vlans(host.links, self.bridge, index, enabled=True)
        bridge_port.set_vlans(host.links, f"bridge {self.bridge!r}", index, self.vlans, is_bridge=True)

    def undo(self, host: "Host") -> None:
        link = host.links.link(self.bridge)
        if link is not None and bridge_port.filters_vlans(host.links, link.index):
            vlans = bridge_port.DEFAULT_VLANS
            bridge_port.set_vlans(host.links, f"bridge {self.bridge!r}", link.index, vlans, is_bridge=True)
            bridge_port.filter_vlans(host.links, self.bridge, link.index, enabled=False)

    def supersede(self, host: "Host", old: "Self") -> None:
        self.do(host)

    def __str__(self) -> str:
        return f"have {self.bridge} tell VLANs apart, itself in {', '.join(str(vlan) for vlan, _ in self.vlans)}"


class ExpectVlans(Step):
    """Make sure that a bridge of the administrator's tells VLANs apart: it is not ours to change."""

    bridge: str

    def is_done(self, host: "Host") -> bool:
        link = host.links.link(self.bridge)
        return link is not None and bool(bridge_port.filters_vlans(host.links, link.index))

    def require(self, host: "Host") -> None:
        msg = f"bridge {self.bridge!r}: put NICs into VLANs: it does not filter VLANs"
        raise HostError(msg, hint=f"it is yours to change: ip link set {self.bridge} type bridge vlan_filtering 1")

    def do(self, host: "Host") -> None:
        self.require(host)

    def undo(self, host: "Host") -> None:
        """Nothing: nothing was done."""

    def __str__(self) -> str:
        return f"expect {self.bridge} to filter VLANs"
