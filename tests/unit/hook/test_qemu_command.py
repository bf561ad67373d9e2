"""What QEMU's command line says of its NICs; MACs and orders are those that QEMU 7.2's `info network` gave."""

import posix
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook.hook import qemu_command
from vnethook.hook.qemu_command import QemuNic
from vnethook.live import files

LAST = "52:54:00:12:34:"


def _arguments(text):
    return ("qemu-system-x86_64", *shlex.split(text))


def _nics(text):
    return [(nic.kind, nic.get("id"), nic.mac) for nic in qemu_command.nics(_arguments(text))]


@pytest.mark.parametrize(
    ("text", "name"),
    {
        "": "",
        "-name web": "web",
        "--name web": "web",
        "-name guest=web": "web",
        "-name guest=web,debug-threads=on": "web",
        "-name debug-threads=on,guest=web": "web",
        "-name web,process=other,debug-threads=on": "web",
        "-name a,,b,debug-threads=on": "a,b",
        "-name guest=a,,b=c,,d": "a,b=c,d",
        "-name guest=a=b": "a=b",
        "-name a -name b,process=x": "b",
        "-name a -name debug-threads=on": "a",
        "-name guest=": "",
        "-m 96M -name 'web server' -nic none": "web server",
        "-name": "",
        "name web": "",
        "-nickname web": "",
    }.items(),
)
def test_the_guest_has_the_name_that_qemu_gives_it(text, name):
    assert qemu_command.guest_name(_arguments(text)) == name


def test_a_name_of_bytes_that_are_no_text_is_kept_as_it_is():
    assert qemu_command.guest_name(("qemu", "-name", "caf\udce9")) == "caf\udce9"


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        "-netdev tap,id=n0 -device virtio-net-pci,netdev=n0": [("tap", "n0", LAST + "56")],
        "--netdev tap,id=n0 --device virtio-net-pci,netdev=n0": [("tap", "n0", LAST + "56")],
        "-netdev type=tap,id=n0 -device driver=e1000,netdev=n0": [("tap", "n0", LAST + "56")],
        "-netdev tap,id=n0 -device virtio-net-pci,netdev=n0,mac=02:00:00:00:53:01": [
            ("tap", "n0", "02:00:00:00:53:01")
        ],
        "-device virtio-net-pci,netdev=n0,mac=02:00:00:00:53:01 -netdev tap,id=n0": [
            ("tap", "n0", "02:00:00:00:53:01")
        ],
        "-netdev tap,id=n0 -device e1000,netdev=n0,mac=52-54-00-AB-CD-EF": [("tap", "n0", "52:54:00:ab:cd:ef")],
        "-nic tap,mac=52:54:0:1:2:3": [("tap", "", "52:54:00:01:02:03")],
        "-nic tap": [("tap", "", LAST + "56")],
        "-nic type=tap,model=e1000": [("tap", "", LAST + "56")],
        "-nic none": [("none", "", "")],
        "-nic bridge,br=lab": [("bridge", "", LAST + "56")],
        "-net nic -net tap": [("tap", "", LAST + "56")],
        "-net tap -net nic,macaddr=02:00:00:00:53:01": [("tap", "", "02:00:00:00:53:01")],
        "-netdev tap,id=n0": [("tap", "n0", "")],
        "-nodefaults": [],
        # the numbers of those that are given no MAC
        "-nic tap -nic tap": [("tap", "", LAST + "56"), ("tap", "", LAST + "57")],
        "-netdev tap,id=a -netdev tap,id=b -device e1000,netdev=b -device e1000,netdev=a": [
            ("tap", "a", LAST + "57"),
            ("tap", "b", LAST + "56"),
        ],
        "-netdev tap,id=a -netdev tap,id=b -device e1000,netdev=a,mac=02:00:00:00:53:01 -device e1000,netdev=b": [
            ("tap", "a", "02:00:00:00:53:01"),
            ("tap", "b", LAST + "56"),
        ],
        # the NICs of -nic are numbered before those of -device, wherever they stand
        "-netdev tap,id=a -device e1000,netdev=a -nic user": [("tap", "a", LAST + "57"), ("user", "", LAST + "56")],
        # what QEMU itself refuses is no reason to fail
        "-netdev tap,id=n0 -device e1000,netdev=n0,mac=nonsense": [("tap", "n0", "")],
        "-netdev tap,id=n0 -device e1000,netdev=n0,mac=03:00:00:00:00:01": [("tap", "n0", "")],
        "-netdev tap,id=n0 -device e1000,netdev=other": [("tap", "n0", "")],
        "-netdev": [],
    }.items(),
)
def test_a_nic_has_the_mac_that_qemu_gives_it(text, expected):
    assert _nics(text) == expected


