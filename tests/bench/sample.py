"""Samples, taken in turns: every one of them has a bare interpreter measured right before it, in the same process."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.lab import CHECKOUT, Machine
from tests.lab.machine import PYTHON

BARE = [PYTHON, "-IS", "-c", "pass"]


@dataclass(frozen=True)
class Sample:
    """CPU and wall time of one run in ms; `daemon_ms`: the CPU time of what it left running, until that answered."""

    cpu_ms: float
    wall_ms: float
    daemon_ms: float = 0
    stdout: str = ""

    def __add__(self, other: "Sample") -> "Sample":
        return Sample(self.cpu_ms + other.cpu_ms, self.wall_ms + other.wall_ms, self.daemon_ms + other.daemon_ms)


class Caller:
    """A process of `caller.py` on a machine; ends with the machine."""

    def __init__(self, machine: Machine, *arguments: str) -> None:
        self._environment = machine.environment
        words = [PYTHON, "-IS", str(CHECKOUT / "tests/bench/caller.py"), *arguments]
        self._program = machine.popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def hold(self, *taps: str) -> None:
        """Make taps that exist, with a carrier, as long as this process."""
        self._ask({"hold": taps})

    def run(
        self, *words: object, env: dict[str, str] | None = None, stdin: str = "", passes_tap: bool = False
    ) -> Sample:
        """Run a program; AssertionError with what it said if it fails."""
        argv = [str(word) for word in words]
        environment = self._environment | (env or {})
        answer = self._ask({"argv": argv, "env": environment, "stdin": stdin, "passes_tap": passes_tap})
        said = f"{' '.join(argv)}: status {answer['status']}\n{answer['stdout']}{answer['stderr']}"
        assert answer["status"] == 0, said
        return Sample(answer["cpu_ms"], answer["wall_ms"], stdout=answer["stdout"])

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._program.stdin
        assert self._program.stdout
        self._program.stdin.write(json.dumps(request) + "\n")
        self._program.stdin.flush()
        line = self._program.stdout.readline()
        assert line, f"the measuring process ended at {request}"
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass
class Case:
    """Something to measure: how the host is made ready, what is run, what follows; none of the others is measured."""

    name: str
    caller: Caller
    run: Callable[[], Sample]
    prepare: Callable[[], object] = lambda: None
    after: Callable[[], object] = lambda: None
    budget: float = 0
    """At most so many times the bare interpreter; 0 if nobody said."""
    small: "Case | None" = None
    """The same on a host with little on it; None if this is no question of growth."""
    growth: float = 0
    """At most so many times the small case; 0 if nobody said."""
    note: str = ""
    samples: list[Sample] = field(default_factory=list)
    bare: list[Sample] = field(default_factory=list)

    def cpu(self, choose: Callable[[list[float]], float] = median) -> float:
        """CPU time in ms, also of the daemon that it left, until that answered."""
        return choose([sample.cpu_ms + sample.daemon_ms for sample in self.samples])

    def daemon(self) -> float:
        return median(sample.daemon_ms for sample in self.samples)

    def wall(self, choose: Callable[[list[float]], float] = median) -> float:
        return choose([sample.wall_ms for sample in self.samples])

    def ratio(self, choose: Callable[[list[float]], float] = median) -> float:
        """CPU time by that of the bare interpreters between these samples."""
        return self.cpu(choose) / choose([sample.cpu_ms for sample in self.bare])

    def wall_ratio(self) -> float:
        return self.wall() / median(sample.wall_ms for sample in self.bare)

    def grown(self, choose: Callable[[list[float]], float] = median) -> float:
        """Its CPU time by that of the small case, measured in turns with it; 1 for what is no question of growth."""
        return self.cpu(choose) / self.small.cpu(choose) if self.small else 1.0

    def verdict(self) -> str:
        """Whether it keeps its budget, by the medians; empty without one."""
        found, budget = (self.grown(), self.growth) if self.growth else (self.ratio(), self.budget)
        return ("within" if found <= budget else "OVER") if budget else ""


def measure(cases: list[Case], rounds: int) -> None:
    """Take the cases in turns, A B C A B C …; a first round, that fills caches, does not count."""
    for number in range(rounds + 1):
        for case in cases:
            case.prepare()
            bare = case.caller.run(*BARE)
            sample = case.run()
            case.after()
            if number:
                case.bare.append(bare)
                case.samples.append(sample)
