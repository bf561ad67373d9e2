"""Which lines an administrator may add to dnsmasq's configuration: all but those that would take it away from us."""

from vnethook.definition.text import check_ascii
from vnethook.names import refuse, shown

KEPT = ("pid-file", "keep-in-foreground", "no-daemon", "test", "version", "help", "dhcp-leasefile", "leasefile-ro")
"""How we start dnsmasq, know it again and read its leases."""


def keyword(option: str) -> str:
    """What a line sets: its first word. Source: dnsmasq(8), CONFIG FILE."""
    return option.partition("=")[0].strip()


def check_option(option: str) -> None:
    """Raise DefinitionError for a line that dnsmasq cannot be given."""
    check_ascii("dnsmasq option", option)
    if keyword(option) in KEPT:
        refuse(f"dnsmasq option {shown(option)}: {keyword(option)} is what vnethook keeps dnsmasq by")
