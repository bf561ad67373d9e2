"""Programs of Debian's packages, unpacked and not installed: for those that would change the machine they come to."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.lab.machine import CHECKOUT

CACHE = Path(os.environ.get("VNETHOOK_CACHE") or CHECKOUT / ".cache") / "packages"
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
                _download(packages, new)
                for file in new.glob("*.deb"):
                    subprocess.run(["dpkg-deb", "-x", file, new / "root"], check=True)
                (new / "root").rename(place)  # when it is whole
            finally:
                shutil.rmtree(new)
    return place


def _download(packages: tuple[str, ...], directory: Path) -> None:
    """A list that is out of date names files that are gone: it is read anew, once."""
    words = [*_APT, "download", *packages]
    if subprocess.run(words, cwd=directory, capture_output=True, check=False).returncode:
        subprocess.run([*_APT, "update"], check=True)
        subprocess.run(words, cwd=directory, check=True)
