"""The DHCP leases of a network."""

from time import time

from vnethook.host.host import Host
from vnethook.lifecycle.lookup import in_force
from vnethook.live import files
from vnethook.value import Value


class Lease(Value):
    """A DHCP lease: expiry in Unix seconds (0: never), "ipv4" or "ipv6", address with its prefix length.

    `iaid`: for which of a guest's interfaces an IPv6 lease is (RFC 8415, section 21.4); its MAC is not known.
    """

    expiry: int
    mac: str
    protocol: str
    ip: str
    prefix: int
    hostname: str
    clientid: str
    iaid: str = ""


def leases(host: Host, name: str) -> list[Lease]:
    """The DHCP leases of a network that have not expired. Source: dnsmasq's lease file, lease_update_file()."""
    network = in_force(host, name)
    found = []
    for line in (files.read_text(f"{host.paths.leases}/{name}") or "").splitlines():
        words = line.split()
        if len(words) != 5:  # the server's own DUID
            continue
        expiry, mac, ip, hostname, clientid = words
        if int(expiry) and int(expiry) < time():
            continue
        subnet = next((item for item in network.subnets if item.has_address(ip)), None)
        is_ipv6 = ":" in ip
        found.append(
            Lease(
                expiry=int(expiry),
                mac="" if is_ipv6 else mac,
                protocol="ipv6" if is_ipv6 else "ipv4",
                ip=ip,
                prefix=subnet.prefix if subnet else (128 if is_ipv6 else 32),
                hostname="" if hostname == "*" else hostname,
                clientid="" if clientid == "*" else clientid,
                iaid=mac if is_ipv6 else "",  # it stands where IPv4 has the MAC
            )
        )
    return found
