"""A host with vnethook on it: its own VNETHOOK_ROOT, its own network, and a picture of both to compare with later."""

import hashlib
import json
import os
import re
import stat
import subprocess
import sysconfig
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from tests.lab.machine import CHECKOUT, PYTHON, SYSTEM_PATH, Machine, wait_for

HOOKS = CHECKOUT / "hooks"
VNET = Path(sysconfig.get_path("scripts"), "vnet")


_LISTENER = """
import select, socket, sys
stream, datagrams = socket.create_server(("", int(sys.argv[1]))), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagrams.bind(("", int(sys.argv[2])))
with open(sys.argv[3], "w", buffering=1) as log:
    while True:
        for ready in select.select([stream, datagrams], [], [])[0]:
            kind, peer = ("tcp", stream.accept()[1]) if ready is stream else ("udp", datagrams.recvfrom(2048)[1])
            print(kind, peer[0], file=log)
"""


_PREPARED = re.compile(r"/compiled/[^/]+\.plan\b")


class Snapshot(NamedTuple):
    """Facts of a host as lines that begin with their kind: link, address, route, rule, nft, sysctl, process, file.

    Without link-local IPv6 addresses and multicast routes, which the kernel adds to every link when it likes, and without
    what is kept for a network's next start.
    """

    lines: frozenset[str]

    def changes_to(self, later: "Snapshot", *, ignoring: Sequence[str] = ()) -> list[str]:
        """What is gone ("- …") and new ("+ …") in `later`, but for lines in which a pattern of `ignoring` is found.

        Of a link that is only in one of the two, the sysctls are left out.
        """
        links = {_name_of(line) for line in self.lines} ^ {_name_of(line) for line in later.lines}
        ignored = [re.compile(pattern) for pattern in (*ignoring, *(rf"/conf/{re.escape(link)}/" for link in links))]
        gone = [f"- {line}" for line in self.lines - later.lines]
        new = [f"+ {line}" for line in later.lines - self.lines]
        return [line for line in sorted(gone) + sorted(new) if not any(pattern.search(line) for pattern in ignored)]


class Host(Machine):
    """A machine with hooks and `vnet` below a VNETHOOK_ROOT of its own; offline until an `Outside` plugs in.

    `firewall`: what its rules are put into, by its vnethook.toml; empty: it has none.
    """

    firewall = ""

    def __init__(self, name: str = "host") -> None:
        super().__init__(name)
        self.root = Path()

    def __enter__(self) -> Self:
        super().__enter__()
        self.root = self.directory / "root"
        for directory in ("etc", "run", "var/lib"):
            (self.root / directory).mkdir(parents=True)
        self.set_resolvers()
        if self.firewall:
            (self.root / "etc/vnethook").mkdir()
            (self.root / "etc/vnethook/vnethook.toml").write_text(f'[firewall]\nbackend = "{self.firewall}"\n')
        return self

    @property
    def environment(self) -> dict[str, str]:
        return super().environment | {"VNETHOOK_ROOT": str(self.root)}

    def set_resolvers(self, *addresses: str) -> None:
        """Write the host's resolv.conf as a DHCP client does: a new file in the old one's place."""
        new = self.root / "etc/resolv.conf.new"
        new.write_text("".join(f"nameserver {address}\n" for address in addresses))
        new.rename(self.root / "etc/resolv.conf")

    def vnet(self, *words: str | Path, check: bool = True, stdin: str = "") -> "subprocess.CompletedProcess[str]":
        """Run `vnet WORDS`."""
        return self.run([VNET, *words], check=check, stdin=stdin)

    def vnet_json(self, *words: str) -> Any:
        """What `vnet WORDS --json` answers."""
        return json.loads(self.vnet(*words, "--json").stdout)

    def define(self, xml: str) -> None:
        """`vnet net-define` this XML."""
        file = self.directory / "define.xml"
        file.write_text(xml)
        self.vnet("net-define", file)

    @contextmanager
    def listening(self, *, tcp: int, udp: int) -> Iterator[Callable[[], list[str]]]:
        """Listen on a TCP and a UDP port of all addresses; what is given tells who came: "tcp 192.0.2.1", …."""
        log = self.directory / f"came-to-{tcp}-{udp}"
        with self.popen([PYTHON, "-IS", "-c", _LISTENER, str(tcp), str(udp), log]) as listener:
            try:
                wait_for(log.exists, "the listener")
                yield lambda: log.read_text().split("\n")[:-1]
            finally:
                listener.kill()

    def make_tap(self, name: str) -> str:
        """Make a tap that stays without a program holding it; give back its name."""
        self.run(["ip", "tuntap", "add", "dev", name, "mode", "tap"])
        return name

    def snapshot(self) -> Snapshot:
        """The host as it is now."""
        lines = {f"process {line}" for line in self.processes()} | self.call(_facts)
        lines = {line for line in lines if not re.search(r" (dst=)?(fe80:|ff00:)", line)}
        files = (line for line in _files(self.root) if not _PREPARED.search(line))
        return Snapshot(frozenset(lines | {f"file {line}" for line in files}))


