"""What the hook learns of QEMU's NICs is what QEMU itself says of them: each tap's MAC by `info network`."""

import re
import subprocess

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.live import nics

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
HELPER = CHECKOUT / "hooks/qemu/qemu-bridge-helper"
TAP = "tap,script=UP,downscript=no"
CARD = "virtio-net-pci"
LINE = re.compile(r"macaddr=(?P<mac>[0-9a-f:]{17})|(ifname|br)=(?P<tap>[^,\s]+)|^(?P<hub>hub) ")

SAME = {
    "one NIC": f"-netdev {TAP},id=a -device {CARD},netdev=a",
    "a MAC": f"-netdev {TAP},id=a -device {CARD},netdev=a,mac=52-54-00-AB-CD-EF",
    "two NICs, devices in another order": f"-netdev {TAP},id=a -netdev {TAP},id=b -device {CARD},netdev=b -device {CARD},netdev=a",
    "a name": f"-netdev {TAP},id=a,ifname=web0 -netdev {TAP},id=b -device {CARD},netdev=b -device {CARD},netdev=a",
    "-nic": f"-nic {TAP},model={CARD} -nic {TAP},model={CARD},mac=02:00:00:00:53:01",
    "-nic after -netdev": f"-netdev {TAP},id=a -device {CARD},netdev=a -nic {TAP},model={CARD}",
    "long dashes": f"--netdev {TAP},id=a --device {CARD},netdev=a",
    "several queues": f"-netdev {TAP},id=a,queues=2 -device {CARD},netdev=a,mq=on",
    "JSON": f"""-netdev {{"type":"tap","id":"a","script":"UP","downscript":"no"}} -device {{"driver":"{CARD}","netdev":"a"}}""",
    "the helper": f"-netdev bridge,id=a,br=default,helper=HELP -device {CARD},netdev=a",
}
DIFFERENT = {
    "-nic before -netdev": f"-nic {TAP},model={CARD} -netdev {TAP},id=a -device {CARD},netdev=a",
    "JSON after -netdev": (
        f"""-netdev {TAP},id=a -netdev {{"type":"tap","id":"b","script":"UP","downscript":"no"}}"""
        f" -device {CARD},netdev=a -device {CARD},netdev=b"
    ),
    "a device in JSON before one that is not": (
        f"""-netdev {TAP},id=a -netdev {TAP},id=b -device {{"driver":"{CARD}","netdev":"b"}} -device {CARD},netdev=a"""
    ),
    "a default MAC that is taken": (
        f"-netdev {TAP},id=a -netdev {TAP},id=b -device {CARD},netdev=a,mac=52:54:00:12:34:56 -device {CARD},netdev=b"
    ),
    "a NIC without a host end": f"-netdev {TAP},id=a -device {CARD} -device {CARD},netdev=a",
    "-net nic after -device": f"-netdev {TAP},id=a -device {CARD},netdev=a -net nic,model={CARD} -net {TAP}",
    "-net nic,netdev=": f"-netdev {TAP},id=a -net nic,model={CARD},netdev=a",
    "a MAC of zeros": f"-netdev {TAP},id=a -device {CARD},netdev=a,mac=00:00:00:00:00:00",
    "a name that is cut": f"-netdev {TAP},id=a,ifname=vn-abcdefghijklm -device {CARD},netdev=a",
    "the helper's tap before others": (
        f"-netdev bridge,id=h,br=default,helper=HELP -netdev {TAP},id=a -netdev {TAP},id=b"
        f" -device {CARD},netdev=h -device {CARD},netdev=a -device {CARD},netdev=b"
    ),
}


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        host.make_tap("keep")
        host.run([IFUP, "keep"])
        yield host


def _said(host, words, *monitor):
    """By tap: the MAC of QEMU's monitor, and the MAC of our record while QEMU runs."""
    place = {"UP": str(IFUP), "HELP": str(HELPER)}
    arguments = [re.sub("UP|HELP", lambda match: place[match[0]], word) for word in words.split()]
    machine = ["-machine", "pc", "-accel", "tcg", "-S", "-nodefaults", "-display", "none", "-monitor", "stdio"]
    qemu = host.popen(
        ["qemu-system-x86_64", *machine, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with qemu:
        for command in (*monitor, "info network"):
            qemu.stdin.write(f"{command}\n")
        qemu.stdin.write("info name\n")
        qemu.stdin.flush()
        text = ""
        while "info name\x1b[K" not in text.replace("\r", "") and qemu.poll() is None:
            text += qemu.stdout.read(1)
        ours = on(host, lambda here: {nic.interface: nic.mac for nic in nics.attached(here.paths, "default")})
        qemu.stdin.write("quit\n")
        qemu.stdin.flush()
        rest, errors = qemu.communicate()
    assert "qemu-ifup:" not in errors, errors
    theirs, mac, hub = {}, "", []
    for line in (text + rest).splitlines():
        for match in LINE.finditer(line.strip().removeprefix("\\ ")):
            if match["hub"]:
                mac, hub = "", []
            elif match["mac"]:
                mac = match["mac"]
                theirs |= dict.fromkeys(hub, mac)
                hub = []
            elif mac:
                theirs[match["tap"]] = mac
            else:
                hub.append(match["tap"])
    ours.pop("keep")
    ours = {
        "default" if tap.startswith("vnt") else tap: found for tap, found in ours.items()
    }  # QEMU knows no name of it
    return theirs, {tap: found for tap, found in ours.items() if tap in theirs}


@pytest.mark.parametrize("words", SAME.values(), ids=SAME)
def test_the_hook_and_qemu_say_the_same(host, words):
    theirs, ours = _said(host, words)
    assert theirs
    assert ours == theirs


@pytest.mark.parametrize("words", DIFFERENT.values(), ids=DIFFERENT)
def test_the_hook_and_qemu_say_the_same_of_rarer_forms(host, words):
    theirs, ours = _said(host, words)
    assert ours.keys() == theirs.keys() != set(), "nothing was seen"
    assert ours == theirs


def test_a_hot_plugged_nic_is_not_given_the_mac_of_another(host):
    words = f"-netdev {TAP},id=a -device {CARD},netdev=a"
    theirs, ours = _said(host, words, f"netdev_add tap,id=h,script={IFUP},downscript=no", f"device_add {CARD},netdev=h")
    assert theirs.keys() == {"tap0", "tap1"}
    assert ours == {"tap0": theirs["tap0"], "tap1": ""}
