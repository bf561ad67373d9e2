"""A reboot, with what is below /var/lib kept: what was not confirmed is forgotten, what the host's files make is ours."""

import os
import signal
import uuid
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, wait_for
from tests.lab.host import HOOKS
from tests.lab.kills import is_killed
from tests.lab.lan import GATEWAY, OURS, PLAIN, answers, connect, layer3, master
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle.share import sharing, snapshots
from vnethook.live import process

pytestmark = pytest.mark.netns
BOOT_ID = "/proc/sys/kernel/random/boot_id"
STRIDE = 7
LAYOUTS = {"bridge": ("eth0", "ebreth0"), "proposal": ("peth0", "eth0")}


@pytest.fixture(scope="module")
def router() -> Iterator[Machine]:
    with Machine("router") as router:
        yield router


@pytest.fixture(scope="module")
def host(router: Machine) -> Iterator[Host]:
    """A host that each test leaves as it was."""
    with Host() as host:
        connect(host, router)
        yield host


def _is_guard(pid: int) -> bool:
    return any("share-guard" in word for word in process.command_line(pid))


def _boot(host: Host, port: str, lines: str = PLAIN) -> None:
    """Have the host as after a boot, with what `lines` give to the NIC."""
    host.call(lambda: [os.kill(one, signal.SIGKILL) for one in process.running() if _is_guard(one)])
    wait_for(lambda: not any("share-guard" in line for line in host.processes()), "the guard to be gone")
    for link in host.json(["ip", "-json", "link", "show", "type", "bridge"]):
        host.run(["ip", "link", "delete", link["ifname"]])
    for words in (["set", port, "name", "eth0"], ["set", "eth0", "addrgenmode", "eui64"]):
        host.run(["ip", "link", *words], check=False)
    host.run(["ip", "address", "flush", "dev", "eth0", "scope", "global"])
    for version in ("-4", "-6"):
        host.run(["ip", version, "route", "flush", "dev", "eth0", "proto", "boot"])
    host.run(["rm", "-rf", host.root / "run/vnethook"])
    (host.directory / "boot").write_text(f"{uuid.uuid4()}\n")
    host.run(["mount", "--bind", host.directory / "boot", BOOT_ID])
    for line in filter(None, lines.splitlines()):
        host.run(["ip", *line.split()])


def _joins(host: Host, name: str) -> str:
    """The bridge that a guest joins by that name: the first who asks for it after a boot."""
    host.make_tap("tap0")
    try:
        host.run([HOOKS / "qemu/qemu-ifup", "tap0"], env={"VNET_NETWORK": name})
        return master(host, "tap0")
    finally:
        host.run(["ip", "link", "delete", "tap0"])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_not_confirmed_is_forgotten(host: Host, layout: str) -> None:
    host.vnet("share", "eth0", "--layout", layout)
    _boot(host, LAYOUTS[layout][0])
    before = layer3(host)
    done = host.vnet("net-start", "--autostarted")
    assert done.stderr == (
        "warning: interface 'eth0': the host was booted before its sharing was confirmed: it is as it was\n"
    )
    assert host.vnet("net-start", "--autostarted").stderr == ""
    assert layer3(host) == before
    host.vnet("share", "eth0", "--layout", layout, "--yes")
    host.vnet("unshare", "eth0")
    assert layer3(host) == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_bridge_that_the_hosts_files_make_at_boot_is_given_back_too(host: Host, layout: str) -> None:
    port, bridge = LAYOUTS[layout]
    before = layer3(host)
    host.vnet("share", "eth0", "--layout", layout, "--yes")
    mac = host.run(["cat", f"/sys/class/net/{port}/address"]).stdout.strip()
    made = [f"link set eth0 name {port}"] if port != "eth0" else []
    made += [f"link add {bridge} address {mac} type bridge", f"link set {port} up master {bridge}"]
    _boot(host, port, "\n".join([*made, f"link set {bridge} up", PLAIN.replace("dev eth0", f"dev {bridge}")]))
    assert _joins(host, "eth0") == bridge
    assert host.vnet("unshare", "eth0").stdout == "Interface eth0 is no longer shared\n\n"
    assert master(host, "eth0") == ""
    assert [line for line in layer3(host) if "fe80" not in line] == [line for line in before if "fe80" not in line]
    assert (answers(host, GATEWAY), OURS in "".join(layer3(host))) == (True, True)


def test_a_reboot_after_any_change_finds_the_nic_as_it_was_or_says_so(host: Host) -> None:
    """What is kept in the state directory is whole, or it is not there."""

    def share(here: machine.Host) -> None:
        sharing.start(here, "eth0", sharing.Terms(guard_s=60, layout="proposal"))

    before, number = layer3(host), 0
    while is_killed(host, number, share):
        _boot(host, "peth0")
        on(host, sharing.settle)
        assert [line for line in layer3(host) if "fe80" not in line] == [line for line in before if "fe80" not in line]
        assert on(host, lambda here: snapshots.every(here.paths)) == []
        number += STRIDE
    assert number > 40
    host.vnet("unshare", "eth0")
