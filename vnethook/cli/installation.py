"""Which files of ours lie where a hypervisor or the system looks for them: install, look, remove.

A file that is not ours is left alone, or kept beside ours on demand and put back on removal. All of it may be called
again at any time. Paths inside of the files are those of the final system, also when they are installed below a root.
"""

import os
from enum import Enum
from typing import NamedTuple

from vnethook.errors import HostError, StateError, VnetError
from vnethook.host import programs
from vnethook.live import files

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
DIRECTORY = "/usr/libexec/vnethook"
UNIT = "/etc/systemd/system/vnethook.service"
WATCH_UNIT = "/etc/systemd/system/vnethook-watch.service"
BRIDGE_UNIT = "/etc/systemd/system/vnethook-bridge.service"
USERS_UNIT = "/etc/systemd/user/vnethook.service"
BRIDGE_SOCKET = "/etc/systemd/system/vnethook-bridge.socket"
LIBVIRT = "/etc/libvirt/hooks/qemu.d"
"""Where libvirt 6.5 and later looks for hooks of several programs, in the order of their names."""
XEN = "/etc/xen/scripts"
"""Where Xen's toolstacks look for a script that is named without a directory: xl-network-configuration(5)."""
FIREWALLD = "/usr/lib/firewalld"
"""Where packages put what is firewalld's; what an administrator puts into /etc/firewalld goes before it."""
_POLICY = "vnethook-to-guests.xml"
KEPT = ".before-vnethook"
"""Ends the name under which a file is kept that ours replaces."""
_OURS = ("from vnethook.", "@VNET@", "man:vnet(1)", "<short>vnethook</short>")
"""One of these is in every file that we render, of whatever version."""


class Kind(Enum):
    """What is put at the target: a copy with the package's place written in, or a link to another target.

    A unit is any text that is not executed as it stands.
    """

    PROGRAM = 0o755
    UNIT = 0o644
    LINK = 0


class Item(NamedTuple):
    """A file of ours: `source` lies below hooks/, or is what a link points to; `use` says in words how it is used.

    `once`: what its first installation asks for.
    """

    name: str
    hypervisor: str
    kind: Kind
    source: str
    target: str
    use: str = ""
    once: str = ""


