"""What the bridge helper of an ordinary user and root's own say to each other: one packet each way, then a sign.

The helper sends what QEMU and its user have said; who it is, and which guest it is for, the kernel tells root's side
(bridge_server.py). The answer is an exit status and a text, with the tap's descriptor where it is 0. The sign is one
byte, once QEMU has the tap; without it the NIC is taken away again.
"""

from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_SEQPACKET, socket
from _struct import Struct

from vnethook.errors import HostError
from vnethook.value import Value

FORM = "vnethook bridge 1"
"""Begins a call; another one is of another version."""
CALL_MAX, ANSWER_MAX = 2048, 8192
"""Bytes of a packet."""
DONE = b"\0"
INT = Struct("=i")
KIND = SOCK_SEQPACKET | SOCK_CLOEXEC


class Call(Value):
    """What the helper was asked for: br=, whether with the header of virtio, VNET_NETWORK, VNET_PORTGROUP."""

    bridge: str
    has_header: bool = False
    network: str = ""
    portgroup: str = ""


def new_socket() -> socket:
    """A socket as both sides want it."""
    return socket(AF_UNIX, KIND)


def packed(call: Call) -> bytes:
    """A call as a packet; raise HostError if it is too long to be meant."""
    words = (FORM, call.bridge, "vnet" if call.has_header else "", call.network, call.portgroup)
    data = "\0".join(words).encode("utf-8", "surrogateescape")
    if len(data) > CALL_MAX:
        msg = "names of network and portgroup: too long"
        raise HostError(msg)
    return data


def unpacked(data: bytes) -> Call:
    """The call in a packet; raise HostError for what the helper of this version does not send."""
    form, *words = data.decode("utf-8", "surrogateescape").split("\0")
    if len(data) > CALL_MAX or form != FORM or len(words) != 4 or words[1] not in {"", "vnet"}:
        msg = "call of the bridge helper: not understood"
        raise HostError(
            msg, hint="after an update of vnethook: systemctl restart vnethook-bridge, or end `vnet bridge-serve`"
        )
    bridge, header, network, portgroup = words
    return Call(bridge, bool(header), network, portgroup)


def packed_answer(status: int, text: str) -> bytes:
    """An exit status and what there is to say, as a packet."""
    return bytes([status]) + text.encode("utf-8", "backslashreplace")[: ANSWER_MAX - 1]


def unpacked_answer(data: bytes) -> tuple[int, str]:
    """The partner of `packed_answer`."""
    return data[0], data[1:].decode("utf-8", "replace")
