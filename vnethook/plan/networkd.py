"""Steps that have systemd-networkd look after a bridge in place of the NIC that is its port.

It is told by files in /run only after the addresses have moved: it ends its lease with a message to the server as it
lets the NIC go, and then that can no more be sent, since the NIC has no address and is a port.
"""

from vnethook.errors import HostError
from vnethook.host import log, networkd
from vnethook.host.networkd import NetworkdLink
from vnethook.live import files
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from vnethook.host.host import Host
    from vnethook.host.link_address import LinkAddress
    from vnethook.live.rtnl import Link

LEASE_S = 15.0
"""How long it has until it has done for a link what it is told."""
_KEEP = "[Network]\nKeepConfiguration=yes\n"
"""What is there stays until the lease is confirmed, and is not flushed as something foreign."""


def _drop_in(file: str) -> str:
    """What is added to a NIC's file by us; while it is there, networkd has been told to let the NIC go."""
    return f"{networkd.VOLATILE}/{files.base_name(file)}.d/{networkd.PREFIX}keep.conf"


class KeepConfiguration(Step):
    """Have networkd take up a NIC again that it was told to let go, and keep what that has; all of it when undone."""

    _about = ("nic",)
    nic: str
    file: str
    address: str

    def is_done(self, host: "Host") -> bool:
        return files.exists(_drop_in(self.file))

    def do(self, host: "Host") -> None:
        """Nothing: it is there to be undone last."""

    def undo(self, host: "Host") -> None:
        nic = host.links.link(self.nic)
        if nic is not None and networkd.is_running() and files.exists(_drop_in(self.file)):
            addresses = host.layer3.addresses(nic)
            _announce(host, nic, addresses)  # it took the NIC for gone as it left the bridge, and has not seen them
            networkd.reload()
            if not networkd.wait_for(nic.index, self.file, self.address, timeout_s=LEASE_S):
                log.warning(
                    f"systemd-networkd: {self.nic}: is not done with it after {LEASE_S:.0f} s; it goes on trying"
                )
            leased, lease_s = networkd.leased(nic.index), networkd.lease_s(nic.index)
            lasting = {"valid_s": lease_s, "preferred_s": lease_s}  # what it keeps, it gives no end
            _announce(host, nic, [one.replace(**lasting) if one.host == leased else one for one in addresses])
        _remove(_drop_in(self.file))

    def __str__(self) -> str:
        return f"have systemd-networkd keep what {self.nic} has when it takes it up again"


class ManageBridge(Step):
    """Have networkd do for a bridge what it does for the NIC that is its port, and leave that alone."""

    _about = ("bridge",)
    _nested = {"nic": NetworkdLink}  # noqa: RUF012 (ClassVar would need typing at run time)
    nic: NetworkdLink
    port: str
    bridge: str

    def _file(self, link: str) -> str:
        return f"{networkd.VOLATILE}/{networkd.PREFIX}{link}.network"

    def is_done(self, host: "Host") -> bool:
        return all(files.exists(self._file(link)) for link in (self.port, self.bridge))

    def do(self, host: "Host") -> None:
        port, bridge = host.links.link(self.port), host.links.link(self.bridge)
        index = bridge.index if bridge else 0
        files.write_text(self._file(self.port), f"[Match]\nName={self.port}\n[Link]\nUnmanaged=yes\n")
        files.write_text(_drop_in(self.nic.file), _KEEP)
        text = f"[Match]\nName={self.bridge}\n{self.nic.text}\n{self.nic.identity}{_KEEP}"
        files.write_text(self._file(self.bridge), text, mode=0o644)
        networkd.reload()
        if not networkd.wait_for(index, self._file(self.bridge), self.nic.address, timeout_s=LEASE_S):
            msg = f"systemd-networkd: look after {self.bridge!r}: it is not done after {LEASE_S:.0f} s"
            raise HostError(msg, hint="does the DHCP server answer? see `networkctl status` and the system log")
        if port is not None:
            self._wait_for_rest(host, port)
        if networkd.leased(index) != self.nic.address:
            msg = f"systemd-networkd: {self.bridge}: was given {networkd.leased(index)}, and not {self.nic.address}"
            raise HostError(msg, hint="does the server tell its clients by more than MAC and client identifier?")

    def undo(self, host: "Host") -> None:
        port = host.links.link(self.port)
        if port is not None and networkd.is_running() and files.exists(self._file(self.port)):
            files.write_text(_drop_in(self.nic.file), _KEEP)
            networkd.reload()  # a killed call may have told it, or not: now it has, before the addresses are back
            self._wait_for_rest(host, port)
        for link in (self.port, self.bridge):
            files.remove(self._file(link))

    def _wait_for_rest(self, host: "Host", port: "Link") -> None:
        networkd.wait_for_rest(port.index, timeout_s=LEASE_S)
        host.layer3.forget_unanswered(port)  # its message to the server waits there for a way out

    def __str__(self) -> str:
        return f"have systemd-networkd look after {self.bridge} in place of {self.port}"


def _announce(host: "Host", link: "Link", addresses: "Sequence[LinkAddress]") -> None:
    """Give a link addresses that it has, with all that is theirs, so that the kernel tells of them once more."""
    present = {address.key for address in host.layer3.addresses(link)}
    for address in addresses:
        if address.key in present:
            host.layer3.set_lifetimes(link, address)


def _remove(drop_in: str) -> None:
    files.remove(drop_in)
    files.remove_directory(files.directory_of(drop_in))
