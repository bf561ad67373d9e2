"""A host in memory, with the promises of `vnethook.host.host.Host`; tests/netns/test_fake_host.py holds it to them.

Links, sysctls, nftables and daemons are plain data; what is in files (journals, dnsmasq's configuration, the register
of shared settings) lies in real files below `tmp_path`. Every change of the host passes `Changes.made`, so that a test
can let the n-th one be refused.
"""

import copy
import os
import shlex
from pathlib import Path

from tests.unit.plan.fake_filters import FakeFilters, FakeFirewalld
from tests.unit.plan.fake_nft import FakeNft
from vnethook.address import parse_subnet
from vnethook.errors import HostError
from vnethook.host.shared import Shared
from vnethook.live.paths import Paths
from vnethook.live.rtnl import Link, Route

INTERFACE_SYSCTLS = {"accept_ra": "1", "autoconf": "1", "disable_ipv6": "0"}
SYSCTLS = {
    "net/ipv4/ip_forward": "0",
    "net/ipv4/conf/all/accept_redirects": "1",
    "net/ipv6/conf/all/forwarding": "0",
    "net/ipv6/conf/all/accept_ra": "1",
    "net/ipv6/conf/default/accept_ra": "1",
    "net/ipv6/conf/default/disable_ipv6": "0",
    "net/ipv6/conf/eth0/accept_ra": "1",
    "net/ipv6/conf/eth0/disable_ipv6": "0",
} | {f"net/{family}/conf/{name}/forwarding": "0" for family in ("ipv4", "ipv6") for name in ("all", "default", "eth0")}


class RefusedError(HostError):
    """What a test asked for."""


