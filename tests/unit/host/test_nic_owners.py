"""Which programs would give a NIC its addresses back."""

import pytest

from vnethook.host import dhcp_clients, networkd, networkmanager, nic_owners
from vnethook.host.dhcp_client import DhcpClient
from vnethook.live import process

LINKS = ("lo", "eth0", "eth1")


@pytest.mark.parametrize(
    ("words", "is_owner"),
    [
        (["dhclient", "-4", "-pf", "/run/dhclient.eth0.pid", "eth0"], True),
        (["/sbin/dhclient", "eth1"], False),
        (["/sbin/dhclient"], True),
        (["/sbin/dhclient", "eth1", "eth0"], True),
        (["udhcpc", "-i", "eth0", "-q"], True),
        (["udhcpc", "-ieth1"], False),
        (["/bin/busybox", "udhcpc", "-i", "eth0"], True),
        (["busybox", "sh"], False),
        (["dhcpcd: eth0 [ip4] [ip6]"], True),
        (["dhcpcd: eth1 [ip4]"], False),
        (["dhcpcd: [manager] [ip4] [ip6]"], True),
        (["vi", "/etc/dhclient.conf", "eth0"], False),
        ([], False),
    ],
    ids=ascii,
)
def test_a_client_is_for_the_nic_that_it_names_or_for_all(
    monkeypatch: pytest.MonkeyPatch, words: list[str], is_owner: bool
) -> None:
    _run(monkeypatch, words)
    monkeypatch.setattr(dhcp_clients, "read", lambda *_: "is asked for by the test")
    found = nic_owners.read("eth0", 2, LINKS).others
    assert len(found) == is_owner
    assert all(owner.endswith(" (process 7), which is asked for by the test,") for owner in found)


def test_a_client_that_can_be_handed_over_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    client = DhcpClient("dhclient", "eth0", 4, ("/sbin/dhclient",), ("eth0",))
    _run(monkeypatch, ["dhclient", "eth0"])
    monkeypatch.setattr(dhcp_clients, "read", lambda *_: client)
    assert nic_owners.read("eth0", 2, LINKS) == nic_owners.Owners(clients=(client,))


@pytest.mark.parametrize(
    ("program", "is_owner"),
    [("/usr/sbin/NetworkManager", True), ("/lib/systemd/systemd-networkd", True), ("Xorg", False)],
)
def test_a_manager_says_itself_why_a_link_cannot_be_anothers(
    monkeypatch: pytest.MonkeyPatch, program: str, is_owner: bool
) -> None:
    _run(monkeypatch, [program, "--no-daemon"])
    for manager in (networkd, networkmanager):
        monkeypatch.setattr(manager, "read", lambda *_: "is asked for by the test")
    name = program.rpartition("/")[2]
    expected = (f"{name}, which is asked for by the test,",) if is_owner else ()
    assert nic_owners.read("eth0", 2, LINKS).others == expected


def _run(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """Have this one process on the host."""
    monkeypatch.setattr(process, "running", lambda: iter([7]))
    monkeypatch.setattr(process, "command_line", lambda _: words)
    monkeypatch.setattr(process, "is_in_our_network", lambda _: True)
