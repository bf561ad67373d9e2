"""Our own hooks and commands, on a host where little is up."""

import socket

from tests.bench.sample import Caller, Case, Sample
from tests.lab.host import HOOKS, VNET, Host
from tests.lab.library import on
from vnethook.hook import serve
from vnethook.hook.request import NicRequest
from vnethook.host import host as machine
from vnethook.lifecycle import bringup
from vnethook.live import record

WARM, COLD = 2.6, 6
"""The budgets: times the bare interpreter."""
NETWORK, NIC, NEIGHBOUR = "default", "nic0", "neighbour0"
IFUP, IFDOWN, HELPER = (HOOKS / "qemu" / name for name in ("qemu-ifup", "qemu-ifdown", "qemu-bridge-helper"))
DNS_QUERY = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x01"  # the root's NS, refused or not


class Site:
    """A host, a QEMU that calls our hooks for its tap `nic0`, and another guest's tap `neighbour0`."""

    def __init__(self, host: Host, *, has_neighbour: bool = True) -> None:
        self.host = host
        host.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", host.root / "run"])  # as /run is
        device = "virtio-net-pci,netdev=n0,mac=52:54:00:00:53:01"
        self.qemu = Caller(host, "-name", "guest=bench", "-netdev", f"tap,id=n0,ifname={NIC}", "-device", device)
        self.qemu.hold(NIC)
        bridge = ("-netdev", f"bridge,id=n0,br={NETWORK}", "-device", device)
        self.qemu_of_helper = Caller(host, "-name", "guest=bench", *bridge)
        self.others = Caller(host)
        self._neighbours = [NEIGHBOUR] if has_neighbour else []
        self.others.hold(*self._neighbours)

    def warm(self, *, neighbour: bool = True) -> None:
        """The network is up, the neighbour on it or not, our NIC off."""
        self._detach(NIC, *(() if neighbour else self._neighbours))

        def arrange(here: machine.Host) -> None:
            if record.read(here.paths, NETWORK) is None:
                bringup.start(here, NETWORK)
            for name in self._neighbours if neighbour else ():
                attach(here, name, NETWORK)

        on(self.host, arrange)

    def cold(self, *, keeps_ports: bool = False) -> None:
        """The network is down; with `keeps_ports`, whoever else was on it waits to be put back."""
        self._detach(NIC, *(() if keeps_ports else self._neighbours))

        def arrange(here: machine.Host) -> None:
            if record.read(here.paths, NETWORK) is not None:
                bringup.stop(here, NETWORK, force=True)

        on(self.host, arrange)

    def _detach(self, *interfaces: str) -> None:
        for interface in interfaces:
            self.others.run(IFDOWN, interface)
        self.host.run(["ip", "link", "set", NIC, "down"])  # as QEMU hands it over

    def new(self) -> None:
        """As on the day of the installation: nothing defined, nothing chosen, nothing remembered."""
        self.cold()
        self.host.run(["rm", "-rf", *(self.host.root / place / "vnethook" for place in ("etc", "run", "var/lib"))])

    def attached(self) -> None:
        """The network is up, our NIC and the neighbour on it."""
        self.warm()
        self.ifup()

    def ifup(self) -> Sample:
        return self.qemu.run(IFUP, NIC)

    def ifdown(self) -> Sample:
        return self.qemu.run(IFDOWN, NIC)

    def helper(self) -> Sample:
        return self.qemu_of_helper.run(HELPER, "--use-vnet", "--fd=9", f"--br={NETWORK}", passes_tap=True)

    def first(self) -> Sample:
        """Call ifup, see that the NIC is on the network and that dnsmasq answers, add what dnsmasq took until then."""
        sample = self.ifup()
        return Sample(sample.cpu_ms, sample.wall_ms, on(self.host, _see_that_it_works))


def attach(here: machine.Host, interface: str, network: str, *, guest: str = "", mac: str = "") -> None:
    """Attach a NIC without measuring."""
    serve.attach(here.paths, NicRequest(interface, network, guest=guest, mac=mac))


def _see_that_it_works(here: machine.Host) -> float:
    """The CPU time in ms that the network's daemons have taken, once DNS answers; AssertionError if it does not work."""
    live = record.read(here.paths, NETWORK)
    assert live, "the network is not up"
    nic = here.links.link(NIC)
    assert nic, "the tap is gone"
    assert (nic.master, nic.is_up) == (live.index, True), "the tap is no active port of the network's bridge"
    address = here.links.addresses(live.bridge)[0].partition("/")[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(5)
        client.sendto(DNS_QUERY, (address, 53))
        assert client.recv(512)[:2] == DNS_QUERY[:2], "DNS does not answer"
    taken_ns = 0
    for _, pid, _ in live.daemons:
        with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
            taken_ns += int(file.read().split()[0])
    return taken_ns / 1e6


def cases(site: Site) -> list[Case]:
    """What this host is measured at."""

    def vnet(*words: str) -> Sample:
        return site.others.run(VNET, *words)

    return [
        Case("qemu-ifup, warm", site.qemu, site.ifup, site.warm, budget=WARM),
        Case("qemu-ifup, warm, first on it", site.qemu, site.ifup, lambda: site.warm(neighbour=False), budget=WARM),
        Case("qemu-bridge-helper, warm", site.qemu_of_helper, site.helper, site.warm, budget=WARM),
        Case("qemu-ifdown", site.qemu, site.ifdown, site.attached, budget=WARM),
        Case("qemu-ifup, cold", site.qemu, site.first, site.cold, budget=COLD),
        Case("qemu-ifup, first start ever", site.qemu, site.first, site.new, budget=COLD),
        Case("vnet net-start", site.others, lambda: vnet("net-start", NETWORK), site.cold),
        Case("vnet net-list --all", site.others, lambda: vnet("net-list", "--all"), site.warm),
    ]
