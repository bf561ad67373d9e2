"""What of a definition's links is changed while the network is up."""

import pytest

from tests.lab.host import Host
from tests.lab.linked import LAN, PORT, SERVING, status, two_hosts, wait_until_up
from tests.lab.machine import wait_for

pytestmark = pytest.mark.netns
TRANSPORTS = {PORT: "tcp", PORT + 1: "tls"}  # of one transport a host has one link with a network


def _define(host: Host, inside: str) -> None:
    host.define(f"<network><name>lab</name><bridge name='br0'/>{inside}</network>")


def _listen(*ports: int) -> str:
    return LAN + "".join(f"<listen transport='{TRANSPORTS[port]}' port='{port}'/>" for port in ports)


def _connections(*ports: int) -> str:
    found = "".join(f"<connection transport='{TRANSPORTS[port]}' address='{SERVING}' port='{port}'/>" for port in ports)
    return f"<connections>{found}</connections>" if found else ""


def _up(host: Host) -> list[int]:
    return sorted(link.port for link in status(host).links if link.state == "up" and not link.is_incoming)


def test_links_that_a_definition_gains_and_loses_come_and_go_while_it_is_up() -> None:
    with two_hosts() as (here, there):
        _define(here, _listen(PORT))
        _define(there, _connections(PORT))
        here.vnet("net-start", "lab")
        there.vnet("net-start", "lab")
        wait_until_up(there)
        _define(here, _listen(PORT, PORT + 1))
        here.vnet("net-apply", "lab")
        _define(there, _connections(PORT, PORT + 1))
        there.vnet("net-apply", "lab")
        wait_for(lambda: _up(there) == [PORT, PORT + 1], "both links")
        _define(there, _connections(PORT + 1))
        there.vnet("net-apply", "lab")
        wait_for(lambda: _up(there) == [PORT + 1], "the link that is left")
        _define(there, "")
        there.vnet("net-apply", "lab")
        assert "vnl" not in there.run(["ip", "-br", "link"]).stdout
        _define(there, _connections(PORT))
        there.vnet("net-apply", "lab")
        wait_until_up(there)
        here.vnet("net-check", "lab")
        there.vnet("net-check", "lab")
