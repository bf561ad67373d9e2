"""What a user who is not root may have guests on: the file bridge.conf, in the syntax of QEMU's own bridge helper.

Lines `allow NAME`, `deny NAME`, `allow all`, `deny all`, `include FILE`; `#` begins a comment line. What matches is
taken together: one deny refuses, wherever it stands, and what nothing allows is refused. A file that is included counts
for who may read it, so that its permissions make it a user's or a group's. Unlike there, one that is missing or not in
order is an error, since it may hold what is denied. Source: qemu-bridge-helper.c of QEMU, parse_acl_file(), main().
"""

import posix
from _socket import SO_PEERCRED, SOL_SOCKET
from _struct import Struct, unpack

from vnethook.errors import DefinitionError, HostError, StateError, UsageError
from vnethook.hook import resolve, serve
from vnethook.live import bridge_port, files, nics, process, record, shared_interface
from vnethook.live.nics import GUARDS, Nic
from vnethook.live.paths import variables
from vnethook.live.rtnl import Links
from vnethook.names import shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket

    from vnethook.hook.request import NicRequest
    from vnethook.live.paths import Paths

SIZE_MAX = 1 << 20
"""Bytes of one file."""
DEPTH_MAX = 8
"""Of files that include files."""
_ALLOW, _DENY, _INCLUDE, _ALL = "allow", "deny", "include", "all"
_CREDENTIALS = Struct("=iII")
"""struct ucred: process, user, group. Source: unix(7), SO_PEERCRED."""
_PEER_GROUPS = 59
"""SO_PEERGROUPS, asm-generic/socket.h."""
_GROUPS_SIZE = 1024
"""Bytes: what Python's getsockopt() takes at most."""
_WRITABLE_BY_OTHERS, _READ_BY_GROUP, _READ_BY_ALL = 0o022, 0o040, 0o004
_KIND, _REGULAR = 0o170000, 0o100000
_DEFAULT, _MAC = "standard", "mac"
"""The guard of a user's guest, and what of a guard needs its MAC; see GUARDS."""


class User(Value):
    """Who wants a NIC: numbers of the user and of all its groups."""

    number: int
    groups: tuple[int, ...] = ()


def user_of(answer: "socket", number: int) -> User:
    """The user of that number, with the groups that the socket or this process tell of."""
    _, peer, group = _CREDENTIALS.unpack(answer.getsockopt(SOL_SOCKET, SO_PEERCRED, _CREDENTIALS.size))
    groups = {group, *_peer_groups(answer, number)} if peer == number else set()
    groups |= {posix.getgid(), *posix.getgroups()} if posix.getuid() == number else set()
    return User(number, tuple(groups))


def permitted(paths: "Paths", request: "NicRequest", user: User) -> "NicRequest":
    """What a user asks for, as it may have it; raise StateError if it may not, or as bringing the network up does.

    Nobody lets a user's guest speak for others by saying nothing: its port is guarded, unless the definition has a
    guard of its own, or says that there is none.
    """
    network, portgroup = resolve.network_of(paths, request)
    require(paths, user, network, _names(paths, network, portgroup))
    serve.bring_up(paths, network)
    live = record.read(paths, network)
    if live is None:
        msg = f"network {network!r}: has just been stopped"
        raise StateError(msg)
    held = bridge_port.held(live, Nic("", network, portgroup=portgroup))
    is_said = live.guard.is_asked or any(group.guard is not None for group in live.classes)
    _require_nobody_elses(paths, network, request, user)
    guard = "" if held or is_said else _DEFAULT
    if _MAC in (held or GUARDS[guard or "off"]) and not request.mac:
        msg = f"user {user.number}: guest on network {network!r}: its MAC is not known, to which it would be held"
        raise StateError(msg, hint="say it on QEMU's command line: -device virtio-net-pci,netdev=n0,mac=52:54:00:…")
    return request.replace(explicit=network, portgroup=portgroup, guard=guard)


def _require_nobody_elses(paths: "Paths", network: str, request: "NicRequest", user: User) -> None:
    """Raise StateError if a guest would be taken for another one that is there, of somebody else's.

    It would have that one's packets, its address, its name and what the firewall lets it do.
    """
    links = Links()
    for nic in nics.attached(paths, network):
        pairs = (("MAC", request.mac, nic.mac), ("name", request.guest, nic.guest))
        same = [what for what, wanted, other in pairs if wanted and wanted == other]
        pid, since = nic.owner
        owner = process.user(pid) if pid and process.start_time(pid) == since else None
        if same and owner != user.number and nics.is_attached(links, nic):
            msg = f"user {user.number}: guest on network {network!r}: its {same[0]} is that of another's guest there"
            raise StateError(msg, hint="give it another on QEMU's command line: -name NAME, -device …,mac=MAC")


