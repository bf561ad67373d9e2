"""Ordinary users on a host: QEMUs of theirs that call the bridge helper, and files where all users find them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Self

from tests.lab.host import Host
from tests.lab.machine import CHECKOUT, PYTHON, Machine

HELPER = CHECKOUT / "hooks/qemu/qemu-bridge-helper"
NAME = "qemu-bridge-helper"
ALICE, STAFF, BOB = 61001, 61002, 61003
MAC = "52:54:00:00:53:0a"
_PLACES = """
mkdir "$1/over"
mount -t tmpfs -o mode=755 tmpfs "$1/over"
for place in etc var/lib; do
  mkdir -p "$1/over/$place" "$1/over/$place-work"
  mount -t overlay overlay -o "lowerdir=/$place,upperdir=$1/over/$place,workdir=$1/over/$place-work" "/$place"
done
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /etc/vnethook
"""
QEMU = """
import os, socket, subprocess, sys
near, far = socket.socketpair()
words = [sys.argv[1], "--use-vnet", f"--fd={far.fileno()}", *sys.argv[2:3]]
done = subprocess.run(words, pass_fds=[far.fileno()], stderr=subprocess.PIPE, text=True)
tap = ""
if done.returncode == 0:
    fd = socket.recv_fds(near, 1, 1)[1][0]
    tap = next(line for line in open(f"/proc/self/fdinfo/{fd}") if line.startswith("iff:"))[4:].strip()
print(repr((done.returncode, done.stderr, tap)), flush=True)
sys.stdin.read()
"""
"""Stands in for QEMU: `HELPER --br=NAME -device …` calls the helper, says what came, and holds the tap to the end."""


class Answer(NamedTuple):
    """What QEMU had of the helper: its exit status, what it said, the name of the tap."""

    status: int
    said: str
    tap: str


class Place(Host):
    """A host whose files lie where they do without VNETHOOK_ROOT: there they are for every user."""

    def __enter__(self) -> Self:
        super().__enter__()
        self.run(["sh", "-euc", _PLACES, "places", self.directory])
        return self

    @property
    def environment(self) -> dict[str, str]:
        return Machine.environment.__get__(self)

    def write_conf(self, name: str, text: str, *, owner: tuple[int, int] = (0, 0), mode: int = 0o644) -> None:
        """Write a file of /etc/vnethook."""

        def write() -> None:
            path = Path("/etc/vnethook", name)
            path.write_text(text)
            path.chmod(mode)
            os.chown(path, *owner)

        self.call(write)


def words_of(user: int) -> list[str]:
    """What comes before a program that a user of the group STAFF runs."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", f"--groups={STAFF}"]


@contextmanager
def qemu(
    host: Host,
    network: str,
    *,
    helper: Path = HELPER,
    user: int = ALICE,
    mac: str = MAC,
    name: str = "",
    env: dict[str, str] | None = None,
    prefix: tuple[str, ...] = (),
) -> Iterator[Answer]:
    """A user's QEMU that has called the helper; what that answered."""
    device = ["-device", f"virtio-net-pci,netdev=n0,mac={mac}"] if mac else []
    device += ["-name", name] if name else []
    words = [*prefix, *words_of(user), PYTHON, "-IS", "-c", QEMU]
    words += [helper, f"--br={network}", "-netdev", f"bridge,id=n0,br={network}", *device]
    with host.popen(words, env=env, stdin=-1, stdout=-1, text=True) as program:
        try:
            yield Answer(*eval(program.stdout.readline()))
        finally:
            program.communicate(timeout=60)


def asked(host: Host, network: str, **options: object) -> Answer:
    """What a QEMU was answered that has ended by now."""
    with qemu(host, network, **options) as answer:
        return answer
