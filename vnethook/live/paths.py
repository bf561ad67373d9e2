"""Where everything is kept: `Paths` for the privileged host, for one user, or below VNETHOOK_ROOT.

Unprivileged places: XDG Base Directory specification. A set-id process trusts no variable of its caller.
"""

import posix
import sys

from vnethook.live.files import exists
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


ROOT = "VNETHOOK_ROOT"
USERS = ("HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "XDG_STATE_HOME")
"""The variables that say where everything is: of a machine, of a user."""
BRIDGE = "bridge:"
"""Begins the names of links by a bridge's name; no network name holds a colon."""


class Paths(Value):
    """The directories of one host: etc (definitions), run (what is up), state (what outlives a reboot), resolv_conf.

    `user`: the number of the ordinary user whose own they are, 0 for the machine's.
    """

    etc: str
    run: str
    state: str
    resolv_conf: str = "/etc/resolv.conf"
    user: int = 0

    @property
    def config(self) -> str:
        """vnethook.toml."""
        return f"{self.etc}/vnethook.toml"

    @property
    def networks(self) -> str:
        """Where NAME.xml lies."""
        return f"{self.etc}/networks"

    @property
    def autostart(self) -> str:
        """Where the links of networks lie that are started at boot."""
        return f"{self.etc}/autostart"

    @property
    def transient(self) -> str:
        """Where NAME.xml of a network lies that was created without being defined."""
        return f"{self.run}/networks"

    @property
    def compiled(self) -> str:
        """Where the compiled definitions lie."""
        return f"{self.state}/compiled"

    def prepared(self, network: str) -> str:
        """What a start of the network needs and was made at an earlier one."""
        return f"{self.compiled}/{network}.plan"

    @property
    def leases(self) -> str:
        """Where dnsmasq keeps its leases, one file per network."""
        return f"{self.state}/leases"

    def pinned(self, network: str) -> str:
        """The file of the addresses that are kept for a network's guests."""
        return f"{self.state}/pinned/{network}.json"

    def published(self, network: str) -> str:
        """Where a link by a guest's label leads to the interface by which the guest is in the network's rules."""
        return f"{self.run}/published/{network}"

    @property
    def locks(self) -> str:
        """Where the lock files lie; nobody else may open them, since who can open one can hold it."""
        return f"{self.run}/locks"

    @property
    def live(self) -> str:
        """Where the records of the networks lie that are up."""
        return f"{self.run}/live"

    @property
    def failures(self) -> str:
        """Where it lies why networks did not come up the last time."""
        return f"{self.run}/failed"

    @property
    def bridges(self) -> str:
        """Where a link by a bridge's name leads to its network's name."""
        return f"{self.run}/bridges"

    def bridge_users(self, bridge: str) -> str:
        """Where compiled definitions, or earlier ones, lie of networks that use that bridge and did not make it."""
        return f"{self.compiled}/on:{bridge}"

    def defined_bridge(self, bridge: str) -> str:
        """The compiled definition, or an earlier one, of the network whose definition says that bridge."""
        return f"{self.compiled}/{BRIDGE}{bridge}"

    @property
    def definitions(self) -> str:
        """Where the definitions lie with which the live networks came up."""
        return f"{self.run}/definitions"

    @property
    def interfaces(self) -> str:
        """Where a link by an interface's name leads to the name of the network that it is attached to."""
        return f"{self.run}/interfaces"

    def renamed(self, device: str) -> str:
        """Where a link by what a hypervisor calls a link leads to the name that it was given in place of that."""
        return f"{self.run}/renamed/{device}"

    def ports(self, network: str) -> str:
        """Where the records of a network's attached NICs lie, one per interface."""
        return f"{self.run}/ports/{network}"

    def waiting(self, network: str) -> str:
        """Where the records of a network's ports lie that wait for their NICs, one per uuid."""
        return f"{self.run}/waiting/{network}"

    def lock(self, network: str) -> str:
        """The lock file of a network."""
        return f"{self.locks}/{network}"

    @property
    def journals(self) -> str:
        """Where it is written what bringing up a network changed."""
        return f"{self.run}/journal"

    @property
    def announced(self) -> str:
        """Where it is written which NICs a guest is about to have."""
        return f"{self.run}/announced"

    def announcement(self, guest: str) -> str:
        """The file of what is announced for the guest of this uuid."""
        return f"{self.announced}/{guest}.json"

    def libvirt_guest(self, guest: str) -> str:
        """The file that says which links the libvirt guest of this uuid has on networks of ours."""
        return f"{self.run}/libvirt/{guest}.json"

    @property
    def shared(self) -> str:
        """The file that says which networks hold what they share."""
        return f"{self.run}/shared.json"

    @property
    def shared_interfaces(self) -> str:
        """Where the records of NICs of the host's lie that are ports of a bridge of ours, by the bridge's name."""
        return f"{self.run}/interfaces-shared"

    @property
    def shared_snapshots(self) -> str:
        """Where it is kept over a reboot what NICs were before they were shared, by the bridge's name."""
        return f"{self.state}/interfaces-shared"

    def links(self, network: str) -> str:
        """The directory of the network's links with others: what is to be kept up, what is, and their ports."""
        return f"{self.run}/links/{network}"

    def vde(self, network: str) -> str:
        """The directory of the sockets of the network's switch, which its guests name; short, for sun_path is."""
        return f"{self.run}/vde/{network}"

    def switch(self, network: str) -> str:
        """The directory of what nobody but us has to do with of the network's switch."""
        return f"{self.run}/switch/{network}"

    @property
    def bridge_socket(self) -> str:
        """Where root's side of the bridge helper listens for ordinary users."""
        return f"{self.run}/bridge.socket"

    def nics_of_user(self, user: int) -> str:
        """Where a link by an interface's name says, by its index, that an ordinary user has it of root's side."""
        return f"{self.run}/users/{user}"

    def holders(self, network: str) -> str:
        """Where a file lies for each network of this host that is connected to it, and so needs it to be up."""
        return f"{self.links(network)}/holders"

    def dnsmasq(self, network: str) -> str:
        """The directory of the network's dnsmasq: its configuration, host files and pid."""
        return f"{self.run}/dnsmasq/{network}"


def variables() -> "Mapping[str, str]":
    """The environment: that of `os` where it is loaded, and may have been changed, else what the process came with."""
    loaded = sys.modules.get("os")
    if loaded is not None:
        environ: Mapping[str, str] = loaded.environ
        return environ
    return {
        name.decode("utf-8", "surrogateescape"): value.decode("utf-8", "surrogateescape")
        for name, value in posix.environ.items()
    }


def current() -> Paths:
    """The paths of this process: below VNETHOOK_ROOT, else the host's for root, else the user's own.

    In a user's own namespace they are those of the user who is root there.
    """
    is_set_id = posix.getuid() != posix.geteuid() or posix.getgid() != posix.getegid()
    environ = {} if is_set_id else variables()
    root = environ.get(ROOT, "").rstrip("/")
    if root:
        root = root if root.startswith("/") else f"{posix.getcwd()}/{root}"
    user = posix.geteuid() or mapped_user()
    if root or not user:
        resolv_conf = f"{root}/etc/resolv.conf"
        if root and not exists(resolv_conf):
            resolv_conf = "/etc/resolv.conf"
        return Paths(f"{root}/etc/vnethook", f"{root}/run/vnethook", f"{root}/var/lib/vnethook", resolv_conf, user)

    def place(variable: str, otherwise: str) -> str:
        """What a variable says; a relative path counts as unset, as the specification wants it."""
        path = environ.get(variable, "")
        return path if path.startswith("/") else otherwise

    home = place("HOME", f"/nonexistent/{user}")
    state = f"{place('XDG_STATE_HOME', f'{home}/.local/state')}/vnethook"
    run = place("XDG_RUNTIME_DIR", "")
    if not run and exists(f"/run/user/{user}"):
        run = f"/run/user/{user}"
    return Paths(
        f"{place('XDG_CONFIG_HOME', f'{home}/.config')}/vnethook",
        f"{run}/vnethook" if run else f"{state}/run",  # without logind nobody makes a directory that others cannot
        state,
        user=user,
    )


def of_host() -> Paths:
    """The privileged host's paths as an ordinary user knows them: below VNETHOOK_ROOT, else the system's."""
    root = variables().get("VNETHOOK_ROOT", "").rstrip("/")
    return Paths(f"{root}/etc/vnethook", f"{root}/run/vnethook", f"{root}/var/lib/vnethook")


def mapped_user() -> int:
    """Who is root in this process's user namespace, if it is one that a user has made for one user; else 0.

    The owner of /proc is the machine's root, who has no number in such a namespace. Source: user_namespaces(7).
    """
    try:
        if posix.stat("/proc").st_uid == 0:
            return 0
        with open("/proc/self/uid_map", "rb") as file:
            words = file.read().split()
    except OSError:
        return 0
    return int(words[1]) if len(words) == 3 and words[0] == b"0" and words[2] == b"1" else 0
