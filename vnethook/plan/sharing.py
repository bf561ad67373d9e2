"""Steps that make a bridge for a NIC of the host's, like the NIC in all that the kernel keeps of a link."""

from time import CLOCK_BOOTTIME, clock_gettime

from vnethook.host.link_rule import LinkRule
from vnethook.plan.links import CreateBridge
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

NO_GENERATION = 1
"""IN6_ADDR_GEN_MODE_NONE: the kernel makes no link-local address."""


LOOSE = "2"
"""Of rp_filter: whatever link leads back to the sender will do. Source: ip-sysctl.rst."""


def source_check(link: str) -> str:
    """The sysctl of reverse path filtering on a link."""
    return f"net/ipv4/conf/{link}/rp_filter"


def now_s() -> int:
    """Seconds since the host was booted."""
    return int(clock_gettime(CLOCK_BOOTTIME))


class CreateSharedBridge(CreateBridge):
    """Create a bridge that keeps its MTU whatever ports come, and on which the kernel makes no address by itself."""

    def do(self, host: "Host") -> None:
        super().do(host)
        # a bridge keeps an MTU that was changed, and else takes its smallest port's: br_change_mtu()
        host.links.set_link(self.name, mtu=self.mtu + 1)
        host.links.set_link(self.name, mtu=self.mtu)
        generate_addresses(host, self.name, NO_GENERATION)


class GenerateAddresses(Step):
    """Have the kernel make IPv6 link-local addresses on a link as `mode` says, before it was as `was` says.

    `kind`: of a bridge "bridge"; undone, what has the name and is none is left alone.
    """

    _about = ("link", "kind")
    link: str
    mode: int
    was: int
    kind: str = ""

    def is_done(self, host: "Host") -> bool:
        return host.sysctls.read(_generation(self.link)) in {str(self.mode), None}

    def do(self, host: "Host") -> None:
        generate_addresses(host, self.link, self.mode)

    def undo(self, host: "Host") -> None:
        if not self.kind or is_bridge(host, self.link):
            generate_addresses(host, self.link, self.was)

    def __str__(self) -> str:
        return f"have the kernel make {'no ' if self.mode == NO_GENERATION else ''}link-local addresses on {self.link}"


class CheckSources(Step):
    """Set how a link checks where packets come from (rp_filter); undone, it is loose again.

    While routes move from one link to the other, strict reverse path filtering drops what comes by the one.
    """

    _about = ("link",)
    link: str
    value: str

    def is_done(self, host: "Host") -> bool:
        return host.sysctls.read(source_check(self.link)) in {self.value, None}

    def do(self, host: "Host") -> None:
        host.sysctls.write(source_check(self.link), self.value)

    def undo(self, host: "Host") -> None:
        if is_bridge(host, self.link) and host.sysctls.read(source_check(self.link)) not in {LOOSE, None}:
            host.sysctls.write(source_check(self.link), LOOSE)

    def __str__(self) -> str:
        return f"set on {self.link}: rp_filter={self.value}"


class RepeatRules(Step):
    """Have the routing rules about a NIC for its bridge as well, from which packets come and by which they leave."""

    _about = ("link",)
    _nested = {"rules": LinkRule}  # noqa: RUF012 (ClassVar would need typing at run time)
    link: str
    rules: tuple[LinkRule, ...]

    def is_done(self, host: "Host") -> bool:
        return set(self.rules) <= set(host.layer3.rules(self.link))

    def do(self, host: "Host") -> None:
        for rule in self.rules:
            host.layer3.add_rule(rule)

    def undo(self, host: "Host") -> None:
        known = set(host.layer3.rules(self.link))
        for rule in self.rules:
            if rule in known:
                host.layer3.remove_rule(rule)

    def __str__(self) -> str:
        return f"repeat routing rules: {', '.join(map(str, self.rules))}"


def is_bridge(host: "Host", name: str) -> bool:
    """Whether a bridge has that name."""
    link = host.links.link(name)
    return link is not None and link.kind == "bridge"


def generate_addresses(host: "Host", name: str, mode: int) -> None:
    """Set how the kernel makes IPv6 link-local addresses on a link; nothing where there is no IPv6, or no link."""
    link = host.links.link(name)
    if link is not None and host.sysctls.read(_generation(name)) not in {str(mode), None}:
        host.layer3.set_address_generation(link, mode)


def _generation(link: str) -> str:
    return f"net/ipv6/conf/{link}/addr_gen_mode"
