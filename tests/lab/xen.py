"""A dom0 without Xen: a lab host with a real xenstored, and vifs with the nodes that toolstacks leave before a hook runs.

Only the hypervisor is not there: tests/xen/hypervisor.c is in its place. What libxl and xend write, pass and expect is
in their source: tools/libs/light/libxl_nic.c and libxl_linux.c of Xen 4.17, tools/python/xen/xend/server/netif.py of 4.2.
"""

import json
import os
import signal
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tests.lab.host import HOOKS, Host
from tests.lab.library import on
from tests.lab.machine import CHECKOUT, wait_for
from vnethook.live import nics

VIF_VNET = HOOKS / "xen/vif-vnet"
VIF_BRIDGE = Path("/etc/xen/scripts/vif-bridge")
PLACES = ("usr/lib/xen-*/bin/xenstored", "usr/sbin/xenstored", "usr/libexec/xen/bin/xenstored")
UUID = "00000000-0000-4000-8000-{:012}"
NETBACKS_MAC = "fe:ff:ff:ff:ff:ff"
CONNECTED = "connected"


def daemon() -> Path:
    """The installed xenstored; OSError if there is none."""
    found = [path for place in PLACES for path in sorted(Path("/").glob(place))[-1:]]
    if not found:
        msg = "xenstored: not found"
        raise OSError(msg)
    return found[0]  # Debian's in sbin asks for a hypervisor first


@cache
def library() -> tuple[Path, "TemporaryDirectory[str]"]:
    """What stands in the hypervisor's place, compiled once; it goes away with the process."""
    place = TemporaryDirectory(prefix="vnethook-xen-")
    path = Path(place.name, "hypervisor.so")
    words = ["cc", "-shared", "-fPIC", "-O2", "-o", str(path), str(CHECKOUT / "tests/xen/hypervisor.c")]
    subprocess.run(words, check=True, capture_output=True, text=True)
    return path, place


def mac_of(domid: int, devid: int = 0) -> str:
    """The MAC that a test's vif has if nothing else is said."""
    return f"00:16:3e:53:{domid & 255:02x}:{devid:02x}"


class Vif:
    """A guest's NIC by its numbers: its nodes, its links, the environment that libxl gives a hook."""

    def __init__(self, host: "Dom0", domid: int, devid: int = 0) -> None:
        self.host = host
        self.domid, self.devid = domid, devid
        self.name = f"vif{domid}.{devid}"
        self.tap = f"{self.name}-emu"
        self.path = f"backend/vif/{domid}/{devid}"
        self.nodes = f"/local/domain/0/{self.path}"
        self.frontend = f"/local/domain/{domid}/device/vif/{devid}"
        self.script: Path = VIF_VNET
        self.is_pair = False

    def environment(self, **more: str) -> dict[str, str]:
        """What libxl sets; both of a pair get both names."""
        own = {
            "script": str(self.script),
            "XENBUS_TYPE": "vif",
            "XENBUS_PATH": self.path,
            "XENBUS_BASE_PATH": "backend",
            "netdev": "",
            "vif": self.name,
        }
        return own | ({"INTERFACE": self.tap} if self.is_pair else {}) | more

    def run(
        self, *words: str, env: dict[str, str] | None = None, without: tuple[str, ...] = ()
    ) -> "subprocess.CompletedProcess[str]":
        """Run the hook with these arguments as libxl runs it, with `env` more and `without` some."""
        given = {name: value for name, value in (self.environment() | (env or {})).items() if name not in without}
        return self.host.run([self.script, *words], env=given, check=False)

    def online(self, **env: str) -> "subprocess.CompletedProcess[str]":
        """`online type_if=vif`."""
        return self.run("online", "type_if=vif", env=env)

    def offline(self, **env: str) -> "subprocess.CompletedProcess[str]":
        """`offline type_if=vif`."""
        return self.run("offline", "type_if=vif", env=env)

    def add(self, **env: str) -> "subprocess.CompletedProcess[str]":
        """`add type_if=tap`."""
        return self.run("add", "type_if=tap", env=env)

    def remove(self, **env: str) -> "subprocess.CompletedProcess[str]":
        """`remove type_if=tap`."""
        return self.run("remove", "type_if=tap", env=env)

    def node(self, name: str) -> str | None:
        """A node of the backend, None if it is not there."""
        return self.host.node(f"{self.nodes}/{name}")

    @property
    def port(self) -> "nics.Nic | None":
        """The record of the NIC by the vif's own name."""
        return self.host.port(self.name)

    @property
    def status(self) -> str | None:
        """What is in hotplug-status."""
        return self.node("hotplug-status")

    @property
    def error(self) -> str | None:
        """What is in hotplug-error."""
        return self.node("hotplug-error")

    def destroy(self, *, device: bool = True) -> None:
        """As libxl leaves it when it calls offline: the device is gone, nodes of the guest too, those of the vif not."""
        if device:
            self.host.run(["ip", "link", "delete", self.name], check=False)
        self.host.store("rm", self.frontend, f"{self.nodes}/hotplug-status")
        self.host.store("write", f"{self.nodes}/state", "6", f"{self.nodes}/online", "0")


