"""The far end of a link by ssh: what sshd runs for the key of a host that connects, in place of what that asks for.

    restrict,command="/usr/libexec/vnethook/link-ssh NAME" ssh-ed25519 … (in authorized_keys; NAME: the connecting host)

The network that it wants is all that the far host says; it has to listen for ssh. It is brought up if need be, its
supervisor makes the port, and then this process is vde_plug. Source: sshd(8), AUTHORIZED_KEYS FILE FORMAT.
"""

import posix
from _socket import AF_UNIX, SOCK_SEQPACKET, socket
from errno import ECONNREFUSED, ENOENT
from time import monotonic, sleep

from vnethook.errors import HostError, UsageError, VnetError
from vnethook.hook import serve
from vnethook.live import files, link_config
from vnethook.live import paths as places
from vnethook.names import check_network_name, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths

WELCOME = b"vnethook: welcome\n"
_PATIENCE_S = 10.0
"""How long a supervisor that was just started may take to listen."""
_ANSWER_S = 20.0
"""How long it may take to make the port: the network may be changing."""
_PLUG = "/usr/bin/vde_plug"
_PEER_MAX = 64


def main() -> int:
    """Serve the connection that sshd has given us; the exit status, if there is one."""
    import sys  # noqa: PLC0415 (its argv alone)

    return serve.run(_link, sys.argv)


def _link(paths: "Paths", argv: list[str]) -> None:
    environ = places.variables()
    network = check_network_name(environ.get("SSH_ORIGINAL_COMMAND", ""))
    address = environ.get("SSH_CONNECTION", "").partition(" ")[0]
    peer = argv[1] if len(argv) > 1 else address
    if len(peer) > _PEER_MAX or not peer.isprintable():
        msg = f"argument {shown(peer[:_PEER_MAX])}: cannot be the name of a host"
        raise UsageError(msg)
    try:
        serve.bring_up(paths, network)
        if not any(door.transport == "ssh" for door in link_config.read(paths, network).doors):
            raise _unwelcome(network)
        device = _ask(paths, network, peer, address)
    except VnetError as error:
        posix.write(1, f"vnethook: refused: {error.message}\n".encode())
        raise
    from vnethook.host import link_process  # noqa: PLC0415 (only for who is let in)

    if link_process.may_nobody_use_taps():
        link_process.restrict()  # what reads a far host's frames has no rights of root's
    posix.write(1, WELCOME)
    posix.execve(_PLUG, [_PLUG, f"tap://{device}"], {"PATH": "/usr/bin:/bin"})


def _unwelcome(network: str) -> UsageError:
    msg = f"network {network!r}: does not listen for ssh"
    return UsageError(msg, hint="its definition needs <listen transport='ssh'/>")


def _ask(paths: "Paths", network: str, peer: str, address: str) -> str:
    """The tap that the network's supervisor has made for us; raise HostError with why it has not."""
    asking = socket(AF_UNIX, SOCK_SEQPACKET)
    _connect(asking, f"{paths.links(network)}/control", network)
    asking.settimeout(_ANSWER_S)
    try:
        asking.send(files.dumps({"peer": peer, "address": address}).encode())
        answer = files.loads(asking.recv(1 << 12).decode() or '{"error": "the supervisor has ended"}')
    except OSError as error:
        msg = f"network {network!r}: supervisor of its links: {error.strerror or 'no answer in time'}"
        raise HostError(msg) from error
    if "error" in answer:
        msg = f"network {network!r}: link from {peer}: {answer['error']}"
        raise HostError(msg)
    return str(answer["device"])


def _connect(asking: socket, path: str, network: str) -> None:
    deadline = monotonic() + _PATIENCE_S
    while True:
        try:
            asking.connect(path)
        except OSError as error:
            if error.errno not in {ENOENT, ECONNREFUSED} or monotonic() > deadline:
                msg = f"network {network!r}: supervisor of its links: {posix.strerror(error.errno or 0)}"
                raise HostError(msg) from error
            sleep(0.02)
        else:
            return