@pytest.mark.parametrize(
    ("text", "expected", "why"),
    [
        (
            f"-netdev tap,id=a -netdev tap,id=b -device e1000,netdev=a,mac={LAST}56 -device e1000,netdev=b",
            [("tap", "a", LAST + "56"), ("tap", "b", LAST + "57")],
            "qemu_macaddr_get_free(): a number that was given by hand is not given again",
        ),
        (
            "-netdev tap,id=a -device e1000,netdev=a,mac=00:00:00:00:00:00",
            [("tap", "a", LAST + "56")],
            "qemu_macaddr_default_if_unset(): zeros mean unset",
        ),
        (
            "-netdev tap,id=a -device virtio-net-pci -device virtio-net-pci,netdev=a",
            [("tap", "a", LAST + "57")],
            "a NIC without a host end takes a number too",
        ),
        (
            "-netdev tap,id=a -device e1000,netdev=a -net nic -net tap",
            [("tap", "a", LAST + "57"), ("tap", "", LAST + "56")],
            "the NICs of -net nic are numbered before those of -device",
        ),
        (
            "-netdev tap,id=a -net nic,netdev=a,macaddr=02:00:00:00:53:01",
            [("tap", "a", "02:00:00:00:53:01")],
            "-net nic,netdev= is that netdev's NIC, and not the hub's",
        ),
        (
            """-netdev tap,id=a -netdev tap,id=b -device '{"driver":"e1000","netdev":"b"}' -device e1000,netdev=a""",
            [("tap", "a", LAST + "56"), ("tap", "b", LAST + "57")],
            "qemu_create_cli_devices(): devices in JSON are made after the others",
        ),
    ],
)
def test_a_nic_has_the_mac_that_qemu_gives_it_in_rarer_forms(text, expected, why):
    assert _nics(text) == expected, why


def test_host_ends_are_in_the_order_in_which_qemu_makes_them():
    """QEMU 7.2 makes those in JSON first, then -netdev, -nic, -net: `_own_nic` counts on the order of the taps."""
    text = '-net nic -net tap,name=4 -nic tap,id=3 -netdev tap,id=2 -netdev \'{"type": "tap", "id": "1"}\''
    found = [nic.get("id") or nic.get("name") for nic in qemu_command.nics(_arguments(text))]
    assert found == ["1", "2", "3", "4"]


def test_options_of_the_host_end_are_read_in_all_forms():
    words = "-netdev tap,id=n0,ifname=t0,script=/etc/a,,b,downscript=no,vhost=on"
    [nic] = qemu_command.nics(_arguments(words))
    assert nic.options == (
        ("type", "tap"),
        ("id", "n0"),
        ("ifname", "t0"),
        ("script", "/etc/a,b"),
        ("downscript", "no"),
        ("vhost", "on"),
    )
    [nic] = qemu_command.nics(("qemu", "-netdev", '{"type": "tap", "id": "n0", "ifname": "t0", "vhost": true}'))
    assert nic.options == (("type", "tap"), ("id", "n0"), ("ifname", "t0"))
    assert (nic.get("ifname"), nic.get("script")) == ("t0", "")


