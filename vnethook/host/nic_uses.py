"""What else depends on a NIC of the host's: links that take its packets, multicast groups, the host's own disks.

Source: sysfs-class-net, /proc/net/igmp and igmp6 (net/ipv4/igmp.c, net/ipv6/mcast.c), proc_pid_mountinfo(5).
"""

import posix
from _socket import AF_INET, AF_INET6, inet_ntop
from sys import byteorder

from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.live.rtnl import Link, Links

_TAKERS = ("ipvlan", "ipvtap", "macsec", "macvlan", "macvtap")
"""Kinds of links that have all packets of the link below them: it cannot be a port as well (rx_handler)."""
_UPPER = "upper_"
_KERNELS_OWN = ("224.0.0.1", "224.0.0.2", "224.0.0.106")
_KERNELS_OWN_6 = ("ff01::1", "ff01::2", "ff02::1", "ff02::2", "ff02::6a", "ff05::2")
_SOLICITED_NODE = "ff02::1:ff"
"""Begins the groups that the kernel joins for its addresses. Source: RFC 4291, 2.7.1."""
_OF_THE_SYSTEM = ("/", "/usr", "/var")
_REMOTE = ("9p", "afs", "ceph", "cifs", "fuse.sshfs", "glusterfs", "nfs", "nfs4", "smb3")
_REMOTE_DISKS = {"/session": "iSCSI", "/nbd": "NBD", "/rbd": "Ceph"}


def takers(links: "Links", nic: "Link") -> tuple[str, ...]:
    """The links on a NIC that have its packets; VLANs are none, since they have theirs whether it is a port or not."""
    place = f"/sys/class/net/{nic.name}"
    names = [name.removeprefix(_UPPER) for name in _listing(place) if name.startswith(_UPPER)]
    found = (links.link(name) for name in sorted(names))
    return tuple(link.name for link in found if link is not None and link.kind in _TAKERS)


def groups(nic: str) -> tuple[str, ...]:
    """The multicast groups that programs have joined on a NIC, beside those that the kernel joins by itself."""
    return (*_groups4(files.read_text("/proc/net/igmp") or "", nic), *_groups6(nic))


def _groups4(text: str, nic: str) -> "Iterator[str]":
    is_ours = False
    for line in text.splitlines()[1:]:
        words = line.split()
        if not line.startswith("\t"):
            is_ours = words[1] == nic
        elif is_ours and words:
            address = inet_ntop(AF_INET, bytes.fromhex(words[0])[:: -1 if byteorder == "little" else 1])
            if address not in _KERNELS_OWN:
                yield address


def _groups6(nic: str) -> "Iterator[str]":
    for line in (files.read_text("/proc/net/igmp6") or "").splitlines():
        words = line.split()
        address = inet_ntop(AF_INET6, bytes.fromhex(words[2]))
        if words[1] == nic and address not in _KERNELS_OWN_6 and not address.startswith(_SOLICITED_NODE):
            yield address


def remote_disk(mounts: str) -> str:
    """What the host's own system is on, if that is reached by the network, empty if not; `mounts`: mountinfo's text."""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split(" ", 1)[0]
        if words[4] in _OF_THE_SYSTEM:
            disk = kind if kind in _REMOTE else _disk(words[2])
            if disk:
                return f"{words[4]} on {disk}"
    return ""


def _disk(device: str, depth: int = 4) -> str:
    """What kind of remote disk a device is ("8:1"), or what it is made of; empty for none."""
    try:
        place = posix.readlink(f"/sys/dev/block/{device}")
    except OSError:
        return ""  # of no disk: tmpfs, overlay
    found = next((kind for part, kind in _REMOTE_DISKS.items() if part in place), "")
    if found or not depth:
        return found
    below = [files.read_text(f"/sys/dev/block/{device}/slaves/{name}/dev") or "" for name in _slaves(device)]
    return next((kind for one in below if (kind := _disk(one.strip(), depth - 1))), "")


def _slaves(device: str) -> list[str]:
    return _listing(f"/sys/dev/block/{device}/slaves")


def _listing(path: str) -> list[str]:
    try:
        return posix.listdir(path)
    except OSError:
        return []


def name_servers(text: str, link: str) -> tuple[str, ...]:
    """The name servers of a resolv.conf(5) that are at the link's own network, with its name: "fe80::1%eth0"."""
    found = (line.split() for line in text.splitlines())
    return tuple(words[1] for words in found if words[:1] == ["nameserver"] and words[-1].endswith(f"%{link}"))
