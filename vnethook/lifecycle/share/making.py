"""Make a NIC a port of a bridge, and take that back, with a guard for what may come in between."""

from vnethook.capability import shared_interface
from vnethook.errors import HostError
from vnethook.host import log, nic_facts
from vnethook.host.signals import HeldBack
from vnethook.lifecycle.share import boot_files, guarding, probe, recovery, snapshots
from vnethook.live import shared_interface as records
from vnethook.live.shared_interface import SharedInterface
from vnethook.plan import apply as plans
from vnethook.plan.sharing import now_s
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts


BRIDGE, PROPOSAL = "bridge", "proposal"


class Terms(Value):
    """How a NIC is to be shared: `bridge`, what its bridge is to be called; `antispoof`, None leaves it as it is.

    `layout`: BRIDGE, the NIC keeps its name, or PROPOSAL, its bridge takes it. `guard_s`: how long a guard waits for
    somebody to confirm it, 0 for no guard; `is_kept`: kept without that as soon as the gateways have answered.
    `is_forced`: also where something would go wrong unless whoever says so knows better.
    `is_persistent`: after the next boot too, by files of `form`, empty for those of the manager that has the NIC.
    """

    bridge: str = ""
    antispoof: bool | None = None
    guard_s: int = 0
    is_kept: bool = False
    layout: str = BRIDGE
    is_forced: bool = False
    is_persistent: bool = False
    form: str = ""

    def named(self, nic: str, namespace: int) -> SharedInterface:
        """The record of a NIC that is shared like this."""
        port = ""
        bridge = self.bridge if self.bridge not in {"", nic} else shared_interface.bridge_name(nic)
        if self.layout == PROPOSAL:
            bridge, port = nic, shared_interface.port_name(nic)
        return SharedInterface(bridge, nic, namespace, antispoof=bool(self.antispoof), port=port)


AT_ONCE = Terms()
"""As network-vnet does it: kept, and nobody looks on."""


def make(host: "Host", facts: "NicFacts", shared: SharedInterface, terms: Terms) -> SharedInterface:
    """Share a NIC; raise HostError if that fails or cuts the host off, after it was taken back."""
    planned = boot_files.planned(host, facts, shared.bridge, terms)
    before = probe.answered(facts)
    with HeldBack():
        facts = facts_of(host, shared.nic, shared.bridge)  # time has gone by
        steps = shared_interface.plan(facts, shared, at_s=now_s())
        boot_files.hold(host, planned)
        if terms.guard_s:
            shared = shared.replace(confirm_by=now_s() + terms.guard_s)
            snapshots.write(host.paths, shared, steps)
        records.write(host.paths, shared)
        try:
            if terms.guard_s:
                guarding.arm(host, shared)
            plans.apply(host, steps, recovery.journal(host, shared))
            probe.require(host, shared, facts, before)
            if terms.guard_s and not guarding.is_armed(host, shared):
                msg = f"interface {shared.nic!r}: share: its guard has ended"
                raise HostError(msg, hint="all is as it was; see the system log")
            if terms.is_kept or not terms.guard_s:
                boot_files.write(host, shared.bridge)
        except BaseException:
            for error in recovery.undo(host, shared):  # its guard tries again once this process has ended
                log.error(str(error))  # what is raised is why the start failed
            raise
        shared = shared.replace(is_whole=True)
        if terms.is_kept or not terms.guard_s:
            return keep(host, shared)
        records.write(host.paths, shared)
        return shared


def keep(host: "Host", shared: SharedInterface) -> SharedInterface:
    """Keep what is shared, for whoever holds the lock, for good if that was asked for; its guard ends."""
    boot_files.write(host, shared.bridge)
    kept = shared.replace(confirm_by=0)
    records.write(host.paths, kept)
    if shared.confirm_by:
        snapshots.keep(host.paths, kept)
        guarding.disarm(host, shared)
    return kept


def unmake(host: "Host", shared: SharedInterface, *, guard_s: int = 0) -> None:
    """Take the sharing of a NIC back; raise HostError with all that could not be undone."""
    is_new = bool(guard_s) and not shared.confirm_by
    if is_new:
        shared = shared.replace(is_whole=False, confirm_by=now_s() + guard_s)
        records.write(host.paths, shared)
        guarding.arm(host, shared)
    recovery.take_back(host, shared, is_forced=True)


def facts_of(host: "Host", nic: str, bridge: str) -> "NicFacts":
    """All that there is to know of a NIC; raise HostError if there is none of that name."""
    link = host.links.link(nic)
    if link is None:
        msg = f"interface {nic!r}: share: no such network interface"
        raise HostError(msg, hint="`ip link` lists them")
    return nic_facts.collect(host, link, bridge)
