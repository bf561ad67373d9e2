"""The verb net-edit: a definition in the user's editor."""

import sys

from vnethook.cli import arguments, report, slow
from vnethook.cli.editor import Draft
from vnethook.cli.verb import verb
from vnethook.errors import VnetError
from vnethook.live import record

AGAIN, DROP, FORCE = "y", "n", "f"
ANSWERS = {
    AGAIN: "yes, start the editor again",
    DROP: "no, throw away what was written",
    FORCE: "force: define it also if somebody else has changed the definition",
}


@verb
@arguments.network
def net_edit(network: str) -> int:
    """Edit a network's stored definition.

    In the editor that VISUAL or EDITOR names. What is refused can be edited again, or is kept in a file.
    """
    host = slow.host()
    edition = slow.catalog.edition(host, network)
    with Draft(edition.text, name=f"{network}.xml") as draft:
        draft.edit()
        while draft.is_changed:
            try:
                defined = slow.catalog.define(host, draft.text, source=draft.path, edited=edition)
            except VnetError as error:
                answer = _answer(error)
                if answer == DROP:
                    return error.exit_status
                if answer == FORCE:
                    edition = slow.catalog.edition(host, network)
                else:
                    draft.edit()
            else:
                _tell(network, defined.warnings)
                return 0
    report.done(f"Network {network} XML configuration not changed.")
    return 0


def _tell(network: str, warnings: tuple[str, ...]) -> None:
    for warning in warnings:
        report.warning(warning)
    report.done(f"Network {network} XML configuration edited.")
    if record.read(slow.host().paths, network) is not None and not report.is_virsh():
        report.warning(f"network {network!r}: is up as it was: `vnet net-apply {network}` puts the change into force")


def _answer(error: VnetError) -> str:
    """What to do about a refusal: what the user at the terminal says; raise the error where there is none."""
    if not sys.stdin.isatty():
        raise error
    report.error(error)
    while True:
        try:
            answer = report.ask(f"Try again? [{','.join(ANSWERS)},?]: ").strip().lower()
        except EOFError:
            raise error from None
        if answer in ANSWERS:
            return answer
        for letter, meaning in ANSWERS.items():
            report.line(f"{letter} - {meaning}")
