"""The verbs for ports of the host that lead to guests: forward-list, forward-add, forward-remove."""

from functools import wraps
from typing import TYPE_CHECKING

import click

from vnethook.address import canonical_ip, parse_subnet
from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import value, verb
from vnethook.errors import DefinitionError, UsageError
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

    from vnethook.lifecycle.forwards import PortForward, Shown
    from vnethook.lifecycle.updates import Affected

PROTOCOLS = ("tcp", "udp")


@verb
@arguments.network_if_any
@arguments.as_json
def forward_list(network: str, *, as_json: bool) -> None:
    """List the ports of the host that lead to guests.

    Without NET of all networks.
    """
    found = slow.forwards.forwards(slow.host(), network or None)
    if as_json:
        report.as_json([_plain(item) for item in found])
        return
    table = Table("Network", "Protocol", "Port", "On", "From", "To", "Address", "State")
    for item in found:
        one = item.forward
        to = _target(one)
        address = ", ".join(item.addresses) if one.domain else ""
        table.add(item.network, _protocol(one), _ports(one.ports), one.on, one.source, to, address, item.state)
    report.table(table)


def _forward(function: "Callable[..., int | None]") -> "Callable[..., int | None]":
    """PORT GUEST, --from and --on: the verb gets the forward that they mean as `forward`."""

    @value("--port", "port", metavar="PORT", required=True, help="Or a range; with /tcp or /udp only that protocol.")
    @value(
        "--to", "target", metavar="GUEST", required=True, help="Its name or address, with :PORT its own one or range."
    )
    @click.option("--from", "source", metavar="SUBNET", help="Only from there.")
    @click.option("--on", "own", metavar="ADDRESS", help="Only to this address of the host's.")
    @wraps(function)
    def with_forward(port: str, target: str, source: str | None, own: str | None, **rest: object) -> int | None:
        try:
            forward = _read(port, target, source, own)
        except DefinitionError as error:
            msg = f"forward {shown(port)} to {shown(target)}: {error.message}"
            raise UsageError(msg) from None
        return function(forward=forward, **rest)

    return with_forward


@verb
@arguments.network
@_forward
@arguments.affected
def forward_add(network: str, *, forward: "PortForward", on: "Affected") -> None:
    """Let a port of the host lead to a guest.

    By its name or address: 8080/tcp web:80. For both protocols if none is said.
    """
    done = slow.forwards.add(slow.host(), network, forward, on=on)
    report.done(f"Forward of {_ports(forward.ports)} to {_target(forward)} added to network {network} {_parts(done)}")


@verb
@arguments.network
@_forward
@arguments.affected
def forward_remove(network: str, *, forward: "PortForward", on: "Affected") -> None:
    """Let a port of the host lead to a guest no more.

    The words are those with which it was added. Connections by it end at once.
    """
    done = slow.forwards.remove(slow.host(), network, forward, on=on)
    report.done(
        f"Forward of {_ports(forward.ports)} to {_target(forward)} removed from network {network} {_parts(done)}"
    )


def _parts(done: "Affected") -> str:
    parts = [part for part, is_done in (("live", done.live), ("stored", done.config)) if is_done]
    return f"({' and '.join(parts)})"


def _read(port: str, target: str, source: str | None, own: str | None) -> "PortForward":
    ports, slash, protocol = port.partition("/")
    if slash and protocol not in PROTOCOLS:
        _refuse("PORT", port)
    who, to = _split(target)
    is_address = ":" in who or who.replace(".", "").isdigit()
    said, wanted = _range("PORT", ports), _range("GUEST", to) if to else None
    return slow.forwards.PortForward(
        said,
        protocol or "both",
        None if wanted == said else wanted,
        None if is_address else who,
        canonical_ip(who) if is_address else None,
        None if source is None else str(parse_subnet(source)),
        None if own is None else canonical_ip(own),
    )


def _split(target: str) -> tuple[str, str]:
    """A guest's name or address, and the port after it: "web:80", "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1"."""
    if target.startswith("["):
        who, bracket, rest = target[1:].partition("]")
        if not bracket or rest[:1] not in {"", ":"}:
            _refuse("GUEST", target)
        return who, rest[1:]
    if target.count(":") > 1:
        return target, ""
    who, _, to = target.partition(":")
    return who, to


def _range(what: str, text: str) -> tuple[int, int]:
    ends = text.split("-")
    if len(ends) > 2 or not all(end.isascii() and end.isdigit() and len(end) <= 5 for end in ends):
        _refuse(what, text)
    return int(ends[0]), int(ends[-1])


def _refuse(what: str, text: str) -> "NoReturn":
    msg = f"argument {what}: {shown(text)}: must be a port or a range of them"
    raise UsageError(msg, hint="for example: 8080/tcp web:80, or 8000-8010 192.0.2.1")


def _protocol(forward: "PortForward") -> str:
    return "tcp, udp" if forward.protocol == "both" else forward.protocol


def _ports(ports: tuple[int, int]) -> str:
    first, last = ports
    return str(first) if first == last else f"{first}-{last}"


def _target(forward: "PortForward") -> str:
    who = forward.domain or forward.address or ""
    return f"{f'[{who}]' if ':' in who else who}:{_ports(forward.to or forward.ports)}"


def _plain(item: "Shown") -> dict[str, object]:
    one = item.forward
    return {
        "network": item.network,
        "protocols": list(one.protocols),
        "port": _ports(one.ports),
        "on": one.on or "",
        "from": one.source or "",
        "guest": one.domain or "",
        "addresses": list(item.addresses),
        "to": _ports(one.to or one.ports),
        "state": item.state,
    }
