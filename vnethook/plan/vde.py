"""Steps for a VDE switch: the directories that are its own, and the switch."""

from vnethook.errors import HostError
from vnethook.host import log, programs, vde
from vnethook.host.switches import Background
from vnethook.host.trees import remove_tree
from vnethook.live import files
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host

_OTHERS = 0o077
"""What others than its owner may do with a directory."""


class MakeSwitchDirectory(Step):
    """Make a directory that is the switch's, for a group if one is named; undone, it goes with all that is in it."""

    _about = ("path",)
    path: str
    mode: int
    group: str = ""

    def is_done(self, host: "Host") -> bool:
        return vde.is_directory(self.path, self.mode, self.group)

    def require(self, host: "Host") -> None:
        if self.group and vde.group_id(self.group) is None:
            msg = f"vde: group {self.group!r}: no such group"
            raise HostError(msg, hint=f"make it: groupadd --system {self.group}; or name another in <vde group='…'/>")
        if self.mode & _OTHERS and vde.is_roots():
            msg = "vde: switch for others than root: only root may open /dev/net/tun, so it would be root's process"
            raise HostError(msg, hint="chmod 0666 /dev/net/tun, as udev does; or <vde/> without group and mode")

    def do(self, host: "Host") -> None:
        self.require(host)
        vde.make_directory(self.path, self.mode, self.group)

    def undo(self, host: "Host") -> None:
        remove_tree(self.path)

    def supersede(self, host: "Host", old: "Self") -> None:
        if not self.is_done(host):
            self.do(host)

    def __str__(self) -> str:
        of = f", group {self.group}" if self.group else ""
        return f"make directory {self.path}, mode {self.mode:04o}{of}"


class RunUplink(RunDaemon):
    """Run libslirp or slirpvde at a switch: it ends with it, so that another switch now means a new start."""

    sockets: str = ""
    control: str = ""

    @property
    def pid_file(self) -> str:
        """Where it writes its pid."""
        return f"{self.control}/uplink.pid"

    def require(self, host: "Host") -> None:
        programs.require(self.program)
        if self.program == "vde_plug":
            vde.require_slirp()

    def do(self, host: "Host") -> None:
        if self.program == "slirpvde" and files.exists(self.record):
            log.warning(
                f"network {files.base_name(self.directory)!r}: slirpvde had to be started again and has forgotten its "
                "leases: have each guest ask for its lease again, or start it again"
            )
        argv = [programs.require(self.program), *self.arguments]
        Background(host.paths, self.pid_file).start(
            argv, record=self.record, pid_file=self.pid_file, word=self.word, tag=self._tag(host)
        )

    def _tag(self, host: "Host") -> str:
        running = host.daemons.running(f"{self.directory}/vde.json", self.sockets)
        return f"{running[:2] if running else ''}/{super()._tag(host)}"

    def __str__(self) -> str:
        return f"run {self.program} {self.configuration}"


class RunSwitch(RunDaemon):
    """Run a VDE switch, as a user of its own without any privilege.

    `sockets`: the directory that guests name; `control`: where its pid and its management are, and nobody else is.
    """

    sockets: str = ""
    control: str = ""
    group: str = ""

    @property
    def pid_file(self) -> str:
        """Where the switch writes its pid: it may write in `control` only."""
        return f"{self.control}/pid"

    def require(self, host: "Host") -> None:
        programs.require(self.program)

    def do(self, host: "Host") -> None:
        account = vde.as_account(self.group) if self.link else []  # outside of a namespace it is the user's as it is
        argv = [*account, programs.require(self.program), *self.arguments]
        Background(host.paths, self.pid_file, self.sockets, is_outside=not self.link).start(
            argv,
            record=self.record,
            pid_file=self.pid_file,
            word=self.word,
            tag=self._tag(host),
        )

    def __str__(self) -> str:
        return f"run {self.program} for {self.sockets}"
