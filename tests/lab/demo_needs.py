"""What a part of the demonstration needs of the machine, so that one that lacks it says so and shows the rest."""

import shutil
import subprocess

from tests.lab.machine import SYSTEM_PATH


def missing(*programs: str) -> str:
    """Which of these programs is not installed; empty if all are."""
    lacking = [name for name in programs if not shutil.which(name, path=SYSTEM_PATH)]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


def without_vde() -> str:
    """That QEMU was built without VDE; empty if it was not."""
    said = subprocess.run(["qemu-system-x86_64", "-netdev", "help"], capture_output=True, text=True, check=False)
    return "" if "vde" in said.stdout.split() else "this QEMU knows no -netdev vde"
