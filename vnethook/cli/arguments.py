"""Arguments that many verbs share: a network by position or by --network as virsh takes it, a file, --json."""

import os
import sys
from functools import wraps
from typing import TYPE_CHECKING

import click

from vnethook.cli import slow
from vnethook.errors import DefinitionError, UsageError, VnetError
from vnethook.live import paths
from vnethook.mac import canonical_mac
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem

    Verb = Callable[..., int | None]

READ_MAX = 2 << 20
"""Bytes; more than a definition may have (definition/syntax.py), so that reading a device ends."""


def network(verb: "Verb") -> "Verb":
    """NET or --network NET: the verb gets the name of the network that it means as `network`."""

    @_network_parameters
    @wraps(verb)
    def with_network(net: str | None, by_option: str | None, **rest: object) -> int | None:
        words = _given(net, by_option)
        if len(words) != 1:
            msg = "network: named twice, as NET and by --network" if words else "network: not named"
            raise UsageError(msg, hint="give its name, uuid or bridge; `vnet net-list --all` shows them")
        return verb(network=slow.catalog.find(slow.host(), words[0]), **rest)

    return with_network


def network_if_any(verb: "Verb") -> "Verb":
    """[NET] or --network NET: as `network`, empty if none is named."""

    @_network_parameters
    @wraps(verb)
    def with_network(net: str | None, by_option: str | None, **rest: object) -> int | None:
        words = _given(net, by_option)
        if len(words) > 1:
            msg = "network: named twice, as NET and by --network"
            raise UsageError(msg)
        return verb(network=slow.catalog.find(slow.host(), words[0]) if words else "", **rest)

    return with_network


def networks(verb: "Verb") -> "Verb":
    """[NET]… and --network NET: as `networks`, the words themselves, each to be looked up when its turn comes."""

    @click.argument("nets", nargs=-1, metavar="[NET]...", shell_complete=known_networks)
    @click.option(
        "--network", "by_option", metavar="NET", multiple=True, help="The same.", shell_complete=known_networks
    )
    @wraps(verb)
    def with_networks(nets: tuple[str, ...], by_option: tuple[str, ...], **rest: object) -> int | None:
        return verb(networks=[*nets, *by_option], **rest)

    return with_networks


def definition(verb: "Verb") -> "Verb":
    """FILE or --file FILE: the verb gets `text` and `source`, the file's name for messages."""

    @click.argument("path", required=False, metavar="FILE", type=click.Path())
    @click.option("--file", "by_option", metavar="FILE", type=click.Path(), help="The same.")
    @click.option("--validate", is_flag=True, expose_value=False, help="For virsh's sake: definitions always are.")
    @wraps(verb)
    def with_definition(path: str | None, by_option: str | None, **rest: object) -> int | None:
        words = _given(path, by_option)
        if len(words) != 1:
            msg = "file: named twice, as FILE and by --file" if words else "file: not named"
            raise UsageError(msg, hint="give a file with network XML, or - for standard input")
        return verb(text=_content(words[0]), source=_source(words[0]), **rest)

    return with_definition


as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def known_networks(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> "list[CompletionItem]":
    """The networks whose names begin with what was typed; read without XML."""
    from click.shell_completion import CompletionItem  # noqa: PLC0415 (only when a shell asks)

    from vnethook.definition import compiled  # noqa: PLC0415 (only when a shell asks)

    try:
        names = compiled.network_names(paths.current())
    except VnetError:
        return []  # nothing to read: nothing to offer
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def mac(text: str) -> str:
    """A MAC address in canonical form; raise UsageError for anything else."""
    try:
        return canonical_mac(text)
    except DefinitionError as error:
        msg = f"argument --mac: {error.message}"
        raise UsageError(msg, hint="six bytes, for example 52:54:00:12:34:56") from None


def _network_parameters(verb: "Verb") -> "Verb":
    by_position = click.argument("net", required=False, metavar="NET", shell_complete=known_networks)
    by_option = click.option("--network", "by_option", metavar="NET", help="The same.", shell_complete=known_networks)
    return by_position(by_option(verb))


def _given(*words: str | None) -> list[str]:
    return [word for word in words if word is not None]


def _source(path: str) -> str:
    if path == "-":
        return "<stdin>"
    return path if path.isprintable() and len(path) <= os.pathconf("/", "PC_NAME_MAX") else shown(path)


def _content(path: str) -> bytes:
    try:
        if path == "-":
            return sys.stdin.buffer.read(READ_MAX)
        with open(path, "rb") as file:
            return file.read(READ_MAX)
    except OSError as error:
        msg = f"file {shown(path)}: read: {os.strerror(error.errno or 0)}"
        raise UsageError(msg, hint="give a file with network XML, or - for standard input") from None
    except ValueError:
        msg = f"file {shown(path)}: no file can have this name"
        raise UsageError(msg) from None
