"""The verbs for networks on many hosts: fabric-list, fabric-config."""

import click

from vnethook.cli import arguments, report, slow
from vnethook.cli.table import Table
from vnethook.cli.verb import verb


@verb
@arguments.network_if_any
@arguments.as_json
def fabric_list(network: str, *, as_json: bool) -> None:
    """List networks on many hosts and how they are.

    Their VNI, this host's end of the tunnels, how many BGP peers are up, other hosts, guests that are there.
    """
    found = slow.fabrics.fabrics(slow.host(), network or None)
    if as_json:
        report.as_json([
            {**item.to_plain(), "peers": [{"address": address, "state": state} for address, state in item.peers]}
            for item in found
        ])  # fmt: skip
        return
    table = Table("Network", "VNI", "Address", "Peers", "Hosts", "Guests", "State")
    for item in found:
        peers = f"{item.peers_up}/{len(item.peers)}"
        table.add(item.network, item.vni, item.address, peers, len(item.hosts), item.guests, item.state)
    report.table(table)


@verb
@arguments.network_if_any
@click.option("--load", is_flag=True, help="Add it to what the host's FRR runs with.")
@click.option("--keep", is_flag=True, help="The same, and have FRR write what it runs with to its files.")
def fabric_config(network: str, *, load: bool, keep: bool) -> None:
    """Print what FRR has to be told of networks on many hosts.

    Of one, or of all. Nothing is changed without --load or --keep.
    """
    if load or keep:
        text = slow.fabrics.load(slow.host(), network or None, is_kept=keep)
    else:
        text = slow.fabrics.configuration(slow.host(), network or None)
    for line in text.splitlines():
        report.line(line)
