"""Guests that joined a shared NIC's bridge before a network was defined on it: they are on that network from then on.

Else what a definition says, its guard above all, would not hold for who names the bridge as long as they are there.
"""

from typing import TYPE_CHECKING

from vnethook.errors import VnetError
from vnethook.lifecycle import adoption, bringup, nics

if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


def take_over(host: "Host", network: "Network") -> list[str]:
    """Move the guests of the network that was adopted on the same bridge to this one, which comes up for them.

    Gives a line for each that stays where it is, with the reason. Nothing if there was none.
    """
    bridge = network.bridge.name or ""
    if network.owns_bridge or network.name == bridge or not adoption.is_adopted(host, bridge):
        return []
    warnings = []
    for nic in bringup.guests(host, bridge):
        try:
            nics.change(host, nic.interface, nics.NicChange(network=network.name))
        except VnetError as error:
            warnings.append(f"interface {nic.interface!r} stays on network {bridge!r}: {error}")
    if not warnings:
        adoption.forget(host, bridge)
    return warnings
