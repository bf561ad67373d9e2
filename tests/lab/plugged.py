"""A guest without QEMU whose NIC is a plug: a program with QEMU's words that runs the plug as libvdeplug does."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab.client import Client
from tests.lab.host import HOOKS, Host
from tests.lab.machine import PYTHON, Machine, wait_for

if TYPE_CHECKING:
    import subprocess

PLUG = HOOKS / "qemu/qemu-vde"

# As root: a tap in the network namespace of the client. Then as the user: the plug of the -netdev, with pipes at its
# stdin and stdout, SIGPIPE ignored, no shell; frames between the two.
_QEMU = """
import ctypes, fcntl, os, signal, struct, sys
sys.path.append(sys.argv[1])
from vnethook.hook.vde_stream import Relay
namespace, user = int(sys.argv[2]), int(sys.argv[3])
own = os.open("/proc/self/ns/net", os.O_RDONLY)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.setns(namespace, 0) == 0, os.strerror(ctypes.get_errno())
tap = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
fcntl.ioctl(tap, 0x400454CA, struct.pack("=16sH22x", b"eth0", 0x1002))
assert libc.setns(own, 0) == 0
if user:
    os.setgroups([]), os.setgid(user), os.setuid(user)
netdev = sys.argv[sys.argv.index("-netdev") + 1]
words = netdev.partition("sock=cmd://")[2].split(",")[0].split()
(read_in, write_in), (read_out, write_out) = os.pipe(), os.pipe()
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
if os.fork() == 0:
    os.dup2(read_in, 0), os.dup2(write_out, 1)
    os.execv(words[0], words)
os.close(read_in), os.close(write_out)
Relay(read_out, write_in).carry(tap)
print("VDE terminated", file=sys.stderr, flush=True)
signal.pause()
"""


class PluggedClient(Client):
    """`with PluggedClient(host, "alice", network="lab", mac=…) as alice: alice.lease()`; `user`: who runs the "QEMU"."""

    def __init__(
        self, host: Host, name: str, *, network: str, mac: str, user: int = 0, env: dict[str, str] | None = None
    ) -> None:
        super().__init__(host, name, port="", mac=mac)
        self.network, self.user, self.env = network, user, env
        self.stderr = Path()
        self.qemu: subprocess.Popen[Any] | None = None

    @property
    def words(self) -> list[str]:
        """QEMU's own."""
        netdev = f"vde,id=n0,sock=cmd://{PLUG} {self.network}".rstrip()
        return ["-name", self.name, "-netdev", netdev, "-device", f"virtio-net-pci,netdev=n0,mac={self.mac}"]

    def __enter__(self) -> Self:
        Machine.__enter__(self)
        self.write_script()
        self.stderr = self.host.directory / f"{self.name}.stderr"
        namespace = os.open(f"/proc/{self.pid}/ns/net", os.O_RDONLY)
        try:
            program = [PYTHON, "-IS", "-c", _QEMU, PLUG.parents[2], str(namespace), str(self.user), *self.words]
            with self.stderr.open("wb") as stderr:
                self.qemu = self.host.popen(program, env=self.env, pass_fds=[namespace], stderr=stderr)
            wait_for(
                lambda: "eth0" in self.run(["ip", "link"]).stdout or self.qemu.poll() is not None, "the plug's tap"
            )
            self.run(["ip", "link", "set", "eth0", "address", self.mac, "up"], check=False)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(namespace)
        return self

    def unplug(self) -> None:
        """End the "QEMU" as a guest that powers off: its plug sees its pipe closed."""
        assert self.qemu
        self.qemu.kill()
        self.qemu.wait()

    def close(self) -> None:
        if self.qemu is not None:
            self.qemu.kill()
        super().close()
