"""The step by which a user's network reaches the outside, and by which ports of the machine reach it."""

from vnethook.errors import HostError
from vnethook.host import log, outside, uplink
from vnethook.host.ports_merged import merged
from vnethook.live import files
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from vnethook.host.host import Host
    from vnethook.host.shared import Shared

REGISTER = "uplink"
"""Where it is entered what each network wants of it (host/shared.py)."""


class HoldUplink(Step):
    """Have the uplink of the user's namespace as long as any network needs it, with the ports that lead to this one.

    `tcp`, `udp`: ports of the machine, "8080", "8000-8010", "192.0.2.1/8080". An uplink that cannot be is no reason
    for a guest not to start: it is warned of. A port that cannot be had is.
    """

    _about = ("network",)
    network: str
    tcp: tuple[str, ...] = ()
    udp: tuple[str, ...] = ()

    def is_done(self, host: "Host") -> bool:
        if host.shared.entries(REGISTER).get(self.network) != self._entry(host):
            return False
        try:
            state = outside.uplink(host.paths, {})
        except HostError:
            return False
        return state["state"] in uplink.AS_GOOD_AS_IT_GETS

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            before = host.shared.entries(REGISTER).get(self.network)
            host.shared.enter(REGISTER, self.network, self._entry(host))
            try:
                _tell(host, _asked(host), self.network)
            except HostError:
                if before is None:
                    host.shared.leave(REGISTER, self.network)
                else:
                    host.shared.enter(REGISTER, self.network, before)
                raise

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            host.shared.leave(REGISTER, self.network)
            question = _asked(host)
            try:
                outside.uplink(host.paths, question)
            except HostError:  # nobody is outside
                if question["want"] is None:
                    uplink.stop(host.daemons, uplink.directory(host.paths))
            if question["want"] is None:
                _forget_files(host)

    def supersede(self, host: "Host", old: "Step") -> None:
        self.do(host)  # the uplink goes on if it has the ports

    def _entry(self, host: "Host") -> dict[str, str]:
        return {"tcp": ",".join(self.tcp), "udp": ",".join(self.udp), "resolv_conf": host.paths.resolv_conf}

    def __str__(self) -> str:
        ports = [f"{port}/{protocol}" for protocol in ("tcp", "udp") for port in getattr(self, protocol)]
        said = "lead out by the user's uplink, shared by all networks"
        return f"{said}, and in by {', '.join(ports)}" if ports else said


def wanted(shared: "Shared") -> "dict[str, Any] | None":
    """What all networks together want of the uplink, as who is outside is asked for it; None: nobody wants any."""
    entries = shared.entries(REGISTER).values()
    if not entries:
        return None
    ports = {
        protocol: merged([spec for entry in entries for spec in entry[protocol].split(",") if spec])
        for protocol in ("tcp", "udp")
    }
    return {"want": ports, "resolv_conf": next(iter(entries))["resolv_conf"]}


def _asked(host: "Host") -> "dict[str, Any]":
    return wanted(host.shared) or {"want": None, "resolv_conf": host.paths.resolv_conf}


def _tell(host: "Host", question: "dict[str, Any]", network: str) -> None:
    """Have the uplink as it is wanted; raise HostError for a port that cannot be had, else warn."""
    try:
        answer = outside.uplink(host.paths, question)
    except HostError as error:  # a call from inside, where nobody outside is left; what runs there goes on
        log.warning(f"network {network!r}: nobody looks after its uplink: {error}; {error.hint}")
        answer = {"why": ""}
    if "refused" in answer:
        msg = f"network {network!r}: {answer['refused']}"
        raise HostError(msg, hint=answer["hint"])
    if not files.exists(uplink.servers_file(host.paths)):
        files.make_directory(uplink.directory(host.paths), mode=0o700)
        files.write_text(uplink.servers_file(host.paths), "")  # dnsmasq does not start without
    if answer["why"]:
        log.warning(f"network {network!r}: nothing outside is reached: {answer['why']}")


def _forget_files(host: "Host") -> None:
    directory = uplink.directory(host.paths)
    for name in files.names(directory):
        files.remove(f"{directory}/{name}")
    files.remove_directory(directory)
