"""A machine on which an ordinary user has networks: `vnet` and the hooks run as that user, who may do nothing else."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.lab.host import VNET, Host

if TYPE_CHECKING:
    import subprocess

USER = 4321


class UsersHost(Host):
    """`host.vnet(…)` and `host.as_user([…])` are the user's; `host.run([…])` stays root's."""

    def __enter__(self) -> Self:
        super().__enter__()
        for directory, names, _ in os.walk(self.root):
            for name in (".", *names):
                os.chown(Path(directory, name), USER, USER)
        self.run(["mount", "--bind", self.root / "etc/resolv.conf", "/etc/resolv.conf"])  # what pasta reads
        return self

    def write_settings(self, text: str) -> None:
        """Write the user's vnethook.toml."""
        directory = self.root / "etc/vnethook"
        directory.mkdir(exist_ok=True)
        (directory / "vnethook.toml").write_text(text)
        for path in (directory, directory / "vnethook.toml"):
            os.chown(path, USER, USER)

    def set_resolvers(self, *addresses: str) -> None:
        (self.root / "etc/resolv.conf").write_text("".join(f"nameserver {address}\n" for address in addresses))

    def vnet(self, *words: str | Path, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        return self.as_user([VNET, *words], check=check, stdin=stdin)

    def as_user(
        self, words: Sequence[str | Path], *, user: int = USER, check: bool = True, stdin: str = "", **options: Any
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program as the user."""
        return self.run([*becoming(user), *words], check=check, stdin=stdin, **options)

    def inside(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a program where the user's networks are."""
        return self.vnet("run", "--", *words, check=check)

    def users_processes(self, *, user: int = USER) -> list[str]:
        """The command lines of all that runs as the user."""
        return self.run(["ps", "-ww", "-o", "args=", "-u", str(user)], check=False).stdout.splitlines()


def becoming(user: int) -> list[str]:
    """The words before a program that is to run as this user."""
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"]
