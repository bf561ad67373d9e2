"""Hosts, outside worlds and guests for tests and the demo, each in namespaces of its own that vanish with the caller.

`Host` is a machine with vnethook on it, `Outside` the world behind its uplink, `Client` a guest without QEMU (a
namespace on a veth), `Guest` a real one. All are context managers; a killed test leaves nothing, because each machine
is a PID namespace whose first process waits for the end of a pipe from the test.
"""

from tests.lab.client import Client
from tests.lab.guest import Guest
from tests.lab.host import Host
from tests.lab.machine import CHECKOUT, Machine, wait_for
from tests.lab.outside import Outside
from tests.lab.user import User

__all__ = ["CHECKOUT", "Client", "Guest", "Host", "Machine", "Outside", "User", "wait_for"]
