"""What tests of namespaces share; a module that names FIREWALLS runs once for each of them, for what holds for all."""

from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine


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


@pytest.fixture
def router() -> Iterator[Machine]:
    """The router of a physical network: see tests/lab/lan.py."""
    with Machine("router") as router:
        yield router
