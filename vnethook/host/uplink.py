"""The program by which a user's namespace reaches the outside, and how it is called: pasta, else slirp4netns.

Both run in the machine's network namespace, open a socket there for each flow of a guest, and make a link in the
user's. Of the machine neither lets a guest reach 127.0.0.0/8 or ::1. Source: pasta(1), slirp4netns(1).
"""

from vnethook.host import programs
from vnethook.live import files
from vnethook.live.record import DEFAULT_PREFIX
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.host.daemons import Daemons
    from vnethook.live.paths import Paths
    from vnethook.live.rtnl import Links

LINK = "uplink0"
"""The uplink's name in the user's namespace."""
MTU = 65520
PASTA, SLIRP = "pasta", "slirp4netns"
PACKAGES = {PASTA: "passt", SLIRP: "slirp4netns"}
PASTA_NAMES = {4: "169.254.1.53", 6: "fd00:76:6e:65::53"}
"""Where pasta takes questions for the machine's own resolver, by UDP."""
UP, OFFLINE, MISSING, NONE, FAILED = "up", "offline", "missing", "none", "failed"
"""How it is; OFFLINE: the machine itself reaches nothing, and it comes when that does."""
AS_GOOD_AS_IT_GETS = (UP, OFFLINE)
READY = 3
"""The descriptor by which slirp4netns says that it is ready."""
SLIRP_NAMES = "10.0.2.3"
"""Where slirp4netns does, by UDP and TCP."""
_MAIN = 254


class Outside(Value):
    """What an uplink takes from the machine when it starts, and the machine's name servers.

    `ways`: (IP version, device, gateway, its addresses) of each default route that is used.
    """

    ways: tuple[tuple[int, str, str, tuple[str, ...]], ...] = ()
    own: tuple[str, ...] = ()
    servers: tuple[str, ...] = ()


def outside(links: "Links", resolv_conf: str) -> Outside:
    """What the machine has now."""
    addresses = links.all_addresses()
    ways = []
    for version in (4, 6):
        routes = [
            route
            for route in links.routes()
            if route.version == version and route.prefix <= DEFAULT_PREFIX[version] and route.table == _MAIN
        ]
        if routes:
            route = min(routes, key=lambda route: (route.prefix, route.metric))
            link = links.link_at(route.device)
            there = tuple(
                sorted(text for index, text in addresses if index == route.device and _is_global(version, text))
            )
            ways.append((version, link.name if link else "", route.gateway, there if version == 4 else ()))
    own = tuple(sorted({text.partition("/")[0] for _, text in addresses}))
    return Outside(tuple(ways), own, _servers(files.read_text(resolv_conf) or ""))


def _is_global(version: int, text: str) -> bool:
    return (":" in text) == (version == 6) and not text.startswith(("fe80:", "169.254."))


def _servers(text: str) -> tuple[str, ...]:
    lines = [line.split() for line in text.splitlines()]
    return tuple(words[1] for words in lines if len(words) > 1 and words[0] == "nameserver")


def names_address(program: str, now: Outside) -> str:
    """Where the program takes questions for the machine's resolver."""
    if program == SLIRP:
        return SLIRP_NAMES
    return PASTA_NAMES[now.ways[0][0] if now.ways else 4]


def resolv_conf(program: str, now: Outside) -> str:
    """The machine's name servers as they are reached from the user's namespace.

    One on the machine itself is not; only the first in the machine's list is asked through the program.
    """
    far = [server for server in now.servers if not _is_near(server, now)]
    through = [names_address(program, now)] if server_through(now) else []
    return "".join(f"nameserver {server}\n" for server in [*through, *far])


def server_through(now: Outside) -> str:
    """The name server that the uplink asks, which reads it when it starts: the machine's first one; empty if none."""
    return now.servers[0] if now.servers and _is_near(now.servers[0], now) else ""


def _is_near(server: str, now: Outside) -> bool:
    return server.startswith("127.") or server == "::1" or server in now.own


def program(ports: "dict[str, list[str]]") -> str | None:
    """Which of them is to run, None if neither is installed; `ports`: what leads in by tcp and udp.

    A pasta that does not know its own version, Debian 12's of 2023-03-09, keeps back what a server inside says first
    until whoever has connected says something: many a protocol waits for ever (seen; slirp4netns does not). But it
    alone tells by which address of the machine somebody came.
    """
    found = [name for name in (PASTA, SLIRP) if programs.find(name)]
    is_by_address = any("/" in spec for specs in ports.values() for spec in specs)
    if ports["tcp"] and not is_by_address and len(found) > 1 and not _knows_itself(found[0]):
        return SLIRP
    return found[0] if found else None


_known: dict[str, bool] = {}


def _knows_itself(name: str) -> bool:
    if name not in _known:
        _known[name] = "unknown version" not in programs.run([programs.require(name), "--version"]).output
    return _known[name]


def pasta(directory: str, holder: int, now: Outside, ports: "dict[str, list[str]]") -> list[str]:
    """The command line of pasta; `ports`, of tcp and udp, as it takes them: "8080", "8000-8010", "192.0.2.1/8080"."""
    options = {"tcp": "-t", "udp": "-u"}
    pairs = [(options[protocol], spec) for protocol, specs in ports.items() for spec in specs or ["none"]]
    return [
        programs.require(PASTA),
        *("--config-net", "--quiet", "--no-map-gw", "-T", "none", "-U", "none", "-I", LINK),
        # else it would rewrite the answers of a far server, which then come from where nobody was asked
        *(("--dns-forward", names_address(PASTA, now)) if server_through(now) else ()),
        *(word for pair in pairs for word in pair),
        *("-P", pid_file(directory), word(directory, PASTA), str(holder)),
    ]


def slirp(directory: str, holder: int) -> list[str]:
    """The command line of slirp4netns; it tells that it is ready by READY, and takes ports by its socket."""
    return [
        programs.require(SLIRP),
        *("--configure", f"--mtu={MTU}", "--disable-host-loopback", "--enable-sandbox", f"--ready-fd={READY}"),
        *(word(directory, SLIRP), str(holder), LINK),
    ]


def stop(daemons: "Daemons", directory: str) -> None:
    """End it, whichever of the two it is."""
    for name in (PASTA, SLIRP):
        daemons.stop(record=record(directory), pid_file=pid_file(directory), word=word(directory, name))


def directory(paths: "Paths") -> str:
    """Where its files are."""
    return f"{paths.run}/uplink"


def servers_file(paths: "Paths") -> str:
    """The machine's name servers as guests' dnsmasq can ask them."""
    return f"{directory(paths)}/resolv.conf"


def word(directory: str, name: str) -> str:
    """The argument by which the program is recognised."""
    return f"--log-file={directory}/pasta.log" if name == PASTA else f"--api-socket={directory}/slirp"


def record(directory: str) -> str:
    """Where it is kept which process it is."""
    return f"{directory}/program.json"


def pid_file(directory: str) -> str:
    """Where the program writes its pid."""
    return f"{directory}/program.pid"
