"""net-list: the networks in virsh's words and columns, and with them the NICs of the host's that guests share."""

from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.lifecycle.lookup import NetworkState
    from vnethook.lifecycle.share.shared_states import SharedState

ACTIVE, INACTIVE = "active", "inactive"
VIRTUAL, PHYSICAL = "virtual", "physical"


class Choice(NamedTuple):
    """What to list; None: both kinds. `form`: "table", "name" or "uuid"."""

    is_active: bool | None
    is_persistent: bool | None
    is_autostart: bool | None
    is_virtual: bool | None
    form: str

    def has(self, row: "Row") -> bool:
        """Whether it is wanted."""
        pairs = (
            (self.is_active, row.is_active),
            (self.is_persistent, row.is_persistent),
            (self.is_autostart, row.is_autostart),
            (self.is_virtual, row.kind == VIRTUAL),
        )
        return all(wanted in {None, found} for wanted, found in pairs)

    def has_shared(self, *, details: bool) -> bool:
        """Whether shared NICs are asked for: scripts that know virsh's words get virsh's answers."""
        if self.is_virtual is not None:
            return not self.is_virtual
        return self.form == "table" and not report.is_virsh() and (details or self.is_active is None)


class Row(NamedTuple):
    """A line of the list. `networks`: those whose guests are there; `is_shared`: it is a NIC of the host's."""

    name: str
    kind: str
    is_shared: bool
    bridge: str
    is_active: bool
    is_persistent: bool
    is_autostart: bool
    networks: tuple[str, ...]
    problem: str
    title: str
    uuid: str
    more: dict[str, object]


def _choice(function: "Callable[..., None]") -> "Callable[..., None]":
    """The flags of virsh's net-list, and --virtual, --physical: the verb gets `choice`."""

    @click.option("--inactive", is_flag=True, help="Those that are down.")
    @click.option("--all", "every", is_flag=True, help="Those that are up and those that are down.")
    @click.option("--persistent", is_flag=True, help="Defined ones.")
    @click.option("--transient", is_flag=True, help="Those that are forgotten when they stop.")
    @click.option("--autostart", is_flag=True, help="Those that start at boot.")
    @click.option("--no-autostart", is_flag=True, help="Those that do not.")
    @click.option("--virtual", is_flag=True, help="Those whose guests are on no network of the host's.")
    @click.option(
        "--physical", is_flag=True, help="NICs of the host's that guests share, and networks on bridges of the host's."
    )
    @click.option("--uuid", is_flag=True, help="Print uuids, one a line.")
    @click.option("--name", is_flag=True, help="Print names, one a line.")
    @click.option("--table", is_flag=True, help="Print a table (the default).")
    @wraps(function)
    def with_choice(**given: bool) -> None:
        def either(yes: str, no: str) -> bool | None:
            has_yes, has_no = given.pop(yes), given.pop(no)
            return None if has_yes is has_no else has_yes

        every, inactive = given.pop("every"), given.pop("inactive")
        forms = [form for form in ("uuid", "name", "table") if given.pop(form)]
        if len(forms) > 1:
            msg = "net-list: only one of --table, --name and --uuid can be asked for"
            raise report.misuse(msg, virsh="Only one argument from --table, --name and --uuid may be specified.")
        choice = Choice(
            is_active=None if every else not inactive,
            is_persistent=either("persistent", "transient"),
            is_autostart=either("autostart", "no_autostart"),
            is_virtual=either("virtual", "physical"),
            form=forms[0] if forms else "table",
        )
        function(choice=choice, **given)

    return with_choice


@verb
@_choice
@click.option("--title", is_flag=True, help="Add the titles to the table.")
@click.option("--details", is_flag=True, help="Name, type, state, bridge, how many guests, their traffic.")
@arguments.as_json
def net_list(choice: Choice, *, title: bool, details: bool, as_json: bool) -> None:
    """List the networks that are up, or those asked for.

    With --all and with --details, the NICs of the host's that guests share stand among them.
    """
    found = _rows(choice, details=details, sees_faults=choice.form == "table" or as_json)
    numbers = _traffic(found) if details else [{} for _ in found]
    if as_json:
        report.as_json([_plain(row, more) for row, more in zip(found, numbers, strict=True)])
        return
    if choice.form == "table":
        report.table(_details(found, numbers, title=title) if details else _table(found, title=title))
    else:
        for row in found:
            report.line(report.safe(row.name if choice.form == "name" else _uuid(row)))
        report.end()
    for row in found:
        if row.problem:
            kind = "interface" if row.is_shared else "network"
            report.warning(f"{kind} {row.name!r}: {row.problem}")


