"""Hosts whose NIC has its address by a real DHCP client of Debian's packages, unpacked and not installed."""

from typing import Any

from tests.lab.host import Host
from tests.lab.lan import connect
from tests.lab.machine import Machine, wait_for
from tests.lab.packages import unpacked

_PREPARE = """
for place in /run /var/lib; do mount -t tmpfs tmpfs $place; done
mkdir -p /var/lib/dhcp /run/lock
: >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
"""


class DhcpHost(Host):
    """A host on the router's network, without an address of IPv4 until `start_client` gives it one."""

    client = ""
    ended_s = 0.0
    """When the lease that the NIC had has ended, for a test to keep it."""

    def join(self, router: Machine) -> None:
        """Lay a cable to the router and give the host a /run and a /var/lib of its own."""
        self.run(["sh", "-euc", _PREPARE])
        connect(self, router, "")

    def start_client(self) -> None:
        """Start the client of eth0; returns with its lease."""
        raise NotImplementedError

    def files_of_clients(self) -> list[str]:
        """The names of the files that clients keep."""
        return self.run(["find", "/run", "/var/lib", "-type", "f"]).stdout.split()

    def lease(self, link: str) -> dict[str, Any]:
        """The one dynamic IPv4 address of a link as `ip -json` has it, empty if there is none."""
        [found] = self.json(["ip", "-json", "-4", "address", "show", "dev", link]) or [{}]
        dynamic = [one for one in found.get("addr_info", []) if one.get("dynamic")]
        assert len(dynamic) <= 1, dynamic
        return dynamic[0] if dynamic else {}


class DhclientHost(DhcpHost):
    """ISC's dhclient with ifupdown's words, identified by a DUID that only its lease file has."""

    client = "dhclient"
    files = ("-pf", "/run/dhclient.eth0.pid", "-lf", "/var/lib/dhcp/dhclient.eth0.leases")

    def start_client(self) -> None:
        root = unpacked("isc-dhcp-client")
        program, script = root / "usr/sbin/dhclient", root / "usr/sbin/dhclient-script"
        configuration = self.directory / "dhclient.conf"
        configuration.write_text(
            'send host-name "mill";\nrequest subnet-mask, routers;\n'
            'interface "eth0" { send vendor-class-identifier "lab"; }\n'
        )
        words = [program, "-4", "-v", "-i", "-sf", script, "-cf", configuration, *self.files, "-I", "eth0"]
        self.run(words)
        wait_for(lambda: self.lease("eth0"), "a lease")