ITEMS = (
    Item(
        *("qemu-ifup", "QEMU", Kind.PROGRAM, "qemu/qemu-ifup", f"{DIRECTORY}/qemu-ifup"),
        use=f"-netdev tap,id=n0,script={DIRECTORY}/qemu-ifup,downscript={DIRECTORY}/qemu-ifdown   "
        "(a link qemu-ifup-NAME to it: network NAME)",
    ),
    Item("qemu-ifdown", "QEMU", Kind.PROGRAM, "qemu/qemu-ifdown", f"{DIRECTORY}/qemu-ifdown"),
    Item(
        *("qemu-bridge-helper", "QEMU", Kind.PROGRAM, "qemu/qemu-bridge-helper", f"{DIRECTORY}/qemu-bridge-helper"),
        use=f"-netdev bridge,id=n0,br=NAME,helper={DIRECTORY}/qemu-bridge-helper",
    ),
    Item(
        *("qemu-bridge-server", "QEMU", Kind.PROGRAM, "qemu/qemu-bridge-server", f"{DIRECTORY}/qemu-bridge-server"),
    ),
    Item(
        *("qemu-vde", "QEMU", Kind.PROGRAM, "qemu/qemu-vde", f"{DIRECTORY}/qemu-vde"),
        use=f"-netdev 'vde,id=n0,sock=cmd://{DIRECTORY}/qemu-vde NAME'",
    ),
    Item(
        *("default ifup", "QEMU", Kind.LINK, f"{DIRECTORY}/qemu-ifup", "/etc/qemu-ifup"),
        use="-netdev tap,id=n0   (without script=)",
    ),
    Item("default ifdown", "QEMU", Kind.LINK, f"{DIRECTORY}/qemu-ifdown", "/etc/qemu-ifdown"),
    Item(
        *("libvirt", "libvirt", Kind.PROGRAM, "libvirt/qemu", f"{LIBVIRT}/50-vnethook"),
        use="<interface type='bridge'><source bridge='BRIDGE'/>…   (BRIDGE: as `vnet net-info NET` shows it)",
        once="restart libvirtd (or virtqemud): it looks for hooks when it starts; guests are not touched by that",
    ),
    Item(
        *("vif-vnet", "Xen", Kind.PROGRAM, "xen/vif-vnet", f"{XEN}/vif-vnet"),
        use="vif = ['script=vif-vnet,bridge=NET']   (or vif.default.script=\"vif-vnet\" in /etc/xen/xl.conf)",
    ),
    Item(
        *("network-vnet", "Xen", Kind.PROGRAM, "xen/network-vnet", f"{XEN}/network-vnet"),
        use="(network-script network-vnet)   in xend-config.sxp; xl, at boot: /etc/xen/scripts/network-vnet start",
    ),
    Item(
        *("link-ssh", "sshd", Kind.PROGRAM, "links/link-ssh", f"{DIRECTORY}/link-ssh"),
        use="what `vnet link-key` prints goes into the far host's authorized_keys",
    ),
    Item("vnethook.service", "systemd", Kind.UNIT, "systemd/vnethook.service", UNIT),
    Item("vnethook-watch.service", "systemd", Kind.UNIT, "systemd/vnethook-watch.service", WATCH_UNIT),
    Item("vnethook-bridge.socket", "systemd", Kind.UNIT, "systemd/vnethook-bridge.socket", BRIDGE_SOCKET),
    Item("vnethook-bridge.service", "systemd", Kind.UNIT, "systemd/vnethook-bridge.service", BRIDGE_UNIT),
    Item(
        *("user's vnethook.service", "systemd", Kind.UNIT, "systemd/user-vnethook.service", USERS_UNIT),
        use="each user: systemctl --user enable vnethook; `vnet net-autostart NET` marks what starts at login",
    ),
    Item("zone", "firewalld", Kind.UNIT, "firewalld/vnethook.xml", f"{FIREWALLD}/zones/vnethook.xml"),
    Item("policy", "firewalld", Kind.UNIT, f"firewalld/{_POLICY}", f"{FIREWALLD}/policies/{_POLICY}"),
)
AUTOSTART = Item(
    *("autostart", "systemd", Kind.LINK, UNIT, "/etc/systemd/system/multi-user.target.wants/vnethook.service"),
    use="`vnet net-autostart NET` marks what starts at boot",
)
"""Only on demand: a host whose guests start by themselves needs nothing at boot."""
WATCH = Item(
    *("watch", "systemd", Kind.LINK, WATCH_UNIT, "/etc/systemd/system/multi-user.target.wants/vnethook-watch.service"),
    use="what others undo of networks is mended at once",
    once="it is started at boot; now: systemctl daemon-reload && systemctl start vnethook-watch",
)
"""Only on demand: without it the next hook or command mends."""
USERS = Item(
    *("users", "systemd", Kind.LINK, BRIDGE_SOCKET, "/etc/systemd/system/sockets.target.wants/vnethook-bridge.socket"),
    use="ordinary users' guests get by the bridge helper what /etc/vnethook/bridge.conf says",
    once="it listens from boot on; now: systemctl daemon-reload && systemctl start vnethook-bridge.socket",
)
"""Only on demand: root decides whether others have guests on its networks at all."""
EVERY_ITEM = (*ITEMS, AUTOSTART, WATCH, USERS)


class State(Enum):
    """How things stand at a target."""

    INSTALLED = "installed"
    MISSING = "missing"
    OUTDATED = "outdated"
    OTHER = "other"


