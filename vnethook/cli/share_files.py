"""`vnet share NIC --print`: the files that make a NIC the port of a bridge at boot, also of a NIC that is not here."""

import os
from functools import wraps
from typing import TYPE_CHECKING, NamedTuple

import click

from vnethook.capability import shared_interface
from vnethook.capability.manager import formats
from vnethook.capability.manager.config import (
    AUTO,
    MODES,
    MTU_MAX,
    MTU_MIN,
    PROPOSAL,
    STATIC,
    Address,
    InterfaceConfig,
    Route,
)
from vnethook.cli import report, slow
from vnethook.cli.verb import Number
from vnethook.errors import UsageError
from vnethook.host import ifcfg_templates
from vnethook.live import files
from vnethook.mac import canonical_mac
from vnethook.names import shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from vnethook.capability.manager.rendering import Rendering
    from vnethook.lifecycle.share.file_plan import FilePlan

    Function = Callable[..., int | None]


class Files(NamedTuple):
    """What the options say of files: `is_printed`, `is_persistent`, what is written and where, and of which NIC."""

    layout: str
    is_printed: bool
    is_persistent: bool
    form: str | None
    output: str
    mac: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...]
    is_dhcp: bool
    ipv6: str | None
    dns: tuple[str, ...]
    search: tuple[str, ...]
    mtu: int | None
    zone: str

    @property
    def describes(self) -> bool:
        """Whether they say what the NIC is to have, so that it need not be here."""
        return bool(self.mac or self.addresses or self.is_dhcp)


_OPTIONS = (
    click.option("--persist", "is_persistent", is_flag=True, help="Also after the next boot: by its manager's files."),
    click.option("--print", "is_printed", is_flag=True, help="Only print these files."),
    click.option("--format", "form", type=click.Choice(formats.FORMATS), help="Whose files."),
    click.option("--output", metavar="DIR", default="", help="Write what --print prints below a directory."),
    click.option("--mac", metavar="MAC", default="", help="Of --print: the NIC's MAC; it need not be here."),
    click.option("--address", "addresses", metavar="ADDR/N", multiple=True, help="Of --print: an address."),
    click.option("--gateway", "gateways", metavar="ADDR", multiple=True, help="Of --print: a default gateway."),
    click.option("--dhcp", "is_dhcp", is_flag=True, help="Of --print: IPv4 by DHCP."),
    click.option("--ipv6", type=click.Choice(MODES), help="Of --print: as routers say, or not."),
    click.option("--dns", metavar="ADDR", multiple=True, help="Of --print: a DNS server."),
    click.option("--search", metavar="DOMAIN", multiple=True, help="Of --print: a domain to search."),
    click.option("--mtu", metavar="BYTES", type=Number(MTU_MIN, MTU_MAX), help="Of --print: the MTU."),
    click.option("--zone", metavar="ZONE", default="", help="Of --print: firewalld's zone."),
)


def options(function: "Function") -> "Function":
    """Give a verb these options; it gets them as `written`."""

    @wraps(function)
    def wrapped(**words: object) -> int | None:
        own = Files(**{name: words.pop(name) for name in Files._fields})  # type: ignore[arg-type] # as declared above
        _require(own, is_proxied=bool(words.get("proxied")))
        return function(**words, written=own)

    for option in reversed(_OPTIONS):
        wrapped = option(wrapped)
    return wrapped


def _require(written: Files, *, is_proxied: bool) -> None:
    """Raise UsageError for options that would mean nothing."""
    for_print = (
        *(("--output", written.output), ("--mac", written.mac), ("--address", written.addresses)),
        *(
            ("--gateway", written.gateways),
            ("--dhcp", written.is_dhcp),
            ("--ipv6", written.ipv6),
            ("--dns", written.dns),
        ),
        *(("--search", written.search), ("--mtu", written.mtu), ("--zone", written.zone)),
    )
    unused = [] if written.is_printed else [(option, "--print") for option, value in for_print if value]
    if written.form and not (written.is_printed or written.is_persistent):
        unused.append(("--format", "--print and --persist"))
    if is_proxied:
        unused += [("--print", "--mode bridge")] if written.is_printed else []
        unused += [("--persist", "--mode bridge")] if written.is_persistent else []
    if unused:
        option, purpose = unused[0]
        msg = f"{option} is for {purpose}"
        raise UsageError(msg, hint="`vnet share --help` tells more")


