"""What is told of a forward that takes a port which a program of the host serves."""

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.definition import port_claims
from vnethook.definition.forwarding import Forwarding, Incoming, PortForward
from vnethook.definition.model import Network
from vnethook.host.listeners import Listener
from vnethook.lifecycle import host_ports

GUEST = "10.77.0.9"


def _told(host: FakeHost, forward: PortForward, *listening: Listener) -> list[str]:
    host.listening = list(listening)
    network = Network("lab", forward="nat", forwarding=Forwarding(incoming=Incoming(forwards=(forward,))))
    return host_ports.warnings(host, port_claims.plain(network))  # type: ignore[arg-type]  # it has what is asked for


def test_all_programs_at_a_port_are_one_line_with_their_names(tmp_path) -> None:
    programs = (Listener("tcp", "0.0.0.0", 80, program=name) for name in ("nginx", "x\n\x1b[2J", "apache2", ""))
    assert _told(FakeHost(tmp_path), PortForward((80, 80), address=GUEST), *programs) == [
        "incoming port 80/tcp: 'x\\n\\x1b[2J', apache2, nginx on the host listens there: what comes goes to the guest"
    ]


@pytest.mark.parametrize(
    ("forward", "listener", "expected"),
    [
        (PortForward((80, 90), address=GUEST), Listener("udp", "192.0.2.1", 85), True),
        (PortForward((80, 90), address=GUEST), Listener("udp", "192.0.2.1", 91), False),
        (PortForward((80, 90), "tcp", address=GUEST), Listener("udp", "192.0.2.1", 85), False),
        (PortForward((80, 80), address=GUEST), Listener("tcp", "::", 80), True),
        (PortForward((80, 80), address=GUEST), Listener("tcp", "::", 80, is_ipv6_only=True), False),
        (PortForward((80, 80), address=GUEST), Listener("tcp", "2001:db8::1", 80), False),
        (PortForward((80, 80), domain="web"), Listener("tcp", "2001:db8::1", 80), True),
        (PortForward((53, 53), address=GUEST), Listener("udp", "0.0.0.0", 53), True),
        (PortForward((53, 53), address=GUEST), Listener("udp", "10.77.0.1", 53), False),
        (PortForward((67, 67), address=GUEST), Listener("udp", "0.0.0.0", 67), False),
    ],
)
def test_a_program_is_told_if_the_forward_takes_something_of_its(
    tmp_path, forward: PortForward, listener: Listener, *, expected: bool
) -> None:
    assert bool(_told(FakeHost(tmp_path), forward, listener)) is expected


@pytest.mark.parametrize(("address", "expected"), [("192.0.2.1", 2), ("192.0.2.2", 1), ("::", 2)])
def test_a_forward_by_one_address_of_the_host_takes_what_comes_to_that(tmp_path, address: str, expected: int) -> None:
    forward = PortForward((80, 80), "tcp", address=GUEST, on="192.0.2.1")
    found = _told(FakeHost(tmp_path), forward, Listener("tcp", address, 80))
    assert len(found) == expected
    assert found[0].startswith("incoming on 192.0.2.1: the host has no such address")
