"""Keeps a network's links with other hosts up: tries again what failed, lets in who may come, says how things are."""

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from vnethook.definition import settings
from vnethook.errors import VnetError
from vnethook.hook.links import attempt, doors, examination, reception, ssh_client
from vnethook.hook.links import chain as chains
from vnethook.hook.links.chain import Chain, Child
from vnethook.hook.links.control import Control
from vnethook.hook.links.doors import OpenDoor
from vnethook.hook.links.events import Events
from vnethook.host import log, uplink
from vnethook.live import link_config, link_port, link_status, record
from vnethook.live.link_config import Door, Target
from vnethook.live.link_status import TRYING, UP, LinkStatus, Status

if TYPE_CHECKING:
    from vnethook.host.host import Host

WRITE_S = 0.1


class Keeper:
    """The links of one network."""

    def __init__(self, host: "Host", network: str) -> None:
        self.host = host
        self.network = network
        self.config = link_config.read(host.paths, network)
        self.selector = selectors.DefaultSelector()
        self.keepalive_s = settings.current(host.paths).keepalive_s
        targets = (target.replace(keepalive_s=self.keepalive_s) for target in self.config.targets)
        self.targets = {Chain(chains.beginning(target)): target for target in targets}
        self.doors = [OpenDoor(door) for door in self.config.doors]
        self.reception = reception.Reception(self)
        self.contexts = self.reception.contexts
        self.peers: dict[Chain, OpenDoor] = {}
        self.gone: dict[tuple[str, str], LinkStatus] = {}
        self._is_changed = True
        self._written = 0.0

    def run(self, until: int) -> None:
        """Keep the links up until the descriptor `until` can be read."""
        for port in link_port.ports(self.host.paths, self.network):
            link_port.leave(self.host.paths, self.host.links, port)  # of one who was killed
        self.selector.register(until, selectors.EVENT_READ, None)
        events = Events()
        self.watch(events.fileno(), lambda: self._hurry(events))
        control = Control(self)
        while True:
            for door in self.doors:
                self._open(door, control)
            self.reception.show_out()
            for chain, target in self.targets.items():
                if chain.attempt.pid == 0 and chain.plug.pid == 0 and chain.due <= time.monotonic():
                    self._try(chain, target)
            if self._write():
                continue
            for key, _ in self.selector.select(max(0.0, self._next() - time.monotonic())):
                if key.data is None:
                    return
                if self.selector.get_map().get(key.fd) is key:  # else one before has ended it
                    key.data()

    def _try(self, chain: Chain, target: Target) -> None:
        chain.status = chain.status.replace(state=TRYING)
        self._is_changed = True
        try:
            if target.transport == "tls":
                work = attempt.with_first(attempt.connect_tls, target, self.contexts.get(is_server=False))
            elif target.transport == "ssh":
                work = attempt.with_first(ssh_client.connect, target, self.config.ssh)
            else:
                work = attempt.with_first(attempt.connect_plain, target)
            if self.host.paths.user:
                work = attempt.with_names(uplink.servers_file(self.host.paths), work)
            chain.begin(work, is_restricted=target.transport != "ssh")
        except VnetError as error:
            self.end(chain, error.message)
            return
        self.follow(chain)

    def follow(self, chain: Chain) -> None:
        """Hear what an attempt says, and that it has ended."""
        assert chain.report is not None
        self.watch(chain.report.fileno(), lambda: self._hear(chain))
        self.watch(chain.attempt.open(), lambda: self._attempt_ended(chain))

    def _hear(self, chain: Chain) -> None:
        said = chain.heard()
        if said is None:
            if chain.report is not None:
                self.forget(chain.report.fileno())
            return
        if "error" in said:
            self.end(chain, said["error"])
        elif self._admit(chain, said):
            self.bring_up(chain, said.pop("fd", -1))

    def _admit(self, chain: Chain, said: dict[str, Any]) -> bool:
        """Whether who is there may be: asked by who has connected to us."""
        chain.status = chain.status.replace(peer=said["peer"] or chain.status.peer, expires=said.get("expires", 0))
        if chain.status.is_incoming:
            chain.refusal = self.reception.refusal(chain, said)
        if chain.refusal:
            chain.answer(error=chain.refusal)
        return not chain.refusal

    def bring_up(self, chain: Chain, fd: int, plug: Child | None = None) -> str:
        """Have the frames of a far host that is there go to the bridge and back; why not, empty if they do.

        `fd`: where they are, -1: at the attempt; `plug`: who carries them already.
        """
        try:
            chain.join(self.host, self.network, self._free_device())
            if plug is not None:
                chain.plug = plug
            elif fd != -1:
                chain.run_plug(fd)
            elif chain.plain is not None:
                chain.run_plug(chain.plain.fileno())
        except (VnetError, OSError) as error:
            reason = error.message if isinstance(error, VnetError) else str(error)
            chain.answer(error="the far host cannot")
            self.end(chain, reason)
            return reason
        finally:
            if fd != -1:
                os.close(fd)
        if chain.status.is_incoming:
            chain.answer()
        self.watch(chain.plug.open(), lambda: self._plug_ended(chain))
        if chain.status.retries <= 1 or chain.status.reason:
            log.warning(f"network {self.network!r}: {chain.shown}: up")
        chain.say_up()
        examination.begin(self, chain)
        self._is_changed = True
        return ""

    def _attempt_ended(self, chain: Chain) -> None:
        while (said := chain.heard()) is not None:
            if "error" in said:
                self.end(chain, said["error"])
                return
            if self._admit(chain, said):
                self.bring_up(chain, said.pop("fd", -1))
        if chain.plug.pid and chain.status.transport == "tcp":
            self.forget(chain.attempt.open())
            chain.attempt.end()
        else:
            self.end(chain, "the far end closed the connection")

    def _plug_ended(self, chain: Chain) -> None:
        said = chain.heard()
        words = chain.plug.last_words()
        self.end(chain, (said or {}).get("error") or words or "the far end closed the connection")

    def end(self, chain: Chain, reason: str) -> None:
        """End a link that is up, or did not come up."""
        for fd in (
            chain.attempt.handle,
            chain.plug.handle,
            *(end.fileno() for end in (chain.report, chain.stream, chain.verdict) if end),
        ):
            self.forget(fd)
        before = chain.status
        chain.end(self.host, reason)
        self._is_changed = True
        if chain in self.targets:
            if reason != before.reason:
                log.warning(f"network {self.network!r}: {chain.shown}: down: {reason}")
            chain.due = time.monotonic() + chain.pause_s
            return
        door = self.peers.pop(chain)
        if chain in self.reception.strangers:
            self.reception.strangers.remove(chain)
        if before.state != UP:
            door.refuse(self.network, before.address, chain.refusal or reason)
        else:
            log.warning(f"network {self.network!r}: {chain.shown}: down: {reason}")
            self.gone[chain.who] = chain.status
            while len(self.gone) > reception.PEERS:
                self.gone.pop(next(iter(self.gone)))

    def _open(self, door: OpenDoor, control: Control) -> None:
        if door.socket is not None or door.due > time.monotonic():
            return
        make = {"ssh": control.listen, "tls": self._listen_tls}.get(door.door.transport, doors.listen)
        self._is_changed = True
        if (listening := door.open(make, self.network)) is not None:
            accept = control.accept if door.door.transport == "ssh" else self.reception.accept
            self.watch(listening.fileno(), lambda: accept(door))

    def _listen_tls(self, door: Door) -> socket.socket:
        self.reception.contexts.get(is_server=True)  # without a certificate nobody could come in
        return doors.listen(door)

    def _hurry(self, events: Events) -> None:
        """When a route has come what could not be reached may be now."""
        for chain in self.targets if events.has_routes() else ():
            chain.due = min(chain.due, time.monotonic() + doors.RETRY_S / 10)

    def _free_device(self) -> str:
        live = record.read(self.host.paths, self.network)
        taken = {chain.status.device for chain in self._chains()}
        index = live.index if live else 0
        return next(name for n in range(1 << 16) if (name := f"vnl{index}p{n}") not in taken)

    def _chains(self) -> Iterator[Chain]:
        yield from self.targets
        yield from self.peers

    def _next(self) -> float:
        """When something is due; at the latest in an hour."""
        waiting = [chain.due for chain in self.targets if not (chain.attempt.pid or chain.plug.pid)]
        waiting += [door.due for door in self.doors if door.socket is None]
        waiting += [chain.due for chain in self.reception.strangers]
        if self._is_changed:
            waiting.append(self._written + WRITE_S)
        return min([*waiting, time.monotonic() + 3600])

    def _write(self) -> bool:
        """Write down how things are if that has changed, not more often than anybody reads; whether it was written."""
        if not self._is_changed or time.monotonic() < self._written + WRITE_S:
            return False
        known = [chain.status for chain in self._chains() if chain not in self.reception.strangers]
        links = (*known, *self.gone.values())
        link_status.write(self.host.paths, self.network, Status(links, tuple(door.status for door in self.doors)))
        self._is_changed, self._written = False, time.monotonic()
        return True

    def watch(self, fd: int, act: Callable[[], object]) -> None:
        """Act whenever a descriptor can be read."""
        self.selector.register(fd, selectors.EVENT_READ, act)

    def forget(self, fd: int) -> None:
        """Do so no more."""
        if fd != -1 and fd in self.selector.get_map():
            self.selector.unregister(fd)