class Changes:
    """What was changed, in order; the change number `fail_at` is refused, either before or after it was made."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.fail_at = -1
        self.is_late = False
        self.refused: list[RefusedError] = []

    def make(self, what, change):
        self.made.append(what)
        refusal = RefusedError(f"{what}: refused by the test") if len(self.made) - 1 == self.fail_at else None
        if refusal is None or self.is_late:
            change()
        if refusal is not None:
            self.refused.append(refusal)
            raise refusal


class FakeLinks:
    """The links of the host: `eth0`, the uplink, is there from the beginning."""

    def __init__(self, changes: Changes, sysctls: dict[str, str]) -> None:
        self._changes = changes
        self._sysctls = sysctls
        self._next_index = 3
        self.links = {
            "lo": Link("lo", 1, "00:00:00:00:00:00", 65536, 0, "", is_up=True, has_carrier=True),
            "eth0": Link("eth0", 2, "52:54:00:00:53:02", 1500, 0, "veth", is_up=True, has_carrier=True),
        }
        self.of_link: dict[str, list[str]] = {"lo": ["127.0.0.1/8"], "eth0": ["198.51.100.2/24"]}
        self.more_routes: list[Route] = []
        self.without_route: set[tuple[str, str]] = set()

    def link(self, name):
        return self.links.get(name)

    def link_at(self, index):
        return next((link for link in self.links.values() if link.index == index), None)

    def all_links(self):
        return list(self.links.values())

    def ports(self, bridge):
        return [link for link in self.links.values() if link.master == bridge]

    def add(self, name, *, kind="tun", master=0):
        """Make a link that is down, as a hypervisor makes a tap; no change of ours."""
        mac = f"52:54:00:00:54:{self._next_index:02x}"
        self.links[name] = Link(name, self._next_index, mac, 1500, master, kind, is_up=False, has_carrier=False)
        self._next_index += 1
        self.of_link[name] = []
        for key, value in INTERFACE_SYSCTLS.items():
            self._sysctls[f"net/ipv6/conf/{name}/{key}"] = value
        for family in ("ipv4", "ipv6"):
            path = f"net/{family}/conf/{name}/forwarding"
            self._sysctls[path] = self._sysctls[f"net/{family}/conf/default/forwarding"]

    def create_bridge(self, name, *, mac, stp, delay_s):
        def change():
            if name in self.links:
                msg = f"bridge {name!r}: create: File exists"
                raise HostError(msg, hint="another program owns it; choose another name in <bridge name='…'/>")
            self.add(name, kind="bridge")
            self._set(name, mac=mac, stp=int(stp), delay_s=max(2, delay_s) if stp else delay_s)

        self._changes.make(f"create bridge {name}", change)

    def set_bridge(self, name, *, stp, delay_s):
        change = {"stp": int(stp), "delay_s": max(2, delay_s) if stp else delay_s}
        self._changes.make(f"set bridge {name}", lambda: self._set(name, **change))

    def delete(self, name):
        def change():
            gone = self.links.pop(name)
            self.of_link.pop(name)
            for path in [path for path in self._sysctls if f"/conf/{name}/" in path]:
                del self._sysctls[path]
            for port in self.ports(gone.index):
                self._set(port.name, master=0)
            self.more_routes = [route for route in self.more_routes if route.device != gone.index]

        if name in self.links:
            self._changes.make(f"delete link {name}", change)

    def set_link(self, name, *, up=None, mac="", mtu=0, master=None):
        change = {"is_up": up, "mac": mac or None, "mtu": mtu or None, "master": master}
        self._changes.make(
            f"set link {name}", lambda: self._set(name, **{key: to for key, to in change.items() if to is not None})
        )

    def addresses(self, name):
        return list(self.of_link.get(name, []))

    def addresses_at(self, index):
        link = self.link_at(index)
        return self.addresses(link.name) if link else []

    def all_addresses(self):
        return [(self.links[name].index, address) for name, found in self.of_link.items() for address in found]

    def add_address(self, name, address, *, has_route=True):
        def change():
            self._need(name)
            if address not in self.of_link[name]:
                self.of_link[name].append(address)
                self.without_route |= set() if has_route else {(name, address)}

        self._changes.make(f"add address {address} to {name}", change)

    def remove_address(self, name, address):
        def change():
            if address in self.of_link[name]:
                self.of_link[name].remove(address)

        if name in self.links:
            self._changes.make(f"remove address {address} from {name}", change)

    def ask_unless(self, reasons, what, verb, message):
        """To ask for a way to another host: no route leads there."""
        return []

    def routes(self):
        """A connected route for each address, and what a test adds."""
        found = []
        for name, addresses in self.of_link.items():
            for address in addresses:
                if (name, address) in self.without_route:
                    continue
                subnet = parse_subnet(address)
                found.append(
                    Route(subnet.version, subnet.first, subnet.last, subnet.prefix, self.links[name].index, 254)
                )
        return [*found, *self.more_routes]

    def _need(self, name):
        if name not in self.links:
            msg = f"link {name!r}: no such network interface"
            raise HostError(msg)

    def _set(self, name, **change):
        self._need(name)
        self.links[name] = self.links[name].replace(**change)


class FakeRoutes:
    """The routes by a gateway."""

    def __init__(self, changes: Changes, links: FakeLinks) -> None:
        self._changes = changes
        self._links = links

    def add(self, link, destination, *, gateway, metric):
        def change():
            route = self._route(link, destination, gateway, metric)
            known = {(other.first, other.prefix, other.metric) for other in self._links.routes()}
            if (route.first, route.prefix, metric) in known:
                msg = f"route {destination} by {gateway} on {link!r}: add: File exists"
                raise HostError(msg, hint=f"the host has one of metric {metric} already")
            self._links.more_routes.append(route)

        self._changes.make(f"add route {destination} on {link}", change)

    def remove(self, link, destination, *, gateway, metric):
        if link in self._links.links:
            route = self._route(link, destination, gateway, metric)
            if route in self._links.more_routes:
                change = f"remove route {destination} from {link}"
                self._changes.make(change, lambda: self._links.more_routes.remove(route))

    def _route(self, link, destination, gateway, metric):
        subnet = parse_subnet(destination)
        ends = (subnet.version, subnet.first, subnet.last, subnet.prefix)
        return Route(*ends, self._links.links[link].index, 254, gateway, metric)


class FakeSysctls:
    """The sysctls; the kernel's side effects of turning forwarding on and off are kept."""

    def __init__(self, changes: Changes, values: dict[str, str]) -> None:
        self._changes = changes
        self.values = values

    def read(self, path):
        return self.values.get(path)

    def write(self, path, value):
        def change():
            if path not in self.values:
                msg = f"sysctl {path!r}: set to {value}: No such file or directory"
                raise HostError(msg, hint="the kernel lacks it")
            if path == "net/ipv4/ip_forward" and self.values[path] != value:
                self.values["net/ipv4/conf/all/accept_redirects"] = "0" if value == "1" else "1"
            family = {"net/ipv4/ip_forward": "ipv4", "net/ipv6/conf/all/forwarding": "ipv6"}.get(path)
            if family == "ipv6" or (family and self.values[path] != value):
                each = [f"net/{family}/conf/{name}/forwarding" for name in self.interfaces(family)]
                self.values.update(dict.fromkeys(each, value))
            self.values[path] = value

        self._changes.make(f"set {path} to {value}", change)

    def interfaces(self, family):
        begin = f"net/{family}/conf/"
        return sorted({path.removeprefix(begin).split("/")[0] for path in self.values if path.startswith(begin)})


