"""Debian's sshd on a lab host, unpacked and not installed, for root with a key alone."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.host import Host
from tests.lab.machine import CHECKOUT, wait_for
from tests.lab.packages import unpacked

PORT = 2222
NAMED = CHECKOUT / "hooks/links/link-ssh"


@contextmanager
def sshd(host: Host, *lines: str) -> Iterator[str]:
    """An sshd on PORT that knows these lines of authorized_keys; its line for known_hosts, without the address."""
    files = unpacked("openssh-server", "libwrap0")
    place = host.directory / "sshd"
    place.mkdir(mode=0o700)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", place / "key"], check=True)
    authorized = place / "authorized_keys"
    authorized.write_text("".join(f"{line}\n" for line in lines))
    config = place / "sshd_config"
    config.write_text(
        f"Port {PORT}\nHostKey {place}/key\nAuthorizedKeysFile {authorized}\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin forced-commands-only\n"
        f"SetEnv VNETHOOK_ROOT={host.root}\nPidFile none\n"
    )
    host.add_user("sshd", 990)
    host.run(["mount", "-t", "tmpfs", "run", "/run"])
    host.run(["mkdir", "-m", "755", "/run/sshd"])
    words = [program(files), "-D", "-e", "-f", config]
    libraries = f"{files}/usr/lib/x86_64-linux-gnu"
    with (
        (place / "log").open("w") as log,
        host.popen(words, env={"LD_LIBRARY_PATH": libraries}, stderr=log) as server,
    ):
        try:
            wait_for(lambda: "listening on" in (place / "log").read_text(), "sshd")
            yield (place / "key.pub").read_text().strip()
        finally:
            server.kill()


def program(files: Path) -> Path:
    """The installed sshd, or the unpacked one; it wants to be called by its whole path."""
    installed = Path("/usr/sbin/sshd")
    return installed if installed.exists() else files / "usr/sbin/sshd"
