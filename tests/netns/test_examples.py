"""Every example of the documentation is defined, comes up on a real host, is as defined, and leaves nothing behind."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Host, Machine, User, wait_for

pytestmark = pytest.mark.netns
EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.xml"))
OF_USERS = [path for path in EXAMPLES if "<forward mode='user'" in path.read_text()]
"""Those of ordinary users, which root is refused."""


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """A host with what the examples take for granted: an uplink, bridges of the administrator's, a directory for TFTP."""
    with Host() as host:
        for bridge in ("br0", "ebreth0"):
            host.run(["ip", "link", "add", bridge, "type", "bridge"])
            host.run(["ip", "link", "set", bridge, "up"])
        host.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "outside"])
        host.run(["ip", "link", "set", "eth0", "up"])
        for address in ("198.51.100.10", "198.51.100.11"):
            host.run(["ip", "address", "add", address, "dev", "eth0"])
        host.run(["mount", "-t", "tmpfs", "tmpfs", "/srv"])
        host.run(["mkdir", "/srv/tftp"])
        yield host


@pytest.mark.parametrize("path", sorted({*EXAMPLES} - {*OF_USERS}), ids=lambda path: path.name)
def test_an_example_comes_up_and_leaves_nothing(host: Host, path: Path) -> None:
    name = path.read_text().partition("<name>")[2].partition("</name>")[0]
    before = host.snapshot()
    host.vnet("net-define", path)
    host.vnet("net-start", name)
    found = json.loads(host.vnet("net-check", name, "--json", check=False).stdout)
    has_fabric = "fabric=" in path.read_text()  # and the host no FRR
    assert [line for line in found if not (has_fabric and line.startswith("fabric: "))] == []
    host.vnet("net-destroy", name)
    host.vnet("net-undefine", name)
    assert before.changes_to(host.snapshot(), ignoring=[r"file .*locks", r"file d"]) == []


def test_a_users_example_comes_up_and_leaves_nothing() -> None:
    with Machine("users") as machine:
        user = User(machine)
        for path in OF_USERS:
            name = path.read_text().partition("<name>")[2].partition("</name>")[0]
            user.vnet("net-define", path)
            user.vnet("net-start", name)
            assert user.vnet("net-check", name).stdout == f"Network {name} is as defined\n\n"
            user.vnet("net-destroy", name)
            user.vnet("net-undefine", name)
            wait_for(lambda: not user.processes(), "the user's programs to end")
            assert user.files() == []
