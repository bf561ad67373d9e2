"""The verb for guests without a tap: the socket of a network's VDE switch."""

import os

import click

from vnethook.cli import known, report, slow
from vnethook.cli.verb import verb
from vnethook.errors import NoNetworkError


@verb
@click.argument("network", metavar="NET", shell_complete=known.networks)
@click.option("--no-start", is_flag=True, help="Only if the network is up and has a switch.")
def vde_socket(network: str, *, no_start: bool) -> None:
    """Print the socket of a network's VDE switch.

    A network that is down is brought up, and one without a switch gets one until it goes down, for root alone. A user
    gets that of the user's own network of that name, else that of root's, if its group lets them.
    """
    host = slow.host()
    try:
        name = slow.catalog.find(host, network)
    except NoNetworkError:
        if f"{host.paths.run}/vde" == slow.switch.SYSTEM:
            raise
        report.line(slow.switch.permitted(network))
        return
    if os.path.isdir(host.paths.run) and not os.access(host.paths.run, os.W_OK):
        report.line(slow.switch.permitted(name, f"{host.paths.run}/vde"))
        return
    report.line(slow.switch.started(host, name) if no_start else slow.switch.socket_of(host, name))
