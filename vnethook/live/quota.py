"""How many NICs an ordinary user has of root's side of the bridge helper: a link for each, which says its index.

What is gone is forgotten when its user next asks for one. The numbers that a user has for namespaces of their own
count as that user: there are tens of thousands for each. Source: subuid(5).
"""

from vnethook.errors import StateError
from vnethook.live import files
from vnethook.live.lock import Lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Links

SUBORDINATE = "/etc/subuid"
_FIRST_SUBORDINATE = 1 << 16
"""No number below is one: login.defs(5), SUB_UID_MIN."""


def holder_of(user: int) -> int:
    """The user who has that number for namespaces, else the number itself."""
    lines = (files.read_text(SUBORDINATE) or "").split("\n") if user >= _FIRST_SUBORDINATE else []
    for name, first, count in (line.split(":") for line in lines if line.count(":") == 2):
        if first.isdecimal() and count.isdecimal() and int(first) <= user < int(first) + int(count):
            return _number(name, user)
    return user


def _number(name: str, otherwise: int) -> int:
    import pwd  # noqa: PLC0415 (only for who calls from such a namespace)

    try:
        return int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        return otherwise  # a user who is no more


def take(paths: "Paths", links: "Links", user: int, interface: str, *, most: int) -> None:
    """Count one more NIC, whose link is there; raise StateError if the user has `most` others."""
    user = holder_of(user)
    directory = paths.nics_of_user(user)
    with Lock(f"{paths.locks}/.user-{user}") as lock:
        lock.finish()
        others = [name for name in files.names(directory) if name != interface and _is_there(links, directory, name)]
        if len(others) >= most:
            msg = f"user {user}: has {len(others)} NICs of the bridge helper, and may have {most}"
            raise StateError(msg, hint=f"end a guest, or ask root for more: {paths.config!r}, [users] nics = …")
        link = links.link(interface)
        files.make_link(f"{directory}/{interface}", str(link.index if link else 0))


def give_back(paths: "Paths", user: int, interface: str) -> None:
    """Count a NIC no more."""
    files.remove(f"{paths.nics_of_user(holder_of(user))}/{interface}")


def _is_there(links: "Links", directory: str, interface: str) -> bool:
    """Whether a link that is counted is still the same; forgotten if not."""
    link = links.link(interface)
    is_there = link is not None and str(link.index) == files.link_target(f"{directory}/{interface}")
    if not is_there:
        files.remove(f"{directory}/{interface}")
    return is_there