def test_a_netdev_in_json_finds_its_device_in_json():
    words = (
        *("qemu", "-netdev", '{"type":"tap","id":"n0","script":"/etc/qemu-ifup-lab"}'),
        *("-device", '{"driver":"virtio-net-pci","netdev":"n0","mac":"02:00:00:00:53:01","bus":"pcie.0"}'),
    )
    [nic] = qemu_command.nics(words)
    assert (nic.kind, nic.mac, nic.get("script")) == ("tap", "02:00:00:00:53:01", "/etc/qemu-ifup-lab")


@pytest.mark.parametrize(
    "value", ["{", "{}", '{"type": 7}', '{"type": "tap"} x', "{'type': 'tap'}", "", ",", ",,", "="]
)
def test_a_damaged_value_is_no_failure(value):
    for option in ("-netdev", "-device", "-nic", "-net", "-name"):
        qemu_command.nics(("qemu", option, value))
        qemu_command.guest_name(("qemu", option, value))


@pytest.mark.parametrize("value", ['{"a":' * 20000, '{"a":' * 20000 + "1" + "}" * 20000, '{"a":' + "[" * 20000])
def test_a_deeply_nested_value_is_no_failure(value):
    """It stands for a host end of which nothing is known, so that it is no call's NIC."""
    assert qemu_command.nics(("qemu", "-netdev", value)) == [QemuNic("", (), "")]
    assert qemu_command.guest_name(("qemu", "-name", value)) == ""


@pytest.fixture
def taps(monkeypatch):
    """A process with these descriptors: a tap's name each, None for what is no tap; and the interfaces' indices."""

    def pretend(descriptors, indices):
        def index(name):
            if name not in indices:
                raise OSError
            return indices[name]

        def text(path):
            name = descriptors[int(path.removeprefix("/proc/7/fdinfo/"))]
            return "pos:\t0\n" if name is None else f"pos:\t0\nflags:\t02\niff:\t{name}\n"

        monkeypatch.setattr(posix, "listdir", lambda path: {"/proc/7/fdinfo": list(map(str, descriptors))}[path])
        monkeypatch.setattr(files, "read_text", text)
        monkeypatch.setattr(qemu_command, "if_nametoindex", index)

    return pretend


def test_taps_are_in_the_order_in_which_they_were_made_whatever_their_descriptors(taps):
    """A number that was closed is used again, and a tap with several queues has several descriptors."""
    taps({0: None, 9: "tap0", 12: "tap1", 4: "tap2", 13: "tap0"}, {"tap0": 5, "tap1": 6, "tap2": 11})
    assert qemu_command.tap_names(7, but=set()) == ["tap0", "tap1", "tap2"]
    assert qemu_command.tap_names(7, but={9, 12}) == ["tap0", "tap2"]
    assert qemu_command.tap_names(7, but={9, 13}) == ["tap1", "tap2"]


def test_a_tap_that_is_gone_is_no_failure(taps):
    taps({3: "tap0", 4: "gone0"}, {"tap0": 5})
    assert qemu_command.tap_names(7, but=set()) == ["gone0", "tap0"]


def test_a_process_that_cannot_be_seen_has_no_taps():
    """4194304 is the largest pid that Linux gives: PID_MAX_LIMIT."""
    assert qemu_command.tap_names(4194305, but=set()) == []


words = st.one_of(
    st.sampled_from(["-netdev", "-nic", "-net", "-device", "-name", "--", "-", "tap", "nic", "nic,netdev=a", "{}"]),
    st.text(alphabet='-,={}[]":tapnic\n\\ \x00é\udc80', max_size=30),
)


@given(st.lists(words, max_size=8))
def test_no_command_line_makes_the_reader_fail(arguments):
    qemu_command.guest_name(tuple(arguments))
    for nic in qemu_command.nics(tuple(arguments)):
        assert files.loads(files.dumps(nic.to_plain()))["kind"] == nic.kind