class Dom0(Host):
    """A host with a xenstored of its own, which follows XENSTORED_RUNDIR."""

    def __init__(self, name: str = "dom0") -> None:
        super().__init__(name)
        self._xenstored: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        super().__enter__()
        self._place.mkdir()
        self.start_store()
        return self

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"XENSTORED_RUNDIR": str(self._place)}

    @property
    def _place(self) -> Path:
        return self.directory / "xenstored"

    @property
    def trace(self) -> Path:
        """What xenstored was asked, and what it answered."""
        return self._place / "trace"

    def start_store(self) -> None:
        """Start xenstored with an empty store, and wait until it listens."""
        words = [daemon(), "-N", "-F", self._place / "pid", "-T", self.trace]
        self._xenstored = self.popen(words, env={"LD_PRELOAD": str(library()[0])}, stderr=subprocess.DEVNULL)
        wait_for((self._place / "pid").exists, "xenstored")

    def stop_store(self) -> None:
        """End xenstored; its socket stays, as when it has crashed."""
        if self._xenstored is not None:
            self._xenstored.kill()
            self._xenstored.wait()
            (self._place / "pid").unlink()

    def freeze_store(self) -> None:
        """Have xenstored answer nobody."""
        assert self._xenstored
        os.kill(self._xenstored.pid, signal.SIGSTOP)

    def thaw_store(self) -> None:
        """Have it answer again."""
        assert self._xenstored
        os.kill(self._xenstored.pid, signal.SIGCONT)

    def store(self, verb: str, *words: str) -> str:
        """What `xenstore-VERB WORDS` says."""
        return self.run([f"xenstore-{verb}", *words], check=verb != "rm").stdout

    def node(self, path: str) -> str | None:
        """The value of a node, None if it is not there."""
        done = self.run(["xenstore-read", "-R", path], check=False)
        return done.stdout.removesuffix("\n") if done.returncode == 0 else None

    def port(self, link: str) -> "nics.Nic | None":
        """The record of a NIC, None if there is none."""
        return on(self, lambda here: nics.read(here.paths, link))

    def link(self, name: str) -> dict[str, Any]:
        """What `ip link` says of a link; empty if it is not there."""
        done = self.run(["ip", "-json", "link", "show", "dev", name], check=False)
        return json.loads(done.stdout)[0] if done.returncode == 0 else {}

    def tree(self) -> list[str]:
        """All of the store, a line for each node."""
        return self.store("ls", "-f").splitlines()

    def make_links(self, *vifs: Vif, kind: str = "tap") -> None:
        """Make the devices of vifs as netback has them, `kind` "tap" or "veth"; each pair's second one too."""
        lines = []
        for vif in vifs:
            if kind == "veth":
                lines.append(f"link add {vif.name} address {NETBACKS_MAC} type veth peer name g{vif.name}")
                lines.append(f"link set g{vif.name} up")
            else:
                lines.append(f"tuntap add dev {vif.name} mode tap")
                lines.append(f"link set {vif.name} address {NETBACKS_MAC}")
            if vif.is_pair:
                lines.append(f"tuntap add dev {vif.tap} mode tap")
        self.run(["ip", "-batch", "-"], stdin="\n".join([*lines, ""]))

    def vif(
        self, domid: int, devid: int = 0, *, guest: str = "", script: Path = VIF_VNET, link: str = "tap",
        is_pair: bool = False, by: str = "libxl", **nodes: str | None,
    ) -> Vif:  # fmt: skip
        """A vif as `by` leaves it just before the hook runs: with its device (`link` empty: without), and its nodes.

        `nodes`: more than those that are always there, or others; None: not there.
        """
        vif = Vif(self, domid, devid)
        vif.script, vif.is_pair = script, is_pair
        if link:
            self.make_links(vif, kind=link)
        self.write_nodes(vif, guest=guest or f"guest{domid}", by=by, nodes=nodes)
        return vif

    def write_nodes(self, vif: Vif, *, guest: str, by: str, nodes: dict[str, str | None]) -> None:
        """Write what a toolstack writes, with the permissions that it gives."""
        uuid = UUID.format(vif.domid)
        home = f"/local/domain/{vif.domid}"
        own: dict[str, str | None] = {
            "frontend": vif.frontend,
            "frontend-id": str(vif.domid),
            "online": "1",
            "state": "2",
            "script": str(vif.script),
            "mac": mac_of(vif.domid, vif.devid),
            "handle": str(vif.devid),
        }
        if by == "libxl":
            own |= {"bridge": "xenbr0", "type": "vif_ioemu" if vif.is_pair else "vif", "hotplug-status": ""}
        else:
            own |= {"domain": guest, "uuid": uuid}
        own |= {name.replace("_", "-"): value for name, value in nodes.items()}
        words = [word for name, value in own.items() if value is not None for word in (f"{vif.nodes}/{name}", value)]
        words += [
            f"{home}/name",
            guest,
            f"{home}/vm",
            f"/vm/{uuid}",
            f"/vm/{uuid}/uuid",
            uuid,
            f"/vm/{uuid}/name",
            guest,
        ]
        words += [f"{vif.frontend}/backend", vif.nodes, f"{vif.frontend}/state", "1"]
        self.store("write", *words)
        self.store("chmod", "-r", vif.nodes, "n0", f"r{vif.domid}")
        self.store("chmod", "-r", vif.frontend, f"n{vif.domid}", "r0")
