"""What `script/bench` does: measure, print one table of ratios and what the budgets say of them, write JSON."""

import argparse
import json
import os
import platform
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import vnethook
from tests.bench import growth, ours, peers, rules, store, throughput, xen
from tests.bench.sample import Case, measure
from tests.lab import CHECKOUT, Host
from tests.lab.machine import PYTHON, SYSTEM_PATH
from tests.lab.table import table
from tests.lab.xen import Dom0
from vnethook.cli.drawing import ASCII

HEAD = ["what", "CPU x", "(least)", "CPU ms", "(least)", "wall ms", "wall x"]
STORE_ROUNDS = 5
"""They take seconds each, and are sums of many."""
STREAM_S = 4
VERSIONS = {
    "nft": ["nft", "--version"],
    "dnsmasq": ["dnsmasq", "--version"],
    "qemu": ["qemu-system-x86_64", "--version"],
    "libvirt": ["virsh", "--version"],
    "netavark": [str(next(filter(Path.exists, peers.NETAVARK), peers.NETAVARK[0])), "--version"],
    "cni": ["dpkg-query", "--show", "--showformat=${Version}", "containernetworking-plugins"],  # it does not say
}


def main() -> int:
    """Measure; the exit status does not depend on what was found, only on whether everything worked."""
    arguments = _arguments()
    networks, ports = (20, 50) if arguments.quick else (200, 500)
    if os.geteuid() != 0:
        sys.stderr.write("bench: namespaces and taps: not root\n  sudo script/bench\n")
        return 1
    about = _about()
    _print(f"vnethook {about['vnethook']} on Linux {about['kernel']}, {about['cpus']} x {about['cpu']}")
    _print("; ".join(f"{name} {version}" for name, version in about["versions"].items()))
    if arguments.throughput is not None:
        seconds = 1 if arguments.quick else STREAM_S
        word, rounds = arguments.throughput, min(arguments.rounds, STORE_ROUNDS)
        ways = throughput.run(_print, rounds=rounds, seconds=seconds, word=word)
        _write(arguments.json, {"about": about, "rounds": rounds, "seconds": seconds, "ways": ways})
        return 0
    with ExitStack() as stack:
        beside = stack.enter_context(peers.Elsewhere("peers"))
        first = [*ours.cases(ours.Site(stack.enter_context(Host()))), *peers.cases(beside)]
        if not xen.missing():
            first += xen.cases(stack.enter_context(Dom0()))
        measure(first, arguments.rounds)
    with ExitStack() as stack:
        second = growth.cases(stack, networks, ports)
        measure(second, arguments.rounds)
    with ExitStack() as stack:
        listing = store.whole(stack)
        measure(listing, arguments.rounds)
        second += listing
    with ExitStack() as stack:
        through = rules.cases(stack, networks)
        measure(through, arguments.rounds)
        second += through
    with ExitStack() as stack:
        third = store.per_network(stack, *((20, 100) if arguments.quick else (100, 1000)))
        measure(third, min(arguments.rounds, STORE_ROUNDS))
    about["load_after"] = os.getloadavg()
    _show((first, second, third), about, arguments.rounds)
    every = [_plain(case) for case in (*first, *second, *third)]
    _write(arguments.json, {"about": about, "rounds": arguments.rounds, "cases": every})
    return 0


