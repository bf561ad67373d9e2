"""The short way to load a module gives what Python's own does, and leaves to it whatever is not as it expects."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.lab.machine import PYTHON
from vnethook.hook import loader

LOOK = """
import json, sys
sys.path.insert(0, sys.argv[1])
if sys.argv[2]:
    from vnethook.hook import loader
    loader.install()
import vnethook.sub.inner
from vnethook.sub import inner
from vnethook import sub, outer
def seen(module):
    spec = module.__spec__
    return {
        "names": [module.__name__, module.__package__, module.__file__, module.__cached__, module.__doc__],
        "path": list(getattr(module, "__path__", [])),
        "spec": [spec.name, spec.origin, spec.parent, spec.cached, spec.has_location, spec.submodule_search_locations],
        "source": module.__loader__.get_source(module.__name__),
        "said": module.SAID,
    }
def failed():
    import traceback
    try:
        inner.fail()
    except ZeroDivisionError:
        return traceback.format_exc()
print(json.dumps({
    "modules": [seen(module) for module in (sub, inner, outer)], "failed": failed(),
    "by": [type(module.__spec__.loader).__name__ for module in (sub, inner, outer)],
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package of our name, with a module, a package in it and a module in that."""
    root = tmp_path / "vnethook"
    for directory in (root, root / "hook", root / "sub"):
        directory.mkdir()
        (directory / "__init__.py").write_text('"""A package."""\nSAID = "package"\n')
    shutil.copy(loader.__file__, root / "hook/loader.py")
    (root / "outer.py").write_text('SAID = "outer"\n')
    (root / "sub/inner.py").write_text('"""Inner."""\nSAID = "inner"\n\n\ndef fail():\n    return 1 / 0\n')
    return tmp_path


def _seen(package: Path, *, short: bool = True) -> dict[str, list[object]]:
    done = subprocess.run(
        [PYTHON, "-IS", "-c", LOOK, package, "short" if short else ""], capture_output=True, text=True, check=True
    )
    found: dict[str, list[object]] = json.loads(done.stdout)
    return found


PYTHONS, OURS = "SourceFileLoader", "Loader"


def test_a_compiled_module_is_as_python_itself_loads_it(package: Path) -> None:
    plain = _seen(package, short=False)
    short = _seen(package)
    assert plain.pop("by") == [PYTHONS] * 3
    assert short.pop("by") == [OURS] * 3
    assert short == plain
    assert "return 1 / 0" in str(short["failed"])


def test_what_is_not_compiled_is_compiled_by_python(package: Path) -> None:
    assert _seen(package)["by"] == [PYTHONS] * 3
    assert _seen(package)["by"] == [OURS] * 3


@pytest.mark.parametrize("change", ["text", "time"])
def test_a_source_that_has_changed_is_compiled_anew(package: Path, change: str) -> None:
    _seen(package)
    outer = package / "vnethook/outer.py"
    before = outer.stat()
    outer.write_text('SAID = "other"\n' if change == "time" else 'SAID = "another"\n')
    if change == "time":
        os.utime(outer, (before.st_atime, before.st_mtime + 1))
    else:
        os.utime(outer, ns=(before.st_atime_ns, before.st_mtime_ns))
    found = _seen(package)
    assert found["by"] == [OURS, OURS, PYTHONS]
    assert [module["said"] for module in found["modules"]][2] == ("other" if change == "time" else "another")  # type: ignore[index]


def test_what_is_compiled_by_hash_or_for_another_python_is_left_to_python(package: Path) -> None:
    _seen(package)
    cached = next((package / "vnethook/__pycache__").glob("outer.*"))
    words = "import py_compile, sys; py_compile.compile(sys.argv[1], invalidation_mode=list(py_compile.PycInvalidationMode)[1])"
    subprocess.run([PYTHON, "-IS", "-c", words, package / "vnethook/outer.py"], check=True)
    assert cached.read_bytes()[4] == 3
    assert _seen(package)["by"] == [OURS, OURS, PYTHONS]
    whole = cached.read_bytes()
    cached.write_bytes(b"\0" + whole[1:])
    assert _seen(package)["by"] == [OURS, OURS, PYTHONS]
    cached.write_bytes(b"")
    assert _seen(package)["by"] == [OURS, OURS, PYTHONS]


def test_a_module_that_is_nowhere_is_missed_in_pythons_words(package: Path) -> None:
    words = "import sys; sys.path.insert(0, sys.argv[1]); from vnethook.hook import loader; loader.install()\n"
    done = subprocess.run(
        [PYTHON, "-IS", "-c", words + "import vnethook.nowhere", package], capture_output=True, text=True, check=False
    )
    assert "No module named 'vnethook.nowhere'" in done.stderr
