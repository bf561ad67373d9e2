"""What all tests share: where they may run, and what a unit test may not do."""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

settings.register_profile("any-machine", settings.default, deadline=None)
settings.load_profile("any-machine")  # no test fails for the time that it takes

TESTS = Path(__file__).parent
if str(TESTS.parent) not in sys.path:  # `tests.lab` is imported by name
    sys.path.insert(0, str(TESTS.parent))

# What a unit test must not reach, by the names of the audit events (PEP 578).
REFUSED = ("subprocess.Popen", "os.exec", "os.fork", "os.posix_spawn", "os.system", "socket.")
CHANGING = (
    "os.chmod",
    "os.chown",
    "os.link",
    "os.mkdir",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.symlink",
    "os.truncate",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
WRITABLE = re.compile(rf"/tmp/|{re.escape(tempfile.gettempdir())}/|/dev/null|.*/(__pycache__|\.hypothesis)\b|(?!/)")
_unit_test = ""


def _refuse_io(event: str, arguments: tuple[object, ...]) -> None:
    """Audit hook: while a unit test runs, no process, no socket, no file written outside of temporary directories."""
    if not _unit_test:
        return
    if event.startswith(REFUSED):
        msg = f"a unit test has no subprocess and no network: {event} {arguments}"
        raise RuntimeError(msg)
    writes = event in CHANGING or (event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING)
    if writes and isinstance(arguments[0], str | bytes | os.PathLike) and not WRITABLE.match(os.fsdecode(arguments[0])):
        msg = f"a unit test writes only below its tmp_path: {event} {arguments}"
        raise RuntimeError(msg)


sys.addaudithook(_refuse_io)


@pytest.fixture(autouse=True)
def _unit_tests_touch_nothing(request: pytest.FixtureRequest) -> object:
    global _unit_test  # noqa: PLW0603 (an audit hook cannot be taken away again)
    _unit_test = request.node.nodeid if TESTS / "unit" in request.path.parents else ""
    yield
    _unit_test = ""


@cache
def _why_no_netns() -> str:
    """Why namespaces cannot be made here; empty if they can."""
    from tests.lab import Machine

    if os.geteuid() != 0:
        return "not root"
    try:
        with Machine("trial") as machine:
            machine.run(["nft", "list", "ruleset"])
    except (OSError, AssertionError) as error:
        return str(error).replace("\n", ": ")
    return ""


@cache
def _why_no_guests() -> str:
    """Why QEMU guests cannot be booted here; empty if they can."""
    from tests.lab.image import make_image

    try:
        make_image()
    except (OSError, AssertionError) as error:
        return str(error).replace("\n", ": ")
    return "" if platform.machine() == "x86_64" else "the test guest is an x86_64 one"


def _why_no_libvirt() -> str:
    """Why libvirt's daemon cannot be run here; empty if it can."""
    from tests.lab.machine import SYSTEM_PATH

    missing = [program for program in ("libvirtd", "virsh") if not shutil.which(program, path=SYSTEM_PATH)]
    return f"{' and '.join(missing)}: not found" if missing else ""


@cache
def _why_no_firewalls() -> str:
    """Why Docker, firewalld and ufw cannot be run here; empty if they can."""
    from tests.lab.firewalls import their_files

    try:
        their_files()
    except OSError as error:
        return str(error).replace("\n", ": ")
    return ""


@cache
def _why_no_fabrics() -> str:
    """Why FRR cannot be run here; empty if it can."""
    from tests.lab.frr import their_files

    try:
        their_files()
    except OSError as error:
        return str(error).replace("\n", ": ")
    return ""


@cache
def _why_no_managers() -> str:
    """Why NetworkManager, netplan, ifupdown and systemd-networkd cannot be run here; empty if they can."""
    from tests.lab.managers import their_files

    try:
        their_files()
    except OSError as error:
        return str(error).replace("\n", ": ")
    return ""


@cache
def _why_no_xen() -> str:
    """Why a real xenstored cannot be run here; empty if it can."""
    from tests.lab import xen

    try:
        xen.daemon()
        xen.library()
    except (OSError, subprocess.CalledProcessError) as error:
        return str(error)
    return ""


@cache
def _why_no_hypervisor() -> str:
    """Why Xen cannot be booted in QEMU here; empty if it can."""
    from tests.lab.machine import SYSTEM_PATH
    from tests.lab.xen_disk import make_xen_image

    if not shutil.which("qemu-system-x86_64", path=SYSTEM_PATH):
        return "qemu-system-x86_64: not found"
    try:
        make_xen_image()
    except (OSError, AssertionError) as error:
        return str(error).replace("\n", ": ")
    return _why_no_guests()


@cache
def _why_no_machines() -> str:
    """Why a host that keeps its disk cannot be booted in QEMU here; empty if it can."""
    from tests.lab.machine import SYSTEM_PATH
    from tests.lab.real_disk import make_machine_image

    for program in ("qemu-system-x86_64", "ssh"):
        if not shutil.which(program, path=SYSTEM_PATH):
            return f"{program}: not found"
    try:
        make_machine_image()
    except (OSError, AssertionError) as error:
        return str(error).replace("\n", ": ")
    return ""


NEEDS: dict[str, Callable[[], str]] = {
    "netns": _why_no_netns,
    "guests": _why_no_guests,
    "libvirt": _why_no_libvirt,
    "firewalls": _why_no_firewalls,
    "managers": _why_no_managers,
    "fabrics": _why_no_fabrics,
    "xen": _why_no_xen,
    "hypervisor": _why_no_hypervisor,
    "machines": _why_no_machines,
}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let workers begin with the files that take longest, then with those of many tests: none is left to one alone."""
    if not hasattr(config, "workerinput"):
        return
    lines = [line.split() for line in (TESTS / "longest.txt").read_text().splitlines() if not line.startswith("#")]
    seconds = {TESTS / name: int(number) for number, name in lines}
    counts = Counter(item.path for item in items)
    items.sort(key=lambda item: (-seconds.get(item.path, 0), -counts[item.path], item.path))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, why_not in NEEDS.items():
        if item.get_closest_marker(mark) and (reason := why_not()):
            _skip_or_fail(mark, reason)


def _skip_or_fail(mark: str, reason: str) -> NoReturn:
    if os.environ.get(f"VNETHOOK_REQUIRE_{mark.upper()}") == "1":
        pytest.fail(f"{mark} tests are required here and cannot run: {reason}", pytrace=False)
    pytest.skip(f"{mark}: {reason}")
