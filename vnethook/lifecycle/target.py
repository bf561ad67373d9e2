"""What a network is to be on this host, whether it was planned just now or at an earlier start."""

from vnethook.definition import settings
from vnethook.host import facts, firewall
from vnethook.live import record
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.definition.port_claims import Rows
    from vnethook.host.facts import Asked, Facts
    from vnethook.host.host import Host
    from vnethook.live.record import LiveNetwork
    from vnethook.plan.step import Step

GUEST, ADMIN, AUTOSTART = "guest", "admin", "autostart"
"""Who brought a network up."""
USERS_IDLE_S = 5
"""How long a user's network stays without guests if the settings do not say it: nothing of it is to be left."""


class Target(Value):
    """The steps that lead there, and what is kept while it is up.

    `live`: its record but for what is known only then; `definition`: all of it, as plain data; `facts`: those that it
    was planned by; `ports`: of the host that lead to its guests, as definition/port_claims.py has them; `warnings`: of
    what it goes without, a line each.
    """

    steps: "tuple[Step, ...]"
    live: "LiveNetwork"
    definition: "dict[str, Any]"
    facts: "Facts"
    ports: "Rows"
    warnings: tuple[str, ...] = ()


def facts_of(host: "Host", network: str, asked: "Asked", *, by: str) -> "Facts":
    """What the plan for a network depends on; its rules stay in what they were put into until it comes up again."""
    configured = settings.current(host.paths)
    live = record.read(host.paths, network)
    if live is not None and not live.bridge:
        asked = asked.replace(backend="vde")  # whatever it would be now: see definition/backend.py
    wanted = record.NFT if host.paths.user else configured.firewall  # a user has no lock and no modules for iptables
    chosen = live.firewall if live else firewall.choose(host, wanted)
    idle_s = configured.idle_s or (USERS_IDLE_S if host.paths.user else None)
    found = facts.collect(host, asked, idle_s=idle_s if by == GUEST else None, firewall=chosen)
    if found.kind != "vde":
        return found
    from vnethook.host import slirpvde  # noqa: PLC0415 (only for ordinary users)

    return found.replace(is_slirpvde=slirpvde.leads_out(host.paths, network, is_allowed=configured.allows_slirpvde))
