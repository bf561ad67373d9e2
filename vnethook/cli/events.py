"""The verb that waits for what happens to networks: net-event, with virsh's words and statuses."""

import json
from datetime import UTC, datetime
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import Number, value, verb
from vnethook.errors import UsageError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.events import Event, Watcher

LIFECYCLE, METADATA, NIC = "lifecycle", "metadata-change", "nic"
TYPES = (LIFECYCLE, METADATA, NIC)
"""virsh's two types of events, and ours."""
NOTHING = 1
"""virsh's status where no event came."""
SECONDS = Number(1, (2**31 - 1) // 1000)
"""What poll(2) takes as milliseconds."""


class Wish(NamedTuple):
    """What to wait for, empty: of any network; until when; and how to print it."""

    network: str
    kind: str
    loop: bool
    timeout_s: int | None
    timestamp: bool
    as_json: bool

    def has(self, event: "Event") -> bool:
        """Whether an event is waited for."""
        return _type(event) == self.kind and self.network in {"", event.network}


@verb
@arguments.network_if_any
@value("--event", "kind", metavar="EVENT", help=f"{', '.join(TYPES)}; the first if none is said.")
@click.option("--loop", is_flag=True, help="Go on until interrupted or timed out, not only until the first event.")
@click.option("--timeout", "timeout_s", type=SECONDS, metavar="SECONDS", help="Wait no longer.")
@click.option("--list", "wants_list", is_flag=True, help="List the types of events, and do nothing else.")
@click.option("--timestamp", is_flag=True, help="Begin each line with the time, in UTC.")
@arguments.as_json
def net_event(kind: str | None, *, wants_list: bool, **how: Any) -> int:  # noqa: ANN401 (the values of a Wish)
    """Wait for what happens to networks, and print it.

    Of all networks, or of one; whoever does it: guests, `vnet`, another program. The exit status is 0 if an event came,
    else 1. JSON: an object a line.
    """
    if wants_list:
        for name in TYPES:
            report.line(name)
        report.end()
        return 0
    if kind is None and report.is_virsh():
        msg = "either --list or --event <type> is required"
        raise UsageError(msg)
    if kind not in {None, *TYPES}:
        msg = f"event {shown(kind)}: there is no such type"
        hint = f"the types are {', '.join(TYPES)}"
        raise report.misuse(msg, virsh=f"unknown event type {kind}", hint=hint)
    with slow.events.Watcher(slow.host().paths) as watcher:
        return _watch(watcher, Wish(kind=kind or LIFECYCLE, **how))


def _watch(watcher: "Watcher", wish: Wish) -> int:
    """Print what is waited for as it comes; the exit status."""
    count = 0
    ending = ""
    try:
        for event in filter(wish.has, _until(watcher, wish.timeout_s)):
            count += 1
            _print(event, wish)
            if not wish.loop:
                break
        else:
            ending = "event loop timed out"
    except KeyboardInterrupt:
        ending = "event loop interrupted"
    if not wish.as_json:
        for text in filter(None, (ending, f"events received: {count}")):
            report.line(text)
        if count or not report.is_virsh():  # where the empty line of a failure comes
            report.end()
    return 0 if count else NOTHING


def _until(watcher: "Watcher", timeout_s: int | None) -> "Iterator[Event]":
    """The events as they come, until the time is over."""
    deadline = None if timeout_s is None else monotonic() + timeout_s
    while watcher.wait(None if deadline is None else deadline - monotonic()):
        yield from watcher.events()
        if deadline is not None and monotonic() >= deadline:
            return


def _type(event: "Event") -> str:
    if event.kind in slow.events.LIFECYCLE:
        return LIFECYCLE
    return METADATA if event.kind in slow.events.TEXTS else NIC


def _print(event: "Event", wish: Wish) -> None:
    """Print an event at once: who reads it may wait for it."""
    now = datetime.now(UTC)
    if wish.as_json:
        plain = {"event": wish.kind, **event.to_plain(), "time": now.isoformat(timespec="milliseconds")}
        report.line(json.dumps({name: value for name, value in plain.items() if value}))
    else:
        at = f"{now:%Y-%m-%d %H:%M:%S}.{now.microsecond // 1000:03}+0000: " if wish.timestamp else ""
        report.line(report.safe(f"{at}event '{wish.kind}' for network {event.network}: {_said(event)}"))
    report.flush()


def _said(event: "Event") -> str:
    """What virsh says of an event."""
    if _type(event) == METADATA:
        return f"type {event.kind}, uri {event.uri or '<null>'}"
    return f"{event.kind.capitalize()} {event.interface}".rstrip()
