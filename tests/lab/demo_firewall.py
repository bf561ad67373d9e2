"""The part of the demonstration about what passes: a port of the host that leads to a guest, and forged frames."""

from typing import Any, Protocol

from tests.lab.guest import Guest
from tests.lab.host import Host
from tests.lab.outside import Outside

PORT = 8088


class Teller(Protocol):
    """Who tells what was found."""

    def print(self, text: str = "", *, color: str = "") -> None: ...

    def expect(self, who: str, text: str, found: object, wanted: object) -> None: ...


class Stage(Protocol):
    """What the demonstration has brought up."""

    story: Any
    host: Host
    outside: Outside
    uplink: str
    guests: dict[str, Guest]


def try_forward(stage: Stage) -> None:
    """A port of the host leads to a guest by its name: from outside, from the host, from its neighbour."""
    expect, host, guests = stage.story.expect, stage.host, stage.guests
    words = ["default", f"{PORT}/tcp", "bob:80"]
    stage.story.print(f"{'':18} $ vnet forward-add {' '.join(words)}", color="2")
    host.vnet("forward-add", *words)
    ways = {
        "outside": lambda: stage.outside.connects(stage.uplink, PORT),
        "host": lambda: host.connects("127.0.0.1", PORT),
        "alice": lambda: guests["alice"].connects(stage.uplink, PORT),
    }
    for who, opens in ways.items():
        expect(who, f"opens port {PORT} of the host, which leads to bob", opens(), True)
    stage.story.print(f"{'':18} $ vnet forward-remove {' '.join(words)}", color="2")
    host.vnet("forward-remove", *words)
    expect("outside", f"is refused port {PORT}", ways["outside"](), False)


def try_forging(stage: Stage) -> None:
    """A guest that calls itself another one reaches nobody, by MAC with what is the default, by address where asked."""
    expect, alice, bob = stage.story.expect, stage.guests["alice"], stage.guests["bob"]
    gateway = alice.lease["server"]
    alice.run(f"ip link set eth0 address {bob.mac}")
    expect("alice", "takes bob's MAC and reaches nobody", alice.pings(gateway), False)
    alice.run(f"ip link set eth0 address {alice.mac}")
    expect("alice", "has her own again and reaches the host", alice.pings(gateway), True)
    [nic] = [nic["interface"] for nic in stage.host.vnet_json("nic-list") if nic["guest"] == "alice"]
    stage.story.print(f"{'':18} $ vnet nic-set {nic} --guard strict", color="2")
    stage.host.vnet("nic-set", nic, "--guard", "strict")
    own, other = (f"ip address {{}} {address}/24 dev eth0" for address in (alice.ip, bob.ip))
    alice.run(own.format("del"))
    alice.run(other.format("add"))
    expect("alice", "takes bob's address and reaches nobody", alice.pings(gateway), False)
    alice.run(other.format("del"))
    alice.run(own.format("add"))
    expect("alice", "has her own again and reaches bob", alice.pings(bob.ip), True)
