"""The benchmark measures what it says; how fast anything is, no test asserts."""

import json
import subprocess

import pytest

from tests.lab import CHECKOUT

pytestmark = [pytest.mark.netns, pytest.mark.slow]


def test_the_benchmark_measures_every_hook_that_works_and_judges_those_with_a_budget(tmp_path):
    numbers = tmp_path / "numbers.json"
    words = [CHECKOUT / "script/bench", "--quick", "--rounds", "1", "--json", numbers]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    cases = json.loads(numbers.read_text())["cases"]
    budgets = {case["name"]: case["budget"] for case in cases if case["budget"]}
    assert budgets == {
        "qemu-ifup, warm": 2.6,
        "qemu-ifup, warm, first on it": 2.6,
        "qemu-bridge-helper, warm": 2.6,
        "qemu-ifdown": 2.6,
        "qemu-ifup, cold": 6,
        "qemu-ifup, first start ever": 6,
        "vif-vnet online": 1 / 3,
        "vif-vnet offline": 1 / 2,
        "warm: 20 others up": 1.3,
        "warm: 20 others defined, down": 1.3,
        "warm: 50 ports on another network": 1.3,
        "warm: 50 ports on the same network": 1.3,
        "cold: 20 others up": 1.3,
        "cold: 20 others defined, down": 1.3,
        "cold: 50 ports on another network": 1.3,
        "vnet net-list --all, 200 defined": 1.5,
        "4000 datagrams of a flow, 20 up": 1.3,
        "1500 datagrams, each a new flow, 20 up": 1.3,
        **{
            f"{what}: one of 100, {where}": 1.3
            for what in ("define", "list", "find by name", "find by uuid")
            for where in ("in memory", "on disk")
        },
    }
    assert all(case["verdict"] in {"within", "OVER"} for case in cases if case["budget"])
    assert all(len(case["cpu_ms"]) == len(case["bare_cpu_ms"]) == 1 for case in cases)
    assert done.stdout.splitlines()[-1].split(" budgets kept")[0].split(" of ")[1] == str(len(budgets))


def test_throughput_is_a_ratio_to_two_taps_on_a_bridge(tmp_path):
    numbers = tmp_path / "numbers.json"
    words = [CHECKOUT / "script/bench", "--throughput", "veth", "--quick", "--rounds", "1", "--json", numbers]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    ways = json.loads(numbers.read_text())["ways"]
    assert [(way["name"], way["compared_with"], way["missing"]) for way in ways] == [
        ("tap + bridge", None, ""),
        ("veth + bridge", "tap + bridge", ""),
    ]
    assert all(way["there_mbit"][0] > 0 < way["back_mbit"][0] for way in ways)
