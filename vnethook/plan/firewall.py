"""The step that puts a network's rules into the table that all networks share."""

from vnethook.live.record import NFT
from vnethook.plan.step import Step

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from vnethook.host.host import Host
    from vnethook.live.flows import Led

KEY = "table inet vnethook"
_ANEW = f"add {KEY}\ndelete {KEY}\n"
"""Removes the table with all that is in it, also what a lost run directory left; the rest of a transaction fills it."""


class FirewallStep(Step):
    """What puts a network's rules into force, in whatever the host's firewall is.

    `uses`: how often each chain is used when the rules are whole, (chain, number).
    """

    network: str
    uses: tuple[tuple[str, int], ...]

    @property
    def firewall(self) -> str:
        """What the rules are in, as in a live record."""
        return NFT


class InstallRules(FirewallStep):
    """Put a network's chains into force, and the shared base chains with them, in one transaction.

    All three texts are nft's, and may be applied again: `install`; `unlink`, which takes out what leads to the chains;
    `remove`, after it, the chains. `elements`: what is in the shared sets, (set, key in hexadecimal); `sources`: the
    guests' subnets; `translation`: what their addresses become outside, in words that are equal where nothing changes;
    `guests`: the elements of each guest that is named, see LiveNetwork.named; `forwards`: what leads connections to
    which guest.

    The kernel translates a flow as it began. So flows without a connection are forgotten when the translation changes
    or the network goes down: their next packet begins a flow anew. Connections would break, and go on as they are. But
    what a forward has led to a guest ends with it, connections too.
    """

    _about = ("network",)
    install: str
    unlink: str
    remove: str
    elements: tuple[tuple[str, str], ...] = ()
    sources: tuple[str, ...] = ()
    translation: tuple[str, ...] = ()
    guests: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = ()
    forwards: "tuple[Led, ...]" = ()

    @property
    def removal(self) -> str:
        """The transaction that takes the rules out of force."""
        return self.unlink + self.remove

    def is_done(self, host: "Host") -> bool:
        found = host.nft.uses(tuple(chain for chain, _ in self.uses))
        is_whole = all(found.get(chain) == use for chain, use in self.uses)
        return is_whole and host.shared.is_held(KEY, self.network) and not host.nft.missing_elements(self.elements)

    def require(self, host: "Host") -> None:
        host.nft.require()

    def do(self, host: "Host") -> None:
        with host.shared.lock():
            host.shared.hold(KEY, self.network, {})
            is_alone = host.shared.last_values(KEY, self.network) is not None
            text = self.install + self._of_guests(host)
            host.nft.apply(f"{_ANEW}{text}" if is_alone else text)
        self._settle(host, ())

    def undo(self, host: "Host") -> None:
        with host.shared.lock():
            if host.shared.last_values(KEY, self.network) is not None:
                host.nft.apply(_ANEW)
            elif host.shared.is_held(KEY, self.network):
                host.nft.apply(self.removal)
            host.shared.release(KEY, self.network)
        if self.sources:
            host.conntrack.forget(self.sources)
        if self.forwards:
            host.conntrack.settle(self.forwards, ())

    def supersede(self, host: "Host", old: "Self") -> None:
        with host.shared.lock():
            host.shared.hold(KEY, self.network, {})
            host.nft.apply(old.removal + self.install + self._of_guests(host))
        if old.translation != self.translation:
            host.conntrack.forget(tuple(dict.fromkeys(old.sources + self.sources)))
        self._settle(host, old.forwards)

    def _settle(self, host: "Host", before: "tuple[Led, ...]") -> None:
        """End what no forward leads where it goes, if anything has changed."""
        if before == self.forwards:
            return
        guests = {}
        if self.guests:
            from vnethook.live import nics  # noqa: PLC0415 (few networks name guests in their rules)

            attached = nics.attached(host.paths, self.network)
            guests = {nic.published: nic.addresses for nic in attached if nic.is_led_to}
        led = [(*item[:6], address, item[7]) for item in self.forwards for address in guests.get(item[6], (item[6],))]
        host.conntrack.settle(before, tuple(item for item in led if ":" in item[6] or "." in item[6]))

    def _of_guests(self, host: "Host") -> str:
        """What belongs to guests that are there: nobody who asks for one meets a gap."""
        if not self.guests:
            return ""
        from vnethook.live import guest_rules  # noqa: PLC0415 (few networks name guests in their rules)

        names = f"{KEY.removeprefix('table ')} "
        return "".join(
            f"add element {names}{holder} {{ {element} }}\n"
            for holder, element in guest_rules.of_all(host.paths, host.links, self.network, self.guests)
        )

    def covering(self, old: "Self") -> "Self":
        return self.replace(
            unlink=old.unlink + self.unlink,
            remove=old.remove + self.remove,
            sources=old.sources + self.sources,
            translation=(*old.translation, "or", *self.translation),  # equal to neither
            forwards=old.forwards + self.forwards,
        )

    def __str__(self) -> str:
        rules = sum(line.startswith("add rule") for line in self.install.splitlines())
        return f"install {rules} firewall rules for network {self.network} in one transaction"
