"""Programs of Debian's packages, unpacked and not installed: for those that would change the machine they come to."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.lab.machine import CHECKOUT

CACHE = Path(os.environ.get("VNETHOOK_CACHE") or CHECKOUT / ".cache") / "packages"
OVER_USR_AND_ETC = """
mkdir "$2/over"
mount -t tmpfs tmpfs "$2/over"
for place in usr etc; do
  mkdir "$2/over/$place" "$2/over/$place-work"
  mount -t overlay overlay -o "lowerdir=$1/$place:/$place,upperdir=$2/over/$place,workdir=$2/over/$place-work" "/$place"
done
"""
"""For a shell: lay what is unpacked in $1 over a machine's own, in memory below $2, since an overlay cannot be written to an overlay."""
_APT = ("apt-get", "-q=2", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=3")


def unpacked(*packages: str) -> Path:
    """The directory in which these packages are unpacked, one over the other; made once."""
    names = " ".join(packages)
    place = CACHE / hashlib.sha256(names.encode()).hexdigest()[:16]
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not place.exists():
            new = Path(tempfile.mkdtemp(prefix="new.", dir=CACHE))
            try:
                if packages:
                    _download(packages, new)
                _prepare_root(new / "root")
                for file in new.glob("*.deb"):
                    _unpack(file, new / "root")
                (new / "root").rename(place)  # when it is whole
            finally:
                shutil.rmtree(new)
    return place


@cache
def missing(*packages: str) -> tuple[str, ...]:
    """Those of these packages, and of what they need, that are not installed here."""
    words = [*_APT, "--simulate", "--no-install-recommends", "install", *packages]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        subprocess.run([*_APT, "update"], check=True, capture_output=True)
        done = subprocess.run(words, capture_output=True, text=True, check=True)
    return tuple(sorted(line.split()[1] for line in done.stdout.splitlines() if line.startswith("Inst ")))


def with_needs(*packages: str) -> Path:
    """Where packages are unpacked, with what they need and is not installed here; OSError if they cannot be had."""
    try:
        return unpacked(*missing(*packages))
    except subprocess.CalledProcessError as error:
        msg = f"packages {' '.join(packages)}: {error}"
        raise OSError(msg) from error


def _prepare_root(root: Path) -> None:
    """A tree in which /lib is a part of /usr, as on the machine: hier(7), Debian since 12."""
    for name in ("bin", "lib", "sbin"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    (root / "etc").mkdir()


def _unpack(file: Path, root: Path) -> None:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", file], stdout=subprocess.PIPE) as archive:
        words = ["tar", "--extract", "--keep-directory-symlink", "--directory", root]
        subprocess.run(words, stdin=archive.stdout, check=True)
    assert archive.returncode == 0, file


def _download(packages: tuple[str, ...], directory: Path) -> None:
    """A list that is out of date names files that are gone: it is read anew, once."""
    words = [*_APT, "download", *packages]
    if subprocess.run(words, cwd=directory, capture_output=True, check=False).returncode:
        subprocess.run([*_APT, "update"], check=True)
        subprocess.run(words, cwd=directory, check=True)