def show(nic: str, bridge: str, written: Files) -> None:
    """Print the files, or write them below --output.

    `bridge`: its name, empty for ours. Raises UsageError for words that do not go together, DefinitionError for values
    that no file may hold.
    """
    bridge = nic if written.layout == PROPOSAL else bridge
    found = _described(nic, bridge, written) if written.describes else _present(nic, bridge, written)
    if written.output:
        _write(found, written.output)
    else:
        report.write(str(found))
    for path in found.removed:
        report.warning(f"file {path!r}: would be removed")
    for note in found.notes:
        report.warning(note)


def say_plan(plan: "FilePlan | None") -> None:
    """Show what of files would change, as a difference; nothing if none would."""
    if plan is None:
        return
    from vnethook.lifecycle.share import file_plan  # noqa: PLC0415 (as in slow.py)

    for line in file_plan.difference(plan):
        report.line(report.safe(line))
    report.end()
    for note in plan.rendering.notes:
        report.warning(note)


def _described(nic: str, bridge: str, written: Files) -> "Rendering":
    """The files of a NIC that the options describe."""
    if not written.form:
        msg = "option --format: there is no manager here to take the format from"
        raise UsageError(msg, hint=f"say one of {', '.join(formats.FORMATS)}")
    addresses = tuple(_address(word) for word in written.addresses)
    if not addresses and not written.is_dhcp:
        msg = f"interface {nic!r}: print: no address is given"
        raise UsageError(msg, hint="say --address, or --dhcp")
    has_ipv6 = any(address.version == 6 for address in addresses)
    config = InterfaceConfig(
        nic=nic,
        bridge=bridge or shared_interface.bridge_name(nic),
        mac=canonical_mac(written.mac) if written.mac else _mac_here(nic),
        mtu=written.mtu or 0,
        dhcp4=written.is_dhcp,
        ipv6=written.ipv6 or (STATIC if has_ipv6 else AUTO),
        addresses=addresses,
        routes=tuple(Route("::/0" if ":" in word else "0.0.0.0/0", word) for word in written.gateways),
        dns=written.dns,
        search=written.search,
        zone=written.zone,
    )
    return formats.render(written.form, config, ifcfg_templates.read())


def _present(nic: str, bridge: str, written: Files) -> "Rendering":
    """The files of a NIC that is here."""
    from vnethook.host import nic_facts  # noqa: PLC0415 (not for a NIC that is described)
    from vnethook.lifecycle.share import file_plan  # noqa: PLC0415 (as above)

    host = slow.host()
    link = host.links.link(nic)
    if link is None:
        msg = f"interface {nic!r}: print: no such network interface here"
        raise UsageError(msg, hint="describe it: --mac, and --address or --dhcp")
    others = [f"--{name}" for name in ("gateways", "ipv6", "dns", "search", "mtu", "zone") if getattr(written, name)]
    if others:
        msg = f"option {others[0].rstrip('s')}: the NIC that is here says itself what it has"
        raise UsageError(msg, hint="to describe another one, say --mac too")
    bridge = bridge or shared_interface.bridge_name(nic)
    return file_plan.prepare(host, nic_facts.collect(host, link, bridge), bridge, form=written.form or "").rendering


def _mac_here(nic: str) -> str:
    link = slow.host().links.link(nic)
    if link is None or not link.mac:
        msg = f"interface {nic!r}: print: not here, so that its MAC is not known"
        raise UsageError(msg, hint="say --mac")
    return link.mac


def _address(word: str) -> Address:
    ip, slash, prefix = word.partition("/")
    if not slash or not prefix.isascii() or not prefix.isdigit() or len(prefix) > 3:
        msg = f"address {shown(word)}: no prefix length"
        raise UsageError(msg, hint="as in 192.0.2.20/24")
    return Address(ip, int(prefix))


def _write(found: "Rendering", directory: str) -> None:
    """Write the files below a directory, over none that is there."""
    top = os.path.abspath(directory).rstrip("/")
    for file in found.files:
        if os.path.lexists(f"{top}{file.path}"):
            msg = f"file {f'{top}{file.path}'!r}: write: it exists"
            raise UsageError(
                msg, hint="--output takes a directory without such files; --persist replaces this host's own"
            )
    for file in found.files:
        files.write_text(f"{top}{file.path}", file.text, mode=file.mode)
        report.line(f"{top}{file.path}")
