"""Tests that hold for every firewall: a module that names FIREWALLS runs once for each of them."""

from collections.abc import Iterator

import pytest

from tests.lab import Host


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    firewalls = getattr(metafunc.module, "FIREWALLS", ())
    if firewalls:
        metafunc.parametrize("firewall", firewalls, indirect=True, scope="module")


@pytest.fixture(scope="module", autouse=True)
def firewall(request: pytest.FixtureRequest) -> Iterator[str]:
    """The firewall of the hosts that are made; fixtures of a module's scope ask for it."""
    Host.firewall = getattr(request, "param", "")
    yield Host.firewall
    Host.firewall = ""
