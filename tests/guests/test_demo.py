"""The demonstration of the README ends well."""

import subprocess

import pytest

from tests.lab import CHECKOUT

pytestmark = [pytest.mark.netns, pytest.mark.guests]


def test_the_demo_meets_all_of_its_expectations_also_where_only_ascii_can_be_shown():
    ascii_only = {"LC_ALL": "C", "PATH": "/usr/bin:/bin"}
    done = subprocess.run([CHECKOUT / "script/demo"], capture_output=True, text=True, check=False, env=ascii_only)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.isascii()
    met, of, expected, *rest = done.stdout.splitlines()[-1].split()
    assert [met, of, *rest] == [expected, "of", "expectations", "met"]
