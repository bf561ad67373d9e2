"""The step for a static route."""

from vnethook.address import parse_subnet
from vnethook.host.routes import MAIN_TABLE
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.host.host import Host


class AddRoute(Step):
    """Add a route to `destination`, "192.0.2.0/24", by a gateway on a link."""

    _about = ("destination", "metric")
    link: str
    destination: str
    gateway: str
    metric: int

    def is_done(self, host: "Host") -> bool:
        return self.gateway in self._gateways(host)

    def do(self, host: "Host") -> None:
        for gateway in self._gateways(host):  # of what is on our own link, ours is the one that counts
            host.routes.remove(self.link, self.destination, gateway=gateway, metric=self.metric)
        host.routes.add(self.link, self.destination, gateway=self.gateway, metric=self.metric)

    def undo(self, host: "Host") -> None:
        host.routes.remove(self.link, self.destination, gateway=self.gateway, metric=self.metric)

    def _gateways(self, host: "Host") -> "Iterator[str]":
        """Those by which the link leads there now."""
        link = host.links.link(self.link)
        subnet = parse_subnet(self.destination)
        wanted = (link.index if link else -1, subnet.version, subnet.first, subnet.prefix, self.metric, MAIN_TABLE)
        for route in host.links.routes():
            found = (route.device, route.version, route.first, route.prefix, route.metric, route.table)
            if found == wanted and route.gateway:
                yield route.gateway

    def __str__(self) -> str:
        return f"add route {self.destination} by {self.gateway} on {self.link}, metric {self.metric}"
