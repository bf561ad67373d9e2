"""A network's DHCP server is the only one, and says so at once; and it gives away what it has, and no more."""

import pytest

from tests.lab import Client, Host, wait_for
from tests.lab.dhcp4 import ACK, NAK, ask_to_keep

pytestmark = pytest.mark.netns
LAB = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>lab</name><forward mode='nat'/>
  <ip address='10.76.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.76.0.10' end='10.76.0.13'/><host mac='52:54:00:76:00:0a' ip='10.76.0.200'/>
  </dhcp></ip>
  <dnsmasq:options><dnsmasq:option value='{option}'/></dnsmasq:options>
</network>"""


@pytest.fixture
def lab():  # type: ignore[no-untyped-def]
    """Start the network with this line for dnsmasq, and give a guest whose frames pass."""
    with Host() as host, Client(host, "guest", port="vguest") as guest:

        def start(option: str = "dhcp-option=option:ntp-server,192.0.2.123") -> Client:
            host.define(LAB.format(option=option))
            host.vnet("net-start", "lab")
            host.vnet("attach", "vguest", "--network", "lab")
            port = ["bridge", "-json", "link", "show", "dev", "vguest"]
            wait_for(lambda: host.json(port)[0]["state"] == "forwarding", "the port")
            return guest

        yield start


FOREIGN = {"of another network": "192.168.99.7", "out of the range": "10.76.0.99"}


@pytest.mark.parametrize("address", FOREIGN.values(), ids=FOREIGN)
def test_who_reboots_with_an_address_that_is_not_ours_to_give_is_told_no_at_once(lab, address: str) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    assert guest.call(lambda: ask_to_keep("eth0", address)) == NAK
    assert guest.lease()["ip"].startswith("10.76.0.1")


@pytest.mark.parametrize("address", FOREIGN.values(), ids=FOREIGN)
def test_who_renews_an_address_that_is_not_ours_to_give_is_told_no_at_once(lab, address: str) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    guest.run(["ip", "address", "add", f"{address}/24", "dev", "eth0"])
    assert guest.call(lambda: ask_to_keep("eth0", address, is_ours=True)) == NAK


def test_who_asks_to_keep_its_own_address_has_it_though_the_server_has_forgotten_it(lab) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    address = guest.lease()["ip"]
    host = guest.host
    host.vnet("net-destroy", "lab", "--force")
    (host.root / "var/lib/vnethook/leases/lab").unlink()
    host.vnet("net-start", "lab")
    assert host.vnet_json("net-dhcp-leases", "lab") == []
    for is_ours in (False, True):
        assert guest.call(lambda is_ours=is_ours: ask_to_keep("eth0", address, is_ours=is_ours)) == ACK
    assert [lease["ip"] for lease in host.vnet_json("net-dhcp-leases", "lab")] == [address]


def test_a_range_is_used_up_to_its_last_address_and_the_fixed_host_has_its_own_still(lab) -> None:  # type: ignore[no-untyped-def]
    guest = lab()
    macs = [f"52:54:00:76:01:{number:02x}" for number in range(4)]
    assert sorted(guest.lease(mac=mac)["ip"] for mac in macs) == [f"10.76.0.1{last}" for last in range(4)]
    assert guest.lease(mac="52:54:00:76:01:ff", tries=2) == {}
    assert guest.lease(mac="52:54:00:76:00:0a")["ip"] == "10.76.0.200"


@pytest.mark.parametrize(
    ("option", "expected"),
    [("dhcp-lease-max=2", [ACK, ACK, NAK, NAK]), ("dhcp-option=option:ntp-server,192.0.2.123", [ACK] * 4)],
    ids=["two", "ours"],
)
def test_as_many_leases_are_given_as_the_administrator_says_in_place_of_ours(  # type: ignore[no-untyped-def]
    lab, option: str, expected: list[int]
) -> None:
    guest = lab(option)

    def take(number: int) -> int | None:
        return ask_to_keep("eth0", f"10.76.0.1{number}", mac=f"52:54:00:76:01:{number:02x}")

    assert [guest.call(lambda number=number: take(number)) for number in range(4)] == expected
