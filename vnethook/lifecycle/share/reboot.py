"""What has become of shared NICs over a reboot: they are as they were, or shared by the host's own configuration."""

from vnethook.host import log
from vnethook.lifecycle.share import snapshots
from vnethook.live import process
from vnethook.live import shared_interface as records
from vnethook.plan.links import CreateBridge, SetLinkUp
from vnethook.plan.moving import MoveToBridge
from vnethook.plan.sharing import CheckSources, GenerateAddresses, RepeatRules, now_s

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host
    from vnethook.lifecycle.share.snapshots import Snapshot
    from vnethook.live.rtnl import Link
    from vnethook.plan.step import Step

_KNOWN = (CreateBridge, SetLinkUp, MoveToBridge, CheckSources, GenerateAddresses, RepeatRules)
"""Steps that are about links alone: what was about programs has ended with the earlier boot."""


def settle(host: "Host", snapshot: "Snapshot") -> "list[Step] | None":
    """The steps that a bridge which was made at boot stands for, undone by `vnet unshare`; None if there is none.

    Forgets what nobody had confirmed before the reboot.
    """
    shared = snapshot.shared
    bridge = host.links.link(shared.bridge)
    if shared.is_kept and bridge is not None and bridge.kind == "bridge" and records.is_up(host.links, shared):
        steps = tuple(_as_it_is(host, bridge, step) for step in snapshot.steps() if isinstance(step, _KNOWN))
        snapshots.write(host.paths, shared.replace(namespace=process.network_namespace()), steps)
        return list(steps)
    if not shared.is_kept:
        log.warning(f"interface {shared.nic!r}: the host was booted before its sharing was confirmed: it is as it was")
        snapshots.remove(host.paths, shared.bridge)
    return None


def _as_it_is(host: "Host", bridge: "Link", step: "Step") -> "Step":
    """A step with what the bridge has now in place of what the NIC had before the reboot."""
    if isinstance(step, CreateBridge):
        return step.replace(mac=bridge.mac, mtu=bridge.mtu)
    if isinstance(step, SetLinkUp):
        return step.replace(mac=bridge.mac)
    if isinstance(step, MoveToBridge):
        addresses, routes = host.layer3.addresses(bridge), host.layer3.routes(bridge)
        return step.replace(addresses=addresses, routes=routes, at_s=now_s())
    return step
