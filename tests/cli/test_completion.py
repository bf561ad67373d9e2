"""What a shell is offered: verbs, options, networks, NICs."""

import os
import subprocess
import sys

import pytest

from vnethook.cli import known
from vnethook.live import paths, shared_interface
from vnethook.live.shared_interface import SharedInterface

LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(vnet, shell) -> None:
    said = vnet("completion", shell)
    assert said.status == 0
    assert f"_VNET_COMPLETE={shell}_complete" in said.out


def test_completion_offers_networks_without_reading_xml(root) -> None:
    networks = root / "etc/vnethook/networks"
    networks.mkdir(parents=True)
    (networks / "lab.xml").write_text(LAB)
    script = (
        "import sys\nfrom vnethook.cli import main\ntry: main.main()\n"
        "finally: print([name for name in sys.modules if 'lxml' in name or 'lifecycle' in name])"
    )
    environment = os.environ | {"_VNET_COMPLETE": "bash_complete", "COMP_WORDS": "vnet net-start ", "COMP_CWORD": "2"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "plain,default\nplain,lab\n[]\n"


def _completions(root, *words: str) -> list[str]:
    environment = os.environ | {
        "_VNET_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["vnet", *words]),
        "COMP_CWORD": str(len(words)),
    }
    script = "from vnethook.cli import main; main.main()"
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return [line.removeprefix("plain,") for line in ended.stdout.split()]


def test_a_shell_is_offered_verbs_options_networks_and_nics(root) -> None:
    networks = root / "etc/vnethook/networks"
    networks.mkdir(parents=True)
    (networks / "lab.xml").write_text("<network><name>lab</name></network>")
    attached = root / "run/vnethook/interfaces"
    attached.mkdir(parents=True)
    (attached / "tap7").symlink_to("lab")
    assert _completions(root, "net-st") == ["net-start", "net-stop"]
    assert _completions(root, "net-info", "l") == ["lab"]
    assert _completions(root, "net-info", "--network", "d") == ["default"]
    assert _completions(root, "net-info", "lab", "") == []
    assert _completions(root, "net-start", "lab", "") == ["default", "lab"]
    assert _completions(root, "net-info", "--j") == ["--json"]
    assert _completions(root, "detach", "") == ["tap7"]
    assert "lo" in _completions(root, "attach", "")
    shared_interface.write(paths.current(), SharedInterface("ebreth0", "eth0", 1))
    assert _completions(root, "graph", "") == ["default", "lab", "eth0"]
    assert _completions(root, "top", "e") == ["eth0"]
    assert "lo" in _completions(root, "iface-dumpxml", "")


def test_where_nothing_can_be_read_nothing_is_offered(monkeypatch) -> None:
    monkeypatch.setenv("VNETHOOK_ROOT", "/proc/self/nothing")
    assert [item.value for item in known.networks(None, None, "")] == ["default"]
    assert known.nics(None, None, "") == []
