"""Tables are virsh's to the byte: people have scripts that read them."""

import pytest

from vnethook.cli.table import Table

# As virsh prints them; users' reports are full of these.
NET_LIST = """\
 Name      State    Autostart   Persistent$
--------------------------------------------$
 default   active   yes         yes$
"""
NET_LIST_OF_A_SHORT_NAME = """\
 Name   State    Autostart   Persistent$
-----------------------------------------$
 br0    active   yes         yes$
"""
# Composed by the same rule: each column three wider than its widest cell.
NET_DHCP_LEASES = """\
 Expiry Time           MAC address         Protocol   IP address       Hostname   Client ID or DUID$
--------------------------------------------------------------------------------------------------------$
 2024-05-06 07:08:09   52:54:00:85:90:e2   ipv4       192.0.2.231/24   web        01:52:54:00:85:90:e2$
 2024-05-06 07:18:09   52:54:00:85:90:e3   ipv4       192.0.2.131/24   -          -$
"""


def _marked(table: Table) -> str:
    return table.text().replace("\n", "$\n")


@pytest.mark.parametrize(("name", "printed"), [("default", NET_LIST), ("br0", NET_LIST_OF_A_SHORT_NAME)])
def test_net_list_is_virshs(name: str, printed: str) -> None:
    table = Table("Name", "State", "Autostart", "Persistent")
    table.add(name, "active", "yes", "yes")
    assert _marked(table) == printed


def test_net_dhcp_leases_is_virshs() -> None:
    table = Table("Expiry Time", "MAC address", "Protocol", "IP address", "Hostname", "Client ID or DUID")
    table.add("2024-05-06 07:08:09", "52:54:00:85:90:e2", "ipv4", "192.0.2.231/24", "web", "01:52:54:00:85:90:e2")
    table.add("2024-05-06 07:18:09", "52:54:00:85:90:e3", "ipv4", "192.0.2.131/24", "", None)
    assert _marked(table) == NET_DHCP_LEASES


def test_an_empty_table_is_its_header() -> None:
    assert Table("Name", "State").text() == " Name   State\n---------------\n"


def test_rows_alone_take_no_room_for_a_header() -> None:
    table = Table("Name", "State")
    assert table.text(with_header=False) == ""
    table.add("a", "b")
    assert table.text(with_header=False) == " a   b\n"


def test_what_a_terminal_would_obey_is_shown_as_an_escape() -> None:
    table = Table("Guest")
    table.add("a\x1b[31m\nb\u202e")
    assert table.text().splitlines()[2:] == [r" a\x1b[31m\nb\u202e"]


def test_wide_and_combining_characters_count_as_the_columns_that_they_take() -> None:
    table = Table("Guest", "MAC")
    table.add("网络", "x")
    table.add("e\u0301", "y")
    assert table.text().splitlines()[2:] == [" 网络    x", " e\u0301       y"]
