"""Asks by ARP whether somebody behind a link has an address that the network's bridge has: two of one are none.

What he says is dropped at the cable to the links (plan/link_guard.py), where a packet socket still sees it, so guests
here are not misled meanwhile. Source: RFC 5227, section 2.1.1; packet(7).
"""

from _socket import AF_INET, AF_PACKET, SOCK_CLOEXEC, SOCK_RAW, htons, inet_pton, socket
from select import select
from time import monotonic

from vnethook.host import learned
from vnethook.live import files, link_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

_ALL, _ARP = 0x0003, 0x0806
"""ETH_P_ALL sees what comes in before a bridge takes it: linux/if_ether.h."""
_HEAD = bytes.fromhex("0001080006040001")
_ANSWER = bytes.fromhex("0001080006040002")
_FORWARDING = "3"
_BLOCKING = "4"
"""States of a port: linux/if_bridge.h."""
_LISTENING_S, _ANSWER_S, _TURN_S = 6.0, 1.0, 0.1


def conflict(links: "Links", live: "LiveNetwork", device: str) -> str:
    """What somebody behind the link of this device has of the bridge's addresses, in words; empty if nobody answers.

    Takes up to seven seconds: it waits until the link is on the path, if it comes to be.
    """
    bridge, port = links.link(live.bridge), links.link(link_names.cable(live.uuid)[0])
    own = [address.partition("/")[0] for address in live.addresses if ":" not in address]
    if bridge is None or port is None or not own or not _is_on_path(device):
        return ""
    asking = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(_ALL))
    try:
        asking.bind((port.name, _ALL))
        mac = bytes.fromhex(bridge.mac.replace(":", ""))
        for address in own:
            target = inet_pton(AF_INET, address)
            asking.send(b"\xff" * 6 + mac + _ARP.to_bytes(2, "big") + _HEAD + mac + bytes(10) + target)
        for address, holder in _answers(asking, own):
            if holder in learned.macs(link_names.links_bridge(live.uuid), device):
                return f"{holder} behind it has the address {address} of bridge {live.bridge!r}"
    finally:
        asking.close()
    return ""


def _answers(asking: socket, own: list[str]) -> "list[tuple[str, str]]":
    """(address, MAC) of who answers for one of them."""
    known = {inet_pton(AF_INET, address): address for address in own}
    found = []
    end = monotonic() + _ANSWER_S
    while (left_s := end - monotonic()) > 0 and select([asking], [], [], left_s)[0]:
        frame = asking.recv(64)
        if frame[12:22] == _ARP.to_bytes(2, "big") + _ANSWER and frame[28:32] in known:
            found.append((known[frame[28:32]], frame[6:12].hex(":")))
    return found


def _is_on_path(device: str) -> bool:
    """Whether a port comes to forward frames."""
    end = monotonic() + _LISTENING_S
    while (state := (files.read_text(f"/sys/class/net/{device}/brport/state") or "").strip()) != _FORWARDING:
        if state in {"", _BLOCKING} or monotonic() > end:
            return False
        select([], [], [], _TURN_S)
    return True
