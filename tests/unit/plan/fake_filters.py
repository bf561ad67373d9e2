"""The host's packet filter of iptables, in memory: that of Docker, which drops what is forwarded by IPv4."""

from vnethook.errors import HostError
from vnethook.host.filters import FORWARD, NFT, Filter


class FakeFilters:
    """Places that drop what meets no rule, and chains of ours: (variant, version, chain) to its rules and place."""

    def __init__(self, changes) -> None:
        self._changes = changes
        self.places = [Filter(4, NFT, FORWARD, FORWARD)]
        self.left: set[tuple[int, str]] = set()
        self.chains: dict[tuple[str, int, str], tuple[tuple[str, ...], str]] = {}

    def dropping(self, versions):
        return tuple(place for place in self.places if place.version in versions)

    def is_whole(self, place, chain, rules):
        there, last = self.chains.get((place.variant, place.version, chain), ((), ""))
        return (len(there), last) == (rules, place.last)

    def require(self, place):
        pass

    def admit(self, place, chain, rules):
        def change():
            self.chains[place.variant, place.version, chain] = (rules, place.last)

        if place.chain not in {known.chain for known in self.places}:
            msg = f"iptables ({place.variant}, IPv{place.version}): {place.chain}: no such chain"
            raise HostError(msg)
        self._changes.make(f"admit by {chain}", change)

    def withdraw(self, place, chain):
        key = (place.variant, place.version, chain)
        if key in self.chains:
            self._changes.make(f"withdraw {chain}", lambda: self.chains.pop(key))


class FakeFirewalld:
    """A firewalld that runs when a test says so, with the zones `home` and `vnethook`."""

    def __init__(self, changes) -> None:
        self._changes = changes
        self.runs = False
        self.by_link: dict[str, str] = {}

    def is_running(self):
        return self.runs

    def has_ours(self):
        return True

    def zones(self):
        return ["home", "vnethook"]

    def zone_of(self, link):
        return self.by_link.get(link, "")

    def join(self, link, zone):
        if zone not in self.zones():
            msg = f"firewalld: changeZoneOfInterface {zone} {link}: INVALID_ZONE: {zone}"
            raise HostError(msg, hint="see `firewall-cmd --get-active-zones` and the system log")
        self._changes.make(f"join zone {zone}", lambda: self.by_link.update({link: zone}))

    def leave(self, link, zone):
        self._changes.make(f"leave zone {zone}", lambda: self.by_link.pop(link))
