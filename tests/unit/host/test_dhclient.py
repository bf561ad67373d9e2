"""What dhclient's words mean, and what they become for another link."""

import pytest

from vnethook.host import dhclient
from vnethook.host.dhcp_client import DhcpClient

IFUPDOWN = (
    "-4 -v -i -pf /run/dhclient.eth0.pid -lf /var/lib/dhcp/dhclient.eth0.leases -I -df /var/lib/dhcp/x.leases eth0"
)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("eth0 eth1", "looks after more than this interface"),
        ("", "names no interface"),
        ("-d eth0", "runs with -d, so something watches over it that would start it again"),
        ("-6 -P eth0", "asks for prefixes, temporary addresses or information only"),
        ("-lf leases eth0", "has its files in a directory that is not known any more"),
    ],
)
def test_what_cannot_be_handed_over_says_why(words: str, reason: str) -> None:
    assert dhclient.read(["dhclient", *words.split()], {}, "eth0") == reason


def test_the_words_for_another_link_are_those_that_ifupdown_would_use() -> None:
    client = dhclient.read(["dhclient", *IFUPDOWN.split()], {}, "eth0")
    assert isinstance(client, DhcpClient)
    new = dhclient.successor(client, "ebreth0")
    assert new.arguments == (
        *("-lf", "/var/lib/dhcp/dhclient.ebreth0.leases", "-pf", "/run/dhclient.ebreth0.pid"),
        *("-4", "-v", "-i", "-I", "-df", "/var/lib/dhcp/x.leases", "ebreth0"),
    )
    assert dhclient.successor(client, "eth0") == client


def test_files_are_found_where_none_is_named() -> None:
    client = dhclient.read(["dhclient", "-6", "eth0"], {"PATH_DHCLIENT_PID": "/run/x.pid", "HOME": "/"}, "eth0")
    assert client == DhcpClient(
        *("dhclient", "eth0", 6, (), ("-6", "eth0"), (("PATH_DHCLIENT_PID", "/run/x.pid"),)),
        *("/var/lib/dhcp/dhclient6.leases", "/run/x.pid"),
    )