class FakeDaemons:
    """Programs that run: by the path of their record, (pid, start time, tag)."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._next_pid = 1000
        self.by_record: dict[str, tuple[int, int, str]] = {}
        self.command_lines: dict[str, list[str]] = {}

    def running(self, record, word):
        return self.by_record.get(record) if word in self.command_lines.get(record, []) else None

    def start(self, argv, *, record, pid_file, word, tag):
        def change():
            assert word in argv, f"{word} is to be found on the command line {shlex.join(argv)}"
            self._next_pid += 1
            self.by_record[record] = (self._next_pid, 7, tag)
            self.command_lines[record] = argv

        self._changes.make(f"start {os.path.basename(argv[0])}", change)

    def reload(self, *, record, word, tag):
        def change():
            pid, start, _ = self.by_record[record]
            self.by_record[record] = (pid, start, tag)

        if self.running(record, word):
            self._changes.make(f"reload {os.path.basename(self.command_lines[record][0])}", change)

    def stop(self, *, record, pid_file, word):
        def change():
            del self.by_record[record], self.command_lines[record]

        if record in self.by_record:
            self._changes.make(f"stop {os.path.basename(self.command_lines[record][0])}", change)


class FakeTraffic:
    """The limits of links, which go with their links."""

    def __init__(self, changes, links):
        self._changes = changes
        self._links = links
        self.limits: dict[int, tuple[int, ...]] = {}

    def is_limited(self, name, limits, floors=None):
        link = self._links.link(name)
        return link is not None and self.limits.get(link.index, (0,) * 7) == limits

    def limit(self, name, limits, floors=()):
        link = self._links.link(name)
        if link is None:
            msg = f"interface {name!r}: limit rate: no such network interface"
            raise HostError(msg)
        self._changes.make(f"limit {name}", lambda: self.limits.update({link.index: limits}))

    def clear(self, name, index):
        link = self._links.link(name)
        if link is not None and link.index == index and link.index in self.limits:
            self._changes.make(f"take limits off {name}", lambda: self.limits.pop(link.index))


class FakeGuards:
    """The marks of guards; no NIC is guarded in memory."""

    def __init__(self, changes):
        self._changes = changes
        self.marks = set()

    def require(self):
        pass

    def is_marked(self, chain):
        return chain in self.marks

    def mark(self, chain):
        self._changes.make(f"mark guards {chain}", lambda: self.marks.add(chain))

    def unmark(self, chain):
        self._changes.make(f"unmark guards {chain}", lambda: self.marks.discard(chain))

    def sweep(self, network, *, is_up):
        pass


class FakeProxies:
    """Who is answered for; what is answered at a link goes with it."""

    def __init__(self, changes, links):
        self._changes = changes
        self._links = links
        self.by_link: dict[str, set[str]] = {}

    def answered(self, link):
        return set(self.by_link.get(link, ())) if self._links.link(link) else set()

    def answer(self, link, address):
        if self._links.link(link):
            self._changes.make(f"answer for {address}", lambda: self.by_link.setdefault(link, set()).add(address))

    def end(self, link, address):
        if address in self.answered(link):
            self._changes.make(f"answer no longer for {address}", lambda: self.by_link[link].discard(address))


class FakeResolved:
    """A resolver that runs until a test says otherwise; what is set on a link goes with it."""

    def __init__(self, changes, links):
        self._changes = changes
        self._links = links
        self.runs = True
        self.by_link: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}

    def is_running(self):
        return self.runs

    def servers(self, link):
        return self.by_link.get(self._index("dns", link), ((), ()))[0]

    def domains(self, link):
        return self.by_link.get(self._index("domain", link), ((), ()))[1]

    def register(self, link, *, servers, domains):
        found = {self._index("dns", link): (servers, tuple(f"~{domain}" for domain in domains))}
        self._changes.make(f"register {link}", lambda: self.by_link.update(found))

    def revert(self, link):
        index = self._index("revert", link)
        self._changes.make(f"revert {link}", lambda: self.by_link.pop(index, None))

    def _index(self, verb, link):
        found = self._links.link(link)
        if found is None:
            msg = f'systemd-resolved: {verb} of {link!r}: Failed to resolve interface "{link}": No such device'
            raise HostError(msg, hint="see `resolvectl status` and the system log")
        return found.index


class FakeConntrack:
    """The flows of the host, of which only is kept whose were forgotten."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []

    def forget(self, subnets):
        self.forgotten += subnets

    def keep(self, addresses):
        """Flows that guests have begun are none of its."""

    def settle(self, before, now):
        """Flows that were led to guests are none of its."""


