"""vif-vnet beside Xen's own vif-bridge: the same vif, the same xenstored, in turns; as far as Xen's scripts are installed."""

from collections.abc import Iterator
from functools import partial

from tests.bench.sample import Caller, Case, Sample
from tests.lab.xen import VIF_BRIDGE, VIF_VNET, Dom0, Vif, daemon

ONLINE, OFFLINE = 1 / 3, 1 / 2
"""The budgets: times vif-bridge."""
BRIDGE = "xenbr1"
NETWORK = "default"


def missing() -> list[str]:
    """What is measured where it is installed, and is not."""
    try:
        daemon()
    except OSError:
        return ["vif-vnet", str(VIF_BRIDGE)]
    return [] if VIF_BRIDGE.exists() else ["vif-vnet", str(VIF_BRIDGE)]


class Site:
    """Two vifs of one dom0, whose networks are up and have a neighbour on them: one for each script."""

    def __init__(self, dom0: Dom0) -> None:
        self.dom0 = dom0
        dom0.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", dom0.root / "run"])  # as /run is
        dom0.run(["mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/log"])
        dom0.run(["mkdir", "/var/log/xen"])
        dom0.run(["ip", "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0"])
        dom0.run(["ip", "link", "set", BRIDGE, "up"])
        self.caller = Caller(dom0)
        self.ours = dom0.vif(1, script=VIF_VNET, bridge=NETWORK, link="veth")
        self.theirs = dom0.vif(2, script=VIF_BRIDGE, bridge=BRIDGE, link="veth")
        for neighbour in (
            dom0.vif(3, script=VIF_VNET, bridge=NETWORK, link="veth"),
            dom0.vif(4, script=VIF_BRIDGE, bridge=BRIDGE, link="veth"),
        ):
            self.call(neighbour, "online")

    def call(self, vif: Vif, action: str) -> Sample:
        """Run a vif's script as libxl does."""
        return self.caller.run(vif.script, action, "type_if=vif", env=vif.environment())

    def begin(self, vif: Vif) -> None:
        """The vif as it is before `online`."""
        self.end(vif)
        self.dom0.make_links(vif, kind="veth")
        self.dom0.store("write", f"{vif.nodes}/hotplug-status", "")

    def end(self, vif: Vif) -> None:
        """The vif as it is before `offline`: its device has gone."""
        self.dom0.run(["ip", "link", "delete", vif.name], check=False)

    def attach(self, vif: Vif) -> None:
        """The vif was attached, and its guest has gone."""
        self.begin(vif)
        self.call(vif, "online")
        self.end(vif)


def cases(dom0: Dom0) -> list[Case]:
    """Both scripts at both."""
    return list(_cases(Site(dom0)))


def _cases(site: Site) -> Iterator[Case]:
    for action, prepare, budget in (("online", site.begin, ONLINE), ("offline", site.attach, OFFLINE)):
        theirs, ours = (
            Case(f"{vif.script.name} {action}", site.caller, partial(site.call, vif, action), partial(prepare, vif))
            for vif in (site.theirs, site.ours)
        )
        ours.small, ours.growth = theirs, budget
        yield from (theirs, ours)
