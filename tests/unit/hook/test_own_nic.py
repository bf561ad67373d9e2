"""Which NIC of QEMU's command line a call of qemu-ifup is for: by ifname=, by script=, by the order of the taps."""

import shlex

import pytest

from vnethook.hook import qemu, qemu_command
from vnethook.hook.qemu_command import Caller

SCRIPT = "/etc/qemu-ifup"
LAB = "/etc/qemu-ifup-lab"


@pytest.fixture
def mac_of(monkeypatch):
    """The last two digits of the MAC that is found; `taps`: what QEMU has open, newest last."""

    def find(command, interface, *, script=SCRIPT, taps=()):
        monkeypatch.setattr(qemu_command, "tap_names", lambda pid, *, but: list(taps))
        caller = Caller((7, 8), ("qemu", *shlex.split(command)))
        nic = qemu._own_nic(caller, script, interface)
        return nic.mac[-2:] if nic else None

    return find


def _taps(*options, device="e1000"):
    """A command line with a -netdev of each of these options, MACs ending in 01, 02, …"""
    netdevs = [f"-netdev tap,id=n{number}{words and ','}{words}" for number, words in enumerate(options, 1)]
    nics = [f"-device {device},netdev=n{number},mac=02:00:00:00:53:0{number}" for number in range(1, len(options) + 1)]
    return " ".join([*netdevs, *nics])


def test_a_nic_is_found_by_its_interface_name(mac_of):
    command = _taps("ifname=web0", "ifname=web1", "")
    assert mac_of(command, "web0") == "01"
    assert mac_of(command, "web1") == "02"


def test_the_only_nic_without_a_name_is_the_one_that_is_left(mac_of):
    assert mac_of(_taps("ifname=web0", ""), "tap0", taps=["web0", "tap0"]) == "02"


def test_nics_of_different_scripts_are_told_apart_by_them(mac_of):
    command = _taps(f"script={SCRIPT}", f"script={LAB}", "script=no")
    assert mac_of(command, "tap0", script=SCRIPT, taps=["tap0"]) == "01"
    assert mac_of(command, "tap1", script=LAB, taps=["tap0", "tap1"]) == "02"


def test_nics_of_one_script_are_told_apart_by_the_order_of_the_taps(mac_of):
    command = _taps(f"script={SCRIPT}", f"script={SCRIPT}", f"script={SCRIPT}")
    for number in range(3):
        taps = [f"tap{index + 4}" for index in range(number + 1)]
        assert mac_of(command, f"tap{number + 4}", taps=taps) == f"0{number + 1}"


def test_taps_with_a_name_do_not_count_in_the_order(mac_of):
    command = _taps(f"script={SCRIPT}", "ifname=web0", f"script={SCRIPT}")
    assert mac_of(command, "tap0", taps=["tap0"]) == "01"
    assert mac_of(command, "tap1", taps=["tap0", "web0", "tap1"]) == "03"


def test_taps_numbered_by_the_kernel_after_a_pattern_are_told_apart_by_order(mac_of):
    command = _taps(f"ifname=vn-lab-%d,script={SCRIPT}", f"ifname=vn-lab-%d,script={SCRIPT}")
    assert mac_of(command, "vn-lab-0", taps=["vn-lab-0"]) == "01"
    assert mac_of(command, "vn-lab-1", taps=["vn-lab-0", "vn-lab-1"]) == "02"


def test_taps_that_need_no_script_count_in_the_order(mac_of):
    command = _taps("script=no", f"script={SCRIPT}", f"script={SCRIPT}")
    assert mac_of(command, "tap1", taps=["tap0", "tap1"]) == "02"
    assert mac_of(command, "tap2", taps=["tap0", "tap1", "tap2"]) == "03"


def test_a_nic_of_nic_and_of_net_is_found_too(mac_of):
    assert mac_of("-nic tap,mac=02:00:00:00:53:01", "tap0", taps=["tap0"]) == "01"
    assert mac_of("-net nic,macaddr=02:00:00:00:53:02 -net tap", "tap0", taps=["tap0"]) == "02"


@pytest.mark.parametrize("command", ["", "-nodefaults", "-nic user", "-netdev bridge,id=a -device e1000,netdev=a"])
def test_a_command_line_without_a_tap_says_nothing(mac_of, command):
    assert mac_of(command, "tap0", taps=["tap0"]) is None


def test_several_nics_and_no_look_at_the_taps_say_nothing(mac_of):
    assert mac_of(_taps("", ""), "tap0", taps=[]) is None


def test_a_hot_plugged_nic_is_not_taken_for_the_one_of_the_command_line(mac_of):
    assert mac_of(_taps(f"script={SCRIPT}"), "tap1", taps=["tap0", "tap1"]) is None


def test_taps_of_descriptors_do_not_shift_the_order(mac_of):
    command = _taps("fd=5", f"script={SCRIPT}", f"script={SCRIPT}")
    assert mac_of(command, "tap0", taps=["tap0"]) == "02"
    assert mac_of(command, "tap1", taps=["tap0", "tap1"]) == "03"


def test_taps_of_the_bridge_helper_do_not_shift_the_order(mac_of):
    netdev = "-netdev bridge,id=b,br=lab -device e1000,netdev=b,mac=02:00:00:00:53:09 "
    command = netdev + _taps(f"script={SCRIPT}", f"script={SCRIPT}")
    assert mac_of(command, "tap0", taps=["vnt0", "tap0"]) == "01"
    assert mac_of(command, "tap1", taps=["vnt0", "tap0", "tap1"]) == "02"


def test_a_nic_before_a_netdev_is_made_after_it(mac_of):
    nic = f"-nic tap,script={SCRIPT},mac=02:00:00:00:53:09 "
    command = nic + _taps(f"script={SCRIPT}")
    assert mac_of(command, "tap0", taps=["tap0"]) == "01"
    assert mac_of(command, "tap1", taps=["tap0", "tap1"]) == "09"


def test_a_name_that_was_cut_is_recognised(mac_of):
    assert mac_of(_taps("ifname=vn-abcdefghijklm", ""), "vn-abcdefghijkl", taps=["vn-abcdefghijkl"]) == "01"


@pytest.mark.parametrize(
    ("path", "network"),
    {
        "/etc/qemu-ifup": "",
        "/etc/qemu-ifup-lab": "lab",
        "qemu-ifup-lab": "lab",
        "./qemu-ifup-a-b.c": "a-b.c",
        "/opt/qemu-ifup-lab/qemu-ifup": "",
        "/etc/qemu-ifup-": "",
        "/etc/qemu-ifuplab": "",
        "/etc/my-qemu-ifup-lab": "",
        "/etc/qemu-ifup-../x": "",
    }.items(),
)
def test_the_name_of_the_called_link_names_the_network(path, network):
    assert qemu.network_of_link(path) == network
