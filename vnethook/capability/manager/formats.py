"""The formats by name, and one way to render each."""

from vnethook.capability.manager import ifcfg, ifupdown, keyfile, netplan, networkd
from vnethook.capability.manager.rendering import NOTHING, Present, Rendering
from vnethook.names import refuse, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from vnethook.capability.manager.config import InterfaceConfig

IFCFG, KEYFILE, NETWORKD, IFUPDOWN = "ifcfg", "keyfile", "networkd", "ifupdown"
NETPLAN, NETPLAN_NM = "netplan", "netplan-nm"
FORMATS = (IFCFG, KEYFILE, NETWORKD, NETPLAN, NETPLAN_NM, IFUPDOWN)
"""initscripts, NetworkManager, systemd-networkd, netplan with either renderer, ifupdown with bridge-utils."""


def render(
    form: str, config: "InterfaceConfig", templates: "Mapping[str, str]", present: Present = NOTHING
) -> Rendering:
    """The files of one of FORMATS; `templates`: of ifcfg files. Raises DefinitionError for what it cannot say."""
    if form == IFCFG:
        return ifcfg.render(config, templates, present)
    if form == KEYFILE:
        return keyfile.render(config, present)
    if form == NETWORKD:
        return networkd.render(config, present)
    if form == IFUPDOWN:
        return ifupdown.render(config, present)
    if form == NETPLAN:
        return netplan.render(config, present)
    if form == NETPLAN_NM:
        return netplan.render(config, present, renderer=netplan.NETWORKMANAGER)
    return refuse(f"format {shown(form)}: must be one of {', '.join(FORMATS)}")
