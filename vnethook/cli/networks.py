"""The verbs that change networks: define, create, start, destroy, restart, undefine, autostart."""

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.verb import verb
from vnethook.errors import UsageError, VnetError


@verb
@arguments.definition
def net_define(text: bytes, source: str) -> None:
    """Store a network's definition.

    It replaces the one of its name; a network that is up keeps what it came up with until `vnet net-restart`.
    """
    defined = slow.catalog.define(slow.host(), text, source=source)
    _warn(defined.warnings)
    report.done(f"Network {defined.network.name} defined from {source}")


@verb
@arguments.definition
def net_create(text: bytes, source: str) -> None:
    """Bring up a network that is forgotten when it stops."""
    created = slow.catalog.create(slow.host(), text, source=source)
    _warn(created.warnings)
    report.done(f"Network {created.network.name} created from {source}")


@verb
@arguments.networks(unless="autostarted")
@click.option("--autostarted", is_flag=True, help="Start every network that is marked for autostart, as at boot.")
def net_start(networks: tuple[str, ...], *, autostarted: bool) -> int:
    """Bring networks up; one that is up is mended.

    It goes on past a network that fails; the exit status is that of the first failure.
    """
    if networks and autostarted:
        msg = "network: give either names or --autostarted"
        raise UsageError(msg)
    if autostarted:
        try:
            slow.sharing.settle(slow.host())
        except VnetError as error:  # networks that have nothing to do with it start all the same
            report.warning(str(error))
    by = slow.bringup.AUTOSTART if autostarted else slow.bringup.ADMIN

    def start(word: str) -> None:
        name = arguments.named(word)
        slow.bringup.start(slow.host(), name, by=by)
        report.done(f"Network {word if report.is_virsh() else name} started")

    return report.each(slow.catalog.autostarted(slow.host()) if autostarted else networks, start)


@verb
@arguments.network
@click.option("--force", is_flag=True, help="Also with guests attached; they are attached again by the next start.")
def net_destroy(network: str, *, force: bool) -> None:
    """Take a network down; its definition stays.

    A network without a stored definition is forgotten. Refused while guests are attached, unless forced.
    """
    nics = slow.catalog.nics(slow.host(), network) if report.is_virsh() else []
    if nics:  # virsh asks nobody
        count = "a NIC is attached: the next start attaches it again"
        if len(nics) > 1:
            count = f"{len(nics)} NICs are attached: the next start attaches them again"
        report.warning(f"network {network!r}: {count}")
    slow.catalog.stop(slow.host(), network, force=force or report.is_virsh())
    report.done(f"Network {_called(network)} destroyed")


@verb
@arguments.network
def net_restart(network: str) -> None:
    """Take a network down and bring it up as defined now.

    Its guests are attached again.
    """
    slow.bringup.restart(slow.host(), network)
    report.done(f"Network {network} restarted")


@verb
@arguments.network
def net_undefine(network: str) -> None:
    """Forget a network's definition.

    A network that is up works until it stops.
    """
    slow.catalog.undefine(slow.host(), network)
    report.done(f"Network {_called(network)} has been undefined")


@verb
@arguments.network
@click.option("--disable", is_flag=True, help="Start it at boot no longer.")
def net_autostart(network: str, *, disable: bool) -> None:
    """Start a network at boot, or no longer.

    `vnet hooks install --enable-autostart` has systemd do it.
    """
    slow.catalog.set_autostart(slow.host(), network, enabled=not disable)
    report.done(f"Network {_called(network)} {'unmarked' if disable else 'marked'} as autostarted")


@click.command(hidden=True)
@click.argument("name", required=False)
def net_compile(name: str | None) -> None:
    """Bring the form up to date that hooks read: of one definition or of all, and of the settings. Called by hooks."""
    if name is None:
        slow.catalog.compile_changed(slow.host())
    else:
        slow.catalog.compile_definition(slow.host(), name)
    slow.catalog.compile_settings(slow.host())


def _called(network: str) -> str:
    """What a message calls a network: by its name, under virsh's name by the word of the call."""
    return str(click.get_current_context().params["word"]) if report.is_virsh() else network


def _warn(warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        report.warning(warning)
