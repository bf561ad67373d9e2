"""The step that keeps a program running for a network."""

from zlib import crc32

from vnethook.host import programs
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class RunDaemon(Step):
    """Run a program that forks into the background once it serves.

    `name`: what it is to us, and its files; `arguments`: without the program itself; `word`: the one among them that no
    other process has; `configuration`: the text that it reads at its start, so that another text means another start;
    `link`: what it is bound to, so that a link of that name made anew means a new start too.
    """

    name: str
    program: str
    arguments: tuple[str, ...]
    word: str
    directory: str
    configuration: str
    link: str

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

    def do(self, host: "Host") -> None:
        argv = [programs.require(self.program), *self.arguments]
        host.daemons.start(argv, record=self.record, pid_file=self.pid_file, word=self.word, tag=self._tag(host))

    def undo(self, host: "Host") -> None:
        host.daemons.stop(record=self.record, pid_file=self.pid_file, word=self.word)

    def _tag(self, host: "Host") -> str:
        link = host.links.link(self.link)
        return f"{link.index if link else 0}/{crc32(self.configuration.encode()):08x}"

    def __str__(self) -> str:
        return f"run {self.name} on {self.link}"
