"""What `vnet net-event` takes; what it waits for is tested on a host, in tests/netns."""

import pytest

from tests.cli.conftest import Vnet


def test_the_types_of_events_are_listed(vnet: Vnet) -> None:
    assert vnet("net-event", "--list", "--event", "whatever").out == "lifecycle\nmetadata-change\nnic\n\n"


def test_an_unknown_type_is_refused_with_those_that_there_are(vnet: Vnet) -> None:
    refused = vnet("net-event", "--event", "life")
    assert (refused.status, refused.out) == (1, "")
    assert (
        refused.err == "error: event 'life': there is no such type\n  the types are lifecycle, metadata-change, nic\n"
    )


def test_an_unknown_network_is_not_waited_for(vnet: Vnet) -> None:
    refused = vnet("net-event", "nowhere", "lifecycle")
    assert (refused.status, refused.err.splitlines()[0]) == (3, "error: network 'nowhere': no such network")


@pytest.mark.parametrize("time", ["0", "-1", "x"])
def test_a_time_is_at_least_a_second(vnet: Vnet, time: str) -> None:
    refused = vnet("net-event", "--timeout", time)
    assert (refused.status, refused.out) == (1, "")
    assert refused.err.startswith("error: vnet net-event: invalid value for '--timeout': ")


def test_under_virshs_name_a_type_has_to_be_said(virsh: Vnet) -> None:
    refused = virsh("net-event")
    assert (refused.status, refused.err) == (1, "error: either --list or --event <type> is required\n")
