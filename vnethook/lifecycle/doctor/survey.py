"""All that the checks look at, as plain data. What is left out is as on a host where nothing is wrong."""

from vnethook.host.listeners import Listener
from vnethook.host.rules import Table
from vnethook.host.storage import Place
from vnethook.value import Value


class Hook(Value):
    """A file that a hypervisor looks for. `state`: "installed", "missing", "outdated" or "other" (not ours).

    `lost`: the directory to which it leads, if vnethook is there no longer.
    """

    name: str
    hypervisor: str
    path: str
    state: str
    lost: str = ""


class NetworkSeen(Value):
    """A network. `gateways`: the host's addresses in it; `versions`: of IP.

    `problem`: of its definition; `failure`: why it did not come up the last time; `faults`: what is not as defined
    while it is up; `overlap`: what of the host its subnets meet, and `is_chosen`, whether another is taken then;
    `has_dns`, `has_dhcp`: what is served; `needs`, `programs`: parts of the kernel and programs that not every
    network does; `apart`: what keeps its guests from those on other hosts; `unlinked`: links that are down, and why;
    `certificate`: what is wrong with this host's own, if it is linked by TLS.
    """

    name: str
    is_active: bool = False
    is_autostart: bool = False
    bridge: str = ""
    forward: str = ""
    versions: tuple[int, ...] = ()
    gateways: tuple[str, ...] = ()
    problem: str = ""
    failure: str = ""
    faults: tuple[str, ...] = ()
    overlap: str = ""
    is_chosen: bool = False
    has_dns: bool = False
    has_dhcp: bool = False
    owns_bridge: bool = True
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    unlinked: tuple[str, ...] = ()
    certificate: str = ""


class Lan(Value):
    """A bridge of the host's by which guests are on the physical network.

    `nic`: the port that leads there, empty for none; `is_shared`: by us; `mac`: the bridge's, `is_pinned`: set by
    somebody; `waits_s`: how long a new port has to wait, in seconds; `has_several_ways`: several ports lead there.
    `active`: the networks that are up on it; `addresses`: left on the NIC; `clients`: programs that give the NIC
    addresses, in words.
    """

    bridge: str
    nic: str = ""
    is_shared: bool = False
    mac: str = ""
    is_pinned: bool = True
    waits_s: int = 0
    has_several_ways: bool = False
    active: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()


class Survey(Value):
    """The host.

    `lost`: (NIC, bridge) that are shared, and not together. `unserved`: where nobody listens for users whom
    bridge.conf allows guests.
    `firewall`: what our rules go into, "nft" or a variant of iptables; `hypervisors`: "QEMU", "libvirt", "Xen";
    `python`: why hooks do not run on it; `package`: what is not sound of ours; `kernel_lacks`: in the words of
    host/trial.py; `tables`: other programs' packet filters; `uplinks`: (IP version, interface) of default routes;
    `bridges_call`: IP versions whose filter sees what guests of one network send to each other; `conntrack`: flows that
    are tracked, and at most; `watches`: inotify instances of a user, at most; `managed`: links of ours that
    NetworkManager has taken; `networkd`: files by which systemd-networkd would; `sysctls`: (path, value).
    `user`: the ordinary user whose own host it is, 0 for the machine; `forbidden`: why that user gets no namespace, and
    `helps`: what does; `has_tun`: whether taps can be made.
    """

    networks: tuple[NetworkSeen, ...] = ()
    lans: tuple[Lan, ...] = ()
    lost: tuple[tuple[str, str], ...] = ()
    firewall: str = "nft"
    missing_programs: tuple[str, ...] = ()
    python: str = ""
    package: tuple[str, ...] = ()
    hypervisors: tuple[str, ...] = ()
    hooks: tuple[Hook, ...] = ()
    kernel_lacks: tuple[str, ...] = ()
    has_ipv6: bool = True
    tables: tuple[Table, ...] = ()
    uplinks: tuple[tuple[int, str], ...] = ()
    bridges_call: tuple[int, ...] = ()
    listeners: tuple[Listener, ...] = ()
    has_read_only_sysctls: bool = False
    sysctls: tuple[tuple[str, str], ...] = ()
    places: tuple[Place, ...] = ()
    conntrack: tuple[int, int] = (0, 1)
    watches: int = 1 << 20
    managed: tuple[str, ...] = ()
    networkd: tuple[str, ...] = ()
    is_dnsmasq_confined: bool = False
    run: str = "/run/vnethook"
    state: str = "/var/lib/vnethook"
    unserved: str = ""
    user: int = 0
    forbidden: str = ""
    helps: str = ""
    has_tun: bool = True
    unseen: tuple[str, ...] = ()

    def sysctl(self, path: str) -> str:
        """A sysctl; empty if it was not looked at."""
        return dict(self.sysctls).get(path, "")
