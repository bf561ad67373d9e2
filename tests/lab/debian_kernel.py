"""A Python program on Debian's kernel, in a QEMU guest without a NIC: for what the kernel that we run on has not."""

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.image import KERNEL_WORDS, make_image
from tests.lab.machine import CHECKOUT, PYTHON

BOOT_LIMIT_S = 120
INIT = """#!/bin/busybox sh
busybox mkdir -p /proc /sys /dev
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
busybox --install -s /bin
export PATH=/bin
for module in /modules/*.ko; do insmod "$module"; done
ip link set lo up
echo BEGIN
/usr/bin/python3 -IS /program.py 2>&1
echo END
poweroff -f
"""


def run(
    program: Path,
    directory: Path,
    *,
    beside: Sequence[Path] = (),
    programs: Sequence[str] = (),
    texts: Mapping[str, str] | None = None,
) -> str:
    """What `program` prints; it finds the package `vnethook` at /, and there the files `beside` it.

    `directory`: where the guest's disk is made; `programs`: of this machine, by their paths, that it may run; `texts`:
    what else is to be on its disk, by path.
    """
    image = make_image()
    root = directory / "root"
    for module in (image / "modules").iterdir():
        _copy(module, root / "modules" / module.name)
    _copy_python(root)
    shutil.copytree(CHECKOUT / "vnethook", root / "vnethook", ignore=shutil.ignore_patterns("__pycache__", "cli"))
    _copy(program, root / "program.py")
    for path in beside:
        _copy(path, root / path.name)
    for path in map(Path, programs):
        _copy_program(path, root)
    for name, text in (texts or {}).items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (root / "init").write_text(INIT)
    (root / "init").chmod(0o755)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    pack = ["cpio", "--create", "--format=newc", "--quiet"]
    packed = subprocess.run(pack, cwd=root, input=names.encode(), capture_output=True, check=True).stdout
    disk = directory / "initrd"
    disk.write_bytes((image / "initrd").read_bytes() + packed)  # the kernel unpacks one after the other
    words = [
        "qemu-system-x86_64",
        *["-machine", "pc", "-accel", "tcg", "-cpu", "max", "-m", "256M", "-nodefaults", "-no-user-config"],
    ]
    words += ["-display", "none", "-serial", "stdio", "-no-reboot", "-kernel", f"{image}/vmlinuz", "-initrd", str(disk)]
    done = subprocess.run(
        [*words, "-append", KERNEL_WORDS], capture_output=True, text=True, timeout=BOOT_LIMIT_S, check=False
    )
    found = re.search(r"BEGIN\r?\n(.*)END", done.stdout, re.DOTALL)
    assert found, f"{done.stdout}\n{done.stderr}"
    return found[1].replace("\r\n", "\n")


def _copy_python(root: Path) -> None:
    """The system's Python with the part of its library that the package needs to run without libraries."""
    _copy_program(Path(PYTHON), root)
    ask = "import os; print(os.path.dirname(os.__file__))"
    library = Path(
        subprocess.run([PYTHON, "-IS", "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    )
    target = root / library.relative_to("/")
    for name in ("encodings", "collections", "lib-dynload"):
        shutil.copytree(library / name, target / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in library.glob("*.py"):
        _copy(path, target / path.name)


def _copy_program(program: Path, root: Path) -> None:
    """A program with the libraries that it is linked to."""
    _copy(program, root / program.relative_to("/"))
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    for path in map(Path, re.findall(r"(/\S+) \(0x", listed)):
        _copy(path, root / path.relative_to("/"))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
