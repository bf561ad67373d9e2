"""The verbs that show networks: list, info, name, uuid, dumpxml, dhcp-leases. virsh's words and columns."""

from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import value, verb
from vnethook.definition import compiled, sources
from vnethook.errors import UsageError
from vnethook.live import paths, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.lifecycle.catalog import Lease, NetworkState

ACTIVE, INACTIVE = "active", "inactive"


class Choice(NamedTuple):
    """Which networks to list; None: both kinds."""

    is_active: bool | None
    is_persistent: bool | None
    is_autostart: bool | None

    def has(self, state: "NetworkState") -> bool:
        """Whether a network is wanted."""
        pairs = ((self.is_active, state.is_active), (self.is_persistent, state.is_persistent))
        return all(wanted in {None, found} for wanted, found in (*pairs, (self.is_autostart, state.is_autostart)))


def _choice(function: "Callable[..., None]") -> "Callable[..., None]":
    """The flags of virsh's net-list: the verb gets `choice` and `form` ("table", "name", "uuid")."""

    @click.option("--inactive", is_flag=True, help="Those that are down.")
    @click.option("--all", "every", is_flag=True, help="Those that are up and those that are down.")
    @click.option("--persistent", is_flag=True, help="Defined ones.")
    @click.option("--transient", is_flag=True, help="Those that are forgotten when they stop.")
    @click.option("--autostart", is_flag=True, help="Those that start at boot.")
    @click.option("--no-autostart", is_flag=True, help="Those that do not.")
    @click.option("--uuid", is_flag=True, help="Print uuids, one a line.")
    @click.option("--name", is_flag=True, help="Print names, one a line.")
    @click.option("--table", is_flag=True, help="Print a table (the default).")
    @click.option("--title", is_flag=True, help="Add the titles to the table.")
    @wraps(function)
    def with_choice(**given: bool) -> None:
        def either(yes: str, no: str) -> bool | None:
            has_yes, has_no = given.pop(yes), given.pop(no)
            return None if has_yes is has_no else has_yes

        every, inactive = given.pop("every"), given.pop("inactive")
        choice = Choice(
            is_active=None if every else not inactive,
            is_persistent=either("persistent", "transient"),
            is_autostart=either("autostart", "no_autostart"),
        )
        forms = [form for form in ("uuid", "name", "table") if given.pop(form)]
        if len(forms) > 1:
            msg = "net-list: only one of --table, --name and --uuid can be asked for"
            raise report.misuse(msg, virsh="Only one argument from --table, --name and --uuid may be specified.")
        function(choice=choice, form=forms[0] if forms else "table", **given)

    return with_choice


@verb
@_choice
@arguments.as_json
def net_list(choice: Choice, form: str, *, title: bool, as_json: bool) -> None:
    """List the networks that are up, or those asked for."""
    states = slow.catalog.states(slow.host(), sees_faults=form == "table" or as_json)
    found = sorted(filter(choice.has, states), key=lambda state: state.name.lower())
    if as_json:
        report.as_json([_plain(state) for state in found])
        return
    if form == "table":
        rows = Table("Name", "State", "Autostart", "Persistent", *(("Title",) if title else ()))
        for state in found:
            more = (state.title,) if title else ()
            rows.add(state.name, _activity(state), _yes(state.is_autostart), _yes(state.is_persistent), *more)
        report.table(rows)
    else:
        for state in found:
            report.line(report.safe(state.name if form == "name" else _uuid(state)))
        report.end()
    for state in found:
        if state.problem:
            report.warning(f"network {state.name!r}: {state.problem}")


