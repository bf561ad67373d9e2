"""What NetworkManager does for a NIC, by its own files, as it is to be done for a bridge."""

from pathlib import Path

import pytest

from vnethook.host import networkmanager
from vnethook.host.networkmanager import Device

UUID = "0c8d8c6e-5b7a-4b1e-9d9a-0123456789ab"
STATE = f"[device]\nmanaged=true\nconnection-uuid={UUID}\nroute-metric-default-effective=100\n"
LEASE = "[dhcp4]\ndhcp4.dhcp_client_identifier=01:0a\ndhcp4.ip_address=192.0.2.20\n"
PROFILE = f"[connection]\nid=wired\nuuid={UUID}\ntype=ethernet\nzone=work\n\n[ethernet]\nmtu=1400\n"
IP = "[ipv4]\nmethod=auto\ndhcp-client-id=mac\n\n[ipv6]\nmethod=auto\n"


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(networkmanager, "DEVICES", str(tmp_path))
    monkeypatch.setattr(networkmanager, "PLACES", (str(tmp_path),))
    (tmp_path / "2").write_text(STATE + LEASE)
    (tmp_path / "a.nmconnection").write_text(PROFILE + IP)
    return tmp_path


def test_the_bridge_gets_what_is_about_the_network_and_as_whom_the_server_knows_the_nic(place: Path) -> None:
    device = networkmanager.read("eth0", 2)
    assert isinstance(device, Device)
    assert device.address == "192.0.2.20"
    uuid = networkmanager.uuid_of(device, "ebreth0")
    assert networkmanager.profile(device, "ebreth0", "52:54:00:aa:bb:01", "").splitlines() == [
        *("[connection]", "id=vnethook-ebreth0", f"uuid={uuid}", "type=bridge", "interface-name=ebreth0"),
        *("autoconnect-slaves=1", "autoconnect-priority=999", "zone=work"),
        *("[ethernet]", "cloned-mac-address=52:54:00:aa:bb:01", "[bridge]", "stp=false"),
        *("[ipv4]", "method=auto", "route-metric=100", "dhcp-client-id=01:0a"),
        *("[ipv6]", "method=auto", "route-metric=100"),
    ]


def test_an_address_that_is_not_of_the_mac_stays_as_a_token(place: Path) -> None:
    device = networkmanager.read("eth0", 2)
    assert isinstance(device, Device)
    text = networkmanager.profile(device, "ebreth0", "52:54:00:aa:bb:01", "06618b505ad17523")
    assert text.endswith("[ipv6]\nmethod=auto\nroute-metric=100\naddr-gen-mode=eui64\ntoken=::0661:8b50:5ad1:7523\n")


@pytest.mark.parametrize(
    ("profile", "reason"),
    [
        (f"{PROFILE}[802-1x]\neap=tls\n", "looks after it by a profile with '802-1x', which no bridge has"),
        (PROFILE.replace("=ethernet", "=vlan"), "looks after it by a profile with 'vlan', which no bridge has"),
        ("[connection]\nuuid=another\n", "has no keyfile for it"),
    ],
)
def test_what_a_bridge_cannot_have_is_said(place: Path, profile: str, reason: str) -> None:
    (place / "a.nmconnection").write_text(profile)
    assert networkmanager.read("eth0", 2) == reason


@pytest.mark.parametrize("state", ["", "[device]\nmanaged=false\n", "[device]\nmanaged=unknown\n"])
def test_a_nic_that_it_leaves_alone_is_not_its_own(place: Path, state: str) -> None:
    (place / "2").write_text(state)
    assert networkmanager.read("eth0", 2) is None


def test_each_link_has_a_profile_of_its_own() -> None:
    device = Device("eth0", UUID, (), ())
    found = {networkmanager.uuid_of(device, link) for link in ("eth0", "eth1", "ebreth0")} | {UUID}
    assert {len(uuid) for uuid in found} == {36}
    assert len(found) == 4
