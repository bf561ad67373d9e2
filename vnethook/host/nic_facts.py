"""What there is to know of a NIC of the host's before it becomes a port of a bridge, read once, as plain data."""

import posix

from vnethook.host import foreign_files, nic_owners, nic_uses, rules_naming
from vnethook.host.link_address import LinkAddress
from vnethook.host.link_route import LinkRoute
from vnethook.host.link_rule import LinkRule
from vnethook.host.nic_owners import Owners
from vnethook.live import files
from vnethook.live.rtnl import Link
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.host import Host

_NOT_COPIED = ("addr_gen_mode", "mc_forwarding", "mtu", "rp_filter", "stable_secret")
"""Sysctls of an interface that have steps of their own, follow the link, or cannot be written."""


class NicFacts(Value):
    """A NIC: its link, the name of the bridge that it is a port of, its addresses and routes.

    `sysctls`: (family, name, value) of its own that a new link would not have, without `source_check`, its
    rp_filter; `generation`: how the kernel makes its link-local address, None without IPv6. `owners`: programs that
    give it addresses. In words: `filters`, packet filters that know it and not its bridge, `pinned`, those that know it
    by its index, whatever it is called, `hooked`, those at it. `rules`: its routing rules, as they would be about the
    bridge, but for those that are there. `takers`: links that have all its packets; `groups`: the multicast groups of
    programs on it; `remote_disk`: what the host's system is on; `zone`: of firewalld; `name_servers`: those that
    resolv.conf has with the NIC's name, "fe80::1%eth0".
    """

    link: Link
    master: str
    is_wireless: bool
    addresses: tuple[LinkAddress, ...]
    routes: tuple[LinkRoute, ...]
    sysctls: tuple[tuple[str, str, str], ...]
    generation: int | None
    source_check: str
    owners: Owners = Owners()
    filters: tuple[str, ...] = ()
    rules: tuple[LinkRule, ...] = ()
    takers: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    pinned: tuple[str, ...] = ()
    hooked: tuple[str, ...] = ()
    remote_disk: str = ""
    zone: str = ""
    name_servers: tuple[str, ...] = ()


def collect(host: "Host", link: Link, bridge: str) -> NicFacts:
    """Read what sharing a NIC by a bridge of that name needs."""
    master = host.links.link_at(link.master) if link.master else None
    generation = host.sysctls.read(f"net/ipv6/conf/{link.name}/addr_gen_mode")
    others = {other.name for other in host.links.all_links()}
    known = set(host.layer3.rules(bridge))
    twins = (rule.renamed(link.name, bridge) for rule in host.layer3.rules(link.name))
    return NicFacts(
        link=link,
        master=master.name if master else "",
        is_wireless=any(files.exists(f"/sys/class/net/{link.name}/{mark}") for mark in ("phy80211", "wireless")),
        addresses=host.layer3.addresses(link),
        routes=host.layer3.routes(link),
        sysctls=tuple(_own_sysctls(host, link.name)),
        generation=int(generation) if generation is not None else None,
        source_check=host.sysctls.read(f"net/ipv4/conf/{link.name}/rp_filter") or "0",
        owners=nic_owners.read(link.name, link.index, others),
        filters=rules_naming.filters(link.name, bridge),
        rules=tuple(twin for twin in twins if twin not in known),
        takers=nic_uses.takers(host.links, link),
        groups=nic_uses.groups(link.name),
        pinned=rules_naming.pinned(link.name),
        hooked=rules_naming.hooked(link.name),
        remote_disk=nic_uses.remote_disk(files.read_text("/proc/self/mountinfo") or ""),
        zone=host.firewalld.zone_of(link.name) if host.firewalld.is_running() else "",
        name_servers=nic_uses.name_servers(foreign_files.text(host.paths.resolv_conf), link.name),
    )


def _own_sysctls(host: "Host", name: str) -> list[tuple[str, str, str]]:
    found = []
    for family in ("ipv4", "ipv6"):
        place = f"net/{family}/conf"
        keys = posix.listdir(f"/proc/sys/{place}/{name}") if files.is_directory(f"/proc/sys/{place}/{name}") else []
        for key in sorted(set(keys) - set(_NOT_COPIED)):
            value = host.sysctls.read(f"{place}/{name}/{key}")
            if value is not None and value != host.sysctls.read(f"{place}/default/{key}"):
                found.append((family, key, value))
    return found
