"""Runs in a guest on Debian's kernel: whole networks with <vlan> come up, and NICs are attached to them."""

import sys

sys.path.insert(0, "/")

import vlan_frames
from vlan_frames import say

from vnethook.definition import compiled
from vnethook.definition.model import Network
from vnethook.errors import HostError
from vnethook.hook import resolve
from vnethook.host.host import Host
from vnethook.lifecycle import attach, bringup, health, reservations
from vnethook.lifecycle.share import sharing
from vnethook.live import bridge_port, files, paths
from vnethook.live.nics import PVID as NATIVE
from vnethook.live.nics import UNTAGGED, Nic

PORTS = {"red": "", "red2": "", "blue": "blue", "trunk": "trunk", "waits": ""}
"""Guests of `lab`, by their portgroups; the last one's port waits for it, with a VLAN of its own."""
MACS = {
    name: f"52:54:00:00:67:{number:02x}"
    for number, name in enumerate([*PORTS, "office", "office2", "access", "nic"], 1)
}
ARP = b"\x08\x06"
GATEWAY = bytes([10, 67, 0, 1])


def send(name, mark, **how):
    vlan_frames.send(name, MACS[name], mark, **how)


def asks_for_gateway(name, **how):
    """Say whether a guest's end has an answer to ARP (RFC 826) from the gateway, and with which tag."""
    own = bytes.fromhex(MACS[name].replace(":", ""))
    question = bytes.fromhex("0001080006040001") + own + bytes([10, 67, 0, 9]) + bytes(6) + GATEWAY
    vlan_frames.SOCKETS[name].send(vlan_frames.head(MACS[name], kind=ARP, **how) + question.ljust(46, b"\0"))
    answers = [(data[14:18] == GATEWAY, vlan) for data, vlan in vlan_frames.frames(name, ARP) if data[7] == 2]
    say(f"gateway to {name} {how}: {answers}")


def plug(here, network, name, portgroup=""):
    vlan_frames.make_link(name)
    here.links.set_link(name, up=True)
    said = attach.attach(here, network, Nic(f"p-{name}", network, mac=MACS[name], portgroup=portgroup))
    say(f"{name}: {said}")
    vlan_frames.listen(name)


def lab(here):
    bringup.start(here, "lab")
    own = Nic(
        "", "lab", mac=MACS["waits"], uuid="7ae63b5f-fe96-4af0-a7c3-da04ba1b3f67", vlans=((43, NATIVE | UNTAGGED),)
    )
    reservations.reserve(here, own)
    for name, portgroup in PORTS.items():
        plug(here, "lab", name, portgroup)
    say(f"check: {health.check(here, 'lab')}")
    send("red", "of the network")
    send("blue", "of a portgroup")
    send("waits", "of a port")
    send("trunk", "tag 42", vlan=42)
    send("trunk", "native")
    send("red", "tag 43 without being in it", vlan=43)
    asks_for_gateway("red")
    asks_for_gateway("blue")
    asks_for_gateway("trunk", vlan=42)
    asks_for_gateway("trunk")
    bringup.restart(here, "lab")
    send("red", "after a restart")
    send("blue", "after a restart too")
    bringup.stop(here, "lab", force=True)
    say(f"left: {here.links.link('vnbr1')}")


def office(here):
    vlan_frames.SOCKETS.clear()
    here.links.create_bridge("br0", mac="52:54:00:00:67:f0", stp=False, delay_s=0)
    here.links.set_link("br0", up=True)
    try:
        bringup.start(here, "office")
    except HostError as error:
        say(str(error))
    with open("/sys/class/net/br0/bridge/vlan_filtering", "w") as file:
        file.write("1")
    for name in ("office", "office2"):
        plug(here, "office", name)
    send("office", "on the administrator's bridge")
    say(f"check: {health.check(here, 'office')}")


def shared(here):
    """A guest in a VLAN of the physical network, where it is tagged; the host itself stays without one."""
    vlan_frames.SOCKETS.clear()
    vlan_frames.make_link("nic")
    for end in ("nic", "p-nic"):
        here.links.set_link(end, up=True)
    sharing.start(here, "p-nic")
    vlan_frames.listen("nic")
    with open("/sys/class/net/ebrp-nic/bridge/vlan_filtering", "w") as file:
        file.write("1")
    uplink = here.links.link("p-nic").index
    bridge_port.set_vlans(here.links, "the NIC", uplink, ((1, NATIVE | UNTAGGED), (60, 0)))
    plug(here, resolve.named(here.paths, "p-nic"), "access")
    send("access", "of a shared NIC")
    send("nic", "from there with a tag", vlan=60)
    send("nic", "from there without one")
    say(f"check: {health.check(here, 'lan')}")


def main():
    here = Host(paths.current())
    with open("/proc/sys/net/ipv4/conf/all/arp_ignore", "w") as file:
        file.write("1")  # the guests' ends are links of the same kernel, and would answer for its bridge
    for name in ("lab", "office", "lan"):
        compiled.write(here.paths, Network.from_plain(files.read_json(f"/{name}.json")))
    lab(here)
    office(here)
    shared(here)


main()