@verb
@arguments.network
@arguments.as_json
def net_info(network: str, *, as_json: bool) -> None:
    """Show what is known of a network."""
    host = slow.host()
    state = slow.catalog.state(host, network)
    if not state.bridge and not state.problem:
        slow.definitions.load(host, network)  # the built-in default chooses it now
        state = slow.catalog.state(host, network)
    live = record.read(host.paths, network)
    started_by, nics = live.started_by if live else "", len(slow.catalog.nics(host, network))
    if as_json:
        report.as_json({**_plain(state), "started_by": started_by, "nics": nics})
        return
    virshs = (
        ("Name", state.name),
        ("UUID", state.uuid),
        ("Active", _yes(state.is_active)),
        ("Persistent", _yes(state.is_persistent)),
        ("Autostart", _yes(state.is_autostart)),
        ("Bridge", state.bridge),
    )
    ours = (
        ("Forward", state.forward),
        ("Subnets", ", ".join(state.subnets)),
        ("Started by", started_by),
        ("NICs", str(nics) if live or nics else ""),
        ("Problem", state.problem),
    )
    for label, text in virshs if report.is_virsh() else (*virshs, *ours):
        if text:
            report.line(f"{label + ':':15} {report.safe(text)}")
    report.end()


@verb
@arguments.network_by_uuid
def net_name(network: str) -> None:
    """Print the name of a network given by its uuid or bridge."""
    report.line(report.safe(network))
    report.end()


@verb
@arguments.network_by_name
def net_uuid(network: str) -> None:
    """Print the uuid of a network."""
    report.line(_uuid(slow.catalog.state(slow.host(), network)))
    report.end()


@verb
@arguments.network_if_several
@click.option("--inactive", is_flag=True, help="The stored definition, also while the network is up.")
@arguments.parts_of_xml
def net_dumpxml(network: str, show: "Callable[[str], None]", *, inactive: bool) -> None:
    """Print a network's definition as XML.

    That with which it came up, if it is up; else the stored one. Without NET: of the only network that is defined.
    """
    name = network or _only_network()
    if inactive and report.is_virsh():  # which shows of a transient network the only one that it has
        inactive = slow.catalog.state(slow.host(), name).is_persistent
    show(slow.catalog.dump(slow.host(), name, inactive=inactive))


@verb
@arguments.network
@value("--mac", "mac", metavar="MAC", help="Only the leases of this MAC address.")
@arguments.as_json
def net_dhcp_leases(network: str, mac: str | None, *, as_json: bool) -> None:
    """List the DHCP leases of a network."""
    wanted = None if mac is None else arguments.mac(mac)
    found = [lease for lease in slow.catalog.leases(slow.host(), network) if wanted in {None, lease.mac}]
    leases = sorted(found, key=lambda lease: lease.mac)
    if as_json:
        report.as_json([lease.to_plain() for lease in leases])
        return
    rows = Table("Expiry Time", "MAC address", "Protocol", "IP address", "Hostname", "Client ID or DUID")
    for lease in leases:
        rows.add(
            _expiry(lease), lease.mac, lease.protocol, f"{lease.ip}/{lease.prefix}", lease.hostname, lease.clientid
        )
    report.table(rows)


def _only_network() -> str:
    """The only network that is defined, else the built-in default if there is no other; raise UsageError."""
    known = compiled.network_names(paths.current())
    defined = [name for name in known if sources.source_of(paths.current(), name)] or known
    if len(defined) == 1:
        return defined[0]
    msg = f"network: not named, and there are {len(defined)}"
    raise UsageError(msg, hint=", ".join(defined))


def _plain(state: "NetworkState") -> dict[str, object]:
    return {
        "name": state.name,
        "uuid": state.uuid,
        "state": _activity(state),
        "bridge": state.bridge,
        "autostart": state.is_autostart,
        "persistent": state.is_persistent,
        "forward": state.forward,
        "subnets": list(state.subnets),
        "problem": state.problem,
        "title": state.title,
    }


def _uuid(state: "NetworkState") -> str:
    """The uuid; the built-in default chooses one now."""
    return state.uuid or ("" if state.problem else slow.definitions.load(slow.host(), state.name).uuid or "")


def _activity(state: "NetworkState") -> str:
    return ACTIVE if state.is_active else INACTIVE


def _yes(is_so: bool) -> str:  # noqa: FBT001 (the value is what is shown)
    return "yes" if is_so else "no"


def _expiry(lease: "Lease") -> str:
    """When a lease ends, in local time as virsh prints it: always two words, as scripts count columns."""
    if not lease.expiry and not report.is_virsh():
        return "no expiry"
    return datetime.fromtimestamp(lease.expiry).astimezone().strftime("%Y-%m-%d %H:%M:%S")
