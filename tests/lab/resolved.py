"""systemd-resolved on a lab host: the daemon of Debian's package, with a D-Bus of its own, in the host's namespaces."""

import signal
from typing import TYPE_CHECKING, Self

from tests.lab.host import Host
from tests.lab.machine import wait_for
from tests.lab.packages import unpacked

if TYPE_CHECKING:
    import subprocess

STUB = "127.0.0.53"
"""Where it answers programs on the host."""
SERVER = "127.0.0.153"
"""The name server that it asks for what no link has."""
_PACKAGES = ("systemd-resolved", "libsystemd-shared", "libkmod2", "libip4tc2")
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
  "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
"""
_PREPARE = """
mkdir -p /run/dbus /run/systemd/resolve
chown 65532:65532 /run/systemd/resolve
printf '#!/bin/sh\\nLD_LIBRARY_PATH=%s exec %s "$@"\\n' "$1" "$2" >/usr/local/sbin/resolvectl
chmod 755 /usr/local/sbin/resolvectl
"""


class Resolved:
    """`with Resolved(host) as resolved: resolved.ask("alice.lab.test")`; the host gets an empty /run."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._daemon: subprocess.Popen[bytes] | None = None
        root = unpacked(*_PACKAGES)
        self._program = root / "lib/systemd/systemd-resolved"
        self._control = root / "usr/bin/resolvectl"
        self._libraries = ":".join(sorted({str(path.parent) for path in root.rglob("*.so*")}))

    def __enter__(self) -> Self:
        host, directory = self.host, self.host.directory
        for place in ("/run", "/usr/local/sbin"):
            host.run(["mount", "-t", "tmpfs", "tmpfs", place])
        host.add_user("systemd-resolve", 65532)
        (directory / "resolv.conf").write_text(f"nameserver {SERVER}\n")
        host.run(["mount", "--bind", directory / "resolv.conf", "/etc/resolv.conf"])
        host.run(["sh", "-euc", _PREPARE, "prepare", self._libraries, self._control])
        bus = directory / "bus.conf"
        bus.write_text(BUS)
        with (directory / "dbus.log").open("wb") as log:
            host.popen(["dbus-daemon", "--config-file", bus, "--nofork", "--nopidfile"], stdout=log, stderr=log)
        wait_for(lambda: self._has("/run/dbus/system_bus_socket"), "the system bus")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Start the daemon and wait for its first answer."""
        words = {"LD_LIBRARY_PATH": self._libraries, "SYSTEMD_LOG_TARGET": "console"}
        with (self.host.directory / "resolved.log").open("ab") as log:
            self._daemon = self.host.popen([self._program], env=words, stdout=log, stderr=log)
        wait_for(lambda: self.control("status", check=False).returncode == 0, "systemd-resolved")

    def kill(self) -> None:
        """End the daemon without a chance to tidy up."""
        if self._daemon:
            with self._daemon:
                self._daemon.kill()
            self._daemon = None

    def freeze(self) -> None:
        """Let it run no more, without ending it: it takes connections and answers nothing."""
        assert self._daemon
        self._daemon.send_signal(signal.SIGSTOP)

    def control(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `resolvectl WORDS`."""
        return self.host.run(["resolvectl", "--no-pager", *words], check=check)

    def set_on(self, link: str) -> tuple[str, str]:
        """The name servers and the domains of a link, as resolvectl shows them."""
        servers, domains = (self.control(verb, link).stdout.partition("):")[2].strip() for verb in ("dns", "domain"))
        return servers, domains

    def ask(self, name: str, kind: str = "A") -> list[str]:
        """What a program of the host is answered."""
        done = self.host.run(["dig", "+short", "+tries=1", "+time=3", f"@{STUB}", name, kind])
        return [line for line in done.stdout.splitlines() if not line.startswith(";")]

    def _has(self, path: str) -> bool:
        return self.host.run(["test", "-e", path], check=False).returncode == 0
