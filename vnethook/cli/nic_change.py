"""The verbs that configure a guest's NIC: change one that is attached, choose a MAC for one."""

from typing import TYPE_CHECKING

import click

from vnethook.cli import arguments, known, report, slow
from vnethook.cli.nics import PLACE, check_guest
from vnethook.cli.verb import verb
from vnethook.errors import UsageError
from vnethook.live.nics import GUARDS
from vnethook.mac import is_multicast_mac
from vnethook.names import check_link_name, is_domain_name, shown

if TYPE_CHECKING:
    from collections.abc import Callable

RANDOM = "random"
RATE_DIGITS = 10
_NETWORK = click.option("--network", "net", metavar="NET[:GROUP]", help=PLACE, shell_complete=known.networks)


def _rates(option: str, form: str, words: str) -> "Callable[[Callable[..., None]], Callable[..., None]]":
    """An option for the rates of one direction: numbers with commas between, as many as `form` names."""

    def parsed(_context: click.Context, _option: click.Parameter, text: str | None) -> tuple[int, ...] | None:
        return None if text is None else _numbers(option, form, text)

    return click.option(option, metavar=form, callback=parsed, help=f"{words}, in kB/s, bursts in KiB; 0: no limit.")


@verb
@click.argument("interface", metavar="IFNAME", shell_complete=known.nics)
@_NETWORK
@click.option("--portgroup", metavar="GROUP", help="The class of the network's NICs that it is in.")
@click.option("--guest", metavar="NAME", help="The guest's name.")
@click.option("--hostname", metavar="NAME", help="Its name in DNS, in place of the guest's.")
@click.option("--mac", metavar="MAC", help="The guest's MAC address, or `random`.")
@click.option("--address", metavar="IP", help="What DHCP gives it from now on.")
@_rates("--inbound", "AVERAGE[,PEAK[,BURST[,FLOOR]]]", "What the guest receives")
@_rates("--outbound", "AVERAGE[,PEAK[,BURST]]", "What it sends")
@click.option("--isolated", type=click.Choice(["yes", "no"]), help="Whether it reaches no other isolated NIC.")
@click.option("--guard", type=click.Choice(list(GUARDS)), help="What its port is held to.")
def nic_set(interface: str, net: str | None, isolated: str | None, **given: str | None) -> None:
    """Change a NIC that is attached.

    All that is asked for, or nothing.

    A MAC is that of the record: the guest's own is its hypervisor's to set. An address becomes a fixed host of the
    network, live and stored; the guest has it when it renews its lease.
    """
    host = slow.host()
    check_link_name(interface)
    wanted = dict(given)
    if all(value is None for value in (net, isolated, *wanted.values())):
        msg = "nic-set: nothing to change"
        raise UsageError(msg, hint="see `vnet nic-set --help`")
    check_guest(wanted["guest"] or "")
    _check_hostname(wanted["hostname"])
    mac = wanted["mac"]
    if mac is not None:
        mac = wanted["mac"] = slow.nics.free_mac(host) if mac == RANDOM else _unicast(arguments.mac(mac))
    network, group = (None, "") if net is None else slow.nics.place(host, net)
    wanted["portgroup"] = wanted["portgroup"] if wanted["portgroup"] is not None else group or None
    change = slow.nics.NicChange(
        network=network,
        isolated=None if isolated is None else isolated == "yes",
        **wanted,  # type: ignore[arg-type]
    )
    for warning in slow.nics.change(host, interface, change):
        report.warning(warning)
    if mac is not None:
        report.warning(f"the guest's own MAC is its hypervisor's to set: give it mac={mac}")
    report.done(f"Interface {interface} set")


@verb
def nic_mac() -> None:
    """Print a random MAC that no NIC of ours has.

    For the command line of a hypervisor.
    """
    report.line(slow.nics.free_mac(slow.host()))


def _numbers(option: str, form: str, text: str) -> tuple[int, ...]:
    words, most = text.split(","), form.count(",") + 1
    if len(words) > most or not all(word.isascii() and word.isdigit() and len(word) <= RATE_DIGITS for word in words):
        msg = f"argument {option}: {shown(text)}: must be {form}"
        raise UsageError(msg, hint="whole numbers, for example 1000,2000,64")
    return (*map(int, words), *(0,) * (most - len(words)))


def _check_hostname(hostname: str | None) -> None:
    if hostname and ("." in hostname or not is_domain_name(hostname)):
        msg = f"argument --hostname: {shown(hostname)}: must be one label of letters, digits and -"
        raise UsageError(msg, hint="without its domain")


def _unicast(mac: str) -> str:
    if is_multicast_mac(mac):
        msg = f"argument --mac: {mac}: is a multicast address"
        raise UsageError(msg, hint="the second digit of a NIC's own is even")
    return mac
