"""Beside a program that runs in a guest on Debian's kernel: ends of guests' links, and which frames come to them."""

import posix
import select
import socket
import sys

EVERYBODY = "ff:ff:ff:ff:ff:ff"
SOL_PACKET, PACKET_AUXDATA, OUTGOING, TAG_VALID = 263, 8, 4, 16
OURS = b"\x88\xb5"
"""The type of our frames: IEEE 802, for experiments."""
SOCKETS = {}


def say(line):
    sys.stdout.write(f"{line}\n")


def make_link(name):
    """A veth pair: `name` is the guest's end, p-NAME the host's."""
    posix.system(f"ip link add {name} type veth; ip link set veth0 name p-{name}")
    for end in (name, f"p-{name}"):
        with open(f"/proc/sys/net/ipv6/conf/{end}/disable_ipv6", "w") as file:
            file.write("1")


def listen(name):
    """Hear from now on what comes to a guest's end."""
    SOCKETS[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    SOCKETS[name].bind((name, 0))
    SOCKETS[name].setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)


def frames(name, kind=OURS):
    """The (payload, VLAN or None) of what came to a guest's end meanwhile."""
    found = []
    while select.select([SOCKETS[name]], [], [], 0.1)[0]:
        data, more, _, address = SOCKETS[name].recvmsg(2000, 100)
        if address[2] == OUTGOING or data[12:14] != kind:
            continue
        aux = more[0][2]
        has_tag = int.from_bytes(aux[:4], "little") & TAG_VALID
        found.append((data[14:], int.from_bytes(aux[16:18], "little") if has_tag else None))
    return found


def head(source, to=EVERYBODY, vlan=None, kind=OURS):
    """The head of a frame between two MACs."""
    tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
    return bytes.fromhex((to + source).replace(":", "")) + tag + kind


def send(name, mac, mark, *, to=EVERYBODY, vlan=None):
    """Send a frame from a guest's end, and say whom it reaches, with which tag."""
    SOCKETS[name].send(head(mac, to, vlan) + mark.encode() + bytes(60))
    got = {other: [vlan for data, vlan in frames(other) if data.split(b"\0")[0] == mark.encode()] for other in SOCKETS}
    say(f"{mark}: {' '.join(f'{other}={vlans[0]}' for other, vlans in got.items() if vlans)}")
