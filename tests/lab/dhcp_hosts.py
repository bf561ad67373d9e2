"""Hosts whose NIC has its address by a real DHCP client of Debian's packages, unpacked and not installed."""

import re
import subprocess

from tests.lab.host import Host
from tests.lab.lan import connect, has_settled
from tests.lab.machine import Machine, wait_for
from tests.lab.packages import missing, unpacked
from tests.lab.resolved import BUS

_PREPARE = """
for place in /run /var/lib; do mount -t tmpfs tmpfs $place; done
mkdir -p /var/lib/dhcp /run/lock
: >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
"""


IGNORED = (
    "/run/systemd/netif/",
    "/run/NetworkManager/devices/",
    "/var/lib/NetworkManager/timestamps",
    "/var/lib/NetworkManager/seen",
)


class DhcpHost(Host):
    """A host on the router's network, without an address of IPv4 until `start_client` gives it one."""

    client, mark = "", ""
    """Its name, and what its command line looks like."""
    ended_s = 0.0
    """When the lease that the NIC had has ended, for a test to keep it."""

    def join(self, router: Machine) -> None:
        """Lay a cable to the router and give the host a /run and a /var/lib of its own."""
        self.run(["sh", "-euc", _PREPARE])
        connect(self, router, "")

    def start_client(self) -> None:
        """Start the client of eth0; returns with its lease."""
        raise NotImplementedError

    def start_bus(self) -> None:
        """Start a system bus of the host's own."""
        bus = self.directory / "bus.conf"
        bus.write_text(BUS)
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.popen(["dbus-daemon", "--config-file", bus, "--nofork", "--nopidfile"], **quiet)
        is_there = ["test", "-e", "/run/dbus/system_bus_socket"]
        wait_for(lambda: self.run(is_there, check=False).returncode == 0, "the system bus")

    def files_of_clients(self) -> list[str]:
        """The names of the files that clients keep, or read, but for what managers say of every link, and when."""
        found = self.run(
            ["find", "/run", "/var/lib", "-name", "over", "-prune", "-o", "-type", "f", "-print"]
        ).stdout.split()
        return sorted(path for path in found if not path.startswith(IGNORED))

    def clients(self) -> list[str]:
        """The processes of the client that run and are not held: each its number, and its command line."""
        lines = [line.split(None, 2) for line in self.run(["ps", "-eo", "pid,stat,args"]).stdout.splitlines()]
        return [f"{pid} {args}" for pid, state, args in lines if "T" not in state and re.search(self.mark, args)]

    def address(self, link: str) -> str:
        """The one IPv4 address of a link, empty if there is none."""
        [found] = self.json(["ip", "-json", "-4", "address", "show", "dev", link]) or [{}]
        addresses = [one["local"] for one in found.get("addr_info", [])]
        assert len(addresses) <= 1, addresses
        return addresses[0] if addresses else ""


class DhclientHost(DhcpHost):
    """ISC's dhclient with ifupdown's words, identified by a DUID that only its lease file has."""

    client, mark = "dhclient", r"^\S+/dhclient "
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
        wait_for(lambda: self.address("eth0"), "a lease")


_NETWORKD = """
mount -t tmpfs tmpfs /usr/local/sbin
mount -t tmpfs tmpfs /etc/systemd
mount -o remount,bind,ro /sys
mkdir -p /run/dbus /run/systemd/network /etc/systemd/network /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
chown -R 65531:65531 /run/systemd/netif
printf '#!/bin/sh\\nLD_LIBRARY_PATH=%s exec %s "$@"\\n' "$1" "$2" >/usr/local/sbin/networkctl
chmod 755 /usr/local/sbin/networkctl
"""
_NETWORK = """[Match]
Name=eth0
[Network]
DHCP=ipv4
IPv6AcceptRA=no
[DHCPv4]
Hostname=mill
"""


