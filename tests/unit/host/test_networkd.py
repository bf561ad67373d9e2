"""What systemd-networkd does for a link, by its own files, as it is to be done for another."""

from pathlib import Path

import pytest

from vnethook.host import networkd
from vnethook.host.networkd import NetworkdLink

FILE = "[Match]\nName=eth0\n\n[Network]\nDHCP=yes\n"
STATE = "# This is private data. Do not parse.\nADMIN_STATE=configured\nNETWORK_FILE={}\n"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("links", "leases", "etc/20-wired.network.d", "run/20-wired.network.d"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(networkd, "STATE", str(tmp_path))
    monkeypatch.setattr(networkd, "PLACES", (f"{tmp_path}/etc", f"{tmp_path}/run"))
    (tmp_path / "etc/20-wired.network").write_text(FILE)
    (tmp_path / "links/2").write_text(STATE.format(tmp_path / "etc/20-wired.network"))
    return tmp_path


def test_a_link_is_handed_over_with_what_is_added_to_its_file_and_as_whom_the_server_knows_it(place: Path) -> None:
    (place / "etc/20-wired.network.d/b.conf").write_text("[Match]\nType=ether\n[Route]\nGateway=192.0.2.9\n")
    (place / "run/20-wired.network.d/b.conf").write_text("[Route]\nGateway=192.0.2.8\n")
    (place / "run/20-wired.network.d/a.conf").write_text("[Network]\nDNS=192.0.2.7\n")
    (place / "leases/2").write_text("ADDRESS=192.0.2.20\nCLIENTID=ff0000000a00020000ab11\n")
    assert networkd.read("eth0", 2) == NetworkdLink(
        "eth0",
        f"{place}/etc/20-wired.network",
        "[Network]\nDHCP=yes\n[Network]\nDNS=192.0.2.7\n[Route]\nGateway=192.0.2.9",
        "192.0.2.20",
        "[DHCPv4]\nIAID=10\n",
    )


@pytest.mark.parametrize("line", ["[Network]\nVLAN=vlan7", "[Link]\nUnmanaged=yes", "[Network]\nBridge=br0", "[CAN]"])
def test_what_is_about_the_link_itself_is_not_for_a_bridge(place: Path, line: str) -> None:
    (place / "etc/20-wired.network").write_text(f"{FILE}{line}\n")
    file = f"{place}/etc/20-wired.network"
    strange = line.rpartition("\n")[2]
    assert networkd.read("eth0", 2) == f"looks after it by {file!r}, where {strange} is about the link itself"


def test_the_settings_that_netplan_makes_for_a_client_go_along(place: Path) -> None:
    """Source: netplan 0.106, of `dhcp4: true`."""
    (place / "etc/20-wired.network").write_text(f"{FILE}\n[DHCP]\nRouteMetric=100\nUseMTU=true\n")
    found = networkd.read("eth0", 2)
    assert isinstance(found, NetworkdLink)
    assert found.text == "[Network]\nDHCP=yes\n[DHCP]\nRouteMetric=100\nUseMTU=true"


def test_a_file_that_goes_before_ours_is_said(place: Path) -> None:
    (place / "links/2").write_text(STATE.format("/etc/systemd/network/00-a.network"))
    expected = "looks after it by '/etc/systemd/network/00-a.network', which goes before any file of ours"
    assert networkd.read("eth0", 2) == expected


@pytest.mark.parametrize("state", ["ADMIN_STATE=unmanaged\n", "ADMIN_STATE=unmanaged\nNETWORK_FILE=/x.network\n", ""])
def test_a_link_that_it_leaves_alone_is_not_its_own(place: Path, state: str) -> None:
    (place / "links/2").write_text(state)
    assert networkd.read("eth0", 2) is None
