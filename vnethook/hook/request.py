"""What a hypervisor's call asks for."""

from vnethook.value import Value


class NicRequest(Value):
    """A NIC that wants to be on a network.

    `interface`: its link in the host; `explicit`: the network that the caller named itself (variable, link name, br=),
    or empty; `portgroup`: the class of NICs that it named apart from that; `guest`, `mac`, `guest_uuid`: empty if
    unknown; `owner`: (pid, start time) of the hypervisor; `via`: the hook's name; `asked`, `mtu`, `device`, `beside`,
    `is_paired`, `guard`: see Nic. `takes_any_bridge`: the caller may use any bridge of the host's.
    """

    interface: str
    explicit: str = ""
    portgroup: str = ""
    guest: str = ""
    mac: str = ""
    owner: tuple[int, int] = (0, 0)
    via: str = ""
    guest_uuid: str = ""
    asked: tuple[str, ...] = ()
    mtu: int = 0
    device: str = ""
    beside: str = ""
    is_paired: bool = False
    guard: str = ""
    takes_any_bridge: bool = False
