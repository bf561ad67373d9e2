"""A NIC of a machine that really boots is shared for good over ssh by it, survives a reboot, and is given back."""

import os
import subprocess

import pytest

from tests.lab.real_machine import MAC, NIC, RealMachine, Street

pytestmark = [pytest.mark.netns, pytest.mark.machines, pytest.mark.slow]
BRIDGE = f"ebr{NIC}"
PROFILE = "[connection]\nid=lan\nuuid=6f1e8a3a-0d0c-4a0e-8a35-2c5d6a1b7c11\ntype=ethernet\n"
MANAGERS = {
    "networkd": ("/etc/systemd/network/20-lan.network", "[Match]\nName=en*\n\n[Network]\nDHCP=ipv4\n"),
    "ifupdown": (
        "/etc/network/interfaces",
        f"source /etc/network/interfaces.d/*\n\nauto lo\niface lo inet loopback\n\nallow-hotplug {NIC}\niface {NIC} inet dhcp\n",
    ),
    "networkmanager": (
        "/etc/NetworkManager/system-connections/lan.nmconnection",
        f"{PROFILE}interface-name={NIC}\n\n[ipv4]\nmethod=auto\n\n[ipv6]\nmethod=auto\n",
    ),
    "netplan": (
        "/etc/netplan/50-lan.yaml",
        f"network:\n  version: 2\n  renderer: networkd\n  ethernets:\n    {NIC}:\n      dhcp4: true # the LAN\n",
    ),
}
UNITS = {
    "networkd": ("NetworkManager", "networking"),
    "ifupdown": ("NetworkManager", "systemd-networkd"),
    "networkmanager": ("networking", "systemd-networkd"),
    "netplan": ("NetworkManager", "networking"),
}
"""Which units are not to start."""
FILES = "find /etc/network /etc/netplan /etc/NetworkManager /etc/systemd /etc/sysctl.d -type f"
ADDRESSES = (
    "ip -o address show dev {0} scope global | grep -o 'inet.* scope' | sed 's/ metric [0-9]*\\| brd [^ ]*//g' | sort"
)
QEMU = (
    "import os, socket, subprocess, sys; near, far = socket.socketpair(); "
    "done = subprocess.run([sys.argv[1], '--use-vnet', f'--fd={far.fileno()}', sys.argv[2]], pass_fds=[far.fileno()]); "
    "print(done.returncode, len(socket.recv_fds(near, 1, 1)[1]) if not done.returncode else 0)"
)
"""Stands in for a user's QEMU, which calls the bridge helper."""
USERS_GUEST = f"""vnet hooks install --enable-users >/dev/null; systemctl daemon-reload
systemctl start vnethook-bridge.socket; systemctl is-active vnethook-bridge.service
mkdir -p /etc/vnethook; echo 'allow {NIC}' >/etc/vnethook/bridge.conf
setpriv --reuid=61001 --regid=61001 --clear-groups python3 -c "{QEMU}" \\
  /usr/libexec/vnethook/qemu-bridge-helper --br={NIC} \\
  -netdev bridge,id=n,br={NIC} -device virtio-net-pci,netdev=n,mac=52:54:00:00:53:0a 2>&1
systemctl is-active vnethook-bridge.service; systemctl stop vnethook-bridge.socket vnethook-bridge.service
rm /etc/vnethook/bridge.conf; vnet hooks remove >/dev/null; systemctl daemon-reload"""
every = pytest.mark.skipif(
    os.environ.get("VNETHOOK_EVERY_MANAGER") != "1", reason="several minutes; VNETHOOK_EVERY_MANAGER=1"
)


@pytest.mark.parametrize(
    "manager", [name if name == "networkd" else pytest.param(name, marks=every) for name in MANAGERS]
)
def test_a_machine_comes_back_on_its_bridge_after_a_reboot_and_without_it_once_unshared(manager: str) -> None:
    path, text = MANAGERS[manager]
    texts = {path: text} | {f"/etc/systemd/system/{unit}.service": "" for unit in UNITS[manager]}
    with Street() as street, RealMachine(street, texts) as host:
        files = f"{FILES} -exec sha256sum {{}} + | sort"
        host.settle(NIC)
        before, written, address = host.sh(ADDRESSES.format(NIC)), host.sh(files), host.address
        session = street.popen(host.command("read -r word; echo $word"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with session:
            host.sh(f"vnet share {NIC} --persist --timeout 600")
            assert session.communicate(b"alive\n", timeout=60)[0] == b"alive\n"
        assert host.sh(f"vnet confirm >/dev/null; {ADDRESSES.format(BRIDGE)}") == before

        host.reboot()
        host.settle(BRIDGE)
        assert (host.leased(), host.sh(ADDRESSES.format(BRIDGE))) == (address, before)
        state = f"cd /sys/class/net; cat {NIC}/address {BRIDGE}/address {BRIDGE}/bridge/stp_state"
        state += f"; ip -o address show dev {NIC}; systemctl --failed --no-legend"
        assert host.sh(state) == f"{MAC}\n{MAC}\n0\n"

        join = f"ip tuntap add dev tap0 mode tap; VNET_NETWORK={NIC} /opt/vnethook/hooks/qemu/qemu-ifup tap0"
        assert f"master {BRIDGE}" in host.sh(f"{join} && ip -o link show dev tap0; ip tuntap del dev tap0 mode tap")

        assert host.sh(USERS_GUEST) == "inactive\n0 1\nactive\n"  # by the socket, in the unit's confinement

        host.sh(f"vnet unshare {NIC}")
        host.settle(NIC)
        assert host.sh(f"{ADDRESSES.format(NIC)}; {files}; ls -d /sys/class/net/ebr* 2>&1 >/dev/null; :") == (
            f"{before}{written}ls: cannot access '/sys/class/net/ebr*': No such file or directory\n"
        )
