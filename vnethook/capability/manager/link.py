"""A .link file, by which udev gives the NIC the name that layout proposal has for it. Source: systemd.link(5)."""

from vnethook.capability.manager.config import PROPOSAL, InterfaceConfig
from vnethook.capability.manager.rendering import ManagedFile, sections

DIRECTORY = "/etc/systemd/network"


def renaming(config: InterfaceConfig) -> tuple[ManagedFile, ...]:
    """The file; none where the NIC keeps its name.

    By the address that is burnt in: the bridge, and whoever clones it, has the same MAC.
    """
    if config.layout != PROPOSAL:
        return ()
    parts = (
        ("Match", (f"PermanentMACAddress={config.mac}",)),
        ("Link", (f"Name={config.port}", "MACAddressPolicy=none")),
    )
    return (ManagedFile(f"{DIRECTORY}/10-{config.port}.link", sections(parts)),)
