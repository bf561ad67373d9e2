"""What `script/demo` shows: three guests on two networks, as it happens, then as a table and as `vnet graph` draws it.

Then three more guests: on a VDE switch, on another host that is linked, and of an ordinary user. Every expectation is asked of the running guests and of `vnet`, and ticked.
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

from tests.lab import demo_firewall, demo_linked, demo_sharing, demo_switch, demo_user
from tests.lab.guest import Guest, RefusedError, bridge, tap
from tests.lab.host import HOOKS, VNET, Host
from tests.lab.image import make_image
from tests.lab.machine import wait_for
from tests.lab.outside import WWW, WWW_4, Outside
from tests.lab.table import table
from vnethook.cli.drawing import ASCII

LAB = f"""<network>
  <name>lab</name>
  <ip address='192.168.77.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.77.10' end='192.168.77.99'/><host mac='{demo_linked.MAC}' name='frank'/></dhcp>
  </ip>
  {demo_linked.LISTEN}
</network>
"""
NETWORKS = {"alice": "default", "bob": "default", "carol": "lab"}
TCP_PORT, UDP_PORT = 8080, 8081


class Story:
    """Lines with the time since the beginning, and the expectations that they met or not."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._is_plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ
        self.is_ascii = "utf" not in (sys.stdout.encoding or "").lower()
        self.failed: list[str] = []
        self.met = 0

    def print(self, text: str = "", *, color: str = "") -> None:
        """A line as it is."""
        shown = text.translate(ASCII) if self.is_ascii else text
        sys.stdout.write(f"{shown}\n" if self._is_plain or not color else f"\x1b[{color}m{shown}\x1b[0m\n")
        sys.stdout.flush()

    def tell(self, who: str, text: str, *, color: str = "") -> None:
        """What just happened to whom."""
        self.print(f"{time.monotonic() - self._began:6.1f} s  {who:8} {text}", color=color)

    def expect(self, who: str, text: str, found: object, wanted: object) -> None:
        """Tell what was found and whether it is what it should be."""
        if found == wanted:
            self.met += 1
            self.tell(who, f"✓ {text}", color="32")
        else:
            self.failed.append(f"{who}: {text}: {found!r} instead of {wanted!r}")
            self.tell(who, f"✗ {text}: {found!r} instead of {wanted!r}", color="31")

    def skip(self, who: str, what: str, why: str) -> None:
        """Tell what is not shown on this machine, and why."""
        self.tell(who, f"– {what}: skipped: {why}", color="33")


