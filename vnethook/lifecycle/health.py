"""How a network is: what starting it would do, what of it is not as defined, and mending it."""

from vnethook.capability import subnet as subnets
from vnethook.errors import StateError
from vnethook.host import facts
from vnethook.host.host import Host
from vnethook.lifecycle import bringup
from vnethook.lifecycle.catalog import in_force
from vnethook.live import nics, record
from vnethook.plan import apply as plans
from vnethook.plan.step import Step


def plan(host: Host, name: str) -> list[tuple[Step, bool]]:
    """What bringing the network up would do: each step, and whether it is done already. Changes nothing on the host."""
    network = in_force(host, name)
    return [(step, step.is_done(host)) for step in bringup.steps_of(host, network, by=_by(host, name))]


def check(host: Host, name: str) -> list[str]:
    """What of a network that is up is not as its definition says, a line each; raise StateError if it is down."""
    live = record.read(host.paths, name)
    if live is None and not record.is_present(host.paths, name):
        msg = f"network {name!r}: check: network is not active"
        raise StateError(msg, hint=f"`vnet net-plan {name}` shows what starting it would do")
    network = in_force(host, name)
    found = [f"not done: {step}" for step in plans.check(host, bringup.steps_of(host, network, by=_by(host, name)))]
    if live is None:
        found.append("the live record is damaged")
    overlap = subnets.overlap(network, facts.taken_subnets(host, except_device=network.bridge.name or ""))
    if overlap:
        found.append(f"subnet {overlap[0]} overlaps {overlap[1].described(host)}")
    for nic in nics.attached(host.paths, name):
        link = host.links.link(nic.interface)
        if link is None or link.index != nic.index:
            found.append(f"NIC {nic.interface}: the link is gone, its record is left")
        elif live is not None and (link.master != live.index or not link.is_up):
            found.append(f"NIC {nic.interface}: not an active port of {live.bridge}")
    if not found and live is not None:
        fault = record.fault(live, host.links)
        found += [fault] if fault else []
    return found


def repair(host: Host, name: str) -> list[str]:
    """Mend a network in place; what had to be mended. Raises as `bringup.start` and `check` do."""
    found = check(host, name)
    live = record.read(host.paths, name)
    bringup.start(host, name, by=live.started_by if live else bringup.ADMIN)
    return found


def _by(host: Host, name: str) -> str:
    live = record.read(host.paths, name)
    return live.started_by if live else bringup.ADMIN
