"""A dom0 for each file, with a network `lab`; each test has guests of its own on it."""

from itertools import count

import pytest

from tests.lab.xen import Dom0

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
