"""The real FRR on a lab host: unpacked, not installed; zebra and bgpd run where nothing of the machine is theirs."""

import json
from pathlib import Path
from typing import Any, Self

from tests.lab.host import Host
from tests.lab.machine import wait_for
from tests.lab.packages import OVER_USR_AND_ETC, with_needs

PACKAGES = ("frr",)
DAEMONS = ("zebra", "bgpd")

_PREPARE = (
    OVER_USR_AND_ETC
    + """
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/tmp
mkdir /run/frr
echo 'frr:x:0:0::/:/bin/false' >> /etc/passwd
printf 'frr:x:0:\\nfrrvty:x:0:\\n' >> /etc/group
"""
)


def their_files() -> Path:
    """Where FRR is unpacked, with what it needs and is not installed here; OSError if it cannot be had."""
    return with_needs(*PACKAGES)


class Frr:
    """`with Frr(host) as frr: frr.start()`; the host gets an empty /run, and /usr, /etc of its own."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def __enter__(self) -> Self:
        self.host.run(["sh", "-euc", _PREPARE, "prepare", their_files(), self.host.directory])
        return self

    def __exit__(self, *_: object) -> None:
        """What runs ends with the host."""

    def start(self) -> None:
        """Start zebra and bgpd as the host's unit would."""
        for daemon in DAEMONS:
            self.start_one(daemon)

    def start_one(self, daemon: str) -> None:
        """Start a daemon, and wait until it answers."""
        self.host.run([f"/usr/lib/frr/{daemon}", "-d", "-A", "127.0.0.1", "-f", "/etc/frr/frr.conf"])
        wait_for(lambda: self._answers(daemon), daemon)

    def end(self, *daemons: str) -> None:
        """End daemons, as a crash does."""
        for daemon in daemons or DAEMONS:
            self.host.run(["sh", "-euc", f"kill -9 $(cat /run/frr/{daemon}.pid)"])

    def vtysh(self, command: str) -> str:
        """What FRR answers."""
        return self.host.run(["vtysh", "-c", command]).stdout

    def json(self, command: str) -> Any:
        """The same, of a command that answers in JSON."""
        return json.loads(self.vtysh(f"{command} json"))

    def _answers(self, daemon: str) -> bool:
        return self.host.run(["vtysh", "-d", daemon, "-c", "show version"], check=False).returncode == 0