class Demo:
    """A host, the world outside and three guests, and what is done with them."""

    def __init__(self, story: Story, host: Host, outside: Outside) -> None:
        self.story, self.host, self.outside = story, host, outside
        self.uplink = ""
        self.guests: dict[str, Guest] = {}
        self.reached: dict[tuple[str, str], bool] = {}

    def prepare(self) -> None:
        """An uplink for the host and a definition of `lab`; no network is up."""
        self.uplink = self.outside.plug(self.host)
        self.story.tell("host", f"uplink0 is {self.uplink}; behind it {WWW} is {WWW_4}")
        self.story.print(
            f"{'':18} $ vnet net-define lab.xml      # no <forward>: isolated; <listen>: linked", color="2"
        )
        self.host.define(LAB)
        self.story.expect("host", "no network is up", self.host.vnet_json("net-list"), [])

    def start_guests(self, stack: ExitStack) -> None:
        """Start QEMU three times at once; each asks its own hook for its network."""
        ways = {"alice": tap(), "bob": bridge("default"), "carol": tap("lab", directory=self.host.directory)}
        monitor = self.host.popen(["ip", "-o", "monitor", "link"], stdout=subprocess.PIPE, bufsize=0)
        for number, (name, netdev) in enumerate(ways.items(), 0x0A):
            self.guests[name] = Guest(self.host, name, netdev, mac=f"52:54:00:00:53:{number:02x}")
        for guest in self.guests.values():
            short = guest.short_command.replace(f"{HOOKS}/qemu/", "").replace(f"{self.host.directory}/", "")
            self.story.print(f"{'':18} $ {short}", color="2")
        for guest in self.guests.values():
            stack.enter_context(guest)
        self.story.tell("host", "three QEMU processes started; their hooks bring the networks up")
        self._watch(monitor)
        for guest in self.guests.values():
            guest.serve(80)

    def _watch(self, monitor: "subprocess.Popen[bytes]") -> None:
        """Tell what kernel and guests say until every guest has its lease or has given up."""
        seen: set[str] = set()
        waiting = set(self.guests.values())
        text = b""
        while waiting:
            select.select([monitor.stdout, *waiting], [], [], 0.2)
            assert monitor.stdout
            while select.select([monitor.stdout], [], [], 0)[0] and (data := os.read(monitor.stdout.fileno(), 65536)):
                *lines, text = (text + data).split(b"\n")
                for line in lines:
                    self._tell_link(line.decode(errors="replace"), seen)
            for guest in list(waiting):
                for said in guest.read():
                    if said.word in {"booted", "asks", "lease", "no-lease"}:
                        self.story.tell(guest.name, f"{said.word} {said.rest.partition(' mask')[0]}")
                    waiting -= {guest} if said.word == "ready" else set()
        monitor.kill()

    def _tell_link(self, line: str, seen: set[str]) -> None:
        """Tell of a bridge that is new and of a tap that joined one, by a line of `ip -o monitor link`."""
        words = line.replace("@", ": @").split()
        if line.startswith("Deleted") or len(words) < 2:
            return
        name = words[1].rstrip(":")
        if name.startswith("vnbr") and name not in seen:
            seen.add(name)
            self.story.tell("host", f"bridge {name} is there")
        if "master" in words and f"{name} in bridge" not in seen:
            seen.add(f"{name} in bridge")
            self.story.tell("host", f"{name} is a port of {words[words.index('master') + 1]}")

    def ask_vnet(self) -> None:
        """What `vnet` knows of networks, NICs and leases is what the guests got."""
        expect = self.story.expect
        up = {net["name"]: net["forward"] for net in self.host.vnet_json("net-list")}
        expect(
            "vnet", "net-list: default by NAT and lab without forwarding are up", up, {"default": "nat", "lab": "none"}
        )
        nics = {nic["guest"]: nic for nic in self.host.vnet_json("nic-list")}
        for name, guest in self.guests.items():
            nic = nics.get(name, {})
            found = [nic.get(key) for key in ("network", "mac", "ip", "hostname")]
            wanted = [NETWORKS[name], guest.mac, guest.lease.get("ip"), name]
            expect("vnet", f"nic-list: {name} is {found[2]} on {found[0]}", found, wanted)
            leases = self.host.vnet_json("net-dhcp-leases", NETWORKS[name])
            held = [lease["ip"] for lease in leases if lease["mac"] == guest.mac]
            expect("vnet", f"net-dhcp-leases {NETWORKS[name]}: {name} holds {', '.join(held)}", held, wanted[2:3])
            expect(name, f"had its lease within a second: {guest.seconds_to_lease} s", guest.seconds_to_lease < 1, True)

    def try_each_other(self) -> None:
        """Guests of one network reach each other by name; of two networks neither by name nor by address."""
        carol = self.guests["carol"]
        carol.run(f"ip route replace default via {carol.lease['server']}")  # isolation is more than a missing route
        for name, guest in self.guests.items():
            for other in self.guests:
                if other != name:
                    is_one = NETWORKS[name] == NETWORKS[other]
                    reached = self.reached[name, other] = guest.pings(other)
                    self.story.expect(
                        name, f"{'pings' if is_one else 'does not find'} {other} by name", reached, is_one
                    )
                    if not is_one:
                        address = self.guests[other].ip
                        self.story.expect(name, f"does not reach {address} of {other}", guest.pings(address), False)

    def try_outside(self) -> None:
        """Guests of `default` fetch from outside; outside opens nothing to any guest."""
        for name, guest in self.guests.items():
            is_nat = NETWORKS[name] == "default"
            page = guest.fetch(WWW if is_nat else WWW_4)
            self.reached[name, "outside"] = bool(page)
            what = f"fetches http://{WWW}/: {page!r}" if is_nat else f"does not reach outside ({WWW_4})"
            self.story.expect(name, what, page, f"outside sees {self.uplink}" if is_nat else "")
            self.story.expect("host", f"opens port 80 of {name}", self.host.connects(guest.ip, 80), True)
            came_in = self.reached["outside", name] = self.outside.connects(guest.ip, 80)
            self.story.expect("outside", f"does not open port 80 of {name}", came_in, False)

    def try_host(self) -> None:
        """Guests reach ICMP, DHCP and DNS of the host, and no other port of it."""
        with self.host.listening(tcp=TCP_PORT, udp=UDP_PORT) as came:
            opened = self.outside.connects(self.uplink, TCP_PORT)
            self.story.expect("outside", f"opens port {TCP_PORT} of the host, which listens there", opened, True)
            if opened:
                wait_for(came, "the listener to write down who has come")  # later than the kernel lets it in
            known = came()
            for name, guest in self.guests.items():
                gateway = guest.lease["server"]
                self.story.expect(name, f"pings the host at {gateway}", guest.pings(gateway), True)
                for address in (gateway, self.uplink):
                    refused = not guest.connects(address, TCP_PORT)
                    guest.send_udp(address, UDP_PORT)
                    what = f"is refused TCP {TCP_PORT} and UDP {UDP_PORT} of the host at {address}"
                    self.story.expect(name, what, refused and came() == known, True)

    def show(self) -> None:
        """The table and the picture."""
        heads = ["guest", "network", "NIC", "address", "lease", "DHCP", *self.guests, "outside", "from outside"]
        rows = [heads]
        nics = {nic["guest"]: nic for nic in self.host.vnet_json("nic-list")}
        for name, guest in self.guests.items():
            nic, lease = nics[name], guest.lease
            row = [
                name,
                nic["network"],
                nic["interface"],
                nic["ip"],
                f"{lease['lease_s']} s",
                f"{guest.seconds_to_lease} s",
            ]
            row += ["–" if other == name else _YES[self.reached[name, other]] for other in self.guests]
            row += [_YES[self.reached[name, "outside"]], "reached" if self.reached["outside", name] else "refused"]
            rows.append(row)
        self.story.print()
        for line in table(rows):
            self.story.print(line)
        self.story.print(
            "(DHCP: from the NIC's question to its lease; names: reached by name; outside: by HTTP)", color="2"
        )
        self.story.print()
        self.story.print("$ vnet graph", color="2")
        encoding = {"PYTHONIOENCODING": "ascii" if self.story.is_ascii else "utf-8"}
        for line in self.host.run([VNET, "graph"], env=encoding).stdout.splitlines():
            self.story.print(line)
        self.story.print()

    def finish(self, before: Callable[[], list[str]]) -> None:
        """Guests off, networks stopped: the host is as it was."""
        for guest in self.guests.values():
            guest.power_off()
        left = self.host.vnet_json("nic-list")
        self.story.expect("vnet", "nic-list: empty after the guests powered off", [nic["guest"] for nic in left], [])
        for name in ("default", "lab"):
            self.host.vnet("net-stop", name)
        self.story.expect("host", "links, addresses, routes, rules, sysctls and processes are as before", before(), [])


