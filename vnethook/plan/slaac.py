"""A step that has the kernel make the same addresses of a router's prefixes on another link."""

from vnethook.errors import HostError
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host


class KeepIdentifier(Step):
    """Have the kernel make a link's addresses with this last half, 16 hexadecimal digits; it goes with the link."""

    _about = ("link",)
    link: str
    identifier: str

    def is_done(self, host: "Host") -> bool:
        return False  # whether it is set is not told to everybody; to set it again is harmless

    def do(self, host: "Host") -> None:
        link = host.links.link(self.link)
        if link is None:
            msg = f"link {self.link!r}: no such network interface"
            raise HostError(msg)
        host.layer3.set_identifier(link, self.identifier)

    def undo(self, host: "Host") -> None:
        """Nothing: the link goes away."""

    def __str__(self) -> str:
        return f"have the kernel make addresses on {self.link} that end in {self.identifier}"
