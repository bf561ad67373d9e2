"""The layers below, imported at their first use: `--help` and completion need none of them, and XML takes its time.

To mypy and import-linter these are plain imports.
"""

from importlib import import_module
from typing import TYPE_CHECKING

import click

from vnethook.cli import report
from vnethook.live import paths
from vnethook.names import is_network_name

__all__ = [
    "attach",
    "bringup",
    "catalog",
    "certificates",
    "changes",
    "definitions",
    "events",
    "fabrics",
    "forwards",
    "guests",
    "health",
    "interfaces",
    "link_keys",
    "links",
    "nics",
    "places",
    "ports",
    "proxyarp",
    "shared_states",
    "sharing",
    "switch",
    "topology",
    "updates",
]

if TYPE_CHECKING:
    from types import ModuleType

    from vnethook.host.host import Host
    from vnethook.lifecycle import (
        attach,
        bringup,
        catalog,
        certificates,
        changes,
        definitions,
        events,
        fabrics,
        forwards,
        guests,
        health,
        interfaces,
        link_keys,
        links,
        nics,
        places,
        ports,
        switch,
        topology,
        updates,
    )
    from vnethook.lifecycle.share import proxyarp, shared_states, sharing
else:
    _OF_SHARING = ("proxyarp", "shared_states", "sharing")

    def __getattr__(name: str) -> "ModuleType":
        if name not in __all__:
            raise AttributeError(name)
        return import_module(f"vnethook.lifecycle.{'share.' if name in _OF_SHARING else ''}{name}")


def host() -> "Host":
    """This machine, one object for a call of `vnet`."""
    from vnethook.host import log  # noqa: PLC0415 (see above)
    from vnethook.host.host import Host  # noqa: PLC0415

    log.listen(report.warning)
    root = click.get_current_context().find_root()
    if not isinstance(root.obj, Host):
        root.obj = Host(paths.current())
        root.call_on_close(root.obj.close)
        if not _means_switch(root.obj):
            root.obj.enter()
    return root.obj


def _means_switch(host: "Host") -> bool:
    """Whether the verb is about a user's network that is a switch, which runs outside of the namespace."""
    if not host.paths.user:
        return False
    from vnethook.lifecycle import users  # noqa: PLC0415 (see above)

    said = click.get_current_context().params
    words = [said.get("word"), *(said.get("networks") or ())]
    return any(users.is_vde(host.paths, word) for word in words if isinstance(word, str) and is_network_name(word))
