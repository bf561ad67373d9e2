"""Runs in a guest on Debian's kernel: ports in VLANs of a bridge as vnethook makes them, and who gets which frame."""

import sys

sys.path.insert(0, "/")

import vlan_frames
from vlan_frames import say

from vnethook.live import bridge_port
from vnethook.live.nics import PVID, UNTAGGED, Nic, Traits
from vnethook.live.record import LiveNetwork
from vnethook.live.rtnl import Links
from vnethook.plan.vlans import FilterVlans

PORTS = {
    "red": Traits(vlans=((42, PVID | UNTAGGED),)),
    "red2": Traits(vlans=((42, PVID | UNTAGGED),)),
    "blue": Traits(vlans=((43, PVID | UNTAGGED),)),
    "trunk": Traits(vlans=((42, 0), (43, 0))),
    "native": Traits(vlans=((42, PVID), (43, 0))),
    "listed": Traits(is_listed=True, isolated=True, vlans=((42, PVID | UNTAGGED),)),
    "lonely": Traits(isolated=True, vlans=((42, PVID | UNTAGGED),)),
}
MACS = {name: f"52:54:00:00:00:{number:02x}" for number, name in enumerate(PORTS, 1)}


class Host:
    links = Links()


def send(name, mark, **how):
    vlan_frames.send(name, MACS[name], mark, **how)


def attach(links, live, name):
    vlan_frames.make_link(name)
    links.set_link(name, up=True)
    link = links.link(f"p-{name}")
    nic = Nic(link.name, live.name, mac=MACS[name], traits=PORTS[name])
    bridge_port.join(links, live, link, nic, None)
    say(f"{name}: {bridge_port.vlans(links, link.index)} {bridge_port.faults(links, live, nic, link)}")
    vlan_frames.listen(name)


def main():
    links = Host.links
    links.create_bridge("vnbr1", mac="52:54:00:00:00:f0", stp=False, delay_s=0)
    index = links.link("vnbr1").index
    step = FilterVlans("vnbr1", ((42, PVID | UNTAGGED),), is_needed=True)
    step.require(Host)
    say(f"filters: {bridge_port.filters_vlans(links, index)}, done: {step.is_done(Host)}")
    step.do(Host)
    say(f"filters: {bridge_port.filters_vlans(links, index)}, done: {step.is_done(Host)}")
    links.set_link("vnbr1", up=True)
    live = LiveNetwork("lab", "", "vnbr1", index, 1500, 1, "admin", 1)
    for name in PORTS:
        attach(links, live, name)
    send("red", "untagged of 42")
    send("blue", "untagged of 43")
    send("trunk", "tag 43", vlan=43)
    send("trunk", "no tag on a trunk")
    send("trunk", "tag 44", vlan=44)
    send("native", "no tag on a native trunk")
    send("red", "tag 43 on an access port", vlan=43)
    send("listed", "from an isolated port")
    send("red", "to a listed MAC", to=MACS["listed"])
    send("red", "to an unknown MAC", to="52:54:00:00:00:99")
    old = Nic("p-red", "lab", mac=MACS["red"], traits=PORTS["red"])
    link = links.link("p-red")
    bridge_port.join(links, live, link, old.replace(traits=None), old)
    say(f"red without VLANs: {bridge_port.vlans(links, link.index)}")
    step.undo(Host)
    say(f"filters: {bridge_port.filters_vlans(links, index)}, itself in {bridge_port.vlans(links, index)}")


main()
