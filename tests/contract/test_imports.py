"""Import layers and owners of libraries, as [tool.importlinter] of pyproject.toml says them."""

import subprocess
import sysconfig
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def test_every_import_contract_is_kept():
    lint = Path(sysconfig.get_path("scripts"), "lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=CHECKOUT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in done.stdout


def test_every_package_and_module_has_its_layer():
    [layers] = [contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"]
    named = {name.strip() for layer in layers for name in layer.split(":")}
    found = {
        f"vnethook.{path.stem}"
        for path in (CHECKOUT / "vnethook").iterdir()
        if path.joinpath("__init__.py").exists() or (path.suffix == ".py" and path.stem != "__init__")
    }
    assert named == found


def test_every_module_of_the_fast_path_is_held_to_it():
    """hook/idle.py, outside.py, uplink.py, share_guard.py and bridge_service.py are daemons that no guest's start waits for."""
    [sources] = [contract["source_modules"] for contract in CONTRACTS if contract["name"].startswith("The fast path")]
    modules = {f"vnethook.{path.stem}" for path in (CHECKOUT / "vnethook").glob("*.py") if path.stem != "__init__"}
    hooks = {f"vnethook.hook.{path.stem}" for path in (CHECKOUT / "vnethook/hook").glob("*.py")}
    daemons = {f"vnethook.hook.{name}" for name in ("bridge_service", "idle", "outside", "share_guard", "uplink")}
    expected = {"vnethook.live", *modules, *hooks} - {"vnethook.hook.__init__"} - daemons
    assert set(sources) == expected
