"""The part of the demonstration about an ordinary user, who has a network of their own and a guest on it."""

import os
from contextlib import ExitStack
from pathlib import Path

from tests.lab.demo_firewall import Stage
from tests.lab.demo_needs import missing, without_vde
from tests.lab.guest import Guest
from tests.lab.host import VNET, Host
from tests.lab.machine import CHECKOUT, wait_for
from tests.lab.outside import WWW
from tests.lab.plugged import PLUG
from tests.lab.user import User

MAC = "52:54:00:00:53:0f"
PLAY = """<network>
  <name>play</name>
  <forward mode='user'/>
  <ip address='192.168.78.1' netmask='255.255.255.0'>
    <dhcp><range start='192.168.78.10' end='192.168.78.99'/></dhcp>
  </ip>
</network>
"""


class UsersGuest(Guest):
    """A guest whose QEMU an ordinary user has started."""

    def __init__(self, host: Host, user: User, name: str, *, network: str, mac: str) -> None:
        super().__init__(host, name, f"vde,sock=cmd://{PLUG} {network}", mac=mac, env=user.environment)
        self.user = user
        self.qmp = user.home / f"{name}.qmp"  # where the user may write

    def command(self) -> list[str]:
        return [str(word) for word in self.user.words(super().command())]


class Users:
    """erin, a guest of a user's own; she boots while others are tried."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self.stage = stage
        owner = CHECKOUT.stat().st_uid  # who can read it: not every home is open to all
        self.user = User(stage.host, owner or 4321)
        self.erin: UsersGuest | None = None
        self._write()
        why_not = self._why_not()
        if why_not:
            stage.story.skip("user", "a network of an ordinary user's own", why_not)
            return
        self.erin = UsersGuest(stage.host, self.user, "erin", network="play", mac=MAC)
        stage.story.print(f"{'':9} user     $ vnet net-define play.xml      # <forward mode='user'/>", color="2")
        short = self.erin.short_command.replace(str(PLUG.parent), "/usr/libexec/vnethook")
        stage.story.print(f"{'':9} user     $ {short}", color="2")
        stack.enter_context(self.erin)

    def _write(self) -> None:
        """Have the network go soon after its last guest, and the user's uplink know the host's name servers."""
        settings = self.user.home / ".config/vnethook/vnethook.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text("[networks]\nidle = 1\n")
        for path in (settings, *settings.parents[:2]):
            os.chown(path, self.user.number, self.user.number)
        if Path("/etc/resolv.conf").exists():
            host = self.stage.host
            host.run(["mount", "--bind", host.root / "etc/resolv.conf", "/etc/resolv.conf"])

    def _why_not(self) -> str:
        """What forbids it on this machine; empty if nothing does."""
        user = self.user
        if why_not := missing("setpriv", "pasta") or without_vde():
            return why_not
        if user.run([VNET, "--version"], check=False).returncode != 0:
            return f"an ordinary user may not read {CHECKOUT}"
        if user.run(["test", "-w", "/dev/net/tun"], check=False).returncode != 0:
            return "an ordinary user may not open /dev/net/tun"
        user.vnet("net-define", "-", stdin=PLAY)
        tried = user.vnet("run", "--network", "play", "--", "true", check=False)
        return tried.stderr.partition("\n")[0].removeprefix("error: ") if tried.returncode != 0 else ""

    def show(self) -> None:
        """Her lease, the outside, the user's own programs, and that all is gone after her."""
        if not (erin := self.erin):
            return
        story, expect, user = self.stage.story, self.stage.story.expect, self.user
        erin.wait()
        found = user.vnet("net-dhcp-leases", "play").stdout
        expect("erin", f"has the lease {erin.ip} of the user's own network", erin.ip in found, True)
        page = erin.run(f"wget -q -O - http://{WWW}/ 2>/dev/null")[1].strip()
        expect("erin", f"fetches http://{WWW}/: {page!r}", page, f"outside sees {self.stage.uplink}")
        erin.serve(80)
        asks = ["bash", "-c", f"head -n1 </dev/tcp/{erin.ip}/80"]
        story.print(f"{'':9} user     $ vnet run --network play -- bash -c '{asks[-1]}'", color="2")
        expect("user", "is answered by erin", user.vnet("run", "--network", "play", "--", *asks).stdout, "here\n")
        expect("host", "does not reach erin", self.stage.host.connects(erin.ip, 80), False)
        expect("host", f"runs nothing of it as root; as user {user.number}: {self._programs()}", self._of_root(), [])
        erin.power_off()
        wait_for(lambda: not user.processes(), "the user's network to go", timeout_s=40)
        expect("user", "has no network, program or file of it left after erin is off", user.files(), [])

    def _programs(self) -> str:
        """The names of what runs as the user."""
        return ", ".join(sorted({Path(line.split()[0]).name for line in self.user.processes()}))

    def _of_root(self) -> list[str]:
        """What runs for the user's network or guest and is not the user's."""
        own = self.user.processes()
        words = ("-name erin", str(self.user.home))
        every = self.stage.host.processes()
        return [line for line in every if line not in own and any(word in line for word in words)]
