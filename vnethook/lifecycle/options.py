"""Whether dnsmasq takes the lines that a definition adds to its configuration: asked before a guest finds out."""

from vnethook.capability import dnsmasq
from vnethook.errors import DefinitionError
from vnethook.host import programs
from vnethook.host.facts import Facts
from vnethook.plan.daemon import complaint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


def require(host: "Host", network: "Network") -> None:
    """Raise DefinitionError if dnsmasq would not start with them; nothing while it is not installed."""
    program = programs.find("dnsmasq")
    if not network.options or program is None:
        return
    text = dnsmasq.configuration(network, Facts(host.paths))
    finished = programs.run([program, "--test", "--conf-file=-"], text=text)
    if finished.status:
        reason = finished.reason.removeprefix("dnsmasq: ")
        msg = f"network {network.name!r}: dnsmasq options: {reason}{complaint(reason, text)}"
        raise DefinitionError(msg, hint="`dnsmasq --help` lists what it takes, and dnsmasq(8) says what it means")
