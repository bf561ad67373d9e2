"""`vnet hooks`: what is installed where, below a directory of the test's own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from vnethook.cli import installation, soundness
from vnethook.errors import VnetError

LIBVIRT_ONCE = "  restart libvirtd (or virtqemud): it looks for hooks when it starts; guests are not touched by that\n"
DEBIANS_OWN = "#! /bin/sh\n# Debian's own\n"


@pytest.fixture
def system(tmp_path: Path) -> Path:
    directory = tmp_path / "system"
    directory.mkdir()
    return directory


def _tree(system: Path) -> dict[str, str]:
    found = {}
    for path in sorted(system.rglob("*")):
        if path.is_symlink():
            found[f"/{path.relative_to(system)}"] = f"-> {path.readlink()}"
        elif path.is_file():
            found[f"/{path.relative_to(system)}"] = oct(path.stat().st_mode & 0o777)
    return found


def _states(vnet, system: Path) -> dict[str, str]:
    return {row["path"]: row["state"] for row in vnet("hooks", "status", "--root", str(system), "--json").json}


def test_hooks_are_put_where_qemu_and_systemd_look(vnet, system) -> None:
    said = vnet("hooks", "install", "--root", str(system), "--enable-autostart", "--enable-watch", "--enable-users")
    assert (said.status, said.err) == (0, "")
    assert _tree(system) == {
        "/etc/libvirt/hooks/qemu.d/50-vnethook": "0o755",
        "/etc/xen/scripts/network-vnet": "0o755",
        "/etc/qemu-ifdown": "-> /usr/libexec/vnethook/qemu-ifdown",
        "/etc/qemu-ifup": "-> /usr/libexec/vnethook/qemu-ifup",
        "/etc/systemd/system/multi-user.target.wants/vnethook.service": "-> /etc/systemd/system/vnethook.service",
        "/etc/systemd/system/multi-user.target.wants/vnethook-watch.service": "-> /etc/systemd/system/vnethook-watch.service",
        "/etc/systemd/system/sockets.target.wants/vnethook-bridge.socket": "-> /etc/systemd/system/vnethook-bridge.socket",
        "/etc/systemd/system/vnethook-bridge.service": "0o644",
        "/etc/systemd/system/vnethook-bridge.socket": "0o644",
        "/etc/systemd/system/vnethook.service": "0o644",
        "/etc/systemd/user/vnethook.service": "0o644",
        "/etc/systemd/system/vnethook-watch.service": "0o644",
        "/etc/xen/scripts/vif-vnet": "0o755",
        "/usr/lib/firewalld/policies/vnethook-to-guests.xml": "0o644",
        "/usr/lib/firewalld/zones/vnethook.xml": "0o644",
        "/usr/libexec/vnethook/link-ssh": "0o755",
        "/usr/libexec/vnethook/qemu-bridge-helper": "0o755",
        "/usr/libexec/vnethook/qemu-bridge-server": "0o755",
        "/usr/libexec/vnethook/qemu-ifdown": "0o755",
        "/usr/libexec/vnethook/qemu-ifup": "0o755",
        "/usr/libexec/vnethook/qemu-vde": "0o755",
    }
    assert set(_states(vnet, system).values()) == {"installed"}


def test_xens_network_script_runs_as_xend_calls_it(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    script = system / "etc/xen/scripts/network-vnet"
    ended = subprocess.run(
        [script, "start", "bridge=null"], cwd="/", env={}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    ended = subprocess.run([script], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(
        "network-vnet: 0 actions given, one is needed\n  usage: network-vnet start|stop|status "
    )
    vnet("hooks", "remove", "--root", str(system))
    assert not script.exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze: apt-get install systemd")
def test_systemd_understands_the_units(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    units = sorted((system / "etc/systemd").glob("*/vnethook*"))
    for unit in units:  # whose programs are not there
        unit.write_text(re.sub("^ExecStart=.*", "ExecStart=/bin/true", unit.read_text(), flags=re.MULTILINE))
    for options, these in (((), units[:-1]), (("--user",), units[-1:])):
        words = ["systemd-analyze", "verify", "--man=no", *options, *these]
        env = os.environ | {"XDG_RUNTIME_DIR": str(system)}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=env)
        assert (len(units), done.returncode, done.stderr) == (5, 0, "")


def test_nothing_starts_at_boot_unless_asked_for(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    states = _states(vnet, system)
    assert [path for path, state in states.items() if state != "installed"] == [
        installation.AUTOSTART.target,
        installation.WATCH.target,
        installation.USERS.target,
    ]


def test_installing_again_changes_nothing(vnet, system) -> None:
    first = vnet("hooks", "install", "--root", str(system))
    before = {path: path.lstat().st_mtime_ns for path in system.rglob("*")}
    assert vnet("hooks", "install", "--root", str(system)).out == first.out.replace(LIBVIRT_ONCE, "")
    assert {path: path.lstat().st_mtime_ns for path in system.rglob("*")} == before


def test_a_first_installation_says_that_libvirtd_has_to_be_restarted(vnet, system) -> None:
    place = "/etc/libvirt/hooks/qemu.d/50-vnethook"
    said = vnet("hooks", "install", "--root", str(system))
    assert f"Hook libvirt installed at {place}\n{LIBVIRT_ONCE}" in said.out
    hook = system / place[1:]
    hook.write_text(f"{hook.read_text()}# older\n")
    assert LIBVIRT_ONCE not in vnet("hooks", "install", "--root", str(system)).out
    assert "<source bridge='BRIDGE'/>" in vnet("hooks", "status", "--root", str(system)).out
    vnet("hooks", "remove", "--root", str(system))
    assert not hook.parent.exists()


def test_an_installed_hook_runs_on_the_systems_own_python_from_anywhere(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    hook = system / "usr/libexec/vnethook/qemu-ifup"
    assert f"sys.path.append({os.path.dirname(installation.PACKAGE)!r})\n" in hook.read_text()
    ended = subprocess.run([hook], cwd="/", env={}, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("qemu-ifup: 0 arguments given, one is needed: the interface\n")


def test_xens_script_runs_by_its_own_name_and_by_that_of_a_network(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    hook = system / "etc/xen/scripts/vif-vnet"
    hook.with_name("vif-vnet@lab").symlink_to("vif-vnet")
    for path in (hook, hook.with_name("vif-vnet@lab")):
        ended = subprocess.run([path, "online"], cwd="/", env={}, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert ended.stderr.startswith(f"{path.name}: variable XENBUS_PATH: not set\n")
    assert "script=vif-vnet" in vnet("hooks", "status", "--root", str(system)).out
    vnet("hooks", "remove", "--root", str(system))
    assert not hook.exists()


def test_the_unit_starts_marked_networks_and_leaves_their_servers_alone(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    unit = (system / "etc/systemd/system/vnethook.service").read_text()
    assert re.search(r"^ExecStart=/\S+/vnet net-start --autostarted$", unit, re.MULTILINE)
    assert "\nKillMode=process\n" in unit


def test_what_is_not_ours_stays_and_is_told(vnet, system) -> None:
    (system / "etc").mkdir()
    (system / "etc/qemu-ifup").write_text(DEBIANS_OWN)
    said = vnet("hooks", "install", "--root", str(system))
    assert said.status == 0
    assert "Hook default ifup not installed: /etc/qemu-ifup is not ours\n" in said.out
    assert (system / "etc/qemu-ifup").read_text() == DEBIANS_OWN
    assert _states(vnet, system)["/etc/qemu-ifup"] == "other"


def test_what_is_replaced_is_kept_and_put_back(vnet, system) -> None:
    (system / "etc").mkdir()
    (system / "etc/qemu-ifup").write_text(DEBIANS_OWN)
    assert vnet("hooks", "install", "--root", str(system), "--replace", "--enable-autostart").status == 0
    assert (system / "etc/qemu-ifup").readlink() == Path("/usr/libexec/vnethook/qemu-ifup")
    assert (system / "etc/qemu-ifup.before-vnethook").read_text() == DEBIANS_OWN
    assert vnet("hooks", "remove", "--root", str(system)).status == 0
    assert _tree(system) == {"/etc/qemu-ifup": "0o644"}
    assert (system / "etc/qemu-ifup").read_text() == DEBIANS_OWN
    assert vnet("hooks", "remove", "--root", str(system)) == (0, "\n", "")


def test_an_earlier_kept_file_is_never_overwritten(vnet, system) -> None:
    (system / "etc").mkdir()
    (system / "etc/qemu-ifup").write_text(DEBIANS_OWN)
    (system / "etc/qemu-ifup.before-vnethook").write_text("older")
    said = vnet("hooks", "install", "--root", str(system), "--replace")
    assert said.status == 4
    assert (system / "etc/qemu-ifup.before-vnethook").read_text() == "older"
    assert (system / "etc/qemu-ifup").read_text() == DEBIANS_OWN


def test_a_hook_of_another_version_is_outdated_and_renewed(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    hook = system / "usr/libexec/vnethook/qemu-ifup"
    good = hook.read_text()
    hook.write_text(f"{good}# older\n")
    assert _states(vnet, system)["/usr/libexec/vnethook/qemu-ifup"] == "outdated"
    vnet("hooks", "install", "--root", str(system))
    assert hook.read_text() == good


def test_a_root_that_does_not_exist_is_refused(vnet) -> None:
    said = vnet("hooks", "install", "--root", "/nonexistent")
    assert (said.status, said.out) == (1, "")
    assert said.err == "error: argument --root: '/nonexistent': no such directory\n"


def test_status_says_how_to_use_what_is_installed(vnet, system) -> None:
    vnet("hooks", "install", "--root", str(system))
    said = vnet("hooks", "status", "--root", str(system))
    assert "helper=/usr/libexec/vnethook/qemu-bridge-helper\n" in said.out
    assert said.out.startswith(" Hook ")


@pytest.mark.parametrize(
    ("path", "word"), [("/opt/a-b/bin/vnet", "/opt/a-b/bin/vnet"), ("/a b/50%/$x", '"/a b/50%%/$$x"')]
)
def test_a_path_is_one_word_for_systemd(path, word) -> None:
    assert installation._systemd_word(path) == word


def test_a_hook_that_cannot_be_rendered_is_a_bug() -> None:
    with pytest.raises(VnetError, match=r"has no line sys\.path\.append"):
        installation._program("#!/usr/bin/python3\n")


def test_a_package_that_others_may_write_is_warned_of(tmp_path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    package.chmod(0o777)
    assert str(package) in soundness._writable(str(package))


def test_the_systems_python_is_new_enough_here() -> None:
    assert soundness._python() == ""


def test_a_python_that_is_too_old_is_named(monkeypatch, tmp_path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\necho 3 9\n")
    old.chmod(0o755)
    monkeypatch.setattr(soundness, "PYTHON", str(old))
    assert soundness._python() == f"{old}: is Python 3.9: hooks need 3.11 or newer"