def plain(state: "NetworkState") -> dict[str, object]:
    """What JSON says of a network."""
    return _plain(_row_of_network(state), {})


def uuid(state: "NetworkState") -> str:
    """The uuid of a network; the built-in default chooses one now."""
    return _uuid(_row_of_network(state))


def yes(is_so: bool) -> str:  # noqa: FBT001 (the value is what is shown)
    """Virsh's words for it."""
    return "yes" if is_so else "no"


def _rows(choice: Choice, *, details: bool, sees_faults: bool) -> list[Row]:
    host = slow.host()
    rows: list[Row] = []
    rows += map(_row_of_network, slow.catalog.states(host, sees_faults=sees_faults))
    if choice.has_shared(details=details) and choice.form != "uuid":
        rows += map(_row_of_shared, slow.shared_states.states(host))
    return sorted(filter(choice.has, rows), key=lambda row: (row.name.lower(), row.kind))


def _row_of_network(state: "NetworkState") -> Row:
    return Row(
        name=state.name,
        kind=PHYSICAL if state.forward == "bridge" or state.proxied else VIRTUAL,
        is_shared=False,
        bridge=state.bridge,
        is_active=state.is_active,
        is_persistent=state.is_persistent,
        is_autostart=state.is_autostart,
        networks=(state.name,),
        problem=state.problem,
        title=state.title,
        uuid=state.uuid,
        more={"forward": state.forward, "subnets": list(state.subnets), "proxied": state.proxied},
    )


def _row_of_shared(state: "SharedState") -> Row:
    more = {"addresses": list(state.addresses), "networks": list(state.networks)}
    return Row(
        name=state.nic,
        kind=PHYSICAL,
        is_shared=True,
        bridge=state.bridge,
        is_active=state.is_active,
        is_persistent=state.is_persistent,
        is_autostart=state.is_persistent,
        networks=state.networks,
        problem=state.problem,
        title="",
        uuid="",
        more={"forward": "bridge", "subnets": [], "proxied": "", **more},
    )


def _table(found: list[Row], *, title: bool) -> Table:
    """Virsh's columns; the type only where it does not know all that is listed."""
    has_types = any(row.is_shared or row.more["proxied"] for row in found)
    rows = Table(
        *("Name", "State", "Autostart", "Persistent"), *(("Type",) if has_types else ()), *(("Title",) if title else ())
    )
    for row in found:
        cells = (row.name, _activity(row), yes(row.is_autostart), yes(row.is_persistent))
        rows.add(*cells, *((row.kind,) if has_types else ()), *((row.title,) if title else ()))
    return rows


def _details(found: list[Row], numbers: list[dict[str, int]], *, title: bool) -> Table:
    rows = Table("Name", "Type", "State", "Bridge", "Guests", "RX", "TX", *(("Title",) if title else ()))
    for row, more in zip(found, numbers, strict=True):
        cells = (row.name, row.kind, _activity(row), row.bridge, *more.values())
        rows.add(*cells, *((row.title,) if title else ()))
    return rows


def _traffic(found: list[Row]) -> list[dict[str, int]]:
    """Of each line, how many NICs guests have there, and the bytes that these have received and sent."""
    from vnethook.cli import traffic  # noqa: PLC0415 (psutil takes its time, and most lists are without)

    host, counts, numbers = slow.host(), traffic.counts(), []
    for row in found:
        nics = {nic.interface for name in row.networks for nic in slow.catalog.nics(host, name)}
        total = sum((counts[name] for name in nics if name in counts), traffic.Count())
        numbers.append({"guests": len(nics), "rx_bytes": total.rx_bytes, "tx_bytes": total.tx_bytes})
    return numbers


def _plain(row: Row, numbers: dict[str, int]) -> dict[str, object]:
    return {
        "name": row.name,
        "uuid": row.uuid,
        "type": row.kind,
        "state": _activity(row),
        "bridge": row.bridge,
        "autostart": row.is_autostart,
        "persistent": row.is_persistent,
        **row.more,
        "problem": row.problem,
        "title": row.title,
        **numbers,
    }


def _uuid(row: Row) -> str:
    if row.uuid or row.problem:
        return row.uuid
    return slow.definitions.load(slow.host(), row.name).uuid or ""


def _activity(row: Row) -> str:
    return ACTIVE if row.is_active else INACTIVE
