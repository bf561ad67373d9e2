"""Programs that manage links or confine programs, and would take ours for theirs."""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.doctor.survey import Survey

_NETWORKMANAGER = "/etc/NetworkManager/conf.d/vnethook.conf"
_NETWORKD = "/etc/systemd/network/00-vnethook.network"
_APPARMOR = "/etc/apparmor.d/local/usr.sbin.dnsmasq"


def networkmanager(survey: "Survey") -> "Iterator[Finding]":
    """Links of ours that NetworkManager has taken."""
    for link in survey.managed:
        command = (
            f"printf '[keyfile]\\nunmanaged-devices+=interface-name:vnbr*;interface-name:{link}\\n' "
            f">{_NETWORKMANAGER} && nmcli general reload"
        )
        yield Finding(
            WARNS, f"link {link!r}", "NetworkManager manages it, and may take it down or off its bridge", command
        )


def networkd(survey: "Survey") -> "Iterator[Finding]":
    """Files by which systemd-networkd configures whatever link there is."""
    for path in survey.networkd:
        lines = "[Match]\\nName=vnbr* tap* vnet* vif*\\n[Link]\\nUnmanaged=yes\\n"
        command = f"printf '{lines}' >{_NETWORKD} && networkctl reload"
        yield Finding(WARNS, path, "is for links of ours too: systemd-networkd may give them addresses", command)


def apparmor(survey: "Survey") -> "Iterator[Finding]":
    """A profile that keeps dnsmasq from its files."""
    if survey.is_dnsmasq_confined:
        rules = f"{survey.run}/** rw,\\n{survey.state}/** rw,"
        command = f"printf '{rules}\\n' >>{_APPARMOR} && apparmor_parser -r /etc/apparmor.d/usr.sbin.dnsmasq"
        yield Finding(STOPS, "AppArmor", f"its profile of dnsmasq does not let it read {survey.run}", command)
