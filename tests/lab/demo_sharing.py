"""The part of the demonstration about the physical network: the host's NIC is shared, and a running guest moves there."""

from tests.lab.demo_firewall import Stage
from tests.lab.outside import WWW

NIC, BOBS = "uplink0", "192.0.2.50"


def try_sharing(stage: Stage) -> None:
    """bob leaves his network for the host's own, where outside reaches him by his own MAC, and comes back."""
    story, host, outside, bob = stage.story, stage.host, stage.outside, stage.guests["bob"]
    [tap] = [nic["interface"] for nic in host.vnet_json("nic-list") if nic["guest"] == "bob"]

    def do(*words: str) -> None:
        story.print(f"{'':18} $ vnet {' '.join(words)}", color="2")
        host.vnet(*words)

    do("share", NIC, "--yes")
    story.expect("bob", f"still fetches http://{WWW}/", bob.fetch(WWW), f"outside sees {stage.uplink}")
    do("nic-set", tap, "--network", NIC)
    bob.run(f"ip address add {BOBS}/24 dev eth0")
    story.expect("outside", f"opens port 80 of bob, who is {BOBS} on its own network", outside.connects(BOBS, 80), True)
    [seen] = outside.json(["ip", "-json", "neighbour", "show", "to", BOBS])
    story.expect("outside", f"knows him by his own MAC {bob.mac}", seen["lladdr"], bob.mac)
    bob.run(f"ip address delete {BOBS}/24 dev eth0")
    do("nic-set", tap, "--network", "default")
    do("unshare", NIC)
    story.expect("bob", "is back with alice", bob.pings(stage.guests["alice"].ip), True)
