"""Which firewall rules go into, by the setting and by what the host has."""

from types import SimpleNamespace

import pytest

from vnethook.host import firewall, programs
from vnethook.live.record import NFT
from vnethook.live.xtables import LEGACY, VARIANT


def _host(*, is_usable, has_kernel):
    return SimpleNamespace(nft=SimpleNamespace(is_usable=lambda: is_usable, has_kernel=lambda: has_kernel))


FULL, NO_PROGRAM, NO_KERNEL = ((True, True), (False, True), (False, False))


@pytest.mark.parametrize(
    ("setting", "host", "expected"),
    [
        ("auto", (FULL, "xtables-nft-multi"), NFT),
        ("auto", (NO_PROGRAM, "xtables-nft-multi"), VARIANT),
        ("auto", (NO_KERNEL, "xtables-nft-multi"), LEGACY),  # it could do nothing here
        ("auto", (NO_KERNEL, "xtables-legacy-multi"), LEGACY),
        ("auto", (NO_KERNEL, None), NFT),  # whose step says what is missing
        ("nft", (NO_KERNEL, "xtables-legacy-multi"), NFT),
        ("iptables", (FULL, "xtables-nft-multi"), VARIANT),
        ("iptables", (FULL, "xtables-legacy-multi"), LEGACY),
        ("iptables", (FULL, "xtables-multi"), LEGACY),
        ("iptables", (FULL, None), LEGACY),
        ("iptables-legacy", (FULL, "xtables-nft-multi"), LEGACY),
        ("iptables-nft", (FULL, "xtables-legacy-multi"), VARIANT),
    ],
)
def test_the_firewall_is_the_one_that_is_said_or_that_works(monkeypatch, tmp_path, setting, host, expected):
    nft, behind = host
    if behind:
        (tmp_path / "iptables").symlink_to(tmp_path / behind)
    monkeypatch.setattr(programs, "find", lambda program: f"{tmp_path}/{program}" if behind else None)
    assert firewall.choose(_host(is_usable=nft[0], has_kernel=nft[1]), setting) == expected
