"""A step that has NetworkManager look after a bridge in place of the NIC that is its port.

Done after the addresses have moved: first the bridge gets what the NIC's profile says, then the NIC becomes a port by a
profile of its own, which ends the old one. Undone before they move back, by the old profile, which brings them itself.
"""

from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import log, networkmanager
from vnethook.host.networkmanager import Device
from vnethook.live import files
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.live.rtnl import Link

LEASE_S = 15
"""How long it has until it has done for a link what it is told."""


class ConnectBridge(Step):
    """Have NetworkManager do for a bridge what it does for a NIC, which is its port.

    `identifier`: the last half of the NIC's IPv6 addresses, empty for that of its MAC.
    """

    _about = ("bridge",)
    _nested = {"nic": Device}  # noqa: RUF012 (ClassVar would need typing at run time)
    nic: Device
    bridge: str
    mac: str
    identifier: str

    @property
    def _files(self) -> tuple[str, str]:
        return networkmanager.file_of(self.nic.link), networkmanager.file_of(self.bridge)

    @property
    def _leases(self) -> tuple[str, str]:
        new = networkmanager.uuid_of(self.nic, self.bridge)
        return networkmanager.lease_of(self.nic.uuid, self.nic.link), networkmanager.lease_of(new, self.bridge)

    def is_done(self, host: "Host") -> bool:
        bridge = host.links.link(self.bridge)
        return bridge is not None and networkmanager.uuid_at(bridge.index) == networkmanager.uuid_of(
            self.nic, self.bridge
        )

    def do(self, host: "Host") -> None:
        bridge = host.links.link(self.bridge)
        if bridge is None:
            msg = f"link {self.bridge!r}: no such network interface"
            raise HostError(msg)
        for version in ("ipv4", "ipv6"):  # as soon as the NIC leaves it, its routes lead nowhere and stand in the way
            name = f"net/{version}/conf/{self.bridge}/ignore_routes_with_linkdown"
            if host.sysctls.read(name) is not None:
                host.sysctls.write(name, "1")
        port = networkmanager.port_profile(self.nic, self.nic.link, self.bridge)
        text = networkmanager.profile(self.nic, self.bridge, self.mac, self.identifier)
        for path, content in zip(self._files, (port, text), strict=True):
            files.write_text(path, content, mode=0o600)
        _copy(*self._leases)
        networkmanager.load(*self._files)
        for link in (self.bridge, self.nic.link):
            networkmanager.connect(networkmanager.uuid_of(self.nic, link), link, timeout_s=LEASE_S)
        leased = networkmanager.leased(bridge.index, timeout_s=LEASE_S) if self.nic.address else ""
        if leased != self.nic.address:
            msg = f"NetworkManager: {self.bridge}: was given {leased or 'nothing'}, and not {self.nic.address}"
            raise HostError(msg, hint="does the DHCP server answer? see `nmcli device` and the system log")

    def undo(self, host: "Host") -> None:
        nic = host.links.link(self.nic.link)
        if nic is None or not networkmanager.is_running() or not any(files.exists(path) for path in self._files):
            self._remove_files()
            return
        _copy(*reversed(self._leases))
        try:  # also where it says that it is: it writes that down later
            networkmanager.connect(self.nic.uuid, self.nic.link, timeout_s=LEASE_S)
            self._wait_for_address(host, nic)  # it is done with the first IP version that is
        except HostError as error:
            log.warning(f"{error}; it goes on trying")
        self._remove_files()
        networkmanager.reload()

    def _wait_for_address(self, host: "Host", nic: "Link") -> None:
        deadline = monotonic() + LEASE_S
        while self.nic.address and self.nic.address not in {one.host for one in host.layer3.addresses(nic)}:
            if monotonic() > deadline:
                msg = f"NetworkManager: {self.nic.link}: has no address after {LEASE_S} s"
                raise HostError(msg)
            sleep(0.01)

    def _remove_files(self) -> None:
        for path in (*self._files, self._leases[1]):
            files.remove(path)

    def __str__(self) -> str:
        return f"have NetworkManager look after {self.bridge} in place of {self.nic.link}"


def _copy(source: str, target: str) -> None:
    text = files.read_text(source)
    if text is not None:
        files.write_text(target, text, mode=0o600)
