"""Steps for guests among the hosts of the uplink's network: the bridge's addresses, and who is answered for."""

from vnethook.address import parse_subnet
from vnethook.errors import HostError
from vnethook.plan.links import AddAddress
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class AddLoneAddress(AddAddress):
    """Add an IPv6 address ("2001:db8::1/64") to a link, and no route to its subnet."""

    def do(self, host: "Host") -> None:
        host.links.add_address(self.link, self.address, has_route=False)

    def __str__(self) -> str:
        return f"{super().__str__()}, without a route"


class AnswerForGuests(Step):
    """Answer at the uplink for the bridge's own addresses, which marks that guests are answered for.

    The kernel forgets all of these with the uplink's last address. Undone, nobody in the subnets is answered for. An
    uplink that is not there is nobody's: guests are reached when it is back, and the network is mended.
    """

    _about = ("uplink",)
    uplink: str
    addresses: tuple[str, ...]
    subnets: tuple[str, ...]

    def is_done(self, host: "Host") -> bool:
        return host.links.link(self.uplink) is None or host.proxies.answered(self.uplink).issuperset(self.addresses)

    def require(self, host: "Host") -> None:
        link = host.links.link(self.uplink)
        taken = {text.partition("/")[0] for text in host.links.addresses(self.uplink)}
        for address in self.addresses if link is not None else ():
            if address in taken:
                msg = f"address {address}: give to a bridge for guests: it is that of {self.uplink!r}"
                raise HostError(msg, hint="write another one into <ip>, of the same network, that no host has")

    def do(self, host: "Host") -> None:
        for address in self.addresses:
            host.proxies.answer(self.uplink, address)

    def undo(self, host: "Host") -> None:
        ours = [parse_subnet(subnet) for subnet in self.subnets]
        for address in sorted(host.proxies.answered(self.uplink)):
            if any(subnet.has_address(address) for subnet in ours):
                host.proxies.end(self.uplink, address)

    def __str__(self) -> str:
        return f"answer for guests on {self.uplink}"
