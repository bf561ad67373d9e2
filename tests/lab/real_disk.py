"""What a machine that really boots has for a disk: Debian's part, made once by `script/machine-image`, and the checkout."""

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.lab.machine import CHECKOUT
from tests.lab.xen_disk import install_checkout


class Disk(NamedTuple):
    """Files by which QEMU boots it, and the key by which root comes in over ssh."""

    kernel: Path
    initrd: Path
    disk: Path
    key: Path


@cache
def make_machine_image() -> Path:
    """The directory of vmlinuz, initrd, disk and key, made if needed; AssertionError if it cannot be."""
    done = subprocess.run([CHECKOUT / "script/machine-image"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.strip()
    return Path(done.stdout.strip())


def make_disk(directory: Path, texts: Mapping[str, str]) -> Disk:
    """A disk of its own; `texts`: what is put on it at its first start, by path, an empty one as a link to /dev/null."""
    image, root = make_machine_image(), directory / "root"
    subprocess.run(["cp", "--sparse=always", image / "disk", directory / "disk"], check=True)
    install_checkout(root / "given")
    for name, text in texts.items():
        path = root / "given" / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text)
            path.chmod(0o644 if "systemd" in name else 0o600)  # netplan and NetworkManager want theirs private
        else:
            path.symlink_to("/dev/null")
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    pack = ["cpio", "--create", "--format=newc", "--quiet", "-R", "0:0"]
    packed = subprocess.run(pack, cwd=root, input=names.encode(), capture_output=True, check=True).stdout
    initrd = directory / "initrd"
    initrd.write_bytes((image / "initrd").read_bytes() + packed)  # the kernel unpacks one after the other
    shutil.rmtree(root)
    return Disk(image / "vmlinuz", initrd, directory / "disk", image / "key")
