"""Whether dnsmasq takes the lines that a definition adds to its configuration: asked before a guest finds out."""

from vnethook.capability import dnsmasq
from vnethook.errors import DefinitionError
from vnethook.host import programs
from vnethook.host.facts import Facts
from vnethook.names import shown
from vnethook.plan.daemon import complaint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host

_HINT = "`dnsmasq --help` lists what it takes, and dnsmasq(8) says what it means"


class RefusedOptionError(DefinitionError):
    """A line that dnsmasq does not take; `reason`: what is said of it, without the name of the network."""

    option = ""
    reason = ""


def require(host: "Host", network: "Network") -> None:
    """Raise DefinitionError if dnsmasq would not start with them; nothing while it is not installed."""
    program = programs.find("dnsmasq")
    if not network.options or program is None:
        return
    text = dnsmasq.configuration(network, Facts(host.paths))
    finished = programs.run([program, "--test", "--conf-file=-"], text=text)
    if finished.status:
        reason, line = complaint(finished.reason.removeprefix("dnsmasq: "), text)
        if line in network.options:
            raise _refused(network, line, reason)
        msg = f"network {network.name!r}: dnsmasq options: {reason}" + (f": {line}" if line else "")
        raise DefinitionError(msg, hint=_HINT)


def _refused(network: "Network", option: str, reason: str) -> RefusedOptionError:
    what = f"dnsmasq option {shown(option)}: {reason}"
    error = RefusedOptionError(f"network {network.name!r}: {what}", hint=_HINT)
    error.option, error.reason = option, what
    return error
