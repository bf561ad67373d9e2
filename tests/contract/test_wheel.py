"""What `pip install .` brings: the command, the hooks and their data, and hooks that run without the environment."""

import subprocess
import sys
import zipfile

import pytest

from tests.lab import CHECKOUT

HOOKS = (
    *("libvirt/qemu", "qemu/qemu-ifup", "qemu/qemu-ifdown", "qemu/qemu-bridge-helper", "qemu/qemu-vde"),
    "xen/vif-vnet",
    *("systemd/vnethook.service", "systemd/vnethook-watch.service"),
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    directory = tmp_path_factory.mktemp("wheel")
    words = ["-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([sys.executable, *words, "--wheel-dir", directory, CHECKOUT], check=True)
    (found,) = directory.glob("vnethook-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """The wheel unpacked where an installation would put it."""
    prefix = tmp_path_factory.mktemp("installed")
    directory = prefix / "lib/python3/site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory)
    vnet = prefix / "bin/vnet"
    vnet.parent.mkdir()
    vnet.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(directory)!r})\nfrom vnethook.cli.main import main\nmain()\n"
    )
    vnet.chmod(0o755)
    return directory


def test_the_wheel_holds_hooks_schema_and_type_marker(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {f"vnethook/_hooks/{hook}" for hook in HOOKS} <= names
    assert {f"vnethook/_initscripts/ifcfg-templates/{name}" for name in ("port", "bridge", "alias")} <= names
    assert {"vnethook/definition/network.rng", "vnethook/py.typed"} <= names
    assert not [name for name in names if name.startswith(("tests/", "vnethook/tests"))]


def test_the_wheel_brings_the_command(installed):
    (entry_points,) = installed.glob("vnethook-*.dist-info/entry_points.txt")
    assert "vnet = vnethook.cli.main:main" in entry_points.read_text()


def test_installed_hooks_run_on_the_systems_python_without_any_environment(installed, tmp_path):
    (tmp_path / "root").mkdir()
    words = [installed.parents[2] / "bin/vnet", "hooks", "install", "--root", tmp_path / "root"]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    hook = tmp_path / "root/usr/libexec/vnethook/qemu-ifup"
    assert f"sys.path.append({str(installed)!r})" in hook.read_text()
    done = subprocess.run(
        [hook, "no-such-tap"],
        capture_output=True,
        text=True,
        check=False,
        env={"VNETHOOK_ROOT": str(tmp_path / "state")},
    )
    expected = "qemu-ifup: interface 'no-such-tap': attach to network 'default': no such network interface"
    assert (done.returncode, done.stderr.splitlines()[0]) == (5, expected)
    assert not (tmp_path / "state").exists()


def test_the_installed_command_has_the_templates_of_interface_files(installed, tmp_path):
    words = ["share", "eth0", "--print", "--format", "ifcfg", "--mac", "52:54:00:aa:bb:01", "--dhcp"]
    done = subprocess.run(
        [installed.parents[2] / "bin/vnet", *words], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.startswith("# /etc/sysconfig/network-scripts/ifcfg-ebreth0\n")
