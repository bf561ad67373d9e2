"""Whether the service manager would start a program again that somebody ends. Source: systemd.service(5), Restart=."""

from vnethook.host import programs
from vnethook.live import files

GROUPS = "/proc/{}/cgroup"


def restarted_by(pid: int) -> str:
    """The unit that would start a process again, empty if none is known to."""
    systemctl = programs.find("systemctl")
    unit = _unit(files.read_text(GROUPS.format(pid)) or "")
    if systemctl is None or not unit:
        return ""
    done = programs.run([systemctl, "show", "--property=Restart", "--value", unit])
    return unit if done.status == 0 and done.output.strip() not in {"", "no"} else ""


def _unit(groups: str) -> str:
    """The innermost service among control groups as proc(5) has them, empty if there is none."""
    names = (name for line in groups.splitlines() for name in reversed(line.rpartition(":")[2].split("/")))
    return next((name for name in names if name.endswith(".service")), "")
