"""A link under another name than its hypervisor's, which stays readable as its alias. Loaded only where one is renamed.

The kernel decides whether a name is free, so two who want one cannot both have it; name and alias are set by one
message, so that a killed caller leaves a link that the next call recognises. Source: linux/if_link.h, do_setlink().
"""

from errno import EEXIST

from vnethook.errors import HostError, StateError
from vnethook.live import files
from vnethook.live.netlink import attributes, pack, text
from vnethook.live.rtnl import LINK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Link, Links

_GET_LINK, _SET_LINK = 18, 19
_IFLA_NAME, _IFLA_ALIAS = 3, 20


def rename(links: "Links", link: "Link", name: str, *, alias: str) -> None:
    """Rename a link, which is down for that and stays so; raise StateError if another has the name, HostError."""
    if link.is_up:
        links.set_link(link.name, up=False)
    body = LINK.pack(0, 0, link.index, 0, 0) + text(_IFLA_NAME, name) + pack(_IFLA_ALIAS, alias.encode())
    try:
        links.ask(f"interface {link.name!r}", f"rename to {name!r}", _SET_LINK, 0, body)
    except HostError as error:
        if getattr(error.__cause__, "errno", 0) != EEXIST:
            raise
        msg = f"interface {link.name!r}: rename to {name!r}: another interface has that name"
        raise StateError(msg, hint="choose another vifname= for one of the two guests") from error


def alias(links: "Links", link: "Link") -> str:
    """The alias of a link, empty if it has none."""
    body = LINK.pack(0, 0, link.index, 0, 0)
    found = dict(attributes(links.ask(f"interface {link.name!r}", "read", _GET_LINK, 0, body)[0], LINK.size))
    return found.get(_IFLA_ALIAS, b"").rstrip(b"\0").decode(errors="replace")


def undo(paths: "Paths", links: "Links", device: str) -> None:
    """Give a link that was renamed the name `device` again, if it is there; raise HostError."""
    name = files.link_target(paths.renamed(device))
    link = links.link(name) if name else None
    if name and link is not None and alias(links, link) == device:
        try:
            rename(links, link, device, alias="")
        except HostError:
            if links.link(name) is not None:  # else who had made it was faster
                raise
    files.remove(paths.renamed(device))
