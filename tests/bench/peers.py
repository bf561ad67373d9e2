"""What others need for the same: Debian's scripts for QEMU, libvirt, netavark, CNI's plugins; as far as installed."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

from tests.bench.sample import Caller, Case, Sample
from tests.lab import Machine, wait_for

IFUP, HELPER = Path("/etc/qemu-ifup"), Path("/usr/lib/qemu/qemu-bridge-helper")
LIBVIRTD, VIRSH, IPTABLES = Path("/usr/sbin/libvirtd"), Path("/usr/bin/virsh"), Path("/usr/sbin/iptables")
NETAVARK = (Path("/usr/lib/podman/netavark"), Path("/usr/libexec/podman/netavark"))
CNI = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))
NIC, BRIDGE = "nic0", "br0"
CONTAINER = "bench"
_LIBVIRT_NETWORK = """<network>
  <name>default</name>
  <forward mode='nat'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.122.2' end='192.168.122.254'/></dhcp>
  </ip>
</network>"""
_LIBVIRTD_CONF = 'auth_unix_rw = "none"\nauth_unix_ro = "none"\n'
_NETAVARK_NETWORK = {
    "name": "bench",
    "id": "53" * 32,
    "driver": "bridge",
    "network_interface": "podman9",
    "subnets": [{"subnet": "10.88.0.0/16", "gateway": "10.88.0.1"}],
    "ipv6_enabled": False,
    "internal": False,
    "dns_enabled": False,
    "ipam_options": {"driver": "host-local"},
}
_NETAVARK = json.dumps(
    {
        "container_id": "53" * 32,
        "container_name": CONTAINER,
        "networks": {"bench": {"static_ips": ["10.88.0.2"], "interface_name": "eth0"}},
        "network_info": {"bench": _NETAVARK_NETWORK},
    }
)
_CNI_COMMON: dict[str, Any] = {"cniVersion": "0.4.0", "name": "bench"}
_CNI_BRIDGE = _CNI_COMMON | {
    "type": "bridge",
    "bridge": "cni9",
    "isGateway": True,
    "ipMasq": True,
    "ipam": {"type": "host-local", "subnet": "10.89.0.0/16"},
}
_CNI_PORTMAP = _CNI_COMMON | {
    "type": "portmap",
    "capabilities": {"portMappings": True},
    "runtimeConfig": {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]},
}


class Elsewhere(Machine):
    """A machine with a private /etc, /run and /var, so that no other network software meets the real one's."""

    def __enter__(self) -> Self:
        super().__enter__()
        etc = self.directory / "etc"
        shutil.copytree("/etc", etc, symlinks=True, ignore_dangling_symlinks=True)
        self.run(["mount", "--bind", etc, "/etc"])
        for place in ("/run", "/var/lib", "/var/cache", "/var/log"):
            self.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", place])
        self.write("/etc/qemu/bridge.conf", "allow all\n")
        return self

    def write(self, path: str, text: str) -> None:
        """Write a file below its /etc, with the directory."""
        file = self.directory / path.lstrip("/")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)


def cases(machine: Elsewhere) -> list[Case]:
    """What is installed here, ready to be measured; what is not stands in `missing`."""
    caller = Caller(machine)
    caller.hold(NIC)
    makers = (_debian, _libvirt, _netavark, _cni)
    return [case for make in makers for case in make(machine, caller)]


def missing() -> list[str]:
    """What is measured where it is installed, and is not."""
    places = {
        str(IFUP): IFUP,
        str(HELPER): HELPER,
        "virsh net-start": _first_of(LIBVIRTD) and _first_of(VIRSH),
        "netavark setup": _first_of(*NETAVARK),
        "CNI bridge + portmap": _first_of(*(place / "portmap" for place in CNI)),
    }
    return [name for name, path in places.items() if path is None or not path.exists()]


def _first_of(*paths: Path) -> Path | None:
    return next((path for path in paths if path.exists()), None)


def _debian(machine: Elsewhere, caller: Caller) -> Iterator[Case]:
    machine.run(["ip", "link", "add", BRIDGE, "up", "type", "bridge"])
    machine.run(["ip", "address", "add", "192.0.2.1/24", "dev", BRIDGE])
    machine.run(["ip", "route", "add", "default", "via", "192.0.2.2", "dev", BRIDGE])

    def take_off() -> None:
        machine.run(["ip", "link", "set", NIC, "nomaster", "down"])

    if IFUP.exists():
        yield Case(str(IFUP), caller, lambda: caller.run(IFUP, NIC), take_off, note="attaches only")
    if HELPER.exists():
        words = (HELPER, "--use-vnet", "--fd=9", f"--br={BRIDGE}")
        yield Case(str(HELPER), caller, lambda: caller.run(*words, passes_tap=True), note="attaches only")


