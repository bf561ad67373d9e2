"""The verb net-edit: a definition in the user's editor."""

from vnethook.cli import arguments, report, slow
from vnethook.cli.editor import Draft, settle
from vnethook.cli.verb import verb
from vnethook.live import record


@verb
@arguments.network
def net_edit(network: str) -> int:
    """Edit a network's stored definition.

    In the editor that VISUAL or EDITOR names. What is refused can be edited again, or is kept in a file.
    """
    host = slow.host()
    edition = slow.catalog.edition(host, network)
    warnings: tuple[str, ...] = ()

    def define(text: str) -> None:
        nonlocal warnings
        warnings = slow.catalog.define(host, text, source=draft.path, edited=edition).warnings

    def take_theirs() -> None:
        nonlocal edition
        edition = slow.catalog.edition(host, network)

    with Draft(edition.text, name=f"{network}.xml") as draft:
        status = settle(draft, define, force=take_theirs)
    if status is None:
        report.done(f"Network {network} XML configuration not changed.")
    elif status == 0:
        for warning in warnings:
            report.warning(warning)
        report.done(f"Network {network} XML configuration edited.")
        if record.read(host.paths, network) is not None and not report.is_virsh():
            hint = f"`vnet net-apply {network}` puts the change into force"
            report.warning(f"network {network!r}: is up as it was: {hint}")
    return status or 0
