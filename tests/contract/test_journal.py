"""A line of a journal is read as a step in a process that has loaded what every cold hook loads."""

import re
import subprocess
import sys

from tests.lab import CHECKOUT

PLAN = CHECKOUT / "vnethook/plan"
_READ = """
import sys
import vnethook.capability
from vnethook.errors import HostError
from vnethook.plan.step import from_record
for kind in sys.argv[1:]:
    try:
        from_record({"step": kind})
    except HostError as error:
        if "unknown step" in str(error):
            print(kind)
"""


def test_every_kind_of_step_is_known_to_who_reads_a_journal() -> None:
    kinds = [
        kind for path in PLAN.glob("*.py") for kind in re.findall(r"^class (\w+)\(\w*Step\)", path.read_text(), re.M)
    ]
    assert {"AddRoute", "InstallRules", "InstallXtables", "JoinZone"} <= set(kinds)
    kinds.remove("FirewallStep")
    done = subprocess.run(
        [sys.executable, "-c", _READ, *kinds], capture_output=True, text=True, check=True, cwd=CHECKOUT
    )
    assert done.stdout == ""