_YES = {True: "yes", False: "no"}


def run(story: Story) -> None:
    """The demonstration from an empty host to an empty host."""
    make_image()
    with ExitStack() as stack:
        demo = Demo(story, stack.enter_context(Host()), stack.enter_context(Outside()))
        demo.prepare()
        linked = demo_linked.Linked(demo, stack)
        before = demo.host.snapshot()
        demo.start_guests(stack)
        demo.ask_vnet()
        switch, users = demo_switch.OnSwitch(demo, stack), demo_user.Users(demo, stack)
        linked.start(stack)
        story.tell("host", "these guests boot while the first three are tried")
        demo.try_each_other()
        demo.try_outside()
        demo.try_host()
        demo_firewall.try_forward(demo)
        demo_firewall.try_forging(demo)
        demo.show()
        for part in (switch, linked, users):
            part.show()
        demo_sharing.try_sharing(demo)
        demo.finish(lambda: before.changes_to(demo.host.snapshot(), ignoring=[r"^. file "]))


def main() -> int:
    """0 if all is as it should be, else 1."""
    story = Story()
    try:
        run(story)
    except (AssertionError, RefusedError, OSError) as error:
        story.failed.append(str(error))
    except KeyboardInterrupt:
        return 130
    for failure in story.failed:
        story.print(f"✗ {failure}", color="31")
    story.print(
        f"{story.met} of {story.met + len(story.failed)} expectations met", color="31" if story.failed else "32"
    )
    return 1 if story.failed else 0


if __name__ == "__main__":
    sys.exit(main())
