"""What the administrator sets for the whole host: vnethook.toml, and the form of it that hooks read without tomllib."""

from vnethook.address import parse_subnet
from vnethook.errors import DefinitionError, HostError
from vnethook.live import files
from vnethook.live.lock import Lock
from vnethook.names import is_network_name, refuse, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.live.paths import Paths

FORMAT = 1
POOLS = ("192.168.192.0/19", "10.192.0.0/12")
"""Where automatic subnets come from, first to last.

32 and 4096 subnets of 24 bits, away from what others take by default: home routers (192.168.0, .1, .2, .8, .86, .88,
.100, .178, .254; 10.0.0, 10.1.10), libvirt (192.168.122), VirtualBox (192.168.56), Windows' sharing (192.168.137),
Docker (172.17 to 172.31, and its later 192.168.0 to .191), Podman (10.88, 10.89), Kubernetes and its kin (10.42, 10.43,
10.96 to 10.111, 10.128 to 10.131, 10.244), LXC (10.0.3), OpenVPN (10.8) and clouds' first networks (10.0, 172.31).
"""
_TABLES = {
    "subnets": ("pools", "prefix"),
    "networks": ("idle",),
    "map": ("interfaces", "guests"),
    "firewall": ("backend",),
    "links": ("keepalive",),
    "users": ("nics", "slirpvde"),
}
FIREWALLS = ("auto", "nft", "iptables", "iptables-legacy", "iptables-nft")


class Settings(Value):
    """The settings of one host.

    `pools`: IPv4 subnets of which automatic ones are parts, each `prefix` bits long. `idle_s`: a network that a guest
    brought up goes down so many seconds after its last guest, None: never. `interfaces`, `guests`: pairs of a shell
    pattern, for the name of a link or a guest, and the network that it means, as NAME or NAME:PORTGROUP; the first that
    matches counts. `firewall`: what rules are put into, of FIREWALLS; see host/firewall.py. `keepalive_s`: a link's far
    end is asked as often whether it is there when it says nothing, and is gone after three times.
    `nics_of_user`: how many an ordinary user may have of the bridge helper at once. `allows_slirpvde`: it leads users'
    switches out where libslirp is not installed, by which guests reach the host's loopback.
    """

    pools: tuple[str, ...] = POOLS
    prefix: int = 24
    idle_s: int | None = None
    interfaces: tuple[tuple[str, str], ...] = ()
    guests: tuple[tuple[str, str], ...] = ()
    firewall: str = "auto"
    keepalive_s: int = 3
    nics_of_user: int = 32
    allows_slirpvde: bool = False

    def network_of(self, interface: str, guest: str) -> str:
        """What the map says for an interface or, after that, for a guest; empty if it says nothing."""
        for name, table in ((interface, self.interfaces), (guest, self.guests)):
            for pattern, network in table:
                if name and _is_match(name, pattern):
                    return network
        return ""

    def _check(self) -> None:
        if not self.pools:
            refuse("subnets.pools: needs at least one subnet")
        if not 8 <= self.prefix <= 30:
            refuse(f"subnets.prefix: {self.prefix}: must be 8 to 30")
        for pool in self.pools:
            _check_pool(pool, self.prefix)
        _check_least("networks.idle", self.idle_s, 1, " second")
        _check_least("users.nics", self.nics_of_user, 0)
        if not 1 <= self.keepalive_s <= 3600:
            refuse(f"links.keepalive: {self.keepalive_s}: must be 1 to 3600 seconds")
        if self.firewall not in FIREWALLS:
            refuse(f"firewall.backend: {shown(self.firewall)}: must be {', '.join(FIREWALLS[:-1])} or {FIREWALLS[-1]}")
        for table, pairs in (("interfaces", self.interfaces), ("guests", self.guests)):
            for pattern, network in pairs:
                _check_mapping(table, pattern, network)


def _check_mapping(table: str, pattern: str, network: str) -> None:
    if not pattern or not pattern.isprintable():
        refuse(f"map.{table}: {shown(pattern)}: not a pattern for a name")
    name, colon, portgroup = network.partition(":")
    if not is_network_name(name) or (colon and not (portgroup and portgroup.isprintable())):
        refuse(f"map.{table}: {shown(pattern)}: {shown(network)} cannot be the name of a network")


def _check_least(key: str, number: int | None, least: int, unit: str = "") -> None:
    if number is not None and number < least:
        refuse(f"{key}: {number}: must be at least {least}{unit}")


def _check_pool(pool: str, prefix: int) -> None:
    try:
        subnet = parse_subnet(pool)
    except DefinitionError as error:
        refuse(f"subnets.pools: {error.message}")
    if subnet.version != 4:
        refuse(f"subnets.pools: {shown(pool)}: only IPv4 subnets are chosen automatically")
    if str(subnet) != pool:
        refuse(f"subnets.pools: {shown(pool)}: write it as {str(subnet)!r}")
    if subnet.prefix > prefix:
        refuse(f"subnets.pools: {shown(pool)}: smaller than a subnet of prefix {prefix}")


