"""An ordinary user of a machine, with a home and a run directory, and networks of their own."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.host import VNET
from tests.lab.machine import Machine

if TYPE_CHECKING:
    import subprocess

BESIDE = 4322
"""Another user's number."""


class User:
    """`vnet` and other programs, called by a user who is nobody in particular."""

    def __init__(self, machine: Machine, number: int = 4321) -> None:
        self.machine = machine
        self.number = number
        self.home = machine.directory / f"home-{number}"
        self.run_directory = self.home / "run/vnethook"
        for directory in (self.home, self.home / "run"):
            directory.mkdir(mode=0o700)
            os.chown(directory, number, number)

    @property
    def environment(self) -> dict[str, str]:
        """What the user's programs get besides what all get."""
        return {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home / "run"), "VNETHOOK_ROOT": ""}

    def words(self, words: Sequence[str | Path]) -> list[str | Path]:
        """A program as the user runs it."""
        return ["setpriv", f"--reuid={self.number}", f"--regid={self.number}", "--clear-groups", "--", *words]

    def popen(self, words: Sequence[str | Path], **options: Any) -> "subprocess.Popen[Any]":
        """Start a program."""
        return self.machine.popen(self.words(words), env=self.environment, **options)

    def run(
        self, words: Sequence[str | Path], *, check: bool = True, stdin: str = ""
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end."""
        return self.machine.run(self.words(words), check=check, stdin=stdin, env=self.environment)

    def vnet(self, *words: str | Path, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `vnet WORDS`."""
        return self.run([VNET, *words], check=check, stdin=stdin)

    def define(self, name: str, subnet: str = "", inside: str = "<forward mode='user'/>") -> None:
        """Define a network: the first three bytes of its subnet, what else is in it."""
        ip = f"<ip address='{subnet}.1' prefix='24'><dhcp/></ip>" if subnet else ""
        self.vnet("net-define", "-", stdin=f"<network><name>{name}</name>{inside}{ip}</network>")

    def active(self) -> list[str]:
        """The networks that are up."""
        return [one["name"] for one in json.loads(self.vnet("net-list", "--json").stdout)]

    def namespace(self) -> dict[str, Any]:
        """What is known of the user's namespace; nothing if there is none."""
        place = self.run_directory / "namespace.json"
        found: dict[str, Any] = json.loads(place.read_text()) if place.exists() else {}
        return found

    def processes(self) -> list[str]:
        """The names and arguments of the user's programs."""
        return sorted(line for pid, line in self._own())

    def pid_of(self, word: str) -> int:
        """The program that has this in its command line, as the machine numbers it."""
        [pid] = [pid for pid, line in self._own() if word in line]
        return pid

    def kill(self, word: str) -> None:
        """Kill the program that has this in its command line."""
        self.machine.run(["kill", "-9", str(self.pid_of(word))])

    def plug(self, link: str) -> None:
        """Move a link of the machine's into the user's namespace, which takes root."""
        self.machine.run(["ip", "link", "set", link, "netns", str(self.namespace()["pid"])])

    def files(self) -> list[str]:
        """What lies in the run directory, but for directories and locks."""
        found = (path for path in self.run_directory.rglob("*") if not path.is_dir())
        return sorted(str(path.relative_to(self.run_directory)) for path in found if path.parent.name != "locks")

    def _own(self) -> list[tuple[int, str]]:
        number = self.number

        def look() -> list[tuple[int, str]]:
            found = []
            for pid in filter(str.isdecimal, os.listdir("/proc")):
                try:
                    line = Path("/proc", pid, "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode()
                    ids = Path("/proc", pid, "status").read_text().partition("Uid:")[2].split()[:1]
                except OSError:
                    continue
                if line and ids == [str(number)]:
                    found.append((int(pid), line))
            return found

        return self.machine.call(look)