class Installation:
    """The installed files below `root`, the empty string for this system."""

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")
        self.sources = source_directory()

    def state(self, item: Item) -> State:
        """What is at the item's target."""
        path = self.root + item.target
        if not os.path.lexists(path):
            return State.MISSING
        if item.kind is Kind.LINK:
            return State.INSTALLED if files.link_target(path) == item.source else State.OTHER
        text = "" if os.path.islink(path) or not os.path.isfile(path) else files.read_text(path) or ""
        if text == self._content(item) and os.stat(path).st_mode & 0o777 == item.kind.value:
            return State.INSTALLED
        return State.OUTDATED if any(word in text for word in _OURS) else State.OTHER

    def owner(self, item: Item) -> str:
        """The package that a file which is not ours came with, in words; empty if none is known."""
        if self.root:
            return ""  # the other system's packages are not ours to ask
        for program, words in (("dpkg-query", ["-S"]), ("rpm", ["-qf", "--queryformat", "%{NAME}"])):
            path = programs.find(program)
            finished = programs.run([path, *words, item.target]) if path else None
            if finished and finished.status == 0 and finished.output.strip():
                return f"of package {finished.output.partition(':')[0].split()[0]}"
        return ""

    def install(self, item: Item, *, replace: bool) -> bool:
        """Put the item in its place; False if what is there is not ours and `replace` is not said.

        Raises HostError if the file system refuses, StateError if an earlier file is kept already under the name.
        """
        path = self.root + item.target
        state = self.state(item)
        if state is State.OTHER:
            if not replace:
                return False
            _keep(path)
        if state is State.INSTALLED:
            return True
        if item.kind is Kind.LINK:
            files.make_link(path, item.source)
        else:
            files.write_text(path, self._content(item), mode=item.kind.value)
        return True

    def remove(self, item: Item) -> bool:
        """Take the item away if it is ours and put back what it replaced; whether anything changed."""
        path = self.root + item.target
        is_ours = self.state(item) in {State.INSTALLED, State.OUTDATED}
        if is_ours:
            files.remove(path)
            for directory in (DIRECTORY, LIBVIRT, XEN):
                files.remove_directory(self.root + directory)
        if os.path.lexists(path + KEPT) and not os.path.lexists(path):
            _rename(path + KEPT, path)
            return True
        return is_ours

    def _content(self, item: Item) -> str:
        text = files.read_text(f"{self.sources}/{item.source}")
        if text is None:
            msg = f"file '{self.sources}/{item.source}': is missing from the package"
            raise HostError(msg, hint="install vnethook again")
        return _program(text) if item.kind is Kind.PROGRAM else text.replace("@VNET@", _systemd_word(vnet()))


def source_directory() -> str:
    """Where the hooks lie that are copied: in the package, or beside it in a checkout; raise HostError."""
    for directory in (f"{PACKAGE}/_hooks", f"{os.path.dirname(PACKAGE)}/hooks"):
        if os.path.isdir(directory):
            return directory
    msg = f"package {PACKAGE!r}: has no hooks beside it"
    raise HostError(msg, hint="install vnethook again")


def vnet() -> str:
    """The `vnet` command as hooks find it, else this process's own."""
    try:
        return programs.vnet()
    except HostError:
        return "/usr/local/bin/vnet"


def _program(text: str) -> str:
    """A hook with the package's directory in place of the way from the checkout."""
    lines = text.splitlines(keepends=True)
    places = [number for number, line in enumerate(lines) if line.startswith("sys.path.append(")]
    if len(places) != 1:
        msg = "hook: has no line sys.path.append(…) to render"
        raise VnetError(msg)
    lines[places[0]] = f"sys.path.append({os.path.dirname(PACKAGE)!r})\n"
    return "".join(line for line in lines if line != "import os\n")


def _systemd_word(path: str) -> str:
    """A path as one word of a command line. Source: systemd.service(5), Command lines; systemd.syntax(7), Quoting."""
    text = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return text if text.replace("/", "").replace("-", "").replace(".", "").replace("_", "").isalnum() else f'"{text}"'


def _keep(path: str) -> None:
    if os.path.lexists(path + KEPT):
        msg = f"file {path!r}: replace: {path + KEPT!r} is there already"
        raise StateError(msg, hint="move it away: it was kept by an earlier `hooks install --replace`")
    _rename(path, path + KEPT)


def _rename(old: str, new: str) -> None:
    try:
        os.rename(old, new)
    except OSError as error:
        msg = f"file {old!r}: rename to {new!r}: {os.strerror(error.errno or 0)}"
        raise HostError(msg) from error
