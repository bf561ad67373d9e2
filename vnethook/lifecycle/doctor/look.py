"""Collect what the checks look at. Reads, changes nothing; what may not be looked at is named, and the rest goes on."""

import os
from glob import glob
from typing import TYPE_CHECKING

from vnethook.capability import dhcp, dnsmasq
from vnethook.capability.policy import table
from vnethook.definition import compiled, settings
from vnethook.definition.store import Store
from vnethook.errors import DefinitionError, HostError, VnetError
from vnethook.host import facts, firewall, programs, rulesets, services, storage, trial
from vnethook.lifecycle import bringup, certificates, health, lookup, overlap
from vnethook.lifecycle.doctor import look_lans, servers
from vnethook.lifecycle.doctor.storage import HOOKS
from vnethook.lifecycle.doctor.survey import NetworkSeen, Survey
from vnethook.live import failure, link_status
from vnethook.live.record import NFT
from vnethook.plan.firewall import KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from vnethook.definition.model import Network
    from vnethook.host.host import Host
    from vnethook.lifecycle.lookup import NetworkState

    Answer = TypeVar("Answer")

FIREWALL, KERNEL, NETWORKS = "the firewall", "what the kernel can do", "whether networks are in order"
USERS = "what users are allowed"
_NETWORKMANAGER, _NETWORKD = "NetworkManager", "systemd-network"
_RP_FILTER, _FORWARDING6 = "net/ipv4/conf/all/rp_filter", "net/ipv6/conf/all/forwarding"
_HYPERVISORS = {
    "QEMU": ("/usr/bin/qemu-system-*", "/usr/libexec/qemu-kvm"),
    "libvirt": ("/usr/sbin/libvirtd", "/usr/sbin/virtqemud"),
    "Xen": ("/proc/xen/xsd_port",),  # of dom0 alone: linux/drivers/xen/xenfs/super.c
}
_RULES = "\n".join((f"add {KEY}", *table.HOLDERS, *table.BASE, ""))
"""What nft has to take, of every network."""
_NEW = "vnbr0"
"""Stands for the bridge of a network that has none yet."""


def look(host: "Host", only: str = "") -> Survey:
    """The host, with all its networks or only one; what only `vnet` knows, of its hooks, is left out."""
    unseen: list[str] = []
    forbidden = _forbidden(host)
    states: list[NetworkState] = []
    states = _or(lambda: lookup.states(host), states, NETWORKS, unseen)
    networks = tuple(_network(host, state, unseen) for state in states if only in {"", state.name})
    uplinks = _uplinks(host)
    chosen = _firewall(host)
    rules = _RULES if chosen == NFT and programs.find("nft") else ""
    lacks = trial.missing(rules)
    if lacks is None:
        unseen.append(KERNEL)
    managed, networkd = _managers(host, networks)
    needed = [
        "nft" if chosen == NFT else "iptables",
        *(["dnsmasq"] if any(network.has_dns or network.has_dhcp for network in networks) else []),
        *dict.fromkeys(program for network in networks for program in network.programs),
        *(["pasta"] if host.paths.user and programs.find("slirp4netns") is None else []),
    ]
    return Survey(
        networks=networks,
        lans=look_lans.lans(host, networks, has_shared=not only),
        lost=() if only else look_lans.lost(host),
        firewall=chosen,
        missing_programs=tuple(program for program in needed if programs.find(program) is None),
        hypervisors=tuple(name for name, places in _HYPERVISORS.items() if any(map(glob, places))),
        kernel_lacks=lacks or (),
        has_ipv6=os.path.exists("/proc/sys/net/ipv6"),
        tables=_or(rulesets.read, (), FIREWALL, unseen),
        uplinks=uplinks,
        bridges_call=tuple(version for version, path in facts.BRIDGES_CALL.items() if host.sysctls.read(path) == "1"),
        listeners=host.listeners(lambda one: one.port in servers.PORTS),
        has_read_only_sysctls=bool(os.statvfs("/proc/sys/net").f_flag & os.ST_RDONLY),
        sysctls=_sysctls(host, uplinks),
        places=tuple(map(storage.place, (host.paths.run, host.paths.state, host.paths.etc, HOOKS))),
        conntrack=(_number(host, "net/netfilter/nf_conntrack_count"), _number(host, "net/netfilter/nf_conntrack_max")),
        watches=_number(host, "fs/inotify/max_user_instances") or Survey.watches,
        is_dnsmasq_confined=services.is_dnsmasq_confined(host.paths.run),
        run=host.paths.run,
        state=host.paths.state,
        unserved=_or(lambda: services.unserved(host.paths), "", USERS, unseen),
        user=host.paths.user,
        forbidden=forbidden.message if forbidden else "",
        helps=forbidden.hint if forbidden else "",
        has_tun=os.access("/dev/net/tun", os.R_OK | os.W_OK),
        unseen=tuple(dict.fromkeys(unseen)),
        managed=managed,
        networkd=networkd,
    )


def _forbidden(host: "Host") -> HostError | None:
    """Why an ordinary user gets no namespace; one that is made to see that ends with this call."""
    try:
        host.enter(is_made=True)
    except HostError as error:
        return error
    return None


