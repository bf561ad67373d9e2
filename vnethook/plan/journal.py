"""What bringing up a network has changed so far: a line for each step, written before the step is done.

A process that is killed leaves a journal whose last step may or may not be done; undoing it is harmless either way.
"""

import posix

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.plan.step import Step, from_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths


class Journal:
    """The journal of one network."""

    def __init__(self, paths: "Paths", network: str) -> None:
        self.path = f"{paths.journals}/{network}"
        self._fd = -1
        self._known = dict.fromkeys(self._lines())

    def steps(self) -> list[Step]:
        """The steps, oldest first."""
        try:
            return [from_record(files.loads(line)) for line in self._lines()]
        except (AttributeError, ValueError) as error:
            msg = f"journal {self.path!r}: read: {error}"
            raise HostError(
                msg, hint="it is damaged; what the network changed has to be undone by hand or a reboot"
            ) from error

    def add(self, step: Step) -> None:
        """Write that a step is about to be done; nothing if the journal has it."""
        line = files.dumps(step.to_record())
        if line in self._known:
            return
        try:
            if self._fd < 0:
                self._fd = self._open()
            data = f"{line}\n".encode()
            while data:
                data = data[posix.write(self._fd, data) :]
        except OSError as error:
            msg = f"journal {self.path!r}: write: {posix.strerror(error.errno or 0)}"
            raise HostError(msg, hint="the run directory has to be writable and have room") from error
        self._known[line] = None

    def keep(self, steps: list[Step]) -> None:
        """Replace what the journal holds; with no steps it is removed."""
        self.close()
        lines = dict.fromkeys(files.dumps(step.to_record()) for step in steps)
        if lines and list(lines) == list(self._known):
            return
        self._known = lines
        if lines:
            files.write_text(self.path, "".join(f"{line}\n" for line in lines), mode=0o600)
        else:
            files.remove(self.path)

    def close(self) -> None:
        """Close the file; it is opened again when needed."""
        if self._fd >= 0:
            posix.close(self._fd)
            self._fd = -1

    def _open(self) -> int:
        """Open the journal to add to it, without the torn last line of a process that was killed."""
        if files.stamp(self.path) is not None:
            text = files.read_text(self.path) or ""
            if text and not text.endswith("\n"):
                files.write_text(self.path, text[: text.rfind("\n") + 1], mode=0o600)
        flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_CLOEXEC | posix.O_NOFOLLOW
        try:
            return posix.open(self.path, flags, 0o600)
        except FileNotFoundError:
            files.make_directory(files.directory_of(self.path), mode=0o700)
            return posix.open(self.path, flags, 0o600)

    def _lines(self) -> list[str]:
        """The whole lines; one without its end was being written by a process that was killed, so nothing was done."""
        text = files.read_text(self.path) or ""
        return text.split("\n")[:-1]
