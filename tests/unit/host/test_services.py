"""What other programs on the host would do with links and files of ours, by their own configuration."""

from pathlib import Path

import pytest

from vnethook.host import services

LINKS = ("vnbr7", "tap0")


@pytest.fixture
def places(tmp_path: Path) -> list[str]:
    found = [tmp_path / "etc", tmp_path / "lib"]
    for place in found:
        place.mkdir()
    return [str(place) for place in found]


def _write(places: list[str], name: str, text: str, *, place: int = 0) -> str:
    path = Path(places[place], name)
    path.write_text(text)
    return str(path)


def test_a_file_for_whatever_link_there_is_is_for_ours(places) -> None:
    path = _write(places, "50-all.network", "# all\n[Match]\nName=*\n\n[Network]\nDHCP=yes\n")
    assert services.matched_by_networkd(LINKS, places) == (path,)


@pytest.mark.parametrize(
    "text",
    [
        "[Match]\nName=en*\n",
        "[Match]\nName=!en*\n",
        "[Match]\nName=*\nDriver=virtio_net\n",
        "[Match]\n\n[Network]\nName=*\n",
        "[Match]\nName=*\n[Link]\nUnmanaged=yes\n",
    ],
)
def test_a_file_for_others_or_that_leaves_links_alone_is_not(places, text: str) -> None:
    _write(places, "50-some.network", text)
    assert services.matched_by_networkd(LINKS, places) == ()


def test_the_first_file_that_matches_counts(places) -> None:
    _write(places, "00-ours.network", "[Match]\nName=vnbr* tap*\n[Link]\nUnmanaged=yes\n")
    _write(places, "50-all.network", "[Match]\nName=*\n", place=1)
    assert services.matched_by_networkd(LINKS, places) == ()
    _write(places, "00-ours.network", "[Match]\nName=vnbr*\n[Link]\nUnmanaged=yes\n")
    assert services.matched_by_networkd(LINKS, places) == (f"{places[1]}/50-all.network",)


def test_a_file_of_the_same_name_in_an_earlier_place_hides_another(places) -> None:
    _write(places, "50-all.network", "[Match]\nName=*\n", place=1)
    _write(places, "50-all.network", "[Match]\nName=en*\n")
    assert services.matched_by_networkd(LINKS, [*places, "/no/such/place"]) == ()


def test_a_file_that_is_a_link_is_read_and_one_that_is_masked_is_for_nobody(places, tmp_path) -> None:
    _write(places, "50-all.network", "[Match]\nName=*\n", place=1)
    mask = Path(places[0], "50-all.network")
    mask.symlink_to("/dev/null")
    assert services.matched_by_networkd(LINKS, places) == ()
    mask.unlink()
    (tmp_path / "elsewhere").write_text("[Match]\nName=tap*\n")
    mask.symlink_to(tmp_path / "elsewhere")
    assert services.matched_by_networkd(LINKS, places) == (str(mask),)
    mask.unlink()
    mask.symlink_to(tmp_path / "nothing")
    assert services.matched_by_networkd(LINKS, places) == ()


def test_an_enforced_profile_that_does_not_name_our_directory_confines_dnsmasq(tmp_path, monkeypatch) -> None:
    profiles, profile, local = tmp_path / "profiles", tmp_path / "usr.sbin.dnsmasq", tmp_path / "local"
    monkeypatch.setattr(services, "APPARMOR_PROFILES", str(profiles))
    monkeypatch.setattr(services, "APPARMOR_FILES", (str(profile), str(local)))
    assert not services.is_dnsmasq_confined("/run/vnethook")
    profiles.write_text("/usr/sbin/cupsd (enforce)\ndnsmasq//libvirt_leaseshelper (enforce)\n")
    assert not services.is_dnsmasq_confined("/run/vnethook")
    profiles.write_text("dnsmasq (complain)\n")
    assert not services.is_dnsmasq_confined("/run/vnethook")
    profiles.write_text("dnsmasq (enforce)\n")
    assert services.is_dnsmasq_confined("/run/vnethook")
    local.write_text("/run/vnethook/** rw,\n")
    assert not services.is_dnsmasq_confined("/run/vnethook")
