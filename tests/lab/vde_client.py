"""A guest without QEMU on a VDE switch: a machine whose NIC is a tap that vde_plug joins to the switch."""

from typing import TYPE_CHECKING, Self

from tests.lab.client import Client
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
        self.write_script()
        try:
            self.host.run(["ip", "tuntap", "add", "dev", self.port, "mode", "tap", "user", str(self.user)])
            if self.mac:
                self.host.run(["ip", "link", "set", self.port, "address", self.mac])
            self.plug_in()
            self.take(self.port)
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
