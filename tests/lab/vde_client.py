"""A guest without QEMU on a VDE switch: a machine whose NIC is a tap that vde_plug joins to the switch."""

from typing import TYPE_CHECKING, Self

from tests.lab.client import _ON_LEASE, Client
from tests.lab.host import Host
from tests.lab.machine import Machine, wait_for

if TYPE_CHECKING:
    import subprocess


def as_user(user: int, group: str) -> list[str]:
    """The words before a program that make it an ordinary user's, in one group and no other."""
    return ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--inh-caps=-all", "--"]


class VdeClient(Client):
    """`with VdeClient(host, "alice", sock=…, user=1001, group="kvm") as alice: alice.lease()`; plugged in by itself."""

    def __init__(self, host: Host, name: str, *, sock: str, user: int, group: str, mac: str = "") -> None:
        super().__init__(host, name, port=f"v{name}", mac=mac)
        self.sock = sock
        self.user = user
        self.group = group
        self.plug: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        Machine.__enter__(self)
        script = self.directory / "on-lease"
        script.write_text(_ON_LEASE)
        script.chmod(0o755)
        try:
            self.host.run(["ip", "tuntap", "add", "dev", self.port, "mode", "tap", "user", str(self.user)])
            if self.mac:
                self.host.run(["ip", "link", "set", self.port, "address", self.mac])
            self.plug_in()
            with open(f"/proc/{self.pid}/ns/net", "rb") as namespace:
                there = f"/proc/self/fd/{namespace.fileno()}"
                words = ["ip", "link", "set", self.port, "netns", there, "name", "eth0"]
                with self.host.popen(words, pass_fds=[namespace.fileno()]) as moving:
                    assert moving.wait() == 0
            self.run(["ip", "link", "set", "eth0", "up"])
        except BaseException:
            self.close()
            raise
        return self

    def plug_in(self) -> None:
        """Join the switch, as a guest that starts."""
        words = [*as_user(self.user, self.group), "vde_plug", f"vde://{self.sock}", f"tap://{self.port}"]
        self.plug = self.host.popen(words)
        self.host.run(["ip", "link", "set", self.port, "up"])
        wait_for(self._is_served, f"{self.name} to be at the switch")

    def unplug(self) -> None:
        """Leave the switch, as a guest that is killed."""
        assert self.plug
        with self.plug:
            self.plug.kill()

    def _is_served(self) -> bool:
        assert self.plug
        assert self.plug.poll() is None, "vde_plug ended"
        [link] = self.host.json(["ip", "-json", "link", "show", "dev", self.port])
        return "LOWER_UP" in link["flags"]

    def close(self) -> None:
        if self.plug and self.plug.poll() is None:
            self.unplug()
        super().close()
