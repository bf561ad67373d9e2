"""The uplink of a user's namespace as it runs: brought to what is wanted of it and to the network the machine is in."""

import posix
import socket
from errno import EACCES
from select import select
from zlib import crc32

from vnethook.errors import HostError
from vnethook.host import namespace_calls, programs, uplink
from vnethook.host.daemons import Daemons
from vnethook.host.daemons import end as end_process
from vnethook.host.listeners import listeners
from vnethook.host.ports_merged import is_covered, parsed
from vnethook.host.uplink import FAILED, MISSING, NONE, OFFLINE, UP
from vnethook.live import files, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from vnethook.host.uplink import Outside
    from vnethook.live.rtnl import Links

    Wanted = dict[str, list[str]]

_READY_S = 10.0
_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
_STATE_S = 5.0


class UplinkProgram:
    """pasta or slirp4netns of one user; `directory`: its files; `links`: the machine's."""

    def __init__(self, directory: str, resolv_conf: str, links: "Links") -> None:
        self._directory, self._resolv_conf, self._links = directory, resolv_conf, links
        self._daemons = Daemons()
        self._wanted: Wanted | None = None
        self._state, self._why = NONE, ""
        running = self._running()  # perhaps since before we do
        self.pid = running[0] if running else 0
        self._served = _ports_of(running[2]) if running else {"tcp": [], "udp": []}

    def want(self, wanted: "Wanted | None") -> None:
        """Have these ports lead in, None: have no uplink.

        Raises HostError for a port that cannot be had; then nothing has changed.
        """
        if wanted is not None:
            for protocol in ("tcp", "udp"):
                for spec in wanted[protocol]:
                    if not is_covered(spec, self._served[protocol]):
                        require_free(protocol, spec, but=self._served[protocol])
        self._wanted = wanted

    def state(self) -> "dict[str, Any]":
        """How it is, for who asks."""
        ports = {protocol: list(specs) for protocol, specs in self._served.items()}
        return {"state": self._state, "why": self._why, **ports}

    def has_ended(self) -> None:
        """It was ended by somebody."""
        self.pid = 0

    def settle(self, holder: int) -> None:
        """Have the program run as it is wanted, on the network that the machine is in. Raises HostError.

        `holder`: a process in the namespace.
        """
        if self._wanted is None:
            self.end()
            self._state, self._why = NONE, ""
            return
        name = uplink.program(self._wanted)
        now = uplink.outside(self._links, self._resolv_conf)
        self._write_servers(name, now)
        if name is None:
            self._state, self._why = MISSING, "neither pasta nor slirp4netns is installed (packages passt, slirp4netns)"
            return
        if not now.ways:
            self._state, self._why = OFFLINE, "the machine has no default route"
            return  # what runs may go on: the machine may come back to the same network
        ports = {protocol: sorted(self._wanted[protocol]) for protocol in ("tcp", "udp")}
        copied = crc32(repr((now.ways, uplink.server_through(now))).encode())
        tag = f"{name}/{namespace_calls.places(holder)[1]}/{copied:08x}"
        running = self._running()
        if running is not None and running[2].startswith(f"{tag} ") and self._serves(ports):
            self.pid = running[0]
        else:
            self.end()
            self._state = FAILED
            try:
                self._start([name, tag], holder, now, ports)
            except HostError as error:
                self._why = str(error)
                raise
        self._state, self._why = UP, ""

    def end(self) -> None:
        """End it, whichever of the two it is."""
        uplink.stop(self._daemons, self._directory)
        for name in (uplink.PASTA, uplink.SLIRP):  # its record may have gone with the user's session
            if self.pid and uplink.word(self._directory, name) in process.command_line(self.pid):
                end_process(self.pid)
        self.pid = 0
        self._served = {"tcp": [], "udp": []}

    def _serves(self, ports: "Wanted") -> bool:
        """Whether what runs has these ports; more of them do no harm."""
        return all(is_covered(spec, self._served[protocol]) for protocol, specs in ports.items() for spec in specs)

    def _running(self) -> tuple[int, int, str] | None:
        record = uplink.record(self._directory)
        for name in (uplink.PASTA, uplink.SLIRP):
            found = self._daemons.running(record, uplink.word(self._directory, name))
            if found is not None:
                return found
        return None

    def _start(self, named: list[str], holder: int, now: "Outside", ports: "Wanted") -> None:
        name, tag = named
        word = uplink.word(self._directory, name)
        if name == uplink.PASTA:
            self._daemons.start(
                uplink.pasta(self._directory, holder, now, ports),
                record=uplink.record(self._directory),
                pid_file=uplink.pid_file(self._directory),
                word=word,
                tag=f"{tag} {files.dumps(ports)}",
            )
        else:
            self._start_slirp(holder, f"{tag} {files.dumps(ports)}")
            for protocol, specs in ports.items():
                for spec in specs:
                    self._forward(protocol, spec)
        running = self._daemons.running(uplink.record(self._directory), word)
        self.pid = running[0] if running else 0
        self._served = ports

    def _start_slirp(self, holder: int, tag: str) -> None:
        """Start it in the background; raise HostError if it does not say that it is ready."""
        ready, told = posix.pipe()
        try:
            pid = programs.start_detached(uplink.slirp(self._directory, holder), {uplink.READY: told})
        finally:
            posix.close(told)
        is_ready = bool(select([ready], [], [], _READY_S)[0]) and posix.read(ready, 1) == b"1"
        posix.close(ready)
        start = process.start_time(pid)
        if start is not None:
            files.write_json(uplink.record(self._directory), {"pid": pid, "start": start, "tag": tag})
        if not is_ready or start is None:
            self.end()
            msg = "slirp4netns: start: it ended, or did not become ready"
            raise HostError(msg, hint="it needs /dev/net/tun for reading and writing")

    def _forward(self, protocol: str, spec: str) -> None:
        address, first, last = parsed(spec)
        for port in range(first, last + 1):
            words = {"proto": protocol, "host_addr": address or "0.0.0.0", "host_port": port, "guest_port": port}  # noqa: S104
            with socket.socket(socket.AF_UNIX) as channel:
                channel.settimeout(_STATE_S)
                channel.connect(f"{self._directory}/slirp")
                channel.sendall(files.dumps({"execute": "add_hostfwd", "arguments": words}).encode())
                channel.shutdown(socket.SHUT_WR)
                answer = files.loads(channel.recv(1 << 16).decode())
            if "error" in answer:
                msg = f"slirp4netns: port {port}/{protocol}: {answer['error'].get('desc', 'refused')}"
                raise HostError(msg)

    def _write_servers(self, name: str | None, now: "Outside") -> None:
        path = f"{self._directory}/resolv.conf"
        text = uplink.resolv_conf(name or uplink.PASTA, now)
        if files.read_text(path) != text:
            files.write_text(path, text)


