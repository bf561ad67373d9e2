"""A machine with Xen in QEMU, with the checkout installed as its administrator would, and guests of its own."""

import json
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Self

from tests.lab.console import Console, Line, parsed
from tests.lab.machine import wait_for
from tests.lab.xen_disk import make_disk, make_xen_image

MEMORY_MIB, OWN_MEMORY_MIB = 1792, 1024
# With the instructions that Debian's Xen and kernel want; svm and npt are for guests that are not paravirtualized.
CPU = "qemu64,+svm,+npt,+ssse3,+sse4.1,+sse4.2,+popcnt"


# What of a kernel's start would only take longer here.
KERNEL_WORDS = "console=hvc0 quiet panic=-1 random.trust_cpu=on audit=0 apparmor=0 mitigations=off cryptomgr.notests"


class XenMachine(Console):
    """`with XenMachine() as dom0: dom0.sh("xl info")`; all that it runs ends with the block. Entering waits for it."""

    def __init__(self, *, texts: dict[str, str] | None = None) -> None:
        super().__init__("dom0")
        self.directory = Path()
        self._texts = texts or {}
        self._qemu: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="vnethook-xen-", dir="/tmp"))
        try:
            command = self._command(make_disk(self.directory, texts=self._texts))
            self._qemu = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
            )
            self.wait("ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._qemu:
            with self._qemu:
                self._qemu.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _command(self, disk: Path) -> list[str]:
        """Xen is QEMU's kernel, dom0's kernel and disk are its modules: multiboot.c of QEMU. It ends with the tests."""
        image, own = make_xen_image(), f"dom0_mem={OWN_MEMORY_MIB}M,max:{OWN_MEMORY_MIB}M"
        words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
        words += ["-machine", "pc", "-accel", "tcg,thread=single", "-cpu", CPU, "-m", str(MEMORY_MIB)]
        words += ["-display", "none", "-no-reboot", "-serial", f"file:{self.directory}/xen.log", "-serial", "stdio"]
        words += ["-kernel", f"{image}/xen", "-append", f"console=com1 {own} loglvl=warning spec-ctrl=no"]
        # A tmpfs would hold no more than half of the memory.
        return [*words, "-initrd", f"{image}/vmlinuz {KERNEL_WORDS} rootfstype=ramfs,{disk}"]

    def fileno(self) -> int:
        assert self._qemu
        assert self._qemu.stdout
        return self._qemu.stdout.fileno()

    def type(self, line: str) -> None:
        assert self._qemu
        assert self._qemu.stdin
        self._qemu.stdin.write(f"{line}\n".encode())

    def on_end(self) -> None:
        msg = (
            f"the machine with Xen ended:\n{self.console()}\n{(self.directory / 'xen.log').read_text(errors='replace')}"
        )
        raise AssertionError(msg)

    def sh(self, command: str, *, timeout_s: float = 120) -> str:
        """What a line of shell prints on the host; AssertionError if it fails."""
        status, text = self.run(command, timeout_s=timeout_s)
        assert status == 0, f"{command}: status {status}:\n{text}"
        return text

    def vnet_json(self, *words: str) -> Any:
        """What a verb of `vnet` answers."""
        return json.loads(self.sh(f"vnet {shlex.join(words)} --json"))

    def evidence(self) -> str:
        """What its logs and its store say, for a message; a guest's words are marked, for they look like its own."""
        ask = "tail -n 40 /var/log/xen/*.log /var/log/xen/console/*.log; tail -n 60 /var/log/syslog"
        ask += "; xenstore-ls -f /local/domain/0/backend; ip -oneline address; xl list"
        try:
            said = self.run(f"({ask}) 2>&1 | sed 's/^/| /'")[1]
        except AssertionError as error:
            said = str(error)
        return f"{said}\n{(self.directory / 'xen.log').read_text(errors='replace')[-800:]}"


class XenGuest(Console):
    """A guest of the host: `alice = XenGuest(dom0, "alice", "bridge=lab"); dom0.sh(alice.create); alice.wait()`."""

    def __init__(self, dom0: XenMachine, name: str, *vifs: str, kind: str = "pv") -> None:
        super().__init__(name)
        self.dom0 = dom0
        self._terminal = ""
        self._is_paused = kind == "hvm"  # its firmware would look for a disk for minutes
        settings = [f'name="{name}"', f'type="{kind}"', "memory=112", f"vif={json.dumps(vifs)}"]
        if kind == "hvm":
            settings += ["vnc=0", "sdl=0", 'vga="none"', "usb=0"]
        else:
            settings += ['kernel="/guest/vmlinuz"', 'ramdisk="/guest/initrd"', f'extra="{KERNEL_WORDS}"']
        self._settings = ";".join(settings)

    @property
    def create(self) -> str:
        """The line of shell that creates it."""
        place, words = f"/tmp/{self.name}.cfg", "-qp" if self._is_paused else "-q"
        return f"echo {shlex.quote(self._settings)} >{place}; xl create {words} {place}"

    @property
    def domid(self) -> int:
        """Its number."""
        return int(self.dom0.sh(f"xl domid {self.name}"))

    def fileno(self) -> int:
        return self.dom0.fileno()

    def type(self, line: str) -> None:
        if not self._terminal:
            self._terminal = self.dom0.sh(f"xenstore-read /local/domain/{self.domid}/console/tty")
        self.dom0.sh(f"echo {shlex.quote(line)} >{self._terminal}")

    def on_end(self) -> None:
        self.dom0.on_end()

    def wait_for_restart(self) -> None:
        """Forget what it said and wait until it has started again, as another domain."""
        before, self._terminal = self.domid, ""
        wait_for(
            lambda: self.dom0.run(f"xl domid {self.name}")[1] not in {"", str(before)},
            f"{self.name} to restart",
            timeout_s=90,
        )
        self.clear()
        self.wait()

    def read(self, *, timeout_s: float = 0) -> list[Line]:
        """What xenconsoled has written down since the last time; gives the guest `timeout_s` if there is nothing."""
        text = self.dom0.sh(f"hear {self.name}")
        new = [parsed(line[1:].rstrip("\r")) for line in text.splitlines() if line.startswith("|")]
        self.lines += new
        if not new:
            self.dom0.read(timeout_s=timeout_s)
        return new
