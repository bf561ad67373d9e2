"""Values that many verbs share: a network, a file, a MAC address; --json."""

import os
import sys
from errno import EISDIR
from functools import wraps
from typing import TYPE_CHECKING

import click

from vnethook.cli import known, report, slow
from vnethook.cli.verb import value
from vnethook.errors import DefinitionError, UsageError
from vnethook.mac import canonical_mac
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Verb = Callable[..., int | None]

READ_MAX = 2 << 20
"""Bytes; more than a definition may have (definition/syntax.py), so that reading a device ends."""
_NETWORK: "dict[str, Any]" = {"metavar": "NET", "help": "Its name, uuid or bridge.", "shell_complete": known.networks}


class BadMacError(UsageError):
    """A MAC address that is none."""

    libvirt_code = 44


def named(word: str, *, virsh: tuple[str, ...] = ("name", "uuid")) -> str:
    """The name of the network that a word means; under virsh's name it is one of the kinds that virsh takes there."""
    return slow.catalog.find(slow.host(), word, by=virsh) if report.is_virsh() else slow.catalog.find(slow.host(), word)


def network(verb: "Verb") -> "Verb":
    """NET: the verb gets the name of the network that it means as `network`."""
    return _with_network(verb, named, required=True)


def network_by_uuid(verb: "Verb") -> "Verb":
    """NET: the same for a verb to which virsh gives the uuid."""
    return _with_network(verb, lambda word: named(word, virsh=("uuid",)), required=True)


def network_by_name(verb: "Verb") -> "Verb":
    """NET: the same for a verb to which virsh gives the name."""
    return _with_network(verb, lambda word: named(word, virsh=("name",)), required=True)


def network_if_any(verb: "Verb") -> "Verb":
    """[NET]: the name of the network as `network`, empty if none is named."""
    return _with_network(verb, named)


def network_if_several(verb: "Verb") -> "Verb":
    """[NET]: the same for a verb that virsh does not call without one."""
    return _with_network(verb, named, needed_by_virsh=True)


def segment_if_any(verb: "Verb") -> "Verb":
    """[NET]: the name of a network or a shared NIC as `segment`, empty if none is named."""

    @value("--network", "word", metavar="NET", help="A network or a shared NIC.", shell_complete=known.segments)
    @wraps(verb)
    def with_segment(word: str | None, **rest: object) -> int | None:
        return verb(segment="" if word is None else slow.topology.meant(slow.host(), word), **rest)

    return with_segment


def _with_network(verb: "Verb", name_of: "Callable[[str], str]", **need: bool) -> "Verb":
    @value("--network", "word", **need, **_NETWORK)
    @wraps(verb)
    def with_network(word: str | None, **rest: object) -> int | None:
        name = "" if word is None else name_of(word)
        click.get_current_context().params["network"] = name  # for messages
        return verb(network=name, **rest)

    return with_network


def networks(*, unless: str) -> "Callable[[Verb], Verb]":
    """[NET]...: the words as `networks`, each to be looked up when its turn comes; needed `unless` a flag is given."""
    return value("--network", "networks", multiple=True, unless=unless, **_NETWORK)


def definition(verb: "Verb") -> "Verb":
    """FILE: the verb gets `text` and `source`, the file's name for messages."""

    @value("--file", "path", metavar="FILE", required=True, type=click.Path(), help="Network XML; -: standard input.")
    @click.option("--validate", is_flag=True, expose_value=False, help="For virsh's sake: definitions always are.")
    @wraps(verb)
    def with_definition(path: str, **rest: object) -> int | None:
        return verb(text=content(path), source=source(path), **rest)

    return with_definition


def parts_of_xml(verb: "Verb") -> "Verb":
    """--xpath EXPR and --wrap: the verb gets `show`, which prints XML, or of it what the expression selects."""

    @click.option("--xpath", metavar="EXPR", help="Only the nodes that an XPath expression selects.")
    @click.option("--wrap", is_flag=True, help="Those nodes inside of one element.")
    @wraps(verb)
    def with_parts(xpath: str | None, *, wrap: bool, **rest: object) -> int | None:
        def show(text: str) -> None:
            for part in [text.rstrip("\n")] if xpath is None else _selected(text, xpath, wrap=wrap):
                report.line(part)
            report.end()

        return verb(show=show, **rest)

    return with_parts


def affected(verb: "Verb") -> "Verb":
    """--live, --config, --current: the verb gets `on`, which of a network's two definitions it is about."""

    @click.option("--live", is_flag=True, help="Of what is up.")
    @click.option("--config", is_flag=True, help="Of what is stored.")
    @click.option("--current", is_flag=True, help="Of what is up, or what is stored if it is down (the default).")
    @wraps(verb)
    def with_affected(*, live: bool, config: bool, current: bool, **rest: object) -> int | None:
        if current and (live or config):
            other = "--live" if live else "--config"
            msg = f"options --current and {other}: only one can be given"
            raise report.misuse(msg, virsh=f"Options --current and {other} are mutually exclusive")
        return verb(on=slow.updates.Affected(live, config), **rest)

    return with_affected


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def mac(text: str) -> str:
    """A MAC address in canonical form; raise UsageError for anything else."""
    try:
        return canonical_mac(text)
    except DefinitionError as error:
        msg = text if report.is_virsh() else f"argument --mac: {error.message}"
        raise BadMacError(msg, hint="six bytes, for example 52:54:00:12:34:56") from None


def content(path: str) -> bytes:
    """What is in a file, or comes by standard input (-); raise UsageError if it cannot be read."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(READ_MAX)
        with open(path, "rb") as file:
            return file.read(READ_MAX)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        action = "read" if error.errno == EISDIR else "open"
        msg = f"file {shown(path)}: read: {reason}"
        hint = "give a file with network XML, or - for standard input"
        raise report.misuse(msg, virsh=f"Failed to {action} file '{path}': {reason}", hint=hint) from None
    except ValueError:
        msg = f"file {shown(path)}: no file can have this name"
        raise UsageError(msg) from None


def _selected(text: str, expression: str, *, wrap: bool) -> list[str]:
    from vnethook.definition.xpath import select  # noqa: PLC0415 (lxml takes its time)

    return select(text, expression, wrap=wrap)


def source(path: str) -> str:
    """What messages call a file."""
    if path == "-":
        return "<stdin>"
    return path if path.isprintable() and len(path) <= os.pathconf("/", "PC_NAME_MAX") else shown(path)
