"""The part of the demonstration about a VDE switch: a guest without a tap beside those that have one."""

from contextlib import ExitStack

from tests.lab.demo_firewall import Stage
from tests.lab.demo_needs import missing, without_vde
from tests.lab.guest import Guest

MAC = "52:54:00:00:53:0d"


class OnSwitch:
    """dave, who is on lab's switch; he boots while others are tried."""

    def __init__(self, stage: Stage, stack: ExitStack) -> None:
        self.stage = stage
        self.dave: Guest | None = None
        if why_not := missing("vde_switch") or without_vde():
            stage.story.skip("dave", "a guest on a VDE switch", why_not)
            return
        socket = stage.host.vnet("vde-socket", "lab").stdout.strip()
        self.dave = Guest(stage.host, "dave", f"vde,sock={socket}", mac=MAC)
        short = self.dave.short_command.replace(socket, "$(vnet vde-socket lab)")
        stage.story.print(f"{'':18} $ {short}", color="2")
        stack.enter_context(self.dave)

    def show(self) -> None:
        """His lease, and a guest with a tap, each to the other; then he is off."""
        if not (dave := self.dave):
            return
        expect, host, carol = self.stage.story.expect, self.stage.host, self.stage.guests["carol"]
        dave.wait()
        address = dave.lease.get("ip", "no address")
        found = {nic["mac"]: (nic["network"], nic["ip"]) for nic in host.vnet_json("nic-list")}
        expect("vnet", f"nic-list: dave, on a VDE switch, is {address} on lab", found.get(MAC), ("lab", address))
        expect("dave", "pings carol, who has a tap, by name", dave.pings("carol"), True)
        expect("carol", f"pings {address} of dave", carol.pings(address), True)
        dave.power_off()
