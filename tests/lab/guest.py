"""A real guest: QEMU with Debian's kernel, started on a host by a plain command line, asked over its serial console."""

import ctypes
import json
import mmap
import os
import platform
import re
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.lab.host import HOOKS, Host
from tests.lab.machine import CHECKOUT

BOOT_LIMIT_S = 60
# Linux words that leave out what a guest of one serial port and one NIC has not.
KERNEL_WORDS = (
    "console=ttyS0 quiet panic=-1 reboot=t tsc=reliable no_timer_check mitigations=off random.trust_cpu=on "
    "8250.nr_uarts=1 audit=0 apparmor=0 cryptomgr.notests i8042.noaux i8042.nokbd"
)
# microvm boots fastest under TCG, pc is what is tried when it does not come up. KVM is used only where
# VNETHOOK_GUEST_ACCEL=kvm asks for it, and given up after BOOT_LIMIT_S: a /dev/kvm may boot no stock kernel.
MACHINES = {
    "microvm": ("-machine microvm,rtc=on,pit=on,pic=on,isa-serial=on -accel tcg -cpu max", "virtio-net-device"),
    "pc": ("-machine pc -accel tcg -cpu max", "virtio-net-pci,romfile="),
    "kvm": ("-machine pc -accel kvm -cpu host", "virtio-net-pci,romfile="),
}


class Line(NamedTuple):
    """What the guest said: `VNG 2.59 lease eth0 ip=…` is at_s 2.59, word "lease", rest; else word is empty."""

    at_s: float
    word: str
    rest: str


class RefusedError(AssertionError):
    """QEMU ended instead of starting the guest; the text is what it wrote to stderr."""