def _write(file: Path | None, found: dict[str, Any]) -> None:
    if file:
        file.write_text(json.dumps(found, indent=2) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="script/bench", description="CPU time of hooks and commands, as ratios.")
    parser.add_argument("--rounds", type=int, metavar="N", help="how often each case is measured (default: 25)")
    parser.add_argument("--quick", action="store_true", help="5 rounds, and few networks and ports for growth")
    parser.add_argument(
        "--throughput",
        nargs="?",
        const="",
        metavar="WORD",
        help="measure instead what gets through what joins guests, of ways with WORD in their names",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    arguments = parser.parse_args()
    arguments.rounds = max(1, arguments.rounds or (5 if arguments.quick else 25))
    return arguments


def _about() -> dict[str, Any]:
    """The machine and what is measured on it."""
    models = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    versions = {"python": _said([PYTHON, "--version"])}
    versions |= {name: said for name, words in VERSIONS.items() if (said := _said(words))}
    return {
        "vnethook": f"{vnethook.__version__} {_said(['git', '-C', str(CHECKOUT), 'describe', '--always', '--dirty'])}",
        "kernel": platform.release(),
        "cpu": models[0].partition(":")[2].strip() if models else platform.machine(),
        "cpus": os.cpu_count(),
        "load_before": os.getloadavg(),
        "versions": versions,
    }


def _said(words: list[str]) -> str:
    """The version in the first line that a program prints; empty if it is not installed."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env={"PATH": SYSTEM_PATH})
    except OSError:
        return ""
    if done.returncode:
        return ""
    line = next(iter((done.stdout or done.stderr).splitlines()), "")
    return next((word.rstrip(",") for word in line.split() if any(map(str.isdigit, word))), line)


def _show(parts: tuple[list[Case], list[Case], list[Case]], about: dict[str, Any], rounds: int) -> None:
    first, second, third = parts
    bare = [sample for case in (*first, *second) for sample in case.bare]
    cpu, wall = median(item.cpu_ms for item in bare), median(item.wall_ms for item in bare)
    _print(f"load {_load(about['load_before'])} before, {_load(about['load_after'])} after; {rounds} rounds, in turns")
    _print(
        f"1.00 x is {PYTHON} -IS -c pass: CPU {cpu:.1f} ms (least {min(s.cpu_ms for s in bare):.1f}), wall {wall:.1f}"
    )
    _print("median (least of the run); CPU with waited-for children, and with dnsmasq's until it answered\n")
    rows = [[*_numbers(case), *_budget(case)] for case in first]
    absent = [*peers.missing(), *xen.missing()]
    rows += [[name, "-", "", "-", "", "-", "-", "", "", "not installed"] for name in absent]
    for line in table([[*HEAD, "budget", "", ""], *rows]):
        _print(line)
    _print(
        "\nGrowth: the same on hosts with much on them, a hook, rules and packets, by the line it is compared with\n"
    )
    head = [*HEAD, "grown x", "(least)", "budget", "", ""]
    for line in table([head, *([*_numbers(case), *_grown(case), *_budget(case)] for case in second)]):
        _print(line)
    _print(
        f"\nDefinitions: each of many in one process that has begun, by each of few; 1 ms of CPU is {1 / cpu:.3f} x\n"
    )
    for line in table([head, *([*_numbers(case, 3), *_grown(case), *_budget(case)] for case in third)]):
        _print(line)
    every = [*first, *second, *third]
    over = [case.name for case in every if case.verdict() == "OVER"]
    judged = sum(bool(case.verdict()) for case in every)
    _print(f"\n{judged - len(over)} of {judged} budgets kept" + (f"; OVER: {'; '.join(over)}" if over else ""))


def _numbers(case: Case, digits: int = 1) -> list[str]:
    ratios = [case.ratio(), case.ratio(min), case.wall_ratio()]
    cpu_x, least_x, wall_x = (f"{ratio:.{max(digits, 2)}f}" for ratio in ratios)
    cpu, least, wall = (f"{ms:.{digits}f}" for ms in (case.cpu(), case.cpu(min), case.wall()))
    return [case.name, cpu_x, f"({least_x})", cpu, f"({least})", wall, wall_x]


def _grown(case: Case) -> list[str]:
    return [f"{case.grown():.2f}", f"({case.grown(min):.2f})"] if case.small else ["", ""]


def _budget(case: Case) -> list[str]:
    budget = case.growth or case.budget
    note = f"{case.grown():.2f} of {case.small.name}" if case.small and case.growth < 1 else case.note
    return [f"<= {budget:.3g}" if budget else "", case.verdict(), note]


def _plain(case: Case) -> dict[str, Any]:
    numbers = {"ratio": case.ratio(), "least_ratio": case.ratio(min), "wall_ratio": case.wall_ratio()}
    if case.small:
        numbers |= {"grown": case.grown(), "least_grown": case.grown(min)}
    return {
        "name": case.name,
        **numbers,
        "compared_with": case.small.name if case.small else None,
        "budget": case.growth or case.budget or None,
        "verdict": case.verdict(),
        "note": case.note,
        "cpu_ms": [sample.cpu_ms + sample.daemon_ms for sample in case.samples],
        "of_that_daemons_ms": [sample.daemon_ms for sample in case.samples],
        "wall_ms": [sample.wall_ms for sample in case.samples],
        "bare_cpu_ms": [sample.cpu_ms for sample in case.bare],
    }


def _load(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def _print(text: str) -> None:
    is_ascii = "utf" not in (sys.stdout.encoding or "").lower()
    sys.stdout.write((text.translate(ASCII) if is_ascii else text) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
