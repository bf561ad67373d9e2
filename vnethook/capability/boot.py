"""What guests need that boot from the network: the file that they load, and who serves it. Source: dnsmasq(8)."""

from vnethook.address import is_ipv4
from vnethook.capability.dnsmasq_text import quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Ip, Network


def settings(network: "Network") -> list[str]:
    """The lines about booting in dnsmasq.conf."""
    root = tftp_root(network)
    lines = [f"enable-tftp={network.bridge.name}", f"tftp-root={quoted(root)}"] if root else []
    return lines + [_boot(ip) for ip in network.ips if ip.serves_dhcp and ip.bootp_file]


def tftp_root(network: "Network") -> str | None:
    """The directory that is served by TFTP, if any is."""
    return next((ip.tftp_root for ip in network.ips if ip.tftp_root), None)


def _boot(ip: "Ip") -> str:
    words = [quoted(ip.bootp_file or "")]
    if ip.bootp_server:
        words += ["" if is_ipv4(ip.bootp_server) else ip.bootp_server, ip.bootp_server]
    return f"dhcp-boot={','.join(words)}"
