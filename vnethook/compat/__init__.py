"""For programs that know libvirt-python: our networks under the name `libvirt`, while they manage networks only.

A program of one's own calls `install()` before it imports libvirt. A program that is to stay as it is gets the
directory of this package, in which there is nothing else, in its PYTHONPATH; docs/python-api.md shows both.
"""

import sys
from importlib import import_module


def install() -> None:
    """Have `import libvirt` give our module in this process, from now on."""
    sys.modules["libvirt"] = import_module("vnethook.compat.libvirt")
