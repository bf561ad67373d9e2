"""What a start needs, as the last one made it, so that nothing of a definition has to be loaded and planned.

That costs a guest more than all that is done on the host.
It counts as long as all that it was made of is as it was: the definition, the facts of the host on which its plan
depends, this package. It is kept of networks that are brought up in the usual way; what is special about another, or
about the host by now, is asked for on the long way (planning.py), which says what is wrong in its words.
"""

from vnethook.address import Subnet
from vnethook.definition import sources
from vnethook.errors import HostError
from vnethook.host import facts
from vnethook.lifecycle.target import Target, facts_of
from vnethook.live import files
from vnethook.live.record import LiveNetwork
from vnethook.plan.step import from_record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from vnethook.definition.sources import Origin
    from vnethook.host.host import Host

FORMAT = 1
_OURS = ("", "/capability", "/capability/policy", "/definition", "/host", "/live", "/plan")
"""The directories of this package of which a plan is made: another version has other files, and so other stamps."""


def read(host: "Host", name: str, *, by: str) -> Target | None:
    """What a network that is down is to be; None if it has to be planned. Raises DefinitionError for vnethook.toml."""
    try:
        found = files.read_json(host.paths.prepared(name))
        if not found or found["format"] != FORMAT or found["ours"] != _ours():
            return None
        if not sources.is_current(host.paths, name, found):
            return None
        asked = facts.Asked(tuple(found["filtered"]), found["has_ipv6"], backend=found["backend"])
        known = facts_of(host, name, asked, by=by)
        live = LiveNetwork.from_plain(found["live"])
        claims = [Subnet(*row) for row in found["claims"]]
        if known.to_plain() != found["facts"] or not _is_free(host, live.bridge, claims):
            return None
        ports = found["ports"]
        if ports:
            from vnethook.lifecycle import host_ports  # noqa: PLC0415 (few networks have forwards)

            host_ports.require(host, name, ports)
        steps = tuple(from_record(record) for record in found["steps"])
        return Target(steps, live, found["definition"], known, ports, tuple(found["warnings"]))
    except (AttributeError, HostError, KeyError, TypeError, ValueError):
        return None  # damaged, of another version, or not to be had: what is planned anew says why


def write(host: "Host", target: Target, *, asked: facts.Asked, claims: "Iterable[Subnet]", origin: "Origin") -> None:
    """Keep what a network has come up with; its definition came from `origin`."""
    found = {
        "format": FORMAT,
        "ours": _ours(),
        **origin,
        "filtered": asked.filtered,
        "has_ipv6": asked.has_ipv6,
        "backend": asked.backend,
        "facts": target.facts.to_plain(),
        "claims": [(subnet.version, subnet.first, subnet.prefix) for subnet in claims],
        "live": target.live.to_plain(),
        "definition": target.definition,
        "warnings": target.warnings,
        "ports": target.ports,
        "steps": [step.to_record() for step in target.steps],
    }
    files.write_json(host.paths.prepared(target.live.name), found)


def is_ordinary(host: "Host") -> bool:
    """Whether no other firewall is in the way of a network in a manner that its facts do not say."""
    return not host.filters.left and host.firewalld.has_ours()


def _is_free(host: "Host", bridge: str, claims: "list[Subnet]") -> bool:
    """Whether nothing that the network needs is anybody's."""
    return is_ordinary(host) and host.links.link(bridge) is None and not facts.taken_subnets(host, near=claims)


def _ours() -> "list[list[int] | None]":
    package = __file__.rsplit("/", 2)[0]
    return [files.stamp(f"{package}{directory}") for directory in _OURS]
