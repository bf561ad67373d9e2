"""What the machine with Xen boots: Debian's part, made once by `script/xen-image`, and the checkout over it."""

import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from tests.lab.image import make_image
from tests.lab.machine import CHECKOUT

HOME = "/opt/vnethook"
"""Where the checkout is on the host."""
LIBRARIES = ("click", "lxml", "psutil", "pyroute2")
VNET = f"""#!/usr/bin/python3 -IS
import sys
sys.path += ["{HOME}", "{HOME}/libraries"]
from vnethook.cli.main import main
sys.exit(main())
"""


@cache
def make_xen_image() -> Path:
    """The directory of xen, vmlinuz and dom0.cpio, made if needed; AssertionError if it cannot be."""
    done = subprocess.run([CHECKOUT / "script/xen-image"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr.strip()
    return Path(done.stdout.strip())


def make_disk(directory: Path, *, texts: dict[str, str]) -> Path:
    """The host's initial RAM disk; `texts`: what else is to be on it, by path."""
    root = directory / "root"
    install_checkout(root)
    guest = make_image()
    (root / "guest").mkdir()
    for name in ("vmlinuz", "initrd"):
        shutil.copy(guest / name, root / "guest" / name)
    shutil.copy(CHECKOUT / "tests/lab/guest/on-lease", root / "guest/on-lease")
    shutil.copy(CHECKOUT / "tests/lab/xen_machine/init", root / "init")
    for name, text in texts.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    pack = ["cpio", "--create", "--format=newc", "--quiet", "-R", "0:0"]
    packed = subprocess.run(pack, cwd=root, input=names.encode(), capture_output=True, check=True).stdout
    disk = directory / "dom0.cpio"
    disk.write_bytes((make_xen_image() / "dom0.cpio").read_bytes() + packed)  # unpacked one over the other
    return disk


def install_checkout(root: Path) -> None:
    """The package with its hooks, and `vnet` with the libraries that it needs."""
    home, libraries = root / HOME.lstrip("/"), Path(sysconfig.get_path("platlib"))
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "vnethook", home / "vnethook", ignore=unwanted)
    shutil.copytree(CHECKOUT / "hooks", home / "hooks")
    shutil.copytree(CHECKOUT / "initscripts", home / "initscripts")
    for library in LIBRARIES:
        shutil.copytree(libraries / library, home / "libraries" / library, ignore=unwanted)
    subprocess.run([sys.executable, "-I", "-m", "compileall", "-q", "-s", root, home], check=True)
    vnet = root / "usr/local/bin/vnet"
    vnet.parent.mkdir(parents=True)
    vnet.write_text(VNET)
    vnet.chmod(0o755)
