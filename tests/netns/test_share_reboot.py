"""A reboot, with what is below /var/lib kept: what was not confirmed is forgotten, what the host's files make is ours."""

import uuid
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine
from tests.lab.lan import GATEWAY, OURS, PLAIN, answers, connect, layer3, master

pytestmark = pytest.mark.netns
BOOT_ID = "/proc/sys/kernel/random/boot_id"
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


def _boot(host: Host, port: str, bridge: str, lines: str = PLAIN) -> None:
    """Have the host as after a boot, with what `lines` give to the NIC."""
    host.run(["ip", "link", "delete", bridge])
    host.run(["ip", "link", "set", port, "name", "eth0"])
    host.run(["rm", "-r", host.root / "run/vnethook"])
    (host.directory / "boot").write_text(f"{uuid.uuid4()}\n")
    host.run(["mount", "--bind", host.directory / "boot", BOOT_ID])
    for line in filter(None, lines.splitlines()):
        host.run(["ip", *line.split()])


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_was_not_confirmed_is_forgotten(host: Host, layout: str) -> None:
    host.vnet("share", "eth0", "--layout", layout)
    _boot(host, *LAYOUTS[layout])
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
    _boot(host, port, bridge, "\n".join([*made, f"link set {bridge} up", PLAIN.replace("dev eth0", f"dev {bridge}")]))
    assert host.vnet("unshare", "eth0").stdout == "Interface eth0 is no longer shared\n\n"
    assert master(host, "eth0") == ""
    assert [line for line in layer3(host) if "fe80" not in line] == [line for line in before if "fe80" not in line]
    assert (answers(host, GATEWAY), OURS in "".join(layer3(host))) == (True, True)
