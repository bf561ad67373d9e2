"""The step that keeps a program running for a network."""

from zlib import crc32

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host


class RunDaemon(Step):
    """Run a program that forks into the background once it serves.

    `name`: what it is to us, and its files; `arguments`: without the program itself; `word`: the one among them that no
    other process has; `configuration`: the text that it reads at its start, so that another text means another start;
    `link`: what it is bound to, so that a link of that name made anew means a new start too; `reloaded`: the text that
    it reads again on SIGHUP, so that another text means only that; `directories`: the administrator's, which it serves.
    """

    _about = ("directory", "name")
    name: str
    program: str
    arguments: tuple[str, ...]
    word: str
    directory: str
    configuration: str
    link: str
    reloaded: str = ""
    directories: tuple[str, ...] = ()

    @property
    def record(self) -> str:
        """Where it is kept which process it is."""
        return f"{self.directory}/{self.name}.json"

    @property
    def pid_file(self) -> str:
        """Where the program itself writes its pid."""
        return f"{self.directory}/{self.name}.pid"

    def is_done(self, host: "Host") -> bool:
        running = host.daemons.running(self.record, self.word)
        return running is not None and running[2] == self._tag(host)

    def require(self, host: "Host") -> None:
        programs.require(self.program)
        for path in self.directories:
            if not files.is_directory(path):
                msg = f"{self.name}: start: directory {path!r}: no such directory"
                raise HostError(msg, hint="make it, readable for everybody, or change the definition")

    def do(self, host: "Host") -> None:
        tag = self._tag(host)
        running = host.daemons.running(self.record, self.word)
        if running is not None and running[2] != tag and _of_start(running[2]) == _of_start(tag):
            host.daemons.reload(record=self.record, word=self.word, tag=tag)
            return
        argv = [programs.require(self.program), *self.arguments]
        try:
            host.daemons.start(argv, record=self.record, pid_file=self.pid_file, word=self.word, tag=tag)
        except HostError as error:
            what, line = complaint(str(error), self.configuration)
            if not line:
                raise
            msg = f"{what}: {line}"
            raise HostError(msg, hint=error.hint) from error

    def undo(self, host: "Host") -> None:
        host.daemons.stop(record=self.record, pid_file=self.pid_file, word=self.word)

    def supersede(self, host: "Host", old: "Self") -> None:
        if not self.is_done(host):
            self.do(host)

    def _tag(self, host: "Host") -> str:
        link = host.links.link(self.link) if self.link else None
        read = "/".join(f"{crc32(text.encode()):08x}" for text in (self.configuration, self.reloaded))
        return f"{link.index if link else 0}/{read}"

    def __str__(self) -> str:
        return f"run {self.name} on {self.link}"


def complaint(reason: str, configuration: str) -> tuple[str, str]:
    """What a program has to say of which line of its configuration; (`reason`, "") if of none.

    The text is ours, so that the number of the line says nothing to whom it is told.
    """
    what, _, rest = reason.partition(" at line ")
    number = rest.partition(" ")[0]
    lines = configuration.splitlines()
    if number.isascii() and number.isdigit() and 0 < int(number) <= len(lines):
        return what, lines[int(number) - 1]
    return reason, ""


def _of_start(tag: str) -> str:
    """What of a tag a running program cannot change."""
    return tag.rpartition("/")[0]
