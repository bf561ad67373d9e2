"""A program that the service manager would start again."""

from pathlib import Path

import pytest

from vnethook.host import programs, supervised
from vnethook.host.programs import Finished


@pytest.mark.parametrize(
    ("group", "answer", "unit"),
    [
        ("/system.slice/dhcpcd@eth0.service", "always\n", "dhcpcd@eth0.service"),
        ("/system.slice/networking.service", "no\n", ""),
        ("/system.slice/networking.service/sub", "on-failure\n", "networking.service"),
        ("/user.slice/user-0.slice/session-1.scope", "always\n", ""),
        ("/", "always\n", ""),
    ],
)
def test_it_is_the_innermost_unit_that_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, group: str, answer: str, unit: str
) -> None:
    (tmp_path / "7").write_text(f"0::{group}\n")
    monkeypatch.setattr(supervised, "GROUPS", f"{tmp_path}/{{}}")
    monkeypatch.setattr(programs, "find", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(programs, "run", lambda words: Finished(0 if words[-1].endswith(".service") else 1, answer, ""))
    assert supervised.restarted_by(7) == unit


def test_without_a_service_manager_nothing_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "find", lambda _: None)
    assert supervised.restarted_by(1) == ""
