"""Failures in virsh's words: scripts look for them. Source: tools/virsh-network.c, tools/vsh.c of libvirt 9.0."""

import click

from vnethook.cli.verb import BadNumber, Number, Unexpected, Value
from vnethook.definition.text import is_uuid
from vnethook.errors import (
    NoConnectionError,
    NoNetworkError,
    NoPortError,
    UnsupportedOperationError,
    UsageError,
    VnetError,
)

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
    "net-update": "Failed to update network {network}",
}
"""What virsh says first, with the values of the call, when a verb fails after its words were understood.

`word`: the network as it was called; `network`: its name.
"""
UNMODIFIED = {
    "dns-host": "DNS HOST records",
    "dns-srv": "DNS SRV records",
    "dns-txt": "DNS TXT records",
    "forward-interface": "forward interface entries",
    "ip-dhcp-range": "dhcp ranges",
}
"""What libvirt calls that which a section has, if it does not know how to modify it: virNetworkDefUpdateSection()."""


def failure(context: click.Context, found: VnetError) -> list[str]:
    """The messages of an error, each to follow "error: "."""
    if isinstance(found, NoNetworkError):
        return _unknown_network(context)
    if isinstance(found, NoPortError):
        return [f"failed to get network port '{context.params.get('port')}'"]
    if isinstance(found, UsageError) and found.libvirt_code == UsageError.libvirt_code:
        return [found.message]  # virsh's own words
    values = {"network": context.params.get("word")} | context.params
    headline = HEADLINES.get(context.info_name or "", "").format(**values)
    if isinstance(found, NoConnectionError):
        headline = "failed to connect to the hypervisor"
    elif context.params.get("disable"):
        headline = headline.replace("mark", "unmark", 1)
    return [*filter(None, [headline]), _libvirts(context, found)]


def _libvirts(context: click.Context, found: VnetError) -> str:
    """The message with the words in which libvirt begins that of such an error."""
    from vnethook.api.error import message  # noqa: PLC0415 (only on the way to an error)

    what = found.message
    if isinstance(found, UnsupportedOperationError) and context.info_name == "net-update":
        what = _not_updated(**context.params)
    return message(found.libvirt_code, what)


def _not_updated(*, network: str, command: str, section: str, **_: object) -> str:
    """What libvirt says of a section or a command that its networks do not have."""
    if command == "modify" and section in UNMODIFIED:
        return f"{UNMODIFIED[section]} cannot be modified, only added or deleted"
    return f"can't update '{section.replace('-', ' ')}' section of network '{network}'"


def _unknown_network(context: click.Context) -> list[str]:
    word = context.params.get("word") or next(iter(context.params.get("networks", ())), "")
    kind = "uuid" if context.info_name == "net-name" else "name"
    first = f"failed to get network '{word}'"
    if kind == "uuid" and not is_uuid(word.lower()):  # virsh does not ask for what can be none
        return [first]
    return [first, f"Network not found: no network with matching {kind} '{word}'"]


def misuse(found: click.ClickException) -> list[str]:
    """The messages of a refusal of a command line."""
    if not isinstance(found, click.UsageError) or found.ctx is None:
        return [found.format_message()]
    context = found.ctx
    if context.parent is None:
        return [_misuse_of_virsh(found, context)]
    if isinstance(found, click.MissingParameter) and found.param is not None:
        return [f"command '{context.info_name}' requires {word} option" for word in _missing(found.param, context)]
    return [_misuse_of_verb(found, context)]


def _missing(first: click.Parameter, context: click.Context) -> list[str]:
    """The values that a call lacks, click's first one and those that come after it."""
    if not isinstance(first, Value):
        return [first.opts[0]]
    needed = [param for param in context.command.params if isinstance(param, Value) and param.virsh_needs]
    found = [param for param in needed if param is first or param.name not in context.params]
    return [f"<{param.opts[0].removeprefix('--')}>" for param in found]


def _misuse_of_verb(found: click.UsageError, context: click.Context) -> str:
    if isinstance(found, Unexpected):
        return f"unexpected data '{found.word}'"
    if isinstance(found, click.NoSuchOption):
        if not found.option_name.startswith("--"):  # virsh's commands have no short ones
            return f"unexpected data '{found.option_name}'"
        return f"command '{context.info_name}' doesn't support option {found.option_name}"
    if isinstance(found, click.BadOptionUsage):
        option = _option(found.option_name, context)
        if option.is_flag:
            return f"invalid '=' after option {found.option_name}"
        return f"expected syntax: {found.option_name} <{'number' if isinstance(option.type, Number) else 'string'}>"
    if isinstance(found, BadNumber) and found.param is not None:
        name = found.param.opts[0].removeprefix("--")
        return f"Numeric value '{found.word}' for <{name}> option is malformed or out of range"
    return found.format_message()


def _misuse_of_virsh(found: click.UsageError, context: click.Context) -> str:
    if isinstance(found, click.NoSuchOption):
        return f"unsupported option '{found.option_name}'. See --help."
    if isinstance(found, click.BadOptionUsage):
        return f"option {'/'.join(map(repr, _option(found.option_name, context).opts))} requires an argument"
    if isinstance(found, BadNumber) and found.param is not None:
        option = next(text for text in found.param.opts if not text.startswith("--"))
        if option == "-d":
            return f"option {option} takes a numeric argument"
        if found.word.removeprefix("-").isdigit():
            return f"option {option} requires a positive integer argument"
        return f"Invalid value for option {option}"
    return found.format_message()


def _option(name: str, context: click.Context) -> click.Option:
    return next(item for item in context.command.params if isinstance(item, click.Option) and name in item.opts)
