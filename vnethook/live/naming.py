"""A guest's name in the DNS of its network: given with attach, bound to its MAC, and nobody else's.

A guest whose name and MAC are known gets a file of its own in the directory that dnsmasq watches (dnsmasq(8),
--dhcp-hostsdir), so its lease carries its name and other guests resolve it, and nothing is restarted. Where the
definition fixes an address for its MAC, and no name, the file is there before. The links `names/LABEL` and `macs/MAC`
beside it lead to the interface that holds them.
"""

import posix
from errno import ESRCH

from vnethook.errors import HostError
from vnethook.live import files, nics, process, record
from vnethook.names import is_dnsmasq_keyword, label_of
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from vnethook.live.nics import Nic
    from vnethook.live.paths import Paths
    from vnethook.live.record import LiveNetwork
    from vnethook.live.rtnl import Links

SIGHUP = 1


class Claim(Value):
    """What is to be had for a NIC: `warnings` collects what its guest's owner should know."""

    paths: "Paths"
    links: "Links"
    live: "LiveNetwork"
    nic: "Nic"
    warnings: list[str]

    def owner(self, path: str) -> str:
        """Who holds what `path` stands for: another NIC, still attached; one that is gone is forgotten."""
        interface = files.link_target(path)
        if interface is None or interface == self.nic.interface:
            return ""
        other = nics.read(self.paths, interface)
        if other is None:
            return ""
        if nics.is_attached(self.links, other):
            return f"{other.guest!r} on {interface!r}"
        forget(self.paths, other)
        self.end_leases(self.live, other)
        reload_daemon(self.live)
        return ""

    def end_leases(self, live: "LiveNetwork", before: "Nic") -> None:
        """End the leases of a NIC whose place this one takes, but not of the same guest, which keeps its address."""
        if (live.name, before.mac, before.guest) == (self.live.name, self.nic.mac, self.nic.guest):
            return
        from vnethook.live import release  # noqa: PLC0415 (only where one guest takes another's place)

        try:
            release.end_leases(self.paths, live, before.mac)
        except HostError as error:
            self.warnings.append(f"guest {before.guest!r}: is in DNS until its lease ends: {error}")


def take(claim: Claim) -> str:
    """Bind the guest's name to its MAC in the network's DNS and DHCP; the label that it got, or nothing.

    A name that the definition gives to the MAC goes before the guest's own. What a guest that is gone held by that name
    or MAC is free afterwards, also where the new one has no name. One at a time, until the NIC's record is written: the
    caller sees to it.
    """
    live, nic = claim.live, claim.nic
    if not (nic.mac and live.daemons):
        return ""
    directory = claim.paths.dnsmasq(live.name)
    twin = claim.owner(_by_mac(claim.paths, nic))  # one that is gone gives back what it had
    own = nic.alias or nic.guest
    named = next((name for key, _, name in live.fixed if key == nic.mac and name), "") if own else ""
    label = named or label_of(own)
    if not (label or nic.pinned):
        return ""
    why_not = _why_not(claim, f"{directory}/names/{label}", twin, is_named=bool(named))
    if why_not:
        claim.warnings.append(f"guest {nic.guest!r}: {why_not}")
        if twin or not nic.pinned:
            return ""
        label = ""  # its address is kept for it all the same
    elif label:
        files.make_link(f"{directory}/names/{label}", nic.interface)
    files.make_link(_by_mac(claim.paths, nic), nic.interface)
    if not named:
        _write(live, f"{directory}/guests/{nic.mac}", _line(live, nic, label))
    elif files.remove(f"{directory}/guests/{nic.mac}"):  # of before the definition had it among the fixed hosts
        reload_daemon(live)
    return label


def _why_not(claim: Claim, path: str, twin: str, *, is_named: bool) -> str:
    """Why a NIC cannot have the name whose link is `path`; empty if it can. `twin`: who has its MAC."""
    unnamed = f"its NIC {claim.nic.interface!r} has no name in DNS"
    label = path.rpartition("/")[2]
    if label and is_dnsmasq_keyword(label):
        return f"dnsmasq takes {label!r} for a setting: {unnamed}"
    owner = claim.owner(path)
    if owner or (label in claim.live.reserved and not is_named):
        taken = f"by {owner}" if owner else "in the definition"
        return f"name {label!r} is taken {taken}: {unnamed}"
    if twin:
        return f"MAC {claim.nic.mac} is also that of {twin}: one of them will lose its address, {unnamed}"
    return ""


def known(live: "LiveNetwork", nic: "Nic") -> tuple[str, ...]:
    """The addresses that the definition fixes for a NIC: by its MAC, else by its guest's name."""
    for wanted in (nic.mac, label_of(nic.guest)):
        found = [text for key, words, _ in live.fixed if key == wanted for text in addresses_in(words)]
        found += [text for key, text in live.known if key == wanted]
        if wanted and found:
            return tuple(dict.fromkeys(found))
    return ()