def _ports_of(tag: str) -> "Wanted":
    """What a program that runs was started with."""
    found: Wanted = files.loads(tag.partition(" ")[2])
    return found


def require_free(protocol: str, spec: str, *, but: "Sequence[str]") -> None:
    """Raise HostError for a port of the machine that somebody has, or that a user may not have.

    `but`: what we have ourselves.
    """
    address, first, last = parsed(spec)
    for port in range(first, last + 1):
        if any(low <= port <= high for _, low, high in map(parsed, but)):
            continue
        for family, at in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):  # noqa: S104 (tried, not served)
            if address and (":" in address) != (family == socket.AF_INET6):
                continue
            try:
                _try(family, protocol, address or at, port)
            except OSError as error:
                raise _refused(protocol, port, error) from error


def _try(family: int, protocol: str, address: str, port: int) -> None:
    try:
        found = socket.socket(family, _KINDS[protocol])
    except OSError:
        return  # a machine without IPv6
    with found:
        if family == socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if protocol == "tcp":
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address, port))


def _refused(protocol: str, port: int, error: OSError) -> HostError:
    what = f"incoming port {port}/{protocol}"
    if error.errno == EACCES:
        least = (files.read_text("/proc/sys/net/ipv4/ip_unprivileged_port_start") or "1024").strip()
        msg = f"{what}: is below {least}, which ordinary users do not get"
        return HostError(msg, hint="forward a port above; or ask for sysctl -w net.ipv4.ip_unprivileged_port_start=…")
    programs = {
        one.program for one in listeners(lambda one: (one.protocol, one.port) == (protocol, port)) if one.program
    }
    who = (
        f"{', '.join(sorted(programs))} on this machine listens there"
        if programs
        else "somebody on this machine has it"
    )
    return HostError(f"{what}: {who}", hint="end that, or forward another port")