class NetworkdHost(DhcpHost):
    """systemd-networkd, told over a system bus of its own; with /sys read-only it does not wait for udev."""

    client, mark = "systemd-networkd", r"/systemd-networkd$"

    def start_client(self) -> None:
        root = unpacked("systemd", "libsystemd-shared", "libkmod2", "libip4tc2")
        libraries = ":".join(sorted({str(path.parent) for path in (root / "usr/lib").rglob("lib*.so*")}))
        self.add_user("systemd-network", 65531)
        self.run(["sh", "-euc", _NETWORKD, "prepare", libraries, root / "usr/bin/networkctl"])
        self.run(["tee", "/etc/systemd/network/20-wired.network"], stdin=_NETWORK)
        self.start_bus()
        words = {"LD_LIBRARY_PATH": libraries, "SYSTEMD_LOG_TARGET": "console"}
        with (self.directory / "networkd.log").open("wb") as log:
            self.popen([root / "usr/lib/systemd/systemd-networkd"], env=words, stdout=log, stderr=log)
        wait_for(lambda: self.address("eth0"), "a lease")


_DHCPCD = """
mkdir -p /var/lib/dhcpcd
chown 65530:65530 /var/lib/dhcpcd
mount -o remount,bind,ro /sys
for place in usr etc; do
  mkdir -p /run/over/$place /run/over/$place-work "$1/$place"
  mount -t overlay overlay -o "lowerdir=$1/$place:/$place,upperdir=/run/over/$place,workdir=/run/over/$place-work" /$place
done
printf 'hostname mill\\nduid\\npersistent\\nnoipv6rs\\nnoarp\\n' >/etc/dhcpcd.conf
: >/etc/resolv.conf
"""


class DhcpcdHost(DhcpHost):
    """dhcpcd for one link, with its parts in processes of their own."""

    client, mark = "dhcpcd", r"^dhcpcd: e"

    def start_client(self) -> None:
        self.run(["sh", "-euc", _DHCPCD, "prepare", unpacked("dhcpcd-base")])
        self.add_user("dhcpcd", 65530)
        self.run(["dhcpcd", "-4", "eth0"])
        wait_for(lambda: self.address("eth0"), "a lease")


_NETWORKMANAGER = """
mount -o remount,bind,ro /sys
for place in usr etc; do
  mkdir -p /run/over/$place /run/over/$place-work "$1/$place"
  mount -t overlay overlay -o "lowerdir=$1/$place:/$place,upperdir=/run/over/$place,workdir=/run/over/$place-work" /$place
done
mkdir -p /run/dbus /var/lib/NetworkManager /etc/NetworkManager/conf.d
rm -rf /etc/NetworkManager/system-connections
mkdir -m 700 /etc/NetworkManager/system-connections
printf '[main]\\nplugins=keyfile\\nauth-polkit=false\\n[device]\\nmatch-device=interface-name:eth0\\nmanaged=1\\n' >/etc/NetworkManager/NetworkManager.conf
: >/etc/resolv.conf
"""
_WIRED = """[connection]
id=wired
uuid=0c8d8c6e-5b7a-4b1e-9d9a-0123456789ab
type=ethernet
interface-name=eth0

[ipv4]
method=auto
dhcp-client-id=ff:00:00:00:01:00:04:11:22
dhcp-hostname=mill

[ipv6]
method=link-local
addr-gen-mode=eui64
"""


class NetworkManagerHost(DhcpHost):
    """NetworkManager, told over a system bus of its own, without udev."""

    client, mark = "NetworkManager", r"^NetworkManager "

    def start_client(self) -> None:
        self.run(["sh", "-euc", _NETWORKMANAGER, "prepare", unpacked(*missing("network-manager"))])
        profile = "/etc/NetworkManager/system-connections/wired.nmconnection"
        self.run(["install", "-m", "600", "/dev/stdin", profile], stdin=_WIRED)
        self.start_bus()
        with (self.directory / "networkmanager.log").open("wb") as log:
            self.popen(["NetworkManager", "--no-daemon"], stdout=log, stderr=log)
        wait_for(lambda: self.address("eth0"), "a lease")
        done = ["nmcli", "--wait", "15", "-g", "GENERAL.STATE", "device", "show", "eth0"]
        wait_for(lambda: "100" in self.run(done, check=False).stdout, "NetworkManager to be done with eth0")
        wait_for(lambda: has_settled(self, "eth0"), "its link-local address")