def _facts() -> set[str]:
    """What the kernel has, as lines; in one process, since a snapshot is taken thousands of times."""

    def told(*words: str) -> Any:
        return json.loads(_output("ip", *words) or "[]")

    lines = {f"nft {line}" for line in _nft_lines(_output("nft", "--stateless", "list", "ruleset"))}
    lines |= {f"xtables {line}" for line in _old_tables()}
    lines |= {f"link {_link(link)}" for link in told("-json", "-details", "link", "show")}
    for link in told("-json", "address", "show"):
        lines |= {
            f"address {link['ifname']} {at['local']}/{at['prefixlen']} {at['scope']}"
            for at in link.get("addr_info", [])
        }
    for version in ("-4", "-6"):
        for route in told(version, "-json", "route", "show", "table", "all"):
            lines.add(f"route {_words(route, skip={'expires', 'pref', 'flags'})}")
        lines |= {f"rule {version} {_words(rule, skip=set())}" for rule in told(version, "-json", "rule", "show")}
    return lines | {f"sysctl {line}" for line in _sysctls()}


def _output(*words: str) -> str:
    """What a program prints."""
    environment = {"PATH": SYSTEM_PATH, "LANG": "C.UTF-8", "HOME": "/root"}
    return subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout


def _name_of(line: str) -> str:
    """The link that a line of kind link is about, "lo" for other lines."""
    return line.split()[1] if line.startswith("link ") else "lo"


def _words(fields: dict[str, Any], *, skip: set[str]) -> str:
    return " ".join(f"{name}={value}" for name, value in fields.items() if name not in skip)


def _link(link: dict[str, Any]) -> str:
    """A link without what changes by itself (its index, state, counters)."""
    kind = link.get("linkinfo", {}).get("info_kind", "")
    fixed = {name: link[name] for name in ("address", "mtu", "master", "altnames", "ifalias") if name in link}
    return f"{link['ifname']} {kind} {'UP' if 'UP' in link['flags'] else 'DOWN'} {_words(fixed, skip=set())}"


def _nft_lines(ruleset: str) -> list[str]:
    """Every line of a ruleset with the table and chain that it stands in."""
    place: list[str] = []
    lines = []
    for line in map(str.strip, ruleset.splitlines()):
        if line == "}":
            place.pop()
        elif line:
            lines.append(" / ".join([*place, line.removesuffix("{").strip()]))
            if line.endswith("{"):
                place.append(line.removesuffix("{").strip())
    return lines


def _old_tables() -> list[str]:
    """The rules of iptables' old tables that exist; looking at another would make it."""
    lines = []
    for family in ("ip", "ip6"):
        for table in Path(f"/proc/net/{family}_tables_names").read_text().split():
            words = [f"/usr/sbin/{family}tables-legacy-save", "-t", table]
            saved = subprocess.run(words, check=True, capture_output=True, text=True).stdout
            kept = (re.sub(r" \[\d+:\d+\]$", "", line) for line in saved.splitlines() if line[:1] in {":", "-"})
            lines += [f"{family} {table} {line}" for line in kept]
    return lines


def _sysctls() -> list[str]:
    """All of net.ipv4, net.ipv6 and net.bridge that can be read, but for the neighbour tables' parameters."""
    lines = []
    for top in ("ipv4", "ipv6", "bridge"):
        for directory, below, names in os.walk(f"/proc/sys/net/{top}"):
            below[:] = [name for name in below if name != "neigh"]
            for name in names:
                path = f"{directory}/{name}"
                if name == "tcp_fastopen_key":
                    continue  # the kernel chooses it when a program first listens
                try:
                    fd = os.open(path, os.O_RDONLY)
                    try:
                        value = " ".join(os.read(fd, 1 << 16).decode().split())
                    finally:
                        os.close(fd)
                except (OSError, UnicodeDecodeError):
                    continue
                lines.append(f"{path.removeprefix('/proc/sys/')} = {value}")
    return lines


def _files(root: Path) -> list[str]:
    """All below `root`: mode, path, and what is in a file or where a link leads; but for why a start has failed."""
    lines = []
    reasons = root / "run/vnethook/failed"
    for path in root.rglob("*"):
        if reasons in {path, path.parent}:
            continue
        mode = path.lstat().st_mode
        content = ""
        if stat.S_ISLNK(mode):
            content = f" -> {path.readlink()}"
        elif stat.S_ISREG(mode):
            content = f" {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
        lines.append(f"{stat.filemode(mode)} {path.relative_to(root)}{content}")
    return lines
