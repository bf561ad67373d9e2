"""What a definition says of the bridge itself, seen at the kernel's link and by guests: STP, delay, MAC, MTU."""

import select
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from tests.lab import Client, Host

pytestmark = pytest.mark.netns
MAC = "52:54:00:70:00:fe"
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr1'{bridge}/>{more}
  <ip address='10.70.0.1' netmask='255.255.255.0'><dhcp><range start='10.70.0.2' end='10.70.0.9'/></dhcp></ip>
</network>"""
ETH_P_802_2 = 4  # linux/if_ether.h
BPDU = bytes.fromhex("424203 0000 00 00")  # IEEE 802.1D-2004, 9.3.1: LLC, protocol, version, a configuration


class Bpdu(NamedTuple):
    """What a bridge says of itself by the spanning tree protocol: its MAC, and its forward delay in seconds."""

    bridge: str
    delay_s: int


def _bpdu() -> Bpdu | None:
    """The first that comes within two hello times, which are two seconds each."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_802_2)) as nic:
        nic.bind(("eth0", ETH_P_802_2))
        while select.select([nic], [], [], 4)[0]:
            data = nic.recv(2000)[14:]
            if data.startswith(BPDU):
                return Bpdu(data[22:28].hex(":"), int.from_bytes(data[36:38]) >> 8)
    return None


def _bridge(host: Host) -> dict[str, object]:
    """The kernel's link."""
    [link] = host.json(["ip", "-json", "-details", "link", "show", "dev", "vnbr1"])
    data = link["linkinfo"]["info_data"]
    return {
        "mac": link["address"],
        "mtu": link["mtu"],
        "stp": data["stp_state"],
        "delay_s": data["forward_delay"] / 100,
    }


@contextmanager
def _guests(bridge: str = "", more: str = "", *, count: int = 1) -> Iterator[tuple[Host, list[Client]]]:
    """A network with this in its definition, and so many guests on it."""
    with ExitStack() as stack, Host() as host:
        host.define(LAB.format(bridge=bridge, more=more))
        host.vnet("net-start", "lab")
        with stack:
            found = [stack.enter_context(Client(host, f"guest{n}", port=f"v{n}")) for n in range(count)]
            for client in found:
                host.vnet("attach", client.port, "--network", "lab")
            yield host, found


def test_stp_speaks_with_the_delay_of_the_definition_to_guests() -> None:
    with _guests(" stp='on' delay='3'", f"<mac address='{MAC}'/>") as (host, [guest]):
        assert _bridge(host) == {"mac": MAC, "mtu": 1500, "stp": 1, "delay_s": 3.0}
        assert guest.call(_bpdu) == Bpdu(MAC, 3)


def test_without_stp_a_guest_hears_none_and_its_frames_pass_at_once() -> None:
    with _guests(" stp='off' delay='0'") as (host, [guest]):
        assert (_bridge(host)["stp"], _bridge(host)["delay_s"]) == (0, 0.0)
        [port] = host.json(["bridge", "-json", "link", "show", "dev", "v0"])
        assert port["state"] == "forwarding"
        assert guest.call(_bpdu) is None


def test_the_mac_of_the_definition_is_the_gateways_in_a_guests_table() -> None:
    with _guests(more=f"<mac address='{MAC}'/>") as (host, [guest]):
        guest.lease()
        assert guest.pings("10.70.0.1")
        [gateway] = guest.json(["ip", "-json", "neighbour", "show", "10.70.0.1"])
        assert gateway["lladdr"] == MAC
        assert _bridge(host)["mac"] == MAC


def _pings_whole(client: Client | Host, address: str, size: int) -> bool:
    """Whether a packet of so many bytes is answered without being cut in pieces."""
    words = ["ping", "-n", "-c", "1", "-W", "2", "-M", "do", "-s", str(size - 28), address]
    return client.run(words, check=False).returncode == 0


@pytest.mark.parametrize("mtu", [1300, 4000])
def test_packets_as_large_as_the_mtu_pass_and_no_larger_ones(mtu: int) -> None:
    with _guests(more=f"<mtu size='{mtu}'/>", count=2) as (host, [alice, bob]):
        assert _bridge(host)["mtu"] == mtu
        assert [alice.lease()["mtu"], bob.lease()["mtu"]] == [str(mtu)] * 2
        [there] = bob.json(["ip", "-json", "-4", "address", "show", "dev", "eth0"])
        bobs = there["addr_info"][0]["local"]
        for client in (alice, bob):
            client.run(["ip", "link", "set", "eth0", "mtu", "9000"])  # what they are told does not stop them
        for address in ("10.70.0.1", bobs):
            assert _pings_whole(alice, address, mtu)
            assert not _pings_whole(alice, address, mtu + 100)
        assert _pings_whole(host, bobs, mtu)
        assert not _pings_whole(host, bobs, mtu + 1)