def _libvirt(machine: Elsewhere, caller: Caller) -> Iterator[Case]:
    if not all(path.exists() for path in (LIBVIRTD, VIRSH, IPTABLES)):
        return
    shutil.rmtree(machine.directory / "etc/libvirt", ignore_errors=True)
    machine.write("/etc/libvirt/libvirtd.conf", _LIBVIRTD_CONF)
    machine.write("/etc/libvirt/qemu.conf", 'user = "root"\ngroup = "root"\n')
    machine.write("/etc/network.xml", _LIBVIRT_NETWORK)
    for name, line in (("passwd", "libvirt-qemu:x:64055:64055::/:/bin/false\n"), ("group", "libvirt-qemu:x:64055:\n")):
        if "libvirt-qemu:" not in (known := (machine.directory / "etc" / name).read_text()):
            machine.write(f"/etc/{name}", known + line)  # made by the package that starts the daemon at boot
    log = (machine.directory / "libvirtd.log").open("w")
    daemon = machine.popen([LIBVIRTD, "--config", "/etc/libvirt/libvirtd.conf"], stdout=log, stderr=log)
    virsh = [VIRSH, "--quiet", "--connect", "network:///system"]

    def answers() -> bool:
        assert daemon.poll() is None, f"libvirtd ended: {Path(log.name).read_text()}"
        return machine.run([*virsh, "net-list"], check=False).returncode == 0

    wait_for(answers, "libvirtd")
    machine.run([*virsh, "net-define", "/etc/network.xml"])

    def stop() -> None:
        machine.run([*virsh, "net-destroy", "default"], check=False)

    note = "libvirtd works: see wall"
    start = (*virsh, "net-start", "default")
    yield Case("virsh net-start default", caller, lambda: caller.run(*start), stop, note=note)
    yield Case("virsh net-list --all", caller, lambda: caller.run(*virsh, "net-list", "--all"), note=note)


def _netavark(machine: Elsewhere, caller: Caller) -> Iterator[Case]:
    program = _first_of(*NETAVARK)
    if program:
        with_namespace = _namespaced(machine)

        def stop() -> None:
            caller.run(program, "teardown", "/run/netns/bench", stdin=_NETAVARK)

        def start() -> Sample:
            return caller.run(program, "setup", "/run/netns/bench", stdin=_NETAVARK)

        yield Case("netavark setup", caller, start, with_namespace, stop, note="no DHCP, no DNS")


def _cni(machine: Elsewhere, caller: Caller) -> Iterator[Case]:
    portmap = _first_of(*(place / "portmap" for place in CNI))
    if not portmap:
        return
    names = {"CNI_CONTAINERID": CONTAINER, "CNI_NETNS": "/run/netns/bench", "CNI_IFNAME": "eth0"}
    environment = names | {"CNI_PATH": str(portmap.parent)}
    made: dict[str, Any] = {}

    def plugin(verb: str, configuration: dict[str, Any]) -> Sample:
        stdin = json.dumps(configuration | made)
        return caller.run(portmap.parent / configuration["type"], env=environment | {"CNI_COMMAND": verb}, stdin=stdin)

    def start() -> Sample:
        made.clear()
        bridge = plugin("ADD", _CNI_BRIDGE)
        made["prevResult"] = json.loads(bridge.stdout)
        return bridge + plugin("ADD", _CNI_PORTMAP)

    def stop() -> None:
        plugin("DEL", _CNI_PORTMAP)
        plugin("DEL", _CNI_BRIDGE)
        machine.run(["ip", "link", "delete", "cni9"])

    yield Case("CNI bridge + portmap", caller, start, _namespaced(machine), stop, note="no DHCP, no DNS")


def _namespaced(machine: Machine) -> Callable[[], None]:
    """Give the container a new network namespace."""

    def make() -> None:
        machine.run(["ip", "netns", "delete", "bench"], check=False)
        machine.run(["ip", "netns", "add", "bench"])

    return make
