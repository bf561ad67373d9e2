"""Docker, firewalld and ufw on a lab host: the real programs of Debian's packages, on throw-away copies of its files."""

import subprocess
from pathlib import Path
from typing import Self

from tests.lab.host import Host
from tests.lab.machine import wait_for
from tests.lab.packages import OVER_USR_AND_ETC, with_needs

PACKAGES = ("docker.io", "firewalld", "ufw")
_BUS = """<busconfig><type>system</type><auth>EXTERNAL</auth><listen>unix:path=/run/dbus/system_bus_socket</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
</busconfig>
"""
# what the packages' own installation does
_PREPARE = (
    OVER_USR_AND_ETC
    + """
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/lock
cp -n /usr/share/ufw/*.rules /usr/share/ufw/ufw.conf /etc/ufw/
chmod 640 /etc/ufw/*.rules
mkdir -p /etc/ufw/applications.d
"""
)


def their_files() -> Path:
    """Where the packages are unpacked, with what they need and is not installed here; OSError if they cannot be had."""
    return with_needs(*PACKAGES)


class Firewalls:
    """`with Firewalls(host) as firewalls: firewalls.start_docker()`; the host gets an empty /run, and /usr, /etc of its own."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._docker: subprocess.Popen[bytes] | None = None
        self._firewalld: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        root = their_files()
        self.host.run(["sh", "-euc", _PREPARE, "prepare", root, self.host.directory])
        return self

    def __exit__(self, *_: object) -> None:
        """What runs ends with the host."""

    def use_legacy(self) -> None:
        """Have `iptables` be the legacy variant, as where nf_tables is not wanted."""
        for name in ("iptables", "ip6tables"):
            self.host.run(["ln", "-s", f"/usr/sbin/{name}-legacy", f"/usr/local/sbin/{name}"])

    def remove_docker(self) -> None:
        """Have no Docker installed."""
        self.host.run(["sh", "-euc", "rm $(command -v dockerd docker)"])

    def start_docker(self) -> None:
        """Start dockerd, and wait for its first answer."""
        place = self.host.directory / "docker"
        log = place.with_suffix(".log")
        words = ["dockerd", "--data-root", place, "--exec-root", "/run/docker", "--pidfile", "/run/docker.pid"]
        words += ["--host", "unix:///run/docker.sock", "--storage-driver", "vfs"]
        with log.open("wb") as output:
            self._docker = self.host.popen(words, stdout=output, stderr=output)
        wait_for(lambda: self._is_up(self._docker, log, "API listen"), "dockerd", timeout_s=60)

    def stop_docker(self) -> None:
        """Stop dockerd, as its unit is stopped."""
        self._docker = _end(self._docker)

    def start_firewalld(self) -> None:
        """Start firewalld on a bus of its own, and wait until its rules are in force."""
        if not self.has("/run/dbus/system_bus_socket"):
            bus = self.host.directory / "firewalld-bus.conf"
            bus.write_text(_BUS)
            self.host.popen(["dbus-daemon", "--config-file", bus, "--nofork", "--nopidfile"])
            wait_for(lambda: self.has("/run/dbus/system_bus_socket"), "the system bus")
        with (self.host.directory / "firewalld.log").open("wb") as output:
            self._firewalld = self.host.popen(["firewalld", "--nofork", "--nopid"], stdout=output, stderr=output)
        wait_for(lambda: self.host.run(["firewall-cmd", "--state"], check=False).returncode == 0, "firewalld")

    def stop_firewalld(self) -> None:
        """Stop firewalld, as its unit is stopped."""
        self._firewalld = _end(self._firewalld)

    def rules(self, version: int = 4) -> str:
        """What `iptables -S` says."""
        return self.host.run(["iptables" if version == 4 else "ip6tables", "-S"]).stdout

    def ufw(self, *words: str) -> str:
        """Run `ufw WORDS`; what it says."""
        return self.host.run(["ufw", *words]).stdout

    def has(self, path: str) -> bool:
        """Whether there is such a file on the host."""
        return self.host.run(["test", "-e", path], check=False).returncode == 0

    def _is_up(self, program: subprocess.Popen[bytes] | None, log: Path, word: str) -> bool:
        assert program
        assert program.poll() is None, log.read_text()
        return word in log.read_text()


def _end(program: subprocess.Popen[bytes] | None) -> None:
    if program:
        program.terminate()
        program.wait(30)
