"""The verbs link-cert and link-key: what hosts prove to each other who they are by."""

import socket
import time
from typing import TYPE_CHECKING

import click

from vnethook.cli import report, slow
from vnethook.cli.table import Table
from vnethook.errors import VnetError

if TYPE_CHECKING:
    from vnethook.lifecycle.certificates import Certificate


@click.group(no_args_is_help=False)
def link_cert() -> None:
    """Make a CA and certificates for links by TLS."""


@link_cert.command
@click.option("--name", metavar="NAME", default="vnethook links", help="What the CA is called in its certificate.")
def init(name: str) -> None:
    """Make a CA, on the one host of the site that is to issue certificates."""
    paths = slow.host().paths
    place = slow.certificates.init(paths, name)
    report.done(f"CA made: its certificate is {place}")
    report.line(f"  its key, which never leaves this host: {slow.certificates.authority(paths)}/key.pem")
    report.line("  next: vnet link-cert issue NAME --here for this host, vnet link-cert issue NAME for each other one")


@link_cert.command
@click.argument("name")
@click.option("--address", "addresses", metavar="ADDRESS", multiple=True, help="Others connect by it: a name or an IP.")
@click.option("--days", metavar="DAYS", type=click.IntRange(1, 3650), default=730, help="How long it is good for.")
@click.option("--here", is_flag=True, help="It is for this host: put it into place.")
def issue(name: str, addresses: tuple[str, ...], *, days: int, here: bool) -> None:
    """Issue a certificate for a host, with a key of its own."""
    paths = slow.host().paths
    place = slow.certificates.issue(paths, name, addresses, days=days, is_here=here)
    report.done(f"Certificate for {name} issued: {place}")
    if not here:
        report.line(f"  carry ca.pem, cert.pem and key.pem of it to {name}, into {slow.certificates.directory(paths)},")
        report.line("  by a way that nobody listens to; there: chmod 600 key.pem; then remove them here")


@link_cert.command
def show() -> None:
    """Show which CA and certificate this host has, and until when."""
    from vnethook.lifecycle.certificates import CA, CERTIFICATE, WARN_S  # noqa: PLC0415 (only here)

    place = slow.certificates.directory(slow.host().paths)
    table = Table("File", "For", "Names", "Until")
    warnings = []
    for file in (f"{place}/{CA}", f"{place}/{CERTIFICATE}"):
        try:
            found: Certificate = slow.certificates.read(file)
        except VnetError as error:
            warnings.append(error.message)
            continue
        until = time.strftime("%Y-%m-%d", time.gmtime(found.expires))
        table.add(file, found.subject, " ".join(found.names), until)
        if found.expires < time.time() + WARN_S:
            warnings.append(f"certificate {file!r}: ends on {until}")
    report.table(table)
    for warning in warnings:
        report.warning(warning)


@click.command
@click.option("--name", metavar="NAME", default="", help="What this host is called by the other; else its host name.")
def link_key(name: str) -> None:
    """Show this host's key for links by ssh.

    It is made at the first call, and printed as the line for authorized_keys of the far host's root.
    """
    from vnethook.cli.installation import DIRECTORY  # noqa: PLC0415 (only here)

    paths = slow.host().paths
    name = name or socket.gethostname()
    key, is_new = slow.link_keys.public(paths, name)
    place = slow.link_keys.directory(paths)
    report.line(f'restrict,command="{DIRECTORY}/link-ssh {name}" {key}')
    if is_new:
        report.line("  the line above goes into ~root/.ssh/authorized_keys on the far host")
        report.line(f"  the far host's own key goes into {place}/known_hosts: ssh-keyscan FAR, and compare it there")
