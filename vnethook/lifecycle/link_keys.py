"""The key by which this host connects to others by ssh: made once, never written over. Source: ssh-keygen(1)."""

from vnethook.errors import HostError, UsageError
from vnethook.host import programs
from vnethook.live import files
from vnethook.live.paths import Paths
from vnethook.names import is_domain_name, shown

KEY, KNOWN_HOSTS = "id_ed25519", "known_hosts"
NAME_MAX = 64
"""As long as the far end takes one (hook/link_ssh.py)."""


def directory(paths: Paths) -> str:
    """Where it lies, and the keys of hosts that are known."""
    return f"{paths.etc}/ssh"


def public(paths: Paths, name: str) -> tuple[str, bool]:
    """The public key of this host, with its name, and whether it was made only now.

    Raises UsageError for what is no host's name, or a name that sshd would read as more than that; HostError if no key
    can be made.
    """
    if not is_domain_name(name) or len(name) > NAME_MAX:
        msg = f"name {shown(name[:NAME_MAX])}: cannot be the name of a host"
        raise UsageError(msg, hint="vnet link-key --name NAME")
    place = directory(paths)
    key = f"{place}/{KEY}"
    is_new = not files.exists(key)
    if is_new:
        files.make_directory(place, mode=0o700)
        words = ["-q", "-t", "ed25519", "-N", "", "-C", f"vnethook@{name}", "-f", key]
        finished = programs.run([programs.require("ssh-keygen"), *words])
        if finished.status:
            msg = f"key {key!r}: make: {finished.reason}"
            raise HostError(msg)
    text = files.read_text(f"{key}.pub")
    if text is None:
        msg = f"file {key + '.pub'!r}: no such file"
        raise HostError(msg, hint=f"ssh-keygen -y -f {key} > {key}.pub")
    return text.strip(), is_new
