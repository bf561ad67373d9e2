"""What a network goes without where its rules are not in nftables: told at define and at start."""

from vnethook.capability import firewall as rules
from vnethook.capability import guard
from vnethook.definition import settings
from vnethook.errors import UnsupportedError
from vnethook.host import firewall
from vnethook.host.facts import Facts
from vnethook.live.record import NFT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.definition.model import Network
    from vnethook.host.host import Host


def warnings(host: "Host", network: "Network") -> tuple[str, ...]:
    """What this host cannot do for it, a line each; also why it could not be started."""
    if host.paths.user:
        return ()  # nftables it is, in the user's namespace
    chosen = firewall.choose(host, settings.current(host.paths).firewall)
    if chosen == NFT or not network.owns_bridge:
        return ()
    facts = Facts(host.paths, firewall=chosen, has_nf_tables=host.nft.has_kernel())
    found = []
    for capability in (rules, guard):
        try:
            capability.plan(network, facts)
        except UnsupportedError as error:
            found.append(f"{error.message.removeprefix(f'network {network.name!r}: ')}: it cannot be started")
    if not facts.has_nf_tables and guard.has_guards(network) and not guard.is_asked(network):
        found.append("guards are not done: the kernel has no nf_tables")
    elif network.effective_guard.counts_flows and not found:
        found.append("what guests open is not counted: the rules are in iptables")
    return tuple(found)
