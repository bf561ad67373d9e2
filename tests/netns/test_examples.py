"""Every example of the documentation is defined, comes up on a real host, is as defined, and leaves nothing behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Host

pytestmark = pytest.mark.netns
EXAMPLES = sorted((Path(__file__).parents[2] / "docs/examples").glob("*.xml"))


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


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_comes_up_and_leaves_nothing(host: Host, path: Path) -> None:
    name = path.read_text().partition("<name>")[2].partition("</name>")[0]
    before = host.snapshot()
    host.vnet("net-define", path)
    host.vnet("net-start", name)
    assert host.vnet("net-check", name).stdout == f"Network {name} is as defined\n\n"
    host.vnet("net-destroy", name)
    host.vnet("net-undefine", name)
    assert before.changes_to(host.snapshot(), ignoring=[r"file .*locks", r"file d"]) == []
