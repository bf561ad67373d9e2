"""Failures in virsh's words: scripts look for them. Source: tools/virsh-network.c, tools/vsh.c of libvirt 9.0."""

import click

from vnethook.cli.verb import Unexpected, Value
from vnethook.errors import NoNetworkError, NoPortError, UsageError, VnetError

HEADLINES = {
    "net-autostart": "failed to mark network {word} as autostarted",
    "net-create": "Failed to create network from {path}",
    "net-define": "Failed to define network from {path}",
    "net-destroy": "Failed to destroy network {word}",
    "net-dhcp-leases": "Failed to get leases info for {word}",
    "net-port-create": "Failed to create network from {path}",
    "net-port-delete": "Failed to delete network port {port}",
    "net-start": "Failed to start network {networks[0]}",
    "net-undefine": "Failed to undefine network {word}",
    "net-update": "Failed to update network {word}",
}
"""What virsh says first, with the values of the call, when a verb fails after its words were understood."""


def failure(context: click.Context, found: VnetError) -> list[str]:
    """The messages of an error, each to follow "error: "."""
    if isinstance(found, NoNetworkError):
        word = context.params.get("word") or next(iter(context.params.get("networks", ())), "")
        return [f"failed to get network '{word}'", f"Network not found: no network with matching name '{word}'"]
    if isinstance(found, NoPortError):
        return [f"failed to get network port '{context.params.get('port')}'"]
    headline = None if isinstance(found, UsageError) else HEADLINES.get(context.info_name or "")
    return [headline.format(**context.params), found.message] if headline else [found.message]


def misuse(found: click.ClickException) -> str:
    """The message of a refusal of a command line."""
    context = found.ctx if isinstance(found, click.UsageError) else None
    if context is None:
        return found.format_message()
    if context.parent is None:
        return _misuse_of_virsh(found, context)
    if isinstance(found, Unexpected):
        return f"unexpected data '{found.word}'"
    if isinstance(found, click.NoSuchOption):
        return f"command '{context.info_name}' doesn't support option {found.option_name}"
    if isinstance(found, click.MissingParameter) and found.param is not None:
        option = found.param.opts[0]
        word = f"<{option.removeprefix('--')}>" if isinstance(found.param, Value) else option
        return f"command '{context.info_name}' requires {word} option"
    if isinstance(found, click.BadOptionUsage):
        if _option(found.option_name, context).is_flag:
            return f"invalid '=' after option {found.option_name}"
        return f"expected syntax: {found.option_name} <string>"
    return found.format_message()


def _misuse_of_virsh(found: click.ClickException, context: click.Context) -> str:
    if isinstance(found, click.NoSuchOption):
        return f"unsupported option '{found.option_name}'. See --help."
    if isinstance(found, click.BadOptionUsage):
        return f"option {'/'.join(map(repr, _option(found.option_name, context).opts))} requires an argument"
    return found.format_message()


def _option(name: str, context: click.Context) -> click.Option:
    return next(item for item in context.command.params if isinstance(item, click.Option) and name in item.opts)
