"""Steps that hand a link's DHCP client over to another link: the same client to the server, so it keeps the address.

The first is done before the addresses move, and so undone after they are back; the other the other way round.
"""

from _socket import AF_INET

from vnethook.errors import HostError
from vnethook.host import dhcp_clients, log
from vnethook.host.dhcp_client import DhcpClient
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.rtnl import Link

LEASE_S = 12.0
"""How long a client that is started anew has to get its lease confirmed."""


class HoldClient(Step):
    """Hold a link's client where it is; undone, it goes on, or runs anew with what `successor` knows."""

    _about = ("client",)
    _nested = {"client": DhcpClient, "successor": DhcpClient}  # noqa: RUF012 (ClassVar would need typing at run time)
    client: DhcpClient
    successor: DhcpClient

    def is_done(self, host: "Host") -> bool:
        return dhcp_clients.is_held(self.client)

    def do(self, host: "Host") -> None:
        dhcp_clients.hold(self.client)

    def undo(self, host: "Host") -> None:
        if not dhcp_clients.go_on(self.client) and host.links.link(self.client.link) is not None:
            dhcp_clients.carry_back(self.successor, self.client)
            try:
                _run(host, self.client)
            except HostError as error:
                log.warning(f"{error}; it goes on trying")
                dhcp_clients.start_trying(self.client)
        dhcp_clients.forget(self.successor, but=self.client)

    def __str__(self) -> str:
        return f"hold {self.client}"


class RunClient(Step):
    """Have a client run for another link, as whom the server knows, and end the one that is held."""

    _about = ("client",)
    _nested = {"client": DhcpClient, "predecessor": DhcpClient}  # noqa: RUF012 (ClassVar would need typing at run time)
    client: DhcpClient
    predecessor: DhcpClient

    def is_done(self, host: "Host") -> bool:
        is_running = dhcp_clients.processes(self.client, but=self.predecessor)
        return bool(is_running) and not dhcp_clients.is_there(self.predecessor)

    def do(self, host: "Host") -> None:
        dhcp_clients.end(self.client, but=self.predecessor)  # of a killed call
        if self.client.link == self.predecessor.link:  # it has the NIC's name, and some run once for a name
            dhcp_clients.end_found(self.predecessor)
        dhcp_clients.carry(self.predecessor, self.client)
        _run(host, self.client)
        dhcp_clients.end_found(self.predecessor)

    def undo(self, host: "Host") -> None:
        dhcp_clients.end(self.client, but=self.predecessor)

    def __str__(self) -> str:
        return f"run {self.client} in place of {self.predecessor}"


def _run(host: "Host", client: DhcpClient) -> None:
    """Start a client; raise HostError unless it is given what its link has already, and has that for as long again."""
    link = _link(host, client)
    before = {address.key for address in host.layer3.addresses(link)}
    dhcp_clients.start(client, timeout_s=LEASE_S)
    others = [address for address in host.layer3.addresses(link) if address.key not in before]
    if others and before:
        dhcp_clients.end(client)
        for address in others:
            host.layer3.remove_address(link, address)
        msg = f"{client}: was given {others[0]}, and not the address that it had"
        raise HostError(msg, hint="does the server tell its clients by more than MAC and client identifier?")
    lease_s = dhcp_clients.lease_s(client)
    for address in host.layer3.addresses(link):  # its script leaves an address that is there as it is until it renews
        if address.family == AF_INET and not address.is_lasting and address.valid_s < lease_s:
            host.layer3.set_lifetimes(link, address.replace(valid_s=lease_s, preferred_s=lease_s))


def _link(host: "Host", client: DhcpClient) -> "Link":
    link = host.links.link(client.link)
    if link is None:
        msg = f"{client}: start: no such network interface"
        raise HostError(msg)
    return link