def become_root(user: int) -> None:
    """Be root through and through, as the programs want it that are run from here, and forget what the user has set.

    Raises UsageError if that is where definitions are: whatever has made this process root has let the variables in.
    nft, called with another real user, ends at once: main() of nftables. A terminal stops whatever is in its session,
    root's too, which would hold its locks then; limits would end or starve a network's daemons.
    """
    import resource  # noqa: PLC0415 (only for who is not root)

    if posix.getuid() == posix.geteuid() and variables().get("VNETHOOK_ROOT"):
        msg = f"user {user}: VNETHOOK_ROOT is set: only root chooses whose definitions count"
        raise UsageError(msg, hint="what makes the helper root has to keep its caller's variables from it")
    posix.setgroups([])
    posix.setresgid(0, 0, 0)
    posix.setresuid(0, 0, 0)
    posix.environ.clear()
    for number in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
        for limit in (resource.RLIM_INFINITY, resource.getrlimit(number)[1]):
            try:
                resource.setrlimit(number, (limit, limit))
                break
            except (OSError, ValueError):
                continue  # root without that capability, as in a container
    for leave in (posix.setsid, _be_as_urgent):
        try:
            leave()
        except OSError:
            continue  # it leads its group, or see above


def _be_as_urgent() -> None:
    posix.setpriority(posix.PRIO_PROCESS, 0, 0)


def _names(paths: "Paths", network: str, portgroup: str) -> set[str]:
    """What a line may call a network: its name, its bridge's, that of the NIC that is shared by that.

    Each with the portgroup, too, after a colon.
    """
    live = record.read(paths, network)
    if live is not None:
        bridge = live.bridge
    else:
        from vnethook.definition import compiled  # noqa: PLC0415 (only for a network that is down)

        bridge = compiled.identity(paths, network).get("bridge", "")
    shared = shared_interface.read(paths, bridge) if bridge else None
    names = {network, bridge, shared.nic if shared is not None else ""} - {""}
    return names | {f"{name}:{portgroup}" for name in names if portgroup}


def require(paths: "Paths", user: User, network: str, names: set[str]) -> None:
    """Raise StateError unless a user may have a guest on a network, which goes by those names.

    Raises DefinitionError or HostError for a file that is not in order.
    """
    path = f"{paths.etc}/bridge.conf"
    found = _matching(path, user, names, depth=0) if files.exists(path) else set()
    if found == {_ALLOW}:
        return
    why, hint = f"not allowed by {path!r}", f"a line `allow {network}` there allows it"
    if _DENY in found:
        why, hint = f"denied by {path!r}", ""
    elif not files.exists(path):
        why, hint = "allowed to root only", f"a line `allow {network}` in {path!r} allows it, `allow all` all networks"
    msg = f"user {user.number}: guest on network {network!r}: {why}"
    raise StateError(msg, hint=hint)


def _matching(path: str, user: User, names: set[str], *, depth: int) -> set[str]:
    """What the lines of a file that match say: "allow", "deny" or both."""
    found: set[str] = set()
    for number, line in enumerate(_lines(path, user, is_included=depth > 0), 1):
        words = line.split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        word, what = words[0], words[1].strip() if len(words) > 1 else ""
        if word not in {_ALLOW, _DENY, _INCLUDE} or not what:
            msg = f"{path}:{number}: {shown(line.strip())}: must be allow, deny or include, and what"
            raise DefinitionError(msg, hint="allow NAME, deny NAME, allow all, deny all, include FILE")
        if word != _INCLUDE:
            found |= {word} if what == _ALL or what in names else set()
        elif depth == DEPTH_MAX or not what.startswith("/"):
            why = f"nested deeper than {DEPTH_MAX} files" if depth == DEPTH_MAX else "must be an absolute path"
            msg = f"{path}:{number}: include {shown(what)}: {why}"
            raise DefinitionError(msg)
        else:
            found |= _matching(what, user, names, depth=depth + 1)
    return found


def _lines(path: str, user: User, *, is_included: bool) -> list[str]:
    """The lines of a file that only root can have written; of one that is included, for who can read it, else none."""
    try:
        descriptor = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC | posix.O_NONBLOCK)
    except OSError as error:
        raise files.refusal(path, "read", error) from error
    try:
        status = posix.fstat(descriptor)
        if status.st_mode & _KIND != _REGULAR or status.st_uid != 0 or status.st_mode & _WRITABLE_BY_OTHERS:
            msg = f"file {path!r}: use as a list of who may what: must be root's file, and writable by nobody else"
            raise HostError(msg, hint=f"chown root {path}; chmod go-w {path}")
        is_readable = status.st_mode & _READ_BY_ALL or (
            status.st_mode & _READ_BY_GROUP and status.st_gid in user.groups
        )
        if is_included and not is_readable:
            return []
        text = posix.read(descriptor, SIZE_MAX + 1)
    finally:
        posix.close(descriptor)
    if len(text) > SIZE_MAX:
        msg = f"file {path!r}: longer than {SIZE_MAX >> 20} MiB"
        raise DefinitionError(msg)
    return text.decode("utf-8", "surrogateescape").split("\n")


def _peer_groups(answer: "socket", number: int) -> tuple[int, ...]:
    """The groups of who has made the socket; raise HostError if they are not told, since a group may be denied."""
    try:
        found = answer.getsockopt(SOL_SOCKET, _PEER_GROUPS, _GROUPS_SIZE)
    except OSError as error:
        msg = f"user {number}: read its groups: {posix.strerror(error.errno or 0)}"
        raise HostError(msg, hint=f"at most {_GROUPS_SIZE // 4} can be told") from error
    return unpack(f"={len(found) // 4}I", found)
