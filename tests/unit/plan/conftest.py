"""A host in memory for the tests of plans."""

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.host import programs


@pytest.fixture
def host(tmp_path, monkeypatch):
    monkeypatch.setattr(programs, "find", lambda program: f"/usr/sbin/{program}")
    return FakeHost(tmp_path)
