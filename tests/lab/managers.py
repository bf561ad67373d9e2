"""Network managers on a lab host: the real programs of Debian's packages, on throw-away copies of its files.

systemd-networkd and NetworkManager wait for udev where /sys can be written to, so here it cannot.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lab.host import Host
from tests.lab.machine import wait_for
from tests.lab.packages import OVER_USR_AND_ETC, unpacked, with_needs
from tests.lab.resolved import BUS

if TYPE_CHECKING:
    import subprocess

PACKAGES = ("bridge-utils", "ifupdown", "isc-dhcp-client", "netplan.io", "network-manager", "systemd")
# what the packages' own installation does
_PREPARE = (
    OVER_USR_AND_ETC
    + """
for place in /run /var/lib; do mount -t tmpfs tmpfs $place; done
mkdir -p /run/dbus /run/lock /run/network /var/lib/dhcp /var/lib/NetworkManager
mkdir -p /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
mkdir -p /etc/network/interfaces.d /etc/netplan /etc/systemd/network /etc/NetworkManager/system-connections
rm -f /etc/systemd/network/* /etc/network/interfaces.d/*
: >/run/resolv.conf
rm -f /etc/resolv.conf
ln -s /run/resolv.conf /etc/resolv.conf
printf 'source /etc/network/interfaces.d/*\\n' >/etc/network/interfaces
printf '[main]\\nplugins=keyfile\\nauth-polkit=false\\ndns=none\\n[connectivity]\\nenabled=false\\n' >/etc/NetworkManager/NetworkManager.conf
grep -q ^systemd-network: /etc/passwd || echo 'systemd-network:x:65531:65531::/:/usr/sbin/nologin' >>/etc/passwd
grep -q ^systemd-network: /etc/group || echo 'systemd-network:x:65531:' >>/etc/group
chown -R systemd-network:systemd-network /run/systemd/netif
ldconfig  # netplan asks it where its library is
mount -o remount,bind,ro /sys
"""
)


def their_files() -> Path:
    """Where the packages are unpacked, with what they need and is not installed here; OSError if they cannot be had."""
    return with_needs(*PACKAGES)


class ManagedHost(Host):
    """A host with all managers installed and none running; its /etc, /usr, /run and /var/lib are its own.

    So vnethook has its files where they are on every host, and no VNETHOOK_ROOT.
    """

    _manager: "subprocess.Popen[bytes] | None" = None

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in super().environment.items() if name != "VNETHOOK_ROOT"}

    def prepare(self) -> None:
        """Give the host its files."""
        self.run(["sh", "-euc", _PREPARE, "prepare", their_files(), self.directory])

    def start_networkd(self) -> None:
        """Start systemd-networkd, as its unit does; it is told by the system bus."""
        self._start_bus()
        words, environment = ["/usr/lib/systemd/systemd-networkd"], {"SYSTEMD_LOG_TARGET": "console"}
        self._manager = self._start("systemd-networkd", words, environment)

    def stop_manager(self) -> None:
        """Kill the one that runs, so that it leaves links as they are."""
        assert self._manager
        self._manager.kill()
        self._manager.wait(30)

    def start_networkmanager(self) -> None:
        """Start NetworkManager."""
        self._start_bus()
        self._manager = self._start("NetworkManager", ["NetworkManager", "--no-daemon"], {})

    def log(self, program: str) -> str:
        """What a program has said."""
        return (self.directory / f"{program}.log").read_text(errors="replace")

    def has(self, path: str) -> bool:
        """Whether there is such a file on the host."""
        return self.run(["test", "-e", path], check=False).returncode == 0

    def _start_bus(self) -> None:
        if not self.has("/run/dbus/system_bus_socket"):
            bus = self.directory / "bus.conf"
            bus.write_text(BUS)
            self._start("bus", ["dbus-daemon", "--config-file", bus, "--nofork", "--nopidfile"], {})
            wait_for(lambda: self.has("/run/dbus/system_bus_socket"), "the system bus")

    def _start(self, name: str, words: list[Any], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
        with (self.directory / f"{name}.log").open("wb") as log:
            return self.popen(words, env=environment, stdout=log, stderr=log)


_INSTALL_SCRIPTS = """
mkdir -p /etc/sysconfig/network-scripts
cp "$1"/network-scripts/* /etc/sysconfig/network-scripts/
rm -f /etc/sysconfig/network-scripts/*.in
cp "$1"/etc/rc.d/init.d/functions "$1"/etc/rc.d/init.d/network /etc/init.d/
chmod 755 /etc/init.d/network
mkdir -p /etc/rc.d /var/lock/subsys
ln -s ../init.d /etc/rc.d/init.d
echo NETWORKING=yes >/etc/sysconfig/network
ln -sf bash /usr/bin/sh  # as where they come from
for name in ifup ifdown; do ln -sf "/etc/sysconfig/network-scripts/$name" "/usr/sbin/$name"; done
cp "$2/usr/bin/ipcalc-ng" /usr/bin/ipcalc
cp "$2/usr/bin/arping" /usr/sbin/arping
mv /usr/sbin/dhclient /usr/sbin/dhclient.debian
cat >/usr/sbin/dhclient <<'END'
#!/bin/bash
# options of Fedora's dhclient, which Debian's does not know
words=()
while [ $# -gt 0 ]; do
  case $1 in -H|-F) shift 2 ;; *) words+=("$1"); shift ;; esac
done
exec /usr/sbin/dhclient.debian "${words[@]}"
END
chmod 755 /usr/sbin/dhclient
"""


class ScriptedHost(ManagedHost):
    """A host that initscripts' own network-scripts bring up, from a checkout of theirs: no package of Debian's has them."""

    def install(self, checkout: Path) -> None:
        """Give the host the scripts; they are GPL's, and are executed as they are."""
        self.run(["sh", "-euc", _INSTALL_SCRIPTS, "install", checkout, unpacked("ipcalc-ng", "iputils-arping")])

    def network(self, verb: str) -> "subprocess.CompletedProcess[str]":
        """What `service network VERB` does."""
        return self.run(["/etc/init.d/network", verb], check=False)
