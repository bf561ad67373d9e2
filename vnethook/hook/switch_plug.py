"""QEMU's plug into a user's network that is a switch: frames between QEMU's pipes and the switch's sockets.

QEMU would not connect again to a switch that was killed and is started anew; this does, and brings the network up for
it. What QEMU sends meanwhile is lost, frame by frame, as on a cable that is pulled.
Source of the protocol: struct request_v3 in vde2's datasock.c, and libvdeplug_vde.c of vdeplug4.
"""

import posix
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_STREAM, socket
from _struct import Struct

from vnethook.errors import HostError, VnetError
from vnethook.hook import resolve, serve
from vnethook.hook.vde_stream import Relay
from vnethook.live import files, record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.hook.request import NicRequest
    from vnethook.live.paths import Paths

_REQUEST = Struct("=IIiH108s128s")
_ADDRESS = Struct("=H108s")
_MAGIC, _VERSION, _NEW_PORT = 0xFEEDFACE, 3, 0
AGAIN_S = 1.0
"""After a network that does not come up it is tried again, since QEMU cannot be told that it has none."""


def is_plugged(paths: "Paths", request: "NicRequest") -> bool:
    """Carry frames to the end if the network that a call means is a user's switch; else go where it is, or may be."""
    network, _ = resolve.network_of(paths, request)
    live = record.read(paths, network)
    is_switch = live is not None and not live.bridge
    if not is_switch:
        from vnethook.host.host import Host  # noqa: PLC0415 (a switch that is up does without)
        from vnethook.lifecycle import users  # noqa: PLC0415 (as above)

        host = Host(paths)
        users.enter(host, network)
        host.close(stays=True)
        is_switch = users.is_vde(paths, network) or host.forbidden is not None
    if is_switch:
        plug(paths, network)
    return is_switch


def plug(paths: "Paths", network: str) -> None:
    """Carry frames until QEMU has closed its end; raise what brings the network up at first."""
    relay = Relay(0, 1)
    serve.bring_up(paths, network)
    is_over = False
    while not is_over:
        try:
            control, data = _connected(paths.vde(network))
        except OSError as error:
            serve.warn("qemu-vde", [f"network {network!r}: switch: connect: {error.strerror}"])
            is_over = relay.drop(AGAIN_S)
        else:
            is_over = relay.carry(data.fileno(), lifeline=control.fileno())
            control.close()
            data.close()
        if not is_over:
            is_over = _again(paths, network, relay)


def _again(paths: "Paths", network: str, relay: Relay) -> bool:
    """Bring the network up again; whether QEMU has ended before that worked."""
    while True:
        try:
            serve.bring_up(paths, network)
        except VnetError as error:
            serve.warn("qemu-vde", [str(error)])
            if relay.drop(AGAIN_S):
                return True
        else:
            return False


def _connected(directory: str) -> tuple[socket, socket]:
    """A port of the switch: the connection that it lasts as long as, and the socket of frames; raise OSError."""
    control = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
    data = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)
    own = f"{directory}/.{posix.getpid():05d}-vnet"
    files.remove(own)
    try:
        control.connect(f"{directory}/ctl")
        data.bind(own)
        asked = f"qemu-vde: user={posix.geteuid()} pid={posix.getpid()}".encode()
        control.send(_REQUEST.pack(_MAGIC, _VERSION, _NEW_PORT, AF_UNIX, own.encode(), asked))
        answer = control.recv(_ADDRESS.size)
        if len(answer) < _ADDRESS.size:
            msg = f"{directory}: the switch refused"
            raise HostError(msg)
        data.connect(_ADDRESS.unpack(answer)[1].rstrip(b"\0").decode())
    except BaseException:
        control.close()
        data.close()
        raise
    finally:
        files.remove(own)
    return control, data
