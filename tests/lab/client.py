"""A guest without QEMU: a machine whose one NIC is the far end of a veth, with busybox's DHCP client on it."""

from typing import Self

from tests.lab.dhcp6 import Lease6, ask_for_address
from tests.lab.machine import Machine

# Called by udhcpc(8) with its options as variables; prints what it got and sets it up.
_ON_LEASE = """#!/bin/sh
case $1 in
  deconfig) ip -4 address flush dev "$interface" ;;
  bound|renew)
    ip address replace "$ip/$mask" dev "$interface"
    for gateway in $router; do ip route replace default via "$gateway"; done
    printf 'LEASE %s\\n' "ip=$ip" "mask=$mask" "router=$router" "dns=$dns" "domain=$domain"
    printf 'LEASE %s\\n' "server=$serverid" "lease_s=$lease" "mtu=$mtu" "ntp=$ntpsrv"
    printf 'LEASE %s\\n' "next_server=$siaddr" "boot_file=$boot_file"
    ;;
esac
"""


class Client(Machine):
    """`with Client(host, "alice", port="veth-alice") as alice: host.vnet("attach", "veth-alice"); alice.lease()`."""

    def __init__(self, host: Machine, name: str, *, port: str, mac: str = "") -> None:
        super().__init__(name)
        self.host = host
        self.port = port
        self.mac = mac

    def __enter__(self) -> Self:
        super().__enter__()
        self.write_script()
        try:
            self.lay_cable("eth0", self.host, self.port, mac=self.mac)
            self.host.run(["ip", "link", "set", self.port, "down"])  # as a hypervisor hands it over
        except BaseException:
            self.close()
            raise
        return self

    def take(self, link: str) -> None:
        """Have a link of the host's as the NIC, up."""
        with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
            there = f"/proc/self/fd/{namespace.fileno()}"  # pids of one machine mean nothing on another
            words = ["ip", "link", "set", link, "netns", there, "name", "eth0"]
            with self.host.popen(words, pass_fds=[namespace.fileno()]) as moving:
                assert moving.wait() == 0
        self.run(["ip", "link", "set", "eth0", "up"])

    def write_script(self) -> None:
        """Write what the DHCP client calls."""
        script = self.directory / "on-lease"
        script.write_text(_ON_LEASE)
        script.chmod(0o755)

    def lease(self, *, hostname: str = "", client_id: str = "", mac: str = "", tries: int = 10) -> dict[str, str]:
        """Ask for a lease and take it, as it is or with another client id (hexadecimal) or MAC; empty if there is none.

        ip, mask, router, dns, domain, server, lease_s, mtu, ntp, next_server, boot_file.
        """
        if mac:
            self.run(["ip", "link", "set", "eth0", "address", mac])
        words = [
            "busybox",
            "udhcpc",
            "-f",
            "-n",
            "-q",
            "-t",
            str(tries),
            "-T",
            "1",
            "-i",
            "eth0",
            "-O",
            "mtu",
            "-O",
            "ntpsrv",
            "-s",
            self.directory / "on-lease",
        ]
        hello = ["-x", f"hostname:{hostname}"] if hostname else []
        hello += ["-C", "-x", f"0x3d:{client_id}"] if client_id else []
        lines = self.run([*words, *hello], check=False).stdout.splitlines()
        pairs = [line.removeprefix("LEASE ").partition("=") for line in lines if line.startswith("LEASE ")]
        return {key: value for key, _, value in pairs}

    def resolve(self, name: str, *, server: str, kind: str = "A") -> list[str]:
        """The addresses that a DNS server has for `name`."""
        return self.run(["dig", "+short", "+time=2", "+tries=2", f"@{server}", name, kind], check=False).stdout.split()

    def tftp(self, file: str, *, server: str) -> str:
        """What a TFTP server has in a file; AssertionError with the client's words if it gives it not."""
        there = self.directory / "fetched"
        self.run(["busybox", "timeout", "5", "busybox", "tftp", "-g", "-r", file, "-l", there, server])
        return there.read_text()

    def lease6(self, duid: str) -> Lease6 | None:
        """Ask for an IPv6 address by DHCP with this DUID (hexadecimal with colons); None if there is none."""
        return self.call(lambda: ask_for_address("eth0", duid))

    def pings(self, address: str) -> bool:
        """Whether an answer comes back within two seconds."""
        return self.run(["ping", "-n", "-c", "1", "-W", "2", address], check=False).returncode == 0

    def fetch(self, address: str, port: int = 80) -> str:
        """What a web server answers, without its headers; empty if it is not reached."""
        return self.call(lambda: fetch(address, port))


def fetch(address: str, port: int) -> str:
    """The body of http://address:port/, empty if it is not reached within three seconds."""
    import http.client

    connection = http.client.HTTPConnection(address, port, timeout=3)
    try:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()
