"""A host in QEMU that really boots: systemd, udev, a network manager, sshd, and the checkout on a disk that it keeps."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.lab.machine import Machine, wait_for
from tests.lab.real_disk import make_disk

NIC, MAC = "enp0s1", "52:54:00:00:00:20"
"""Its NIC, which udev calls by its slot."""
GATEWAY, GATEWAY6 = "192.0.2.1", "2001:db8::1"
BOOT_LIMIT_S = 300
KERNEL_WORDS = (
    "root=/dev/vda rw console=ttyS0 net.ifnames=1 panic=-1 random.trust_cpu=on audit=0 apparmor=0 mitigations=off"
)
_LINKS = f"""link add lan0 type bridge forward_delay 0
link set lan0 up
address add {GATEWAY}/24 dev lan0
-6 address add {GATEWAY6}/64 dev lan0 nodad
tuntap add dev machine mode tap
link set machine master lan0 up"""


class Street(Machine):
    """The network that a machine is on: a bridge `lan0` with a router's addresses, DHCP and router advertisements."""

    def __init__(self) -> None:
        super().__init__("street")

    def __enter__(self) -> Self:
        super().__enter__()
        for line in _LINKS.splitlines():
            self.run(["ip", *line.split()])
        serve = [
            "dnsmasq",
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--port=0",
            "--pid-file=",
            "--interface=lan0",
        ]
        serve += [f"--log-facility={self.directory}/dnsmasq.log", f"--dhcp-leasefile={self.directory}/leases"]
        serve += ["--dhcp-authoritative", "--no-ping", "--enable-ra", "--dhcp-range=2001:db8::,ra-only,1h"]
        serve += ["--dhcp-range=192.0.2.50,192.0.2.99,255.255.255.0,1h"]
        self.popen(serve)
        return self


class RealMachine:
    """`with Street() as street, RealMachine(street, texts) as host: host.sh("ip link")`, over ssh from the street.

    `texts`: files of /etc and the like by path; one that is empty becomes a link to /dev/null, which masks a unit.
    """

    def __init__(self, street: Street, texts: Mapping[str, str]) -> None:
        self.street = street
        self.directory = Path()
        self.address = ""
        self._texts = texts
        self._qemu: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="vnethook-real-", dir="/tmp"))
        try:
            self._disk = make_disk(self.directory, self._texts)
            self.power_on()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.cut_power()
        shutil.rmtree(self.directory, ignore_errors=True)

    def power_on(self) -> None:
        """Start it, and wait until it is reached."""
        words = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-nodefaults", "-no-user-config"]
        words += [
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "512M",
            "-display",
            "none",
        ]
        words += ["-no-reboot", "-chardev", f"file,id=console,path={self.directory}/console,append=on"]
        words += ["-serial", "chardev:console", "-qmp", f"unix:{self.directory}/qmp,server=on,wait=off"]
        words += ["-kernel", str(self._disk.kernel), "-initrd", str(self._disk.initrd), "-append", KERNEL_WORDS]
        words += ["-drive", f"file={self._disk.disk},format=raw,if=virtio,cache=writeback"]
        words += ["-netdev", "tap,id=n,ifname=machine,script=no,downscript=no"]
        words += ["-device", f"virtio-net-pci,netdev=n,mac={MAC}", "-device", "virtio-rng-pci"]
        self._qemu = self.street.popen(words, stderr=subprocess.PIPE)
        self._starts += 1
        self.wait()

    def cut_power(self) -> None:
        """Take its power away."""
        if self._qemu:
            with self._qemu:
                self._qemu.kill()
            self._qemu = None

    def wait(self) -> None:
        """Wait until it is reached by ssh."""
        try:
            wait_for(self._is_reached, "the machine to be reached", timeout_s=BOOT_LIMIT_S)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.console()[-3000:]}") from None

    def _is_reached(self) -> bool:
        if self._qemu is None or self._qemu.poll() is not None:
            raise AssertionError(
                "the machine ended\n"
                + (self._qemu.stderr.read().decode() if self._qemu and self._qemu.stderr else "")
                + self.console()[-3000:]
            )
        if not self.address:
            self.address = self.leased()
        return bool(self.address) and self.ssh("true", connect_s=5).returncode == 0

    def leased(self) -> str:
        """The address that its DHCP client got last."""
        leases = self.street.directory / "leases"
        lines = leases.read_text().splitlines() if leases.exists() else []
        found = [line.split()[2] for line in lines if line.split()[1:2] == [MAC]]
        return found[-1] if found else ""

    def reboot(self) -> None:
        """Restart it as its administrator does, and wait until it is reached again.

        QEMU ends and is started anew: what it has translated of the boot before makes the next one several times slower.
        """
        self.ssh("systemctl reboot")
        assert self._qemu
        self._qemu.wait(BOOT_LIMIT_S)
        self.cut_power()
        self.power_on()

    def settle(self, link: str) -> None:
        """Wait until a link has addresses of both IP versions, none of which is still being checked."""
        ask = f"ip -o address show dev {link} scope global"
        wait_for(lambda: self._has_settled(self.ssh(ask).stdout), f"addresses on {link}", timeout_s=BOOT_LIMIT_S)

    @staticmethod
    def _has_settled(found: str) -> bool:
        return " inet " in found and " inet6 " in found and "tentative" not in found

    def command(self, line: str, *, connect_s: int = 60) -> list[str]:
        """The words of an ssh that runs a line of shell on it; `connect_s`: on a busy machine it takes seconds.

        All of a boot use the connection of the first, which the machine would need seconds for.
        """
        words = ["ssh", "-F", "/dev/null", "-i", str(self._disk.key), "-o", "BatchMode=yes"]
        words += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        words += ["-o", f"ConnectTimeout={connect_s}", "-o", "ServerAliveInterval=20"]
        words += ["-o", "ControlMaster=auto", "-o", "ControlPersist=yes"]
        words += ["-o", f"ControlPath={self.directory}/ssh-{self._starts}"]
        return [*words, f"root@{self.address}", line]

    def ssh(self, line: str, *, connect_s: int = 60, timeout_s: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run a line of shell on it."""
        return self.street.run(self.command(line, connect_s=connect_s), check=False, timeout_s=timeout_s)

    def sh(self, line: str) -> str:
        """What a line of shell prints; AssertionError if it fails."""
        done = self.ssh(line)
        assert done.returncode == 0, f"{line}: status {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def console(self) -> str:
        """What it has said on its console."""
        return (self.directory / "console").read_text(errors="replace")
