"""What a network or a class of its NICs is allowed: rates, VLANs. Rates are in kilobytes (1000) per second.

The units are those of tc(8), to which libvirt hands the numbers.
"""

from vnethook.definition.element import Element
from vnethook.definition.guard import Guard
from vnethook.definition.text import check_line
from vnethook.names import refuse, shown
from vnethook.value import Value

RATE_MAX = 0xFFFFFFFF
VLAN_MAX = 4094
"""Source: IEEE 802.1Q, table 9-2."""
NATIVE_MODES = ("tagged", "untagged")


class Rate(Value):
    """Limits of one direction in kilobytes/s; `burst` in 1024 bytes; `floor`: what is guaranteed, inbound only."""

    average: int | None = None
    peak: int | None = None
    burst: int | None = None
    floor: int | None = None

    def _check(self) -> None:
        if self.average is None and self.floor is None:
            refuse("bandwidth: needs an average or a floor")
        for name in self._fields:
            value = getattr(self, name)
            if value is not None and not 0 < value <= RATE_MAX:
                refuse(f"bandwidth: {name} {value}: must be 1 to {RATE_MAX}")
        if self.average is None and (self.peak or self.burst):
            refuse("bandwidth: a peak or a burst needs an average")
        if self.peak is not None and self.average is not None and self.peak < self.average:
            refuse(f"bandwidth: peak {self.peak} is less than the average {self.average}")


class Bandwidth(Value):
    """`inbound`: what a guest receives, or all guests of a network; `outbound`: what they send."""

    inbound: Rate | None = None
    outbound: Rate | None = None
    _nested = {"inbound": Rate, "outbound": Rate}  # noqa: RUF012 (ClassVar needs typing)

    @classmethod
    def of(cls, numbers: tuple[int, ...]) -> "Bandwidth | None":
        """The inverse of `numbers`; None for no limit at all."""
        inbound, outbound = (
            Rate(*(number or None for number in part)) if any(part) else None for part in (numbers[:4], numbers[4:])
        )
        return cls(inbound, outbound) if inbound or outbound else None

    @property
    def numbers(self) -> tuple[int, ...]:
        """As a NIC's record has it: inbound average, peak, burst, floor, outbound average, peak, burst; 0: not said."""
        rates = [tuple(rate.__dict__.values()) if rate else () for rate in (self.inbound, self.outbound)]
        inbound, outbound = (tuple(number or 0 for number in rate) or (0, 0, 0, 0) for rate in rates)
        return (*inbound, *outbound[:3])

    def _check(self) -> None:
        if self.outbound is not None and self.outbound.floor is not None:
            refuse("bandwidth: a floor is for inbound traffic")


class VlanTag(Value):
    """A VLAN; `native`: frames without a tag belong to it, "tagged" or "untagged" as they leave; None: they do not."""

    id: int
    native: str | None = None

    def _check(self) -> None:
        if not 0 < self.id <= VLAN_MAX:
            refuse(f"vlan: id {self.id}: must be 1 to {VLAN_MAX}")
        if self.native is not None and self.native not in NATIVE_MODES:
            refuse(f"vlan: nativeMode must be {' or '.join(NATIVE_MODES)}")


class Vlan(Value):
    """The VLANs of a NIC: one that it is in without knowing, or with `trunk` those whose tags it sees."""

    tags: tuple[VlanTag, ...]
    trunk: bool = False
    _nested = {"tags": VlanTag}  # noqa: RUF012 (ClassVar needs typing)

    def _check(self) -> None:
        if not self.tags:
            refuse("vlan: needs a tag")
        if len({tag.id for tag in self.tags}) < len(self.tags):
            refuse("vlan: an id is given twice")
        if not self.trunk and (len(self.tags) > 1 or self.tags[0].native):
            refuse("vlan: several tags or a nativeMode need trunk='yes'")
        if sum(tag.native is not None for tag in self.tags) > 1:
            refuse("vlan: two tags have a nativeMode")


class PortGroup(Value):
    """A class of a network's NICs, which a guest's configuration names; `is_default`: that of those that name none."""

    name: str
    is_default: bool = False
    bandwidth: Bandwidth | None = None
    vlan: Vlan | None = None
    virtualport: Element | None = None
    trusts_filters: bool | None = None
    guard: Guard | None = None
    _nested = {  # noqa: RUF012 (ClassVar needs typing)
        "bandwidth": Bandwidth,
        "vlan": Vlan,
        "virtualport": Element,
        "guard": Guard,
    }

    def _check(self) -> None:
        check_line("portgroup: name", self.name)
        if self.guard is not None and self.guard.replace(flows=None) != self.guard:
            refuse(f"portgroup {shown(self.name)}: guard: flows are counted for the whole network")
