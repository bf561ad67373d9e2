"""ifcfg files hold to what initscripts' scripts want of them: a shell sources each, others look for lines in it.

Source: initscripts 10.27: network-functions, ifup-eth, init.d/network, src/rename_device.c.
"""

import re
import subprocess

import pytest

from tests.golden.test_interface_files import CASES, MAC, in_layout
from vnethook.capability.manager.formats import render
from vnethook.capability.manager.rendering import Carried, Present
from vnethook.errors import DefinitionError
from vnethook.host import ifcfg_templates

IGNORED = ("~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave")
PRESENT = Present(
    carried=(Carried("port", "", "ETHTOOL_OPTS", 'wol g; "$(reboot)"'), Carried("bridge", "", "ARPCHECK", "no"))
)
EVERY = [(case, layout) for case in CASES for layout in ("bridge", "proposal")]
SHELL = 'set -u; . "$1"; for name in $(compgen -v); do printf "%s=%s\\0" "$name" "${!name-}"; done'
SHELLS = re.compile("BASH.*|EPOCH.*|S?RANDOM|LINENO|SECONDS|PPID|PIPESTATUS|_")
"""What a shell sets by itself, and to something else each time."""


def _files(case, layout):
    config = in_layout(CASES[case], layout)
    found = render("ifcfg", config, ifcfg_templates.read(), PRESENT).files
    return config, {file.path.rpartition("/")[2]: file.text for file in found if "network-scripts" in file.path}


def _variables(text, directory):
    file = directory / "sourced"
    file.write_text(text)
    words = ["/bin/bash", "--norc", "--noprofile", "-c", SHELL, "bash", file]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env={"PATH": "/none"}, cwd=directory)
    assert done.stderr == ""
    return dict(item.split("=", 1) for item in done.stdout.split("\0")[:-1])


def _sourced(text, directory):
    """What a shell has after it has sourced a file that it did not have before."""
    before = _variables("", directory)
    found = {name: value for name, value in _variables(text, directory).items() if before.get(name) != value}
    return {name: value for name, value in found.items() if not SHELLS.fullmatch(name)}


@pytest.mark.parametrize(("case", "layout"), EVERY)
def test_a_shell_assigns_each_key_and_does_nothing_else(case, layout, tmp_path):
    _, files = _files(case, layout)
    for name, text in files.items():
        if name.startswith("ifcfg-"):
            written = dict(re.findall(r"^([A-Z0-9_]+)='([^']*)'$", text, re.MULTILINE))
            others = [line for line in text.splitlines() if not re.fullmatch(r"[A-Z0-9_]+='[^'\\]*'|#[^=]*", line)]
            assert others == []
            assert _sourced(text, tmp_path) == written


@pytest.mark.parametrize(("case", "layout"), EVERY)
def test_port_and_bridge_are_as_the_scripts_want_them(case, layout, tmp_path):
    config, files = _files(case, layout)
    port = _sourced(files[f"ifcfg-{config.port}"], tmp_path)
    bridge = _sourced(files[f"ifcfg-{config.bridge}"], tmp_path)
    wanted = {
        "DEVICE": config.port,
        "TYPE": "Ethernet",
        "HWADDR": MAC,
        "ONBOOT": "yes",
        "BOOTPROTO": "none",
        "BRIDGE": config.bridge,
    }
    assert wanted.items() <= port.items()
    wanted = {"DEVICE": config.bridge, "TYPE": "Bridge", "MACADDR": MAC, "ONBOOT": "yes", "STP": "no", "DELAY": "0"}
    assert wanted.items() <= bridge.items()
    assert port["NM_CONTROLLED"] == bridge["NM_CONTROLLED"] == "no"
    assert bridge["NOZEROCONF"] == "yes"
    assert not {"IPADDR", "PREFIX", "GATEWAY", "MACADDR", "ZONE", "DNS1", "IPV6INIT", "STP"} & port.keys()
    assert not {"HWADDR", "BRIDGE", "MTU", "NETMASK", "METRIC", "BRIDGING_OPTS"} & bridge.keys()
    assert {name[6:] for name in bridge if name.startswith("IPADDR")} == {
        name[6:] for name in bridge if name.startswith("PREFIX")
    }  # without a prefix length it would be 32
    assert (bridge["BOOTPROTO"] == "dhcp") == (bridge.get("PERSISTENT_DHCLIENT") == "yes")


@pytest.mark.parametrize(("case", "layout"), EVERY)
def test_lines_that_are_looked_for_begin_them_and_names_are_ones_that_are_read(case, layout):
    config, files = _files(case, layout)
    for name, text in files.items():
        assert not name.endswith(IGNORED)
        assert "\r" not in text
        assert text.endswith("\n")
        kind, _, device = name.partition("-")
        assert device.partition(":")[0] in {config.port, config.bridge}
        if kind != "ifcfg":  # each line is what `ip route add` or `ip rule add` gets
            assert re.fullmatch(r"([a-z0-9.:/]+( [a-z0-9.:/]+)*\n)+", text)
            continue
        [assigned] = [line for line in text.splitlines() if "DEVICE" in line and "DEFAULT" not in line]
        assert assigned == f"DEVICE='{device}'"  # `grep -F DEVICE=` takes any line with it
        assert sum("TYPE=" in line for line in text.splitlines()) == (":" not in name)
        assert ("HWADDR" in text) == (device == config.port)  # of port and bridge the renamer answers for one only


@pytest.mark.parametrize("value", ["a'b", "a\nb", "a\rb", "a\\b", "ä"])
def test_a_carried_value_that_cannot_be_quoted_is_refused(value):
    present = Present(carried=(Carried("bridge", "", "ARPCHECK", value),))
    with pytest.raises(DefinitionError) as refused:
        render("ifcfg", CASES["static"], ifcfg_templates.read(), present)
    assert refused.value.message == f"ifcfg key ARPCHECK: {value!a}: cannot be quoted"
