"""The connecting end of a link by ssh: the far sshd runs our hook there, which answers before the first frame.

A key of the host's own, no agent, no configuration of a user's, no question: the far host's key is known or it is
refused. Source: ssh(1), ssh_config(5).
"""

import json
import os
import socket

from vnethook.errors import VnetError
from vnethook.hook.links import attempt
from vnethook.hook.links.attempt import AttemptError
from vnethook.host import link_process, programs
from vnethook.lifecycle.link_keys import KEY, KNOWN_HOSTS
from vnethook.live.link_config import Target
from vnethook.names import shown

_TRIES = 3


def command(target: Target, directory: str) -> list[str]:
    """What is run: ssh with all that it would ask or read elsewhere said."""
    options = {
        "BatchMode": "yes",
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "IdentityFile": f"{directory}/{KEY}",
        "UserKnownHostsFile": f"{directory}/{KNOWN_HOSTS}",
        "GlobalKnownHostsFile": "/etc/ssh/ssh_known_hosts",
        "StrictHostKeyChecking": "yes",
        "ConnectTimeout": str(attempt.HANDSHAKE_S),
        "ServerAliveInterval": str(target.keepalive_s),
        "ServerAliveCountMax": str(_TRIES - 1),
        "ControlPath": "none",
        "EscapeChar": "none",
        "ClearAllForwardings": "yes",
        "Compression": "no",
        "LogLevel": "ERROR",
    }
    said = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    where = ["-l", target.user or "root", "-p", str(target.port), "--", target.address]
    return [programs.require("ssh"), "-F", "none", "-T", "-a", "-x", *said, *where, target.network]


def connect(target: Target, directory: str, report: socket.socket, _plain: socket.socket) -> None:
    """Run ssh, hear that we are welcome, hand over where the frames are; then wait for its end and say why."""
    errors = os.memfd_create("errors")
    try:
        ours, theirs = socket.socketpair()
        pid = link_process.spawn(command(target, directory), (theirs.fileno(), theirs.fileno(), errors))
        theirs.close()
        ours.settimeout(3 * attempt.HANDSHAKE_S)
        try:
            attempt.hear_welcome(ours)
        except (AttemptError, OSError) as error:
            ours.close()
            os.waitpid(pid, 0)
            attempt.tell(report, error=_last_words(errors) or str(error))
            return
        ours.settimeout(None)
        socket.send_fds(report, [json.dumps({"peer": ""}).encode()], [ours.fileno()])
        ours.close()
        os.waitpid(pid, 0)
        attempt.tell(report, error=_last_words(errors) or "the far end closed the connection")
    except VnetError as error:
        attempt.tell(report, error=error.message)


def _last_words(errors: int) -> str:
    text = os.pread(errors, 1 << 16, 0).decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else ""
    return line if line.isprintable() else shown(line)
