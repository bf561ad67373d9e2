"""VLANs on a bridge, on a kernel that has them: what a port is told, and which frames then reach whom."""

from pathlib import Path

import pytest

from tests.lab import debian_kernel

pytestmark = [pytest.mark.guests, pytest.mark.slow]

# For each frame: whom it reaches, and with which tag.
SEEN = """\
filters: False, done: False
filters: True, done: True
red: ((42, 6),) []
red2: ((42, 6),) []
blue: ((43, 6),) []
trunk: ((42, 0), (43, 0)) []
native: ((42, 2), (43, 0)) []
listed: ((42, 6),) []
lonely: ((42, 6),) []
untagged of 42: red2=None trunk=42 native=42 listed=None lonely=None
untagged of 43: trunk=43 native=43
tag 43: blue=None native=43
no tag on a trunk:\x20
tag 44:\x20
no tag on a native trunk: red=None red2=None trunk=42 listed=None lonely=None
tag 43 on an access port:\x20
from an isolated port: red=None red2=None trunk=42 native=42
to a listed MAC: listed=None
to an unknown MAC: red2=None trunk=42 native=42 lonely=None
red without VLANs: ((1, 6),)
filters: False, itself in ((1, 6),)
"""


def test_each_port_is_in_its_vlans_and_frames_go_no_further(tmp_path: Path) -> None:
    assert debian_kernel.run(Path(__file__).with_name("vlan_program.py"), tmp_path) == SEEN