def _is_match(text: str, pattern: str) -> bool:
    """Whether a shell pattern of literal characters, * and ? matches; fnmatch would load re.

    Only the last star is ever tried again, so the time is at most the product of the lengths.
    """
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in {"?", text[at]}:
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return not pattern[place:].strip("*")


def read(paths: "Paths") -> Settings:
    """The settings as vnethook.toml says, the defaults without it; raise DefinitionError naming file and key."""
    text = files.read_text(paths.config)
    if text is None:
        return Settings()
    import tomllib  # noqa: PLC0415 (a guest's start imports this module and reads the compiled form)

    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{paths.config}: {' '.join(str(error).split())}"
        raise DefinitionError(msg) from None
    try:
        return _settings(plain)
    except DefinitionError as error:
        msg = f"{paths.config}: {error.message}"
        raise DefinitionError(msg, hint=error.hint) from None


def current(paths: "Paths") -> Settings:
    """The settings, compiled once after an edit; raise DefinitionError for a vnethook.toml that is not in order."""
    return compiled(paths) or compile(paths)


def compiled(paths: "Paths") -> Settings | None:
    """The settings without reading TOML; None if vnethook.toml has changed since `compile`."""
    stamp = files.stamp(paths.config)
    if stamp is None:
        return Settings()
    try:
        found = files.read_json(_compiled(paths))
        if not isinstance(found, dict) or found.get("format") != FORMAT or found.get("stamp") != stamp:
            return None
        return Settings.from_plain(found["settings"])
    except (AttributeError, DefinitionError, HostError, KeyError, TypeError, ValueError):
        return None  # damaged, or of another version: made anew, like a stale one


def compile(paths: "Paths") -> Settings:  # noqa: A001 (the partner of `compiled`; nothing here needs the built-in one)
    """Read vnethook.toml and write its compiled form; raise as `read` does. One process at a time."""
    with Lock(f"{paths.locks}/.settings") as lock:
        lock.finish()
        return _compile(paths)


def _compile(paths: "Paths") -> Settings:
    stamp = files.stamp(paths.config)  # before reading: a later change then shows
    settings = read(paths)
    if stamp is None:
        files.remove(_compiled(paths))
    else:
        files.write_json(_compiled(paths), {"format": FORMAT, "stamp": stamp, "settings": settings.to_plain()})
    return settings


def _compiled(paths: "Paths") -> str:
    return f"{paths.compiled}/settings"  # without .json, so that it is no network's


def _settings(plain: "dict[str, Any]") -> Settings:
    for table, content in plain.items():
        if table not in _TABLES:
            refuse(f"unknown table {shown(table)}: must be {' or '.join(_TABLES)}")
        if not isinstance(content, dict):
            refuse(f"{table}: must be a table")
        for key in content:
            if key not in _TABLES[table]:
                refuse(f"{table}: unknown key {shown(key)}: must be {' or '.join(_TABLES[table])}")
    subnets, networks, maps, firewall, links, users = (plain.get(table, {}) for table in _TABLES)
    pools = subnets.get("pools", list(POOLS))
    if not isinstance(pools, list) or not all(isinstance(pool, str) for pool in pools):
        refuse("subnets.pools: must be a list of strings")
    return Settings(
        pools=tuple(pools),
        prefix=_number("subnets.prefix", subnets.get("prefix", 24)),
        idle_s=_number("networks.idle", networks["idle"]) if "idle" in networks else None,
        interfaces=_pairs("map.interfaces", maps.get("interfaces", {})),
        guests=_pairs("map.guests", maps.get("guests", {})),
        firewall=_string("firewall.backend", firewall.get("backend", "auto")),
        keepalive_s=_number("links.keepalive", links.get("keepalive", 3)),
        nics_of_user=_number("users.nics", users.get("nics", 32)),
        allows_slirpvde=_boolean("users.slirpvde", users.get("slirpvde", False)),
    )


def _string(key: str, value: object) -> str:
    if not isinstance(value, str):
        refuse(f"{key}: must be a string")
    return value


def _boolean(key: str, value: object) -> bool:
    if not isinstance(value, bool):
        refuse(f"{key}: must be true or false")
    return value


def _number(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        refuse(f"{key}: must be a whole number")
    return value


def _pairs(key: str, table: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(table, dict):
        refuse(f"{key}: must be a table of patterns and network names")
    for pattern, network in table.items():
        if not isinstance(network, str):
            refuse(f"{key}: {shown(pattern)}: must be the name of a network")
    return tuple(table.items())
