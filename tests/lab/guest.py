"""A real guest: QEMU with Debian's kernel, started on a host by a plain command line."""

import os
import subprocess
import time
from pathlib import Path
from typing import Self

from tests.lab.console import BOOT_LIMIT_S, Console
from tests.lab.host import HOOKS, Host
from tests.lab.image import KERNEL_WORDS, make_image, tsc_khz

# microvm boots fastest under TCG, pc is what is tried when it does not come up. KVM is used only where
# VNETHOOK_GUEST_ACCEL=kvm asks for it, and given up after BOOT_LIMIT_S: a /dev/kvm may boot no stock kernel.
MACHINES = {
    "microvm": ("-machine microvm,rtc=on,pit=on,pic=on,isa-serial=on -accel tcg -cpu max", "virtio-net-device"),
    "pc": ("-machine pc -accel tcg -cpu max", "virtio-net-pci,romfile="),
    "kvm": ("-machine pc -accel kvm -cpu host", "virtio-net-pci,romfile="),
}


class RefusedError(AssertionError):
    """QEMU ended instead of starting the guest; the text is what it wrote to stderr."""


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


class Guest(Console):
    """`with Guest(host, "alice", tap(), mac=…) as alice: alice.wait(); alice.pings("bob")`; ended with the block.

    Entering starts QEMU and does not wait, so that several boot at once.
    """

    def __init__(
        self, host: Host, name: str, netdev: str, *, mac: str = "", machine: str = "", env: dict[str, str] | None = None
    ) -> None:
        wished = [os.environ["VNETHOOK_GUEST_ACCEL"]] if os.environ.get("VNETHOOK_GUEST_ACCEL") == "kvm" else []
        super().__init__(name)
        self.host = host
        self.netdev = netdev
        self.mac = mac
        self.env = env or {}
        self.machines = [machine] if machine else [*wished, *(["microvm"] if tsc_khz() else []), "pc"]
        self.qmp = host.directory / f"{name}.qmp"
        self._stderr = host.directory / f"{name}.stderr"
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
        kernel_words = KERNEL_WORDS + (f" tsc_early_khz={tsc_khz()}" if self.machines[0] == "microvm" else "")
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
        self.clear()
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
        assert self._qemu, f"{self.name} was not started"
        assert self._qemu.stdout
        return self._qemu.stdout.fileno()

    def type(self, line: str) -> None:
        assert self._qemu, f"{self.name} was not started"
        assert self._qemu.stdin
        self._qemu.stdin.write(f"{line}\n".encode())

    def on_silence(self) -> None:
        if time.monotonic() > self._boot_deadline and not self.said("booted"):
            assert len(self.machines) > 1, f"{self.name}: no kernel within {BOOT_LIMIT_S} s: {self.stderr()}"
            self._try_next_machine()

    def on_end(self) -> None:
        if self.machines[0] == "kvm" and not self.said("booted"):
            self._try_next_machine()
            return
        assert self._qemu
        status = self._qemu.wait(timeout=20)
        raise RefusedError(self.stderr().strip() or f"{self.name}: QEMU ended with status {status}")

    def _try_next_machine(self) -> None:
        """Boot again, as the next kind of machine."""
        self.machines = self.machines[1:]
        self.kill()
        self._start()

    def power_off(self, *, timeout_s: float = 30) -> int:
        """Power the guest off from inside and wait for QEMU, which runs its downscript; QEMU's exit status."""
        self.type("poweroff -f")
        assert self._qemu
        with self._qemu:
            return self._qemu.wait(timeout=timeout_s)
