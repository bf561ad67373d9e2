"""What a shell offers for a word that is being typed: networks, attached NICs, links. Read without XML."""

import os
from typing import TYPE_CHECKING

from vnethook.errors import VnetError
from vnethook.live import paths

if TYPE_CHECKING:
    from collections.abc import Iterable

    import click
    from click.shell_completion import CompletionItem

LINKS = "/sys/class/net"


def networks(_context: "click.Context", _parameter: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """The networks whose names begin with what was typed."""
    from vnethook.definition import compiled  # noqa: PLC0415 (only when a shell asks)

    try:
        names = compiled.network_names(paths.current())
    except VnetError:
        return []  # nothing to read: nothing to offer
    return _items(names, incomplete)


def segments(context: "click.Context", parameter: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """The networks, and the NICs of the host's that guests share."""
    from vnethook.live import shared_interface  # noqa: PLC0415 (only when a shell asks)

    try:
        names = sorted({shared.nic for shared in shared_interface.every(paths.current())})
    except VnetError:
        names = []
    return [*networks(context, parameter, incomplete), *_items(names, incomplete)]


def nics(_context: "click.Context", _parameter: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """The NICs that are attached to a network."""
    from vnethook.live import files  # noqa: PLC0415 (only when a shell asks)

    try:
        names = files.names(paths.current().interfaces)
    except VnetError:
        return []
    return _items(names, incomplete)


def links(_context: "click.Context", _parameter: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """The network devices of the host."""
    return _items(sorted(os.listdir(LINKS)), incomplete)


def ports(context: "click.Context", _parameter: "click.Parameter", incomplete: str) -> "list[CompletionItem]":
    """The ports of the network that was named before."""
    from vnethook.live import nics as records  # noqa: PLC0415 (only when a shell asks)
    from vnethook.live import waiting  # noqa: PLC0415 (as above)

    network, places = context.params.get("word") or "", paths.current()
    try:
        found = [*records.attached(places, network), *waiting.ports(places, network)]
    except VnetError:
        return []
    return _items((nic.uuid for nic in found), incomplete)


def _items(names: "Iterable[str]", incomplete: str) -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem  # noqa: PLC0415 (only when a shell asks)

    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
