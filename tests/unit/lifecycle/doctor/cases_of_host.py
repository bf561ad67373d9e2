"""Hosts that are not as the healthy one, and what the doctor says of them."""

from tests.unit.lifecycle.doctor.healthy import LAB, ROOM
from vnethook.host import trial
from vnethook.lifecycle.doctor.finding import STOPS, UNSEEN, WARNS
from vnethook.lifecycle.doctor.survey import Hook

# What is not as on the healthy host, and all that is said of it: level, "subject: what", command.
CASES = {
    "a missing nft": (
        {"missing_programs": ("nft",)},
        [
            (
                STOPS,
                "program 'nft': not installed: no network has a firewall, so none comes up",
                "apt-get install nftables   (Fedora: dnf install nftables)",
            )
        ],
    ),
    "a missing dnsmasq": (
        {"missing_programs": ("dnsmasq",)},
        [
            (
                STOPS,
                "program 'dnsmasq': not installed: no network has DHCP and DNS",
                "apt-get install dnsmasq-base   (Fedora: dnf install dnsmasq)",
            )
        ],
    ),
    "an old Python": (
        {"python": "/usr/bin/python3: is Python 3.9: hooks need 3.11 or newer"},
        [(STOPS, "/usr/bin/python3: is Python 3.9: hooks need 3.11 or newer", "apt-get install python3")],
    ),
    "an unsafe package": (
        {"package": ("/opt: somebody else than root may write it",)},
        [
            (
                WARNS,
                "/opt: somebody else than root may write it",
                "vnet hooks install   (says it again if it is not mended)",
            )
        ],
    ),
    "users whom nobody serves": (
        {"unserved": "/run/vnethook/bridge.socket"},
        [
            (
                WARNS,
                (
                    "bridge.conf: allows users guests, and nobody listens at /run/vnethook/bridge.socket for their bridge "
                    "helper"
                ),
                (
                    "vnet hooks install --enable-users; systemctl daemon-reload; systemctl start vnethook-bridge.socket   "
                    "(without systemd: vnet bridge-serve)"
                ),
            )
        ],
    ),
    "no hook": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "missing"), Hook("default ifup", "QEMU", "/y", "other"))},
        [
            (
                WARNS,
                "QEMU: its hooks are not installed: its guests get no network from us by themselves",
                "vnet hooks install",
            )
        ],
    ),
    "a dom0 without our script": (
        {"hypervisors": ("Xen",), "hooks": (Hook("vif-vnet", "Xen", "/x", "missing"),)},
        [
            (
                WARNS,
                "Xen: its hooks are not installed: its guests get no network from us by themselves",
                "vnet hooks install",
            )
        ],
    ),
    "an old hook": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "outdated"),)},
        [(WARNS, "hook 'qemu-ifup': /x is of another version", "vnet hooks install")],
    ),
    "a hook that leads nowhere": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "outdated", "/gone"),)},
        [
            (
                STOPS,
                "hook 'qemu-ifup': /x leads to /gone, where there is no vnethook: guests that call it do not start",
                "vnet hooks install",
            )
        ],
    ),
    "a kernel without bridges": (
        {"kernel_lacks": (trial.BRIDGE,)},
        [
            (
                STOPS,
                "kernel: has no bridge: networks are bridges",
                "modprobe bridge   (if that fails: a kernel with CONFIG_BRIDGE)",
            )
        ],
    ),
    "a kernel that is too old": (
        {"kernel_lacks": (trial.RULES,)},
        [
            (
                STOPS,
                "kernel: has no use for our rules: it does not take them, or nft is too old for them",
                "Linux 5.6 or later, and nft 1.0",
            )
        ],
    ),
    "a kernel that cannot guard NICs": (
        {"kernel_lacks": (trial.GUARDS,), "networks": (LAB.replace(needs=(trial.GUARDS,)),)},
        [
            (
                STOPS,
                "network 'lab': the kernel has no use for the guards of NICs: it does not take their rules",
                "Linux 5.6 or later, or <guard mode='off'/> in the network",
            )
        ],
    ),
    "a kernel without what no network needs": ({"kernel_lacks": (trial.VLANS, trial.HTB, trial.INGRESS)}, []),
    "a kernel without what one network needs": (
        {"kernel_lacks": (trial.VLANS,), "networks": (LAB.replace(needs=(trial.VLANS,)),)},
        [
            (
                STOPS,
                "network 'lab': the kernel has no vlan filtering: NICs in VLANs need it",
                "a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
            )
        ],
    ),
    "a kernel without IPv6": ({"has_ipv6": False}, []),
    "a network with IPv6 on a kernel without": (
        {"has_ipv6": False, "networks": (LAB.replace(versions=(4, 6)),)},
        [
            (
                STOPS,
                "network 'lab': has IPv6, which the kernel was started without",
                "take ipv6.disable=1 off the kernel's command line, or the <ip family='ipv6'> out of the network",
            )
        ],
    ),
    "sysctls that cannot be written": (
        {"has_read_only_sysctls": True},
        [
            (
                STOPS,
                "/proc/sys: cannot be written here, as in a container: no network can be a router",
                "mount -o remount,rw /proc/sys   (a container: start it privileged)",
            )
        ],
    ),
    "a strict rp_filter with one uplink": ({"sysctls": (("net/ipv4/conf/all/rp_filter", "1"),)}, []),
    "a strict rp_filter with two uplinks": (
        {"sysctls": (("net/ipv4/conf/all/rp_filter", "1"),), "uplinks": ((4, "eth0"), (4, "eth1"))},
        [
            (
                WARNS,
                "sysctl net.ipv4.conf.all.rp_filter: is strict, and there are several uplinks: what comes in by another than it would leave by is dropped",
                "sysctl -w net.ipv4.conf.all.rp_filter=2",
            )
        ],
    ),
    "a host that forwards and listens to routers no more": (
        {
            "sysctls": (("net/ipv6/conf/all/forwarding", "1"), ("net/ipv6/conf/eth0/accept_ra", "1")),
            "uplinks": ((6, "eth0"),),
        },
        [
            (
                WARNS,
                "link 'eth0': the host forwards IPv6, so it takes no route from routers there any more",
                "sysctl -w net/ipv6/conf/eth0/accept_ra=2",
            )
        ],
    ),
    "a nearly full table of flows": (
        {"conntrack": (900, 1000)},
        [
            (
                WARNS,
                "connection tracking: 900 of 1000 flows are tracked: when it is full, new connections are dropped",
                "sysctl -w net.netfilter.nf_conntrack_max=2000",
            )
        ],
    ),
    "a full table of flows": (
        {"conntrack": (1000, 1000)},
        [
            (
                STOPS,
                "connection tracking: 1000 of 1000 flows are tracked: when it is full, new connections are dropped",
                "sysctl -w net.netfilter.nf_conntrack_max=2000",
            )
        ],
    ),
    "no room for more dnsmasq": (
        {"watches": 9},
        [
            (
                WARNS,
                "sysctl fs.inotify.max_user_instances: each network takes one of 9 for its dnsmasq, and there are 2",
                "sysctl -w fs.inotify.max_user_instances=1024",
            )
        ],
    ),
    "a full disk": (
        {"places": (ROOM.replace(free_bytes=1000),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': there is hardly room for more bytes",
                "df -h /run/vnethook; df -i /run/vnethook",
            )
        ],
    ),
    "no room for files": (
        {"places": (ROOM.replace(free_files=3),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': there is hardly room for more files",
                "df -h /run/vnethook; df -i /run/vnethook",
            )
        ],
    ),
    "a run directory that cannot be written": (
        {"places": (ROOM.replace(is_read_only=True),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': cannot be written: no network comes up",
                "mount -o remount,rw $(findmnt -no TARGET -T /run/vnethook)",
            )
        ],
    ),
    "definitions that cannot be written": (
        {"places": (ROOM.replace(path="/etc/vnethook", is_read_only=True),)},
        [
            (
                WARNS,
                "directory '/etc/vnethook': cannot be written: networks cannot be defined",
                "mount -o remount,rw $(findmnt -no TARGET -T /etc/vnethook)",
            )
        ],
    ),
    "hooks that cannot be called": (
        {"places": (ROOM.replace(path="/usr/libexec/vnethook", runs_programs=False),)},
        [
            (
                STOPS,
                "directory '/usr/libexec/vnethook': is on a file system that is mounted noexec: hypervisors cannot call the hooks",
                "mount -o remount,exec $(findmnt -no TARGET -T /usr/libexec/vnethook)",
            )
        ],
    ),
    "NetworkManager": (
        {"managed": ("vnbr7",)},
        [
            (
                WARNS,
                "link 'vnbr7': NetworkManager manages it, and may take it down or off its bridge",
                "printf '[keyfile]\\nunmanaged-devices+=interface-name:vnbr*;interface-name:vnbr7\\n' >/etc/NetworkManager/conf.d/vnethook.conf && nmcli general reload",
            )
        ],
    ),
    "systemd-networkd": (
        {"networkd": ("/etc/systemd/network/all.network",)},
        [
            (
                WARNS,
                "/etc/systemd/network/all.network: is for links of ours too: systemd-networkd may give them addresses",
                "printf '[Match]\\nName=vnbr* tap* vnet* vif*\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/00-vnethook.network && networkctl reload",
            )
        ],
    ),
    "AppArmor": (
        {"is_dnsmasq_confined": True},
        [
            (
                STOPS,
                "AppArmor: its profile of dnsmasq does not let it read /run/vnethook",
                "printf '/run/vnethook/** rw,\\n/var/lib/vnethook/** rw,\\n' >>/etc/apparmor.d/local/usr.sbin.dnsmasq && apparmor_parser -r /etc/apparmor.d/usr.sbin.dnsmasq",
            )
        ],
    ),
    "what only root may see": (
        {"unseen": ("the firewall",)},
        [(UNSEEN, "the firewall: could not be looked at", "sudo vnet doctor")],
    ),
}
