"""A dom0 for each file, with a network `lab`; each test has guests of its own on it."""

from collections.abc import Generator
from itertools import count

import pytest

from tests.lab.xen import Dom0
from tests.lab.xen_machine import XenMachine

LAB = """
<network><name>lab</name><bridge name='vnlab'/><domain name='lab.test'/><mtu size='1400'/>
  <ip address='10.53.0.1' prefix='24'><dhcp><range start='10.53.0.10' end='10.53.0.199'/></dhcp></ip>
  <portgroup name='apart'/>
</network>"""


@pytest.fixture(scope="module")
def dom0():
    with Dom0() as dom0:
        dom0.define(LAB)
        yield dom0


@pytest.fixture(scope="session")
def numbers():
    return count(1)


@pytest.fixture
def domid(numbers):
    """The number of a guest that no other test has."""
    return next(numbers)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With a failure goes what the machine with Xen has in its logs and its store."""
    report = yield
    machines = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, XenMachine)]
    if report.failed and machines:
        report.sections.append(("dom0", machines[0].evidence()))
    return report