def addresses_in(words: str) -> list[str]:
    """The addresses among the words that dnsmasq is told of a host."""
    return [word.strip("[]") for word in words.split(",") if word[:1] == "[" or word.count(".") == 3]


def told(words: str, pinned: tuple[str, ...]) -> str:
    """What dnsmasq is told of a host for which addresses are kept, too."""
    more = [f"[{text}]" if ":" in text else text for text in pinned]
    return ",".join([*([words] if words else []), *more])


def words_for(live: "LiveNetwork | None", mac: str) -> str:
    """What the definition fixes for a MAC alone; empty if it fixes nothing."""
    return next((words for key, words, name in live.fixed if key == mac and not name), "") if live else ""


def is_wanted(paths: "Paths", nic: "Nic") -> bool:
    """Whether there is something to `take`: a name, an address, or what another NIC had by the MAC of a nameless one.

    A NIC that stands in for another has what that one has.
    """
    return bool(nic.mac and not nic.beside) and (
        bool(nic.guest or nic.alias or nic.pinned)
        or files.link_target(_by_mac(paths, nic)) not in {None, nic.interface}
    )


def forget(paths: "Paths", nic: "Nic") -> None:
    """Remove the record of a NIC and give its name back, and its place in the network's rules."""
    give_back(paths, nic)
    if nic.published:
        from vnethook.live import guest_rules  # noqa: PLC0415 (few networks name guests in their rules)

        guest_rules.withdraw(paths, nic)
    if nic.proxied:
        from vnethook.live import proxied  # noqa: PLC0415 (few networks are)

        proxied.withdraw(paths, nic)
    nics.remove(paths, nic)


def give_back(paths: "Paths", nic: "Nic") -> bool:
    """Give the name of a NIC back, as far as it still holds it; whether dnsmasq has to be told to forget it."""
    give_name_back(paths, nic)
    if not nic.mac or files.link_target(_by_mac(paths, nic)) != nic.interface:
        return False
    files.remove(_by_mac(paths, nic))
    fixed = words_for(record.read(paths, nic.network), nic.mac)
    fix(paths.dnsmasq(nic.network), nic.mac, told(fixed, nic.pinned))
    return True


def is_fixed(directory: str, mac: str, words: str) -> bool:
    """Whether dnsmasq, whose files are in `directory`, is told what is fixed for a MAC, with a guest's name or not."""
    return files.read_text(f"{directory}/guests/{mac}") == _fixed_line(mac, words, _label_in(directory, mac))


def fix(directory: str, mac: str, words: str) -> None:
    """Tell dnsmasq what is fixed for a MAC from now on, if anything is; the guest that has it keeps its name."""
    path, label = f"{directory}/guests/{mac}", _label_in(directory, mac)
    if words or label:
        files.write_text(path, _fixed_line(mac, words, label))
    else:
        files.remove(path)


def _label_in(directory: str, mac: str) -> str:
    """The name in the file of a MAC that a NIC holds; empty if none does, or has no name there."""
    if files.link_target(f"{directory}/macs/{mac}") is None:
        return ""
    last = (files.read_text(f"{directory}/guests/{mac}") or "").strip().rpartition(",")[2]
    return last if label_of(last) == last and not is_dnsmasq_keyword(last) else ""


def give_name_back(paths: "Paths", nic: "Nic") -> None:
    """Let others have the name of a NIC, as far as it still holds it."""
    path = f"{paths.dnsmasq(nic.network)}/names/{nic.hostname}"
    if nic.hostname and files.link_target(path) == nic.interface:
        files.remove(path)


def reload_daemon(live: "LiveNetwork") -> None:
    """Have dnsmasq read its host files again, as it does on SIGHUP; nothing if it is gone."""
    for program, pid, start in live.daemons:
        if program == "dnsmasq" and process.start_time(pid) == start:
            try:
                posix.kill(pid, SIGHUP)
            except OSError as error:
                if error.errno != ESRCH:
                    msg = f"dnsmasq (process {pid}): reload: {posix.strerror(error.errno or 0)}"
                    raise HostError(msg) from error


def _by_mac(paths: "Paths", nic: "Nic") -> str:
    """The link that leads from a NIC's MAC to the interface that holds it on its network."""
    return f"{paths.dnsmasq(nic.network)}/macs/{nic.mac}"


def _line(live: "LiveNetwork", nic: "Nic", label: str) -> str:
    """What dnsmasq is told of the guest: with what the definition gives its MAC, else its name, and what is kept."""
    found = [[words for key, words, _ in live.fixed if key == wanted and words] for wanted in (nic.mac, label)]
    return _fixed_line(nic.mac, told(",".join(found[0] or found[1]), nic.pinned), label)


def _fixed_line(mac: str, words: str, label: str) -> str:
    """A line as after --dhcp-host."""
    return ",".join(word for word in (mac, words, label) if word) + "\n"


def _write(live: "LiveNetwork", path: str, line: str) -> None:
    before = files.read_text(path)
    if before != line:
        files.write_text(path, line)
        if before is not None:
            reload_daemon(live)  # dnsmasq adds what is new at once, but forgets only when told
