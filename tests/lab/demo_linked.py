"""The part of the demonstration about two hosts: lab goes on at another one, over a link by TLS."""

import os
import signal
import time
from contextlib import ExitStack

from tests.lab.demo_firewall import Stage
from tests.lab.demo_needs import missing
from tests.lab.guest import Guest, tap
from tests.lab.host import HOOKS, VNET, Host
from tests.lab.machine import wait_for
from vnethook.live import process

NEAR, FAR = "host.example", "branch.example"
NEAR_ADDRESS, FAR_ADDRESS = "198.51.100.1", "198.51.100.2"
MAC = "52:54:00:00:53:0e"
LISTEN = f"<listen transport='tls' port='7443'><peer name='{FAR}'/></listen>"
"""What lab says on the host that serves it."""
LAB_THERE = f"""<network>
  <name>lab</name>
  <connections><connection address='{NEAR_ADDRESS}' transport='tls' port='7443'/></connections>
</network>
"""
PLUG = "/usr/bin/vde_plug"


class Linked:
    """A second host, whose lab has no server of its own, and frank on it."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        """Lay a cable between the hosts and give both certificates; nothing is up."""
        self.stage = stage
        self.why_not = missing("openssl", "vde_plug")
        if self.why_not:
            stage.story.skip("branch", "a second host, linked by TLS", self.why_not)
            return
        self.there = stack.enter_context(Host("branch"))
        self.frank = Guest(self.there, "frank", tap("lab", directory=self.there.directory), mac=MAC)
        stage.host.lay_cable("to-branch", self.there, "to-host")
        stage.host.run(["ip", "address", "add", f"{NEAR_ADDRESS}/24", "dev", "to-branch"])
        self.there.run(["ip", "address", "add", f"{FAR_ADDRESS}/24", "dev", "to-host"])
        self._give_certificates()
        self.there.define(LAB_THERE)
        self.before = self.there.snapshot()

    def _give_certificates(self) -> None:
        host = self.stage.host
        for words in (["init"], ["issue", NEAR, "--address", NEAR_ADDRESS, "--here"], ["issue", FAR]):
            self.stage.story.print(f"{'':18} $ vnet link-cert {' '.join(words)}", color="2")
            host.vnet("link-cert", *words)
        place = self.there.root / "etc/vnethook/tls"
        place.parent.mkdir(exist_ok=True)
        (host.root / "etc/vnethook/tls/issued" / FAR).rename(place)

    def start(self, stack: ExitStack) -> None:
        """Have lab come up on the second host, and frank boot there."""
        if self.why_not:
            return
        self.there.vnet("net-start", "lab")
        story = self.stage.story
        story.print(f"{'':9} branch   $ vnet net-start lab      # <connection address='{NEAR_ADDRESS}'/>", color="2")
        wait_for(self._is_up, "the link between the hosts")
        story.tell("branch", f"lab is up and linked with {NEAR}")
        short = self.frank.short_command.replace(f"{HOOKS}/qemu/", "").replace(f"{self.there.directory}/", "")
        story.print(f"{'':9} branch   $ {short}", color="2")
        stack.enter_context(self.frank)

    def _is_up(self) -> bool:
        return [(link["peer"], link["state"]) for link in self.there.vnet_json("link-list", "lab")] == [(NEAR, "up")]

    def _carrier(self) -> int:
        """The process that has the link's frames there."""

        def look() -> int:
            return next((pid for pid in process.running() if process.command_line(pid)[:1] == [PLUG]), 0)

        return self.there.call(look)

    def show(self) -> None:
        """One LAN on two hosts, that the link's end is mended, and that nothing is left."""
        if self.why_not:
            return
        story, expect, frank = self.stage.story, self.stage.story.expect, self.frank
        carol = self.stage.guests["carol"]
        frank.wait()
        found = [lease["ip"] for lease in self.stage.host.vnet_json("net-dhcp-leases", "lab") if lease["mac"] == MAC]
        expect("frank", f"behind {FAR}, has the lease {frank.ip} of lab's one server", found, [frank.ip])
        expect("frank", "pings carol by name", frank.pings("carol"), True)
        expect("carol", "pings frank by name", carol.pings("frank"), True)
        story.print(f"{'':18} $ vnet link-list", color="2")
        for line in self.stage.host.run([VNET, "link-list"]).stdout.splitlines():
            story.print(f"{'':18}{line}".rstrip())
        self._kill()
        frank.power_off()
        self.there.vnet("net-stop", "lab")
        left = self.before.changes_to(self.there.snapshot(), ignoring=[r"^. file "])
        expect("branch", "links, addresses, routes, rules, sysctls and processes are as before", left, [])

    def _kill(self) -> None:
        old = self._carrier()
        self.stage.story.print(f"{'':9} branch   $ kill -9 {old}      # what carries the link", color="2")
        began = time.monotonic()
        self.there.call(lambda: os.kill(old, signal.SIGKILL))
        wait_for(lambda: self._carrier() not in {0, old} and self._is_up(), "the link to be back")
        reached = wait_for(lambda: self.frank.pings("carol"), "frank to reach carol again")
        took = time.monotonic() - began
        self.stage.story.expect("frank", f"pings carol again after {took:.1f} s", reached, True)
