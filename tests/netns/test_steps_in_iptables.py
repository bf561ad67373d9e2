"""Each step of a network whose rules are in iptables' old tables, refused and killed."""

from collections.abc import Iterator

import pytest

from tests.lab import Host
from tests.netns.test_steps import (  # noqa: F401 (pytest finds them here)
    ALONE,
    BESIDE,
    made,
    pytestmark,
    test_a_refused_step_leaves_the_host_as_it_was,
    test_a_start_killed_at_any_step_is_finished_by_the_next,
    test_a_start_killed_at_any_step_is_undone_by_a_stop,
    test_a_stop_killed_at_any_step_is_finished_by_the_next_start_or_stop,
)

FIREWALLS = ("iptables-legacy",)


@pytest.fixture(params=[ALONE, BESIDE])
def host(request: pytest.FixtureRequest, firewall: str) -> Iterator[Host]:
    with made(request.param, firewall) as host:
        yield host
