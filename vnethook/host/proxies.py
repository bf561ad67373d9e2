"""For which addresses the host answers at a link though they are not its own: see live/proxied.py."""

from vnethook.live import proxied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.rtnl import Links


class Proxies:
    """The addresses that we have the kernel answer for at a link."""

    def __init__(self, links: "Links") -> None:
        self._links = links

    def answered(self, link: str) -> set[str]:
        """Those addresses; none at a link that is not there."""
        return proxied.answered(self._links, link)

    def answer(self, link: str, address: str) -> None:
        """Answer for an address at a link; nothing if the link is not there."""
        proxied.answer(self._links, link, address)

    def end(self, link: str, address: str) -> None:
        """Answer for it no longer; nothing if that was so."""
        proxied.end(self._links, link, address)
