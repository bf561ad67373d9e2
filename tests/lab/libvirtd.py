"""libvirt on a lab host: its daemon with configuration, hooks and state of its own, and guests that it starts.

The daemon runs in the host's namespaces and ends with them. It finds an empty /run and /var, and its configuration
directory is the test's; none of it is the machine's.
"""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Self

from tests.lab.console import BOOT_LIMIT_S, Console
from tests.lab.host import HOOKS, Host
from tests.lab.image import KERNEL_WORDS, make_image
from tests.lab.machine import wait_for

if TYPE_CHECKING:
    import subprocess

_STATE = ("/run", "/var/cache", "/var/lib", "/var/log")
# Guests run as root and unconfined, since what keeps them apart from the machine are the namespaces.
_QEMU_CONF = """
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
stdio_handler = "file"
"""
_LIBVIRTD_CONF = """
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:{log}"
"""
_DOMAIN = """<domain type='qemu'>
  <name>{name}</name>
  {metadata}
  <memory unit='MiB'>96</memory>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>{image}/vmlinuz</kernel>
    <initrd>{image}/initrd</initrd>
    <cmdline>{words}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    {interfaces}
    <serial type='unix'><source mode='connect' path='{console}'/></serial>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
    <video><model type='none'/></video>
  </devices>
</domain>
"""


class Libvirtd:
    """`with Libvirtd(host) as libvirt: libvirt.virsh("list")`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.directory = host.directory / "libvirt"
        self._links = self.directory / "links"
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        configuration = self.directory / "etc"
        hook = configuration / "hooks/qemu.d/50-vnethook"
        hook.parent.mkdir(parents=True)
        self._links.mkdir()
        (configuration / "qemu.conf").write_text(_QEMU_CONF)
        (configuration / "libvirtd.conf").write_text(_LIBVIRTD_CONF.format(log=self.directory / "log"))
        self._wrap(HOOKS / "libvirt/qemu", hook)
        for place in _STATE:
            self.host.run(["mount", "-t", "tmpfs", "tmpfs", place])
        self.host.run(["mount", "--bind", configuration, "/etc/libvirt"])
        self.host.add_user("libvirt-qemu", 64055)  # the daemon wants it to exist, whatever qemu.conf says
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def script(self, network: str = "") -> Path:
        """What `<script path=…>` names: qemu-ifup, or a link to it that names a network."""
        return self._wrap(HOOKS / "qemu/qemu-ifup", self.directory / f"qemu-ifup{network and '-'}{network}")

    def downscript(self) -> Path:
        """What `<downscript path=…>` names."""
        return self._wrap(HOOKS / "qemu/qemu-ifdown", self.directory / "qemu-ifdown")

    def _wrap(self, hook: Path, path: Path) -> Path:
        """Make a program that runs a hook by its own name on this host's files; libvirt hands no variable on."""
        link = self._links / path.name
        if not link.is_symlink():
            link.symlink_to(hook)
        path.write_text(f'#!/bin/sh\nVNETHOOK_ROOT={self.host.root} exec {link} "$@"\n')
        path.chmod(0o755)
        return path

    def start(self) -> None:
        """Start the daemon and wait for its first answer."""
        with (self.directory / "stderr").open("ab") as stderr:
            self._daemon = self.host.popen(["libvirtd"], stdout=stderr, stderr=stderr)
        wait_for(lambda: self.virsh("list", check=False).returncode == 0, "libvirtd")

    def kill(self) -> None:
        """End the daemon, and nothing but it, without a chance to tidy up."""
        if self._daemon:
            with self._daemon:
                self._daemon.kill()
            self._daemon = None

    def virsh(self, *words: str | Path, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run `virsh WORDS`."""
        return self.host.run(["virsh", "--quiet", "--connect", "qemu:///system", *words], check=check)

    def write(self, name: str, xml: str) -> Path:
        """A file with this XML, for virsh."""
        path = self.directory / name
        path.write_text(xml)
        return path


class LibvirtGuest(Console):
    """`with LibvirtGuest(libvirt, "web", INTERFACE) as web: web.start(); web.pings("mail")`; undefined with the block.

    Entering defines it; `interfaces` and `metadata` are XML.
    """

    def __init__(self, libvirt: Libvirtd, name: str, interfaces: str, *, metadata: str = "") -> None:
        super().__init__(name)
        self.libvirt = libvirt
        self.interfaces = interfaces
        self.metadata = metadata
        self._socket = libvirt.directory / f"{name}.console"
        self._server: socket.socket | None = None
        self._console: socket.socket | None = None

    def __enter__(self) -> Self:
        xml = _DOMAIN.format(
            name=self.name,
            interfaces=self.interfaces,
            metadata=self.metadata,
            console=self._socket,
            image=make_image(),
            words=KERNEL_WORDS,
        )
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(str(self._socket))
        self._server.listen()
        self._server.settimeout(BOOT_LIMIT_S)
        self.libvirt.virsh("define", self.libvirt.write(f"{self.name}.xml", xml))
        return self

    def __exit__(self, *_: object) -> None:
        self.libvirt.virsh("destroy", self.name, check=False)
        self.libvirt.virsh("undefine", self.name, check=False)
        self._close()
        if self._server:
            self._server.close()
            self._socket.unlink()

    def start(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """`virsh start`, for example with `--paused` for a guest that need not boot; `check`: it has to start."""
        self.clear()
        done = self.libvirt.virsh("start", self.name, *words, check=check)
        if done.returncode == 0 and self._server:
            self._console, _ = self._server.accept()
        return done

    def destroy(self) -> None:
        """`virsh destroy`."""
        self.libvirt.virsh("destroy", self.name)
        self._close()

    def is_running(self) -> bool:
        """Whether libvirt says so."""
        return self.libvirt.virsh("domstate", self.name).stdout.strip() == "running"

    def fileno(self) -> int:
        assert self._console, f"{self.name} was not started"
        return self._console.fileno()

    def type(self, line: str) -> None:
        os.write(self.fileno(), f"{line}\n".encode())

    def on_end(self) -> None:
        msg = f"{self.name}: its console was closed:\n{self.console()}"
        raise AssertionError(msg)

    def _close(self) -> None:
        if self._console:
            self._console.close()
            self._console = None
