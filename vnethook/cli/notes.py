"""The verbs for what people and programs note about a network: net-desc, net-metadata."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.editor import Draft, settle
from vnethook.cli.verb import value, verb
from vnethook.errors import NoMetadataError, UsageError

if TYPE_CHECKING:
    from types import ModuleType

    from vnethook.lifecycle.updates import Affected


@verb
@arguments.network
@arguments.affected
@click.option("--title", is_flag=True, help="The title instead of the description.")
@click.option("--edit", is_flag=True, help="In an editor.")
@value("--new-desc", "new_desc", metavar="TEXT", multiple=True, help="The new one; an empty one takes it away.")
def net_desc(network: str, new_desc: tuple[str, ...], *, on: "Affected", title: bool, edit: bool) -> int:
    """Show or set a network's description or title."""
    what, change = ("title", _metadata().with_title) if title else ("description", _metadata().with_description)
    found = slow.updates.definition(slow.host(), network, on=on)
    text = (found.title if title else found.description) or ""

    def store(new: str) -> None:
        slow.updates.note(slow.host(), network, lambda network: change(network, new.strip()), on=on)

    if not new_desc and not edit:
        if text:
            report.write(report.prose(text))
            report.end()
        else:
            report.told(f"No {what} for network: {network}")
        return 0
    if edit:
        with Draft(f"{' '.join(new_desc) or text}\n", name=what, before=text) as draft:
            status = settle(draft, store)
        if status is None:
            report.done(f"Network {what} not changed")
        if status != 0:
            return status or 0
    else:
        store(" ".join(new_desc))
    report.told(f"Network {what} updated successfully")
    return 0


@verb
@arguments.network
@value("--uri", "uri", metavar="URI", required=True, help="The namespace of the program whose element it is.")
@arguments.affected
@click.option("--edit", is_flag=True, help="Change it in an editor.")
@value("--key", "key", metavar="KEY", help="The namespace's prefix in the definition, needed to change it.")
@value("--set", "new", metavar="XML", help="The new element, without the namespace.")
@click.option("--remove", is_flag=True, help="Take the element away.")
def net_metadata(  # noqa: PLR0913 (what virsh's takes)
    network: str, uri: str, key: str | None, new: str | None, *, on: "Affected", edit: bool, remove: bool
) -> int:
    """Show or set a program's own XML in a network's definition."""
    _check(key, new, edit=edit, remove=remove)
    metadata, prefix = _metadata(), key or ""

    def store(text: str) -> None:
        slow.updates.note(
            slow.host(),
            network,
            lambda network: metadata.with_element(network, uri, key=prefix, text=text, source=source),
            on=on,
        )

    source = "--set"
    if remove:
        slow.updates.note(slow.host(), network, lambda network: metadata.without_element(network, uri), on=on)
        report.done("Metadata removed")
        return 0
    if new is not None:
        store(new)
        report.done("Metadata modified")
        return 0
    found = slow.updates.definition(slow.host(), network, on=on)
    if not edit:
        report.line(metadata.element(found, uri))
        report.end()
        return 0
    try:
        text = f"{metadata.element(found, uri)}\n"
    except NoMetadataError:
        text = "\n"
    with Draft(text, name="metadata.xml") as draft:
        source = draft.path
        status = settle(draft, store)
    if status is None:
        report.told("Metadata not changed")
    elif status == 0:
        report.done("Metadata modified")
    return status or 0


def _check(key: str | None, new: str | None, *, edit: bool, remove: bool) -> None:
    """Raise UsageError for options that contradict each other."""
    given = [name for name, is_given in (("edit", edit), ("set", new is not None), ("remove", remove)) if is_given]
    if len(given) > 1:
        msg = f"options --{given[0]} and --{given[1]}: only one can be given"
        raise UsageError(msg)
    if (edit or new is not None) and not key:
        msg = "metadata: modify: --key is not given"
        raise UsageError(msg, hint="a namespace needs a prefix in the definition")


def _metadata() -> "ModuleType":
    from vnethook.definition import metadata  # noqa: PLC0415 (lxml takes its time)

    return metadata
