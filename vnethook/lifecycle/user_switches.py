"""What leads a user's switch out here, and what that costs: told at define and at start."""

from vnethook.capability import slirpvde as planned
from vnethook.definition import settings
from vnethook.definition.backend import VDE
from vnethook.errors import HostError, UnsupportedError
from vnethook.host import slirpvde, vde

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


def warnings(host: "Host", network: "Network") -> tuple[str, ...]:
    """What its author should know, a line each; nothing of a network that is no switch of a user's."""
    if (network.backend or (VDE if host.forbidden else "")) != VDE:
        return ()
    if not slirpvde.leads_out(host.paths, network.name, is_allowed=settings.current(host.paths).allows_slirpvde):
        try:
            vde.require_slirp()
        except HostError as error:
            return (f"{error}: it cannot be started: {error.hint}",)
        return ()
    try:
        planned.require(network)
    except UnsupportedError as error:
        return (f"{error.message.partition(': ')[2]}: it cannot be started: {error.hint}",)
    return planned.WARNINGS
