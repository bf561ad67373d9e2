"""Daemons of ours: started, recognised, ended. A daemon is a pid with a start time and a word of its command line.

Its record is a JSON file, written when it runs. A process that was killed between starting a daemon and writing the
record leaves a mark; whoever comes next looks through all processes for the daemon's own word before starting another.
"""

import posix
from errno import ESRCH
from time import monotonic, sleep

from vnethook.errors import HostError
from vnethook.host import cgroup, programs
from vnethook.live import files, process

STOP_S = 5.0
LOOKS = 20
_SIGHUP, _SIGTERM, _SIGKILL = 1, 15, 9


class Daemons:
    """The daemons of this host; `word` is an argument that no other process has, the path of a configuration."""

    def running(self, record: str, word: str) -> tuple[int, int, str] | None:
        """(pid, start time, tag) of the daemon with this record if it runs, else None."""
        found = files.read_json(record)
        if not found:
            return None
        pid, start, tag = found["pid"], found["start"], found["tag"]
        is_same = process.start_time(pid) == start and word in process.command_line(pid)
        return (pid, start, tag) if is_same else None

    def start(self, argv: list[str], *, record: str, pid_file: str, word: str, tag: str) -> None:
        """Start a daemon that forks into the background once it serves; raise HostError with its last words if not.

        `tag` is kept with the record; what has another tag than it should have is to be started again.
        """
        self.stop(record=record, pid_file=pid_file, word=word)
        mark = f"{record}.starting"
        files.write_text(mark, "")
        finished = self._run(argv, word)
        if finished.status != 0:
            files.remove(mark)
            name = files.base_name(argv[0])
            msg = f"{name}: start: {finished.reason}"
            raise HostError(msg, hint=_hint(finished.reason))
        text = (files.read_text(pid_file) or "").strip()
        pid = int(text) if text.isascii() and text.isdigit() else 0
        start = process.start_time(pid) if pid else None
        if start is None:
            msg = f"{files.base_name(argv[0])}: start: it ended at once"
            raise HostError(msg, hint="see the system log")
        cgroup.take_out(pid)
        files.write_json(record, {"pid": pid, "start": start, "tag": tag})
        files.remove(mark)

    def _run(self, argv: list[str], word: str) -> programs.Finished:  # noqa: ARG002 (for those who start otherwise)
        return programs.run(argv)

    def reload(self, *, record: str, word: str, tag: str) -> None:
        """Have a daemon that runs read again what it reads on SIGHUP, and keep its new tag; nothing if it is gone."""
        running = self.running(record, word)
        if running is None:
            return
        pid, start, _ = running
        try:
            posix.kill(pid, _SIGHUP)
        except ProcessLookupError:
            return
        files.write_json(record, {"pid": pid, "start": start, "tag": tag})

    def stop(self, *, record: str, pid_file: str, word: str) -> None:
        """End a daemon if it runs, and remove its files."""
        mark = f"{record}.starting"
        pids = set()
        running = self.running(record, word)
        if running:
            pids.add(running[0])
        text = (files.read_text(pid_file) or "").strip()
        if text.isascii() and text.isdigit() and word in process.command_line(int(text)):
            pids.add(int(text))
        if files.exists(mark):
            pids |= _with_word(word)
        for pid in pids - {posix.getpid()}:  # the watcher of an idle network stops itself last, by ending
            end(pid)
        for path in (pid_file, record, mark):
            files.remove(path)
        if pids:
            cgroup.tidy()


def _with_word(word: str) -> set[int]:
    """The processes with this argument, looked for until two looks agree: one that forks could slip through one."""
    before = None
    for _ in range(LOOKS):
        found = {
            pid for pid in process.running() if word in process.command_line(pid) and process.is_in_our_network(pid)
        }
        if found == before:
            break
        before = found
    return before or set()


def end(pid: int) -> None:
    """End a process by SIGTERM, then by SIGKILL; through a pidfd, so that it cannot be another one meanwhile."""
    try:
        handle = posix.pidfd_open(pid)
    except OSError as error:
        if error.errno == ESRCH:
            return
        raise
    try:
        from signal import pidfd_send_signal  # noqa: PLC0415 (only to stop, which nobody waits for)

        for number in (_SIGTERM, _SIGKILL):
            try:
                pidfd_send_signal(handle, number)
            except ProcessLookupError:
                return
            deadline = monotonic() + STOP_S
            pause_s = 0.0005
            while process.start_time(pid) is not None:
                if monotonic() > deadline:
                    break
                sleep(pause_s)
                pause_s = min(pause_s * 2, 0.02)
            else:
                return
    finally:
        posix.close(handle)
    msg = f"process {pid}: end: it does not react to SIGKILL"
    raise HostError(msg)


def _hint(reason: str) -> str:
    if "Address already in use" in reason or "address already in use" in reason:
        return (
            "another DNS or DHCP server listens on all addresses of this host: "
            "bind it to its own interfaces, or use <dns enable='no'/>"
        )
    if " at line " in reason:
        return (
            "a line of <dnsmasq:options>, or a dnsmasq that is too old for one of ours: `dnsmasq --help` lists its own"
        )
    if "inaccessible" in reason:
        return "dnsmasq reads it as the user nobody, unless <dnsmasq:options> name another"
    if "inotify" in reason:
        return "each network takes one of them: sysctl -w fs.inotify.max_user_instances=1024"
    return ""