@cache
def make_image() -> Path:
    """The directory of the guest's vmlinuz and initrd, made if needed; AssertionError if it cannot be."""
    done = subprocess.run([CHECKOUT / "script/guest-image"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.strip()
    return Path(done.stdout.strip())


@cache
def _tsc_khz() -> int:
    """The rate of this machine's time stamp counter in kHz, 0 if it cannot be measured.

    A microvm has neither HPET nor PM timer; on a busy host its kernel cannot measure the rate and hangs unless told.
    """
    if platform.machine() != "x86_64":
        return 0
    try:
        code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError:
        return 0
    code.write(bytes.fromhex("0f31 48c1e220 4809d0 c3"))  # rdtsc; shl rdx,32; or rax,rdx; ret
    counter = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    count, began_ns = counter(), time.monotonic_ns()
    select.select([], [], [], 0.1)
    return (counter() - count) * 1_000_000 // (time.monotonic_ns() - began_ns)


def tap(network: str = "", *, directory: Path | None = None) -> str:
    """`-netdev` words for a tap that QEMU makes; a network is named by a link to qemu-ifup made in `directory`."""
    up = HOOKS / "qemu/qemu-ifup"
    if network and directory:
        link = directory / f"qemu-ifup-{network}"
        if not link.is_symlink():
            link.symlink_to(up)
        up = link
    return f"tap,script={up},downscript={HOOKS}/qemu/qemu-ifdown"


def bridge(network: str = "default") -> str:
    """`-netdev` words for a tap that the bridge helper makes."""
    return f"bridge,br={network},helper={HOOKS}/qemu/qemu-bridge-helper"


class Guest:
    """`with Guest(host, "alice", tap(), mac=…) as alice: alice.wait(); alice.pings("bob")`; ended with the block.

    Entering starts QEMU and does not wait, so that several boot at once.
    """

    def __init__(
        self, host: Host, name: str, netdev: str, *, mac: str = "", machine: str = "", env: dict[str, str] | None = None
    ) -> None:
        wished = [os.environ["VNETHOOK_GUEST_ACCEL"]] if os.environ.get("VNETHOOK_GUEST_ACCEL") == "kvm" else []
        self.host = host
        self.name = name
        self.netdev = netdev
        self.mac = mac
        self.env = env or {}
        self.machines = [machine] if machine else [*wished, *(["microvm"] if _tsc_khz() else []), "pc"]
        self.lines: list[Line] = []
        self.qmp = host.directory / f"{name}.qmp"
        self._stderr = host.directory / f"{name}.stderr"
        self._unread = b""
        self._qemu: subprocess.Popen[bytes] | None = None
        self._boot_deadline = 0.0

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def short_command(self) -> str:
        """The words of the command line that matter to the network."""
        return f"qemu-system-x86_64 -name {self.name} {' '.join(self._nic())} …"

    def _nic(self) -> list[str]:
        if not self.netdev:
            return []
        model = MACHINES[self.machines[0]][1]
        return [
            "-netdev",
            f"{self.netdev},id=n0",
            "-device",
            f"{model},netdev=n0" + (f",mac={self.mac}" if self.mac else ""),
        ]

    def command(self) -> list[str]:
        """QEMU's command line, with the machine that is tried now."""
        image = make_image()
        words = [
            "qemu-system-x86_64",
            "-name",
            self.name,
            *MACHINES[self.machines[0]][0].split(),
            "-m",
            "96M",
            "-smp",
            "1",
        ]
        words += ["-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"]
        words += ["-qmp", f"unix:{self.qmp},server=on,wait=off"]
        kernel_words = KERNEL_WORDS + (f" tsc_early_khz={_tsc_khz()}" if self.machines[0] == "microvm" else "")
        return [
            *words,
            "-kernel",
            f"{image}/vmlinuz",
            "-initrd",
            f"{image}/initrd",
            "-append",
            kernel_words,
            *self._nic(),
        ]

    def _start(self) -> None:
        with self._stderr.open("wb") as stderr:
            self._qemu = self.host.popen(
                self.command(), env=self.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, bufsize=0
            )
        self.lines, self._unread = [], b""
        self._boot_deadline = time.monotonic() + BOOT_LIMIT_S

    def kill(self) -> None:
        """End QEMU at once, without its downscript."""
        if self._qemu:
            with self._qemu:
                self._qemu.kill()
            self._qemu = None

    def stderr(self) -> str:
        """What QEMU and our hooks wrote to stderr."""
        return self._stderr.read_text()

    def fileno(self) -> int:
        """The console, for select(2)."""
        assert self._qemu, f"{self.name} was not started"
        assert self._qemu.stdout
        return self._qemu.stdout.fileno()

    def read(self, *, timeout_s: float = 0) -> list[Line]:
        """The lines that came meanwhile, none after `timeout_s`; RefusedError if QEMU ended."""
        if not select.select([self], [], [], timeout_s)[0]:
            if time.monotonic() > self._boot_deadline and not self.said("booted"):
                assert len(self.machines) > 1, f"{self.name}: no kernel within {BOOT_LIMIT_S} s: {self.stderr()}"
                self._try_next_machine()
            return []
        data = os.read(self.fileno(), 65536)
        if not data and self.machines[0] == "kvm" and not self.said("booted"):
            self._try_next_machine()
            return []
        if not data:
            assert self._qemu
            status = self._qemu.wait(timeout=20)
            raise RefusedError(self.stderr().strip() or f"{self.name}: QEMU ended with status {status}")
        *whole, self._unread = (self._unread + data).split(b"\n")
        new = [_parsed(line.decode(errors="replace").rstrip("\r")) for line in whole]
        self.lines += new
        return new

    def _try_next_machine(self) -> None:
        """Boot again, as the next kind of machine."""
        self.machines = self.machines[1:]
        self.kill()
        self._start()

    def said(self, word: str) -> Line | None:
        """The last line of this kind."""
        return next((line for line in reversed(self.lines) if line.word == word), None)

    def wait(self, word: str = "ready", *, timeout_s: float = 3 * BOOT_LIMIT_S) -> Line:
        """The first line of this kind, as soon as it is there; AssertionError with the console if it does not come."""
        deadline = time.monotonic() + timeout_s
        while not (line := self.said(word)):
            assert time.monotonic() < deadline, f"{self.name}: no {word!r} within {timeout_s} s:\n{self.console()}"
            self.read(timeout_s=0.2)
        return line

    def console(self) -> str:
        """All that the guest said, for a message."""
        return "\n".join(f"{line.at_s} {line.word} {line.rest}".strip() for line in self.lines)

    @property
    def lease(self) -> dict[str, str]:
        """The lease that it booted with: ip, mask, router, dns, domain, server, lease_s, mtu; empty if none."""
        line = self.said("lease")
        return dict(re.findall(r"(\w+)=(.*?)(?= \w+=|$)", line.rest)) if line else {}

    @property
    def ip(self) -> str:
        """Its address."""
        return self.lease["ip"]

    @property
    def seconds_to_lease(self) -> float:
        """From the NIC's first question to the lease, by the guest's own clock."""
        asks, lease = self.said("asks"), self.said("lease")
        assert asks, self.console()
        assert lease, self.console()
        return round(lease.at_s - asks.at_s, 2)

    def run(self, command: str, *, timeout_s: float = 60) -> tuple[int, str]:
        """Run a line of shell in the guest; its exit status and what it printed."""
        self.wait()
        first = len(self.lines)
        self._type(command)
        deadline = time.monotonic() + timeout_s
        while not (ends := [line for line in self.lines[first:] if line.word == "status"]):
            assert time.monotonic() < deadline, (
                f"{self.name}: {command}: no end within {timeout_s} s:\n{self.console()}"
            )
            self.read(timeout_s=0.2)
        return int(ends[0].rest), "\n".join(line.rest for line in self.lines[first:] if not line.word)

    def resolve(self, name: str) -> str:
        """The IPv4 address that its resolver has for `name`, empty if none."""
        status, text = self.run(f"nslookup -type=a {name}")
        found = re.findall(r"^Address(?: \d+)?: ([\d.]+)$", text, re.MULTILINE)
        return found[-1] if status == 0 and found else ""

    def pings(self, target: str) -> bool:
        """Whether an address, or the host with a name, answers within two seconds."""
        return self.run(f"ping -c 1 -W 2 {target}")[0] == 0

    def connects(self, address: str, port: int) -> bool:
        """Whether a TCP connection opens within two seconds."""
        return self.run(f"nc -w 2 {address} {port} -e true")[0] == 0

    def send_udp(self, address: str, port: int) -> None:
        """Send a datagram; nobody needs to answer."""
        self.run(f"timeout 2 nslookup -port={port} name.example.test {address}")

    def fetch(self, host: str, port: int = 80) -> str:
        """The body that a web server answers to GET /, empty if there is none."""
        _, text = self.run(
            f"printf 'GET / HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n' | nc -w 3 {host} {port} | tr -d '\\r'"
        )
        head, _, body = text.partition("\n\n")
        return body if " 200 " in head else ""

    def serve(self, port: int) -> None:
        """Listen on a TCP port from now on."""
        self.run(f"nc -ll -p {port} -e echo here >/dev/null 2>&1 &")
        self.run(f"until netstat -ltn | grep -q ':{port} '; do usleep 20000; done")

    def power_off(self, *, timeout_s: float = 30) -> int:
        """Power the guest off from inside and wait for QEMU, which runs its downscript; QEMU's exit status."""
        self._type("poweroff -f")
        assert self._qemu
        with self._qemu:
            return self._qemu.wait(timeout=timeout_s)

    def _type(self, line: str) -> None:
        """Write a line to the console."""
        assert self._qemu, f"{self.name} was not started"
        assert self._qemu.stdin
        self._qemu.stdin.write(f"{line}\n".encode())


def _parsed(text: str) -> Line:
    if match := re.match(r"VNG ([\d.]+) (\S+) ?(.*)", text):
        return Line(float(match[1]), match[2], match[3])
    return Line(0.0, "", text)


def wait_for_guests(guests: Sequence[Guest], word: str = "ready") -> None:
    """Wait until each of the guests has said `word`."""
    for guest in guests:
        guest.wait(word)


class Qmp:
    """QEMU's control socket: `with Qmp(guest) as qmp: qmp.ask("netdev_del", id="n1")`. Source: QEMU's qmp-spec."""

    def __init__(self, guest: Guest) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._path = str(guest.qmp)
        self._events: list[str] = []

    def __enter__(self) -> Self:
        self._socket.settimeout(30)
        self._socket.connect(self._path)
        self._file = self._socket.makefile("rw")
        self._file.readline()
        self.ask("qmp_capabilities")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def ask(self, command: str, **arguments: str) -> Any:
        """What QEMU answers; AssertionError with its reason if it refuses."""
        self._file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._file.flush()
        while "event" in (answer := json.loads(self._file.readline())):
            self._events.append(answer["event"])
        assert "return" in answer, answer["error"]["desc"]
        return answer["return"]

    def wait_for_event(self, name: str) -> None:
        """Wait until QEMU has told of this event."""
        while name not in self._events:
            self._events.append(json.loads(self._file.readline()).get("event", ""))
