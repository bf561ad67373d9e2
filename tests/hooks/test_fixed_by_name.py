"""A host that the definition knows by its guest's name alone gets its addresses when that guest is attached."""

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.machine import PYTHON

pytestmark = pytest.mark.netns
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
# In QEMU's place: only its command line counts.
CALL = "import os, sys; pid = os.posix_spawn(sys.argv[1], [sys.argv[1], 'tap0'], os.environ); sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"
QEMU = ("qemu", "-name", "db", "-netdev", "tap,id=n", "-device", "e1000,netdev=n,mac=02:00:00:00:53:01")
IPV4 = "<ip address='10.66.0.1' prefix='24'><dhcp><host name='db' ip='10.66.0.12'/></dhcp></ip>"
IPV6 = "<ip address='2001:db8:66::1' prefix='64'><dhcp><host name='db' ip='2001:db8:66::12'/></dhcp></ip>"


@pytest.mark.parametrize(
    ("ips", "line"),
    {
        IPV4: "02:00:00:00:53:01,10.66.0.12,db",
        IPV6: "02:00:00:00:53:01,[2001:db8:66::12],db",
        IPV4 + IPV6: "02:00:00:00:53:01,10.66.0.12,[2001:db8:66::12],db",
    }.items(),
    ids=["IPv4", "IPv6", "both"],
)
def test_a_guest_gets_the_addresses_of_its_name(ips, line):
    """An IPv6 address stands in brackets, and one line may hold one of each family: dnsmasq(8), --dhcp-host."""
    with Host() as host:
        host.define(f"<network><name>six</name>{ips}</network>")
        host.make_tap("tap0")
        host.run([PYTHON, "-c", CALL, IFUP, *QEMU], env={"VNET_NETWORK": "six"})
        written = (host.root / "run/vnethook/dnsmasq/six/guests/02:00:00:00:53:01").read_text()
        assert written == f"{line}\n"
