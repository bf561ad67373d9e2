"""Room for files, and whether they may be written."""

from typing import TYPE_CHECKING

from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.doctor.survey import Survey

FEW_BYTES, FEW_FILES = 4 << 20, 100
HOOKS = "/usr/libexec/vnethook"


def places(survey: "Survey") -> "Iterator[Finding]":
    """File systems that are full, read-only, or run no programs where hooks lie."""
    for place in survey.places:
        subject = f"directory {place.path!r}"
        if place.path == HOOKS:
            if not place.runs_programs:
                what = "is on a file system that is mounted noexec: hypervisors cannot call the hooks"
                yield Finding(STOPS, subject, what, f"mount -o remount,exec $(findmnt -no TARGET -T {HOOKS})")
            continue
        if place.is_read_only:
            is_etc = place.path.endswith("/etc/vnethook")
            what = "cannot be written" + (": networks cannot be defined" if is_etc else ": no network comes up")
            command = f"mount -o remount,rw $(findmnt -no TARGET -T {word(place.path)})"
            yield Finding(WARNS if is_etc else STOPS, subject, what, command)
        elif place.free_bytes < FEW_BYTES or place.free_files < FEW_FILES:
            room = "files" if place.free_bytes >= FEW_BYTES else "bytes"
            yield Finding(
                STOPS,
                subject,
                f"there is hardly room for more {room}",
                f"df -h {word(place.path)}; df -i {word(place.path)}",
            )