def _network(host: "Host", state: "NetworkState", unseen: list[str]) -> NetworkSeen:
    """One network, without choosing what its definition leaves open."""
    seen = NetworkSeen(
        state.name,
        is_active=state.is_active,
        is_autostart=state.is_autostart,
        failure=failure.read(host.paths, state.name),
    )
    if state.problem != seen.failure:
        seen = seen.replace(problem=state.problem)
    try:
        network = _definition(host, state)
    except VnetError as error:
        return seen.replace(problem=seen.problem or error.message.removeprefix(f"network {state.name!r}: "))
    found, has_tls = overlap.of(host, network), _has_tls(network)
    faults: list[str] = []
    if state.is_active:
        faults = _or(lambda: health.drift(host, state.name), faults, NETWORKS, unseen)
    return seen.replace(
        bridge=network.bridge.name or _NEW,
        forward=network.forward,
        versions=tuple(sorted({ip.version for ip in network.ips} | ({4} if network.wants_subnet else set()))),
        gateways=tuple(ip.address for ip in network.ips if ip.address),
        faults=tuple(fault.removeprefix("not done: ") for fault in faults),
        overlap=found.reason if found else "",
        is_chosen=bool(found and found.is_chosen),
        has_dns=dnsmasq.serves(network) and network.dns.enable,
        has_dhcp=dhcp.serves(network),
        owns_bridge=network.owns_bridge,
        needs=_needs(network),
        programs=_programs(network),
        apart=tuple(_or(lambda: _apart(host, network), [], NETWORKS, unseen)) if state.is_active else (),
        unlinked=tuple(_unlinked(host, network)) if state.is_active else (),
        certificate=_or(lambda: certificates.problem(host.paths), "", NETWORKS, unseen) if has_tls else "",
    )


def _has_tls(network: "Network") -> bool:
    ends = [item.transport for item in network.listens if not item.is_local]
    return "tls" in [*ends, *(item.transport for item in network.connections if not item.is_local)]


def _apart(host: "Host", network: "Network") -> list[str]:
    """What keeps guests from those on other hosts."""
    if network.fabric is None:
        return []
    from vnethook.lifecycle import fabrics, uplinks  # noqa: PLC0415 (few networks go on at other hosts)

    return [*(line for line in uplinks.warnings(host, network) if "fabric" in line), *fabrics.warnings(host, network)]


def _unlinked(host: "Host", network: "Network") -> "Iterator[str]":
    """The links with other hosts that a network wants and are down, or that it does not listen to."""
    found = link_status.read(host.paths, network.name) if network.connections or network.listens else None
    for link in found.links if found else ():
        if link.state == link_status.DOWN and not link.is_incoming:
            yield f"link to {link.address} ({link.transport}): is down: {link.reason or 'not tried yet'}"
    for listen in found.listens if found else ():
        if listen.state == link_status.DOWN:
            yield f"listen ({listen.transport}): nobody can connect: {listen.reason or 'not tried yet'}"


def _programs(network: "Network") -> tuple[str, ...]:
    """The programs that not every network needs."""
    transports = {item.transport for item in network.connections if item.address}
    by_plug = transports | {item.transport for item in network.listens if not item.is_local}
    return (*(["vde_plug"] if by_plug & {"tls", "tcp", "ssh"} else []), *(["ssh"] if "ssh" in transports else []))


def _needs(network: "Network") -> tuple[str, ...]:
    """The parts of the kernel that not every network needs."""
    groups = network.portgroups
    has_vlans = network.vlan is not None or any(group.vlan is not None for group in groups)
    has_rates = network.bandwidth is not None or any(group.bandwidth is not None for group in groups)
    guards = (network.effective_guard, *(group.guard for group in groups if group.guard is not None))
    has_guards = any(guard.parts for guard in guards)
    wanted = (
        *((trial.VLANS, has_vlans), (trial.HTB, has_rates)),
        *((trial.INGRESS, has_rates or has_guards), (trial.GUARDS, has_guards)),
    )
    return tuple(part for part, is_wanted in wanted if is_wanted)


def _definition(host: "Host", state: "NetworkState") -> "Network":
    """With what a network is up, or what is stored."""
    live = bringup.live_definition(host, state.name) if state.is_active else None
    return live or compiled.read(host.paths, state.name) or Store(host.paths).stored(state.name)


def _firewall(host: "Host") -> str:
    """What our rules go into; a vnethook.toml that is not in order is told elsewhere."""
    try:
        return firewall.choose(host, settings.current(host.paths).firewall)
    except DefinitionError:
        return NFT


def _or(answer: "Callable[[], Answer]", otherwise: "Answer", part: str, unseen: list[str]) -> "Answer":
    """An answer; where the host refuses it, another one, and a note of what was not seen."""
    try:
        return answer()
    except HostError:
        unseen.append(part)
        return otherwise


def _uplinks(host: "Host") -> tuple[tuple[int, str], ...]:
    """(IP version, interface) of each default route."""
    found = [
        (route.subnet.version, link.name)
        for route in facts.default_routes(host)
        if route.device and (link := host.links.link_at(route.device))
    ]
    return tuple(dict.fromkeys(found))


def _sysctls(host: "Host", uplinks: tuple[tuple[int, str], ...]) -> tuple[tuple[str, str], ...]:
    listening = [f"net/ipv6/conf/{name}/accept_ra" for version, name in uplinks if version == 6]
    values = [(path, host.sysctls.read(path)) for path in (_RP_FILTER, _FORWARDING6, *listening)]
    return tuple((path, value) for path, value in values if value is not None)


def _number(host: "Host", path: str) -> int:
    """A sysctl that is a number, 0 where there is none."""
    value = host.sysctls.read(path) or ""
    return int(value) if value.isdigit() else 0


def _managers(host: "Host", networks: tuple[NetworkSeen, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the programs that run here and manage links would do with ours."""
    there = services.running((_NETWORKMANAGER, _NETWORKD))
    ours = [network.bridge for network in networks if network.is_active and network.owns_bridge]
    ours += [nic.interface for network in networks for nic in bringup.guests(host, network.name)]
    managed = services.managed_by_networkmanager() if _NETWORKMANAGER in there else ()
    files = services.matched_by_networkd(ours or [_NEW]) if _NETWORKD in there else ()
    return tuple(name for name in managed if name in ours), files