class FakeHost:
    """The machine as steps see it; `root` is where its files lie."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.changes = Changes()
        sysctls = dict(SYSCTLS)
        self.paths = Paths(f"{root}/etc", f"{root}/run", f"{root}/state", f"{root}/resolv.conf")
        self.links = FakeLinks(self.changes, sysctls)
        self.routes = FakeRoutes(self.changes, self.links)
        self.sysctls = FakeSysctls(self.changes, sysctls)
        self.nft = FakeNft(self.changes)
        self.guards = FakeGuards(self.changes)
        self.conntrack = FakeConntrack()
        self.daemons = FakeDaemons(self.changes)
        self.shared = Shared(self.paths)
        self.traffic = FakeTraffic(self.changes, self.links)
        self.resolved = FakeResolved(self.changes, self.links)
        self.proxies = FakeProxies(self.changes, self.links)
        self.filters = FakeFilters(self.changes)
        self.firewalld = FakeFirewalld(self.changes)
        self.listening = []  # by programs

    def listeners(self, is_meant):
        return tuple(one for one in self.listening if is_meant(one))

    def state(self):
        """All that a network could have changed, but for lock files and empty directories."""
        return {
            "links": {name: link.replace(index=0) for name, link in self.links.links.items()},
            "addresses": copy.deepcopy(self.links.of_link),
            "routes": [route.replace(device=0) for route in self.links.more_routes],
            "sysctls": dict(self.sysctls.values),
            "nft": copy.deepcopy(self.nft.tables),
            "guards": sorted(self.guards.marks),
            "limits": [self.traffic.limits.get(link.index) for link in self.links.links.values()],
            "filters": dict(self.filters.chains),
            "zones": dict(self.firewalld.by_link),
            "resolved": [self.resolved.by_link.get(link.index) for link in self.links.links.values()],
            "answered": sorted((link, one) for link, found in self.proxies.by_link.items() for one in found),
            "daemons": sorted(self.daemons.by_record),
            "files": {
                str(path.relative_to(self.root)): path.read_text()
                for path in sorted(self.root.rglob("*"))
                if path.is_file() and "locks" not in path.parts
            },
        }
