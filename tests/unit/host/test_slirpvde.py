"""When slirpvde leads a user's network out."""

import pytest

from vnethook.host import programs, slirpvde, vde
from vnethook.live import files, process
from vnethook.live.paths import Paths


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


@pytest.mark.parametrize(
    ("there", "runs", "leads"),
    [
        ({"allowed", "slirpvde"}, "", True),
        ({"slirpvde"}, "/usr/bin/slirpvde", False),
        ({"allowed"}, "", False),
        ({"allowed", "slirpvde", "libslirp"}, "", False),
        ({"allowed", "slirpvde", "libslirp"}, "/usr/bin/vde_plug", False),
        ({"allowed", "slirpvde", "libslirp"}, "/usr/bin/slirpvde", True),
    ],
)
def test_it_does_where_it_may_and_nothing_better_is_there_or_it_already_runs(monkeypatch, paths, there, runs, leads):
    if runs:
        files.write_json(f"{paths.switch('x')}/uplink.json", {"pid": 7, "start": 9, "tag": ""})
    monkeypatch.setattr(programs, "find", lambda name: f"/usr/bin/{name}" if name in there else None)
    monkeypatch.setattr(vde, "has_slirp", lambda: "libslirp" in there)
    monkeypatch.setattr(process, "command_line", {7: [runs, "-q"]}.get)
    monkeypatch.setattr(process, "start_time", {7: 9}.get)
    assert slirpvde.leads_out(paths, "x", is_allowed="allowed" in there) is leads
