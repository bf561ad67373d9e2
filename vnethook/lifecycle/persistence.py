"""Have a shared NIC be shared after the next boot too: files of the host's own network manager, and those before them.

`prepare` decides and checks, and changes nothing; `hold` keeps that until somebody has confirmed that the host is
reached; `write_held` puts the files in place; `give_back` has all be as before, and `settle` what a killed call left.
"""

import posix
from _socket import AF_INET

from vnethook.capability.manager import (
    formats,
    from_facts,
    ifcfg_present,
    ifupdown_present,
    keyfile_present,
    netplan_present,
    networkd_present,
)
from vnethook.capability.manager.netplan import NETWORKMANAGER
from vnethook.capability.manager.rendering import Carried, Rendering, Said
from vnethook.errors import StateError
from vnethook.host import ifcfg_templates, interface_manager, kept_files, manager_calls, manager_check, manager_files
from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from vnethook.host.host import Host
    from vnethook.host.nic_facts import NicFacts
    from vnethook.live.paths import Paths


class FilePlan(Value):
    """Files that are to be written for a NIC and its bridge, in one of formats.FORMATS; below `root`, mostly empty."""

    _nested = {"rendering": Rendering}  # noqa: RUF012 (ClassVar would need typing at run time)
    nic: str
    bridge: str
    form: str
    rendering: Rendering
    root: str = ""


_ETHERNET = ("", "veth")
"""The kernel's kinds of links that nobody has to make at boot, or that are Ethernet to all managers."""
_HELD = ".held"
"""Ends the name of a plan that waits; no bridge's name has a dot."""
FORMAT_OF = {
    interface_manager.NETWORKD: formats.NETWORKD,
    interface_manager.NETWORKMANAGER: formats.KEYFILE,
    interface_manager.NETPLAN: formats.NETPLAN,
    interface_manager.IFUPDOWN: formats.IFUPDOWN,
    interface_manager.SCRIPTS: formats.IFCFG,
}


def prepare(host: "Host", facts: "NicFacts", bridge: str, *, form: str = "") -> FilePlan:
    """What files would make a NIC the port of a bridge at boot, checked by the format's own tool; changes nothing.

    `facts`: of the NIC while the addresses are its own; a bridge of its name means layout "proposal". `form`: one of
    formats.FORMATS, empty for that of the manager that has the NIC. Raises StateError if none has, or several have it,
    HostError and DefinitionError for what cannot be written.
    """
    root = _root(host.paths)
    form = form or _format(facts, root)
    said = _said(root, facts, bridge, form)
    _require_ethernet(facts, form, said)
    config, notes = from_facts.config(facts, bridge, said)
    rendering = formats.render(form, config, ifcfg_templates.read(), said.present)
    texts = {file.path: file.text for file in rendering.files}
    if form.startswith(formats.NETPLAN):
        texts = _others(root, rendering) | texts
    unchecked = manager_check.check(form, texts, bridge, f"{host.paths.run}/check-{posix.getpid()}")
    rendering = rendering.replace(notes=(*rendering.notes, *notes, *unchecked))
    return FilePlan(facts.link.name, bridge, form, rendering, root)


def _format(facts: "NicFacts", root: str) -> str:
    """The format of the one manager that has the NIC; raise StateError for none or several."""
    found = interface_manager.claims(root, facts.link)
    if len(found) == 1:
        [(manager, _)] = found
        is_nm = manager == interface_manager.NETPLAN and NETWORKMANAGER in netplan_present.renderers(
            manager_files.netplan(root), facts.link.name, facts.link.mac
        )
        return formats.NETPLAN_NM if is_nm else FORMAT_OF[manager]
    who = " and ".join(f"{manager} by {path}" if path else manager for manager, path in found) or "no network manager"
    msg = f"interface {facts.link.name!r}: share for good: {who} {'have' if found else 'has'} it"
    raise StateError(msg, hint=f"say whose files to write: --format {'|'.join(formats.FORMATS)}")


def _said(root: str, facts: "NicFacts", bridge: str, form: str) -> Said:
    """What the present files of that format say of the NIC; nothing if it is in none."""
    nic, mac = facts.link.name, facts.link.mac
    if form == formats.IFCFG:
        said = ifcfg_present.read(manager_files.ifcfg(root, nic), nic, mac, bridge)
    elif form == formats.KEYFILE:
        said = keyfile_present.read(manager_files.keyfiles(root), nic, mac)
    elif form == formats.NETWORKD:
        said = networkd_present.read(manager_files.networkd(root), nic, mac)
    elif form == formats.IFUPDOWN:
        said = ifupdown_present.read(manager_files.ifupdown(root), nic, bridge)
    else:
        said = netplan_present.read(manager_files.netplan(root), nic, mac)
    if (
        said is None
        and form == formats.KEYFILE
        and ifcfg_present.read(manager_files.ifcfg(root, nic), nic, mac, bridge)
    ):
        msg = f"interface {nic!r}: share for good: NetworkManager has it by an ifcfg file"
        raise StateError(msg, hint="`nmcli connection migrate` makes a keyfile of it")
    said = said or Said(dhcp4=_is_leased(facts))
    return _as_client(said, facts) if form in {formats.NETWORKD, formats.NETPLAN} else said


def _as_client(said: Said, facts: "NicFacts") -> Said:
    """What makes the bridge the DHCP client that the NIC is, unless its files say how it is one."""
    if any(one.key == "IAID" or one.value.strip('"') in {"mac", "duid-only"} for one in said.present.carried):
        return said
    found = interface_manager.identity(facts.link.index).items()
    more = tuple(Carried("bridge", section, "IAID", str(iaid)) for section, iaid in found)
    return said.replace(present=said.present.replace(carried=said.present.carried + more))


def _require_ethernet(facts: "NicFacts", form: str, said: Said) -> None:
    """Raise StateError for a bond, a VLAN or the like, whose files say how it is made; an ifcfg file goes on to."""
    is_said = form == formats.IFCFG and bool(said.present.removed)
    if facts.link.kind not in _ETHERNET and not is_said:
        msg = f"interface {facts.link.name!r}: share for good: it is a {facts.link.kind}, which its own files make"
        raise StateError(msg, hint="`--print` shows what to add to them for the bridge")


def _is_leased(facts: "NicFacts") -> bool:
    """Whether an IPv4 address of the NIC's ends, so that a DHCP client got it."""
    return any(address.family == AF_INET and not address.is_lasting for address in facts.addresses)


def _others(root: str, rendering: Rendering) -> dict[str, str]:
    """Netplan's other files, which it reads together with ours."""
    gone = {*rendering.removed, *(file.path for file in rendering.files)}
    return {path: files.read_text(root + path) or "" for path in manager_files.netplan(root) if path not in gone}


def hold(host: "Host", plan: FilePlan) -> None:
    """Keep a plan for `write_held`: until somebody confirms that the host is reached, a reboot is the way back."""
    files.write_json(_held(host.paths, plan.bridge), plan.to_plain(), mode=0o600)


def write_held(host: "Host", bridge: str) -> None:
    """Put the files in place that are held for a bridge; nothing if none are; raises HostError, StateError."""
    plain = files.read_json(_held(host.paths, bridge))
    if plain is None:
        return
    if not is_persistent(host, bridge):  # else an earlier call was killed when all was done
        write(host, FilePlan.from_plain(plain))
    files.remove(_held(host.paths, bridge))


def write(host: "Host", plan: FilePlan) -> None:
    """Put the files of a plan in place, and keep those that were there; raises HostError, StateError."""
    wanted: dict[str, tuple[bytes, int] | None] = {}
    for file in plan.rendering.files:
        wanted[f"{plan.root}{file.path}"] = (file.text.encode("utf-8", "surrogateescape"), file.mode)
    wanted |= {f"{plan.root}{path}": None for path in plan.rendering.removed}
    kept_files.replace(_place(host.paths, plan.bridge), (plan.nic, plan.bridge, plan.form), wanted)


def is_persistent(host: "Host", bridge: str) -> bool:
    """Whether files of ours make the bridge at boot."""
    exchange = kept_files.read(_place(host.paths, bridge))
    return exchange is not None and exchange.is_whole


def require_unedited(host: "Host", bridge: str) -> None:
    """Raise StateError if files were changed since, by somebody or for another NIC: they are not given back then."""
    for path in kept_files.edited(_place(host.paths, bridge)):
        for other in files.names(_top(host.paths)):
            exchange = kept_files.read(_place(host.paths, other)) if other != bridge else None
            if exchange is not None and path in {change.path for change in exchange.changes}:
                msg = f"file {path!r}: give back: it was written for bridge {other!r} since"
                raise StateError(msg, hint=f"`vnet unshare {other}` first")
        msg = f"file {path!r}: give back: it was edited since it was written"
        raise StateError(msg, hint="--force has it as it was before, and keeps the edited one")


def give_back(host: "Host", bridge: str, *, is_forced: bool = False) -> list[str]:
    """Have the files of a bridge be as they were before; what to tell the administrator, a line each.

    Nothing if there are none. Raises StateError for what was edited since, unless `is_forced`; HostError.
    """
    told = _give_back(host.paths, bridge, is_forced=is_forced)
    files.remove(_held(host.paths, bridge))
    files.remove_directory(_top(host.paths))
    return told


def form_of(host: "Host", bridge: str) -> str:
    """The format of the files that are kept for a bridge, empty for none."""
    exchange = kept_files.read(_place(host.paths, bridge))
    return exchange.about[2] if exchange else ""


def let_go(form: str, links: "Iterable[str]") -> None:
    """Have NetworkManager leave links alone that it made by our files: it would make them again, or take them down."""
    if _is_networkmanagers(form):
        manager_calls.leave(links)


def read_again(form: str) -> None:
    """Have NetworkManager know profiles that are there again, so that it can be told to bring one up."""
    if _is_networkmanagers(form):
        manager_calls.reload_networkmanager()


def take_up(form: str, nic: str) -> None:
    """Have a manager that runs do for a NIC what its files say again."""
    if _is_networkmanagers(form):
        manager_calls.connect(nic)
    elif form in {formats.NETWORKD, formats.NETPLAN} and interface_manager.NETWORKD in interface_manager.running():
        manager_calls.reload_networkd()


def _is_networkmanagers(form: str) -> bool:
    is_its = form in {formats.KEYFILE, formats.NETPLAN_NM}
    return is_its and interface_manager.NETWORKMANAGER in interface_manager.running()


def _give_back(paths: "Paths", bridge: str, *, is_forced: bool) -> list[str]:
    aside = f"{paths.state}/interface-files-edited/{bridge}" if is_forced else ""
    exchange = kept_files.read(_place(paths, bridge))
    kept = kept_files.give_back(_place(paths, bridge), aside=aside)
    if exchange and exchange.about[2].startswith(formats.NETPLAN) and not _root(paths):
        manager_calls.generate()
    return [
        f"file {path!r}: was edited since; it is as before, and the edited one is {where!r}" for path, where in kept
    ]


def settle(host: "Host", shared: "Collection[str]") -> list[str]:
    """Take back what calls left that were killed while they wrote, and forget plans of bridges that are not `shared`.

    A plan of one that is can still be written. Gives what to tell, a line each.
    """
    told = []
    for name in files.names(_top(host.paths)):
        bridge = name.removesuffix(_HELD)
        if not name.endswith(_HELD) and not is_persistent(host, bridge):
            told += _give_back(host.paths, bridge, is_forced=True)
        elif name.endswith(_HELD) and bridge not in shared:
            files.remove(_held(host.paths, bridge))
    files.remove_directory(_top(host.paths))
    return told


def named(host: "Host", name: str) -> str:
    """The bridge whose files are kept and that is meant by its own name or its NIC's, empty for none."""
    for bridge in files.names(_top(host.paths)):
        exchange = kept_files.read(_place(host.paths, bridge))
        if exchange is not None and name in exchange.about[:2]:
            return bridge
    return ""


def difference(plan: FilePlan) -> "Iterator[str]":
    """The lines of a unified diff between the files that are there and those of a plan."""
    from difflib import unified_diff  # noqa: PLC0415 (only what is shown)

    wanted = {file.path: file.text for file in plan.rendering.files} | dict.fromkeys(plan.rendering.removed, "")
    for path, text in wanted.items():
        old = files.read_text(f"{plan.root}{path}")
        names = ("/dev/null" if old is None else path, path if text else "/dev/null")
        yield from unified_diff((old or "").splitlines(), text.splitlines(), *names, lineterm="")


def _root(paths: "Paths") -> str:
    """What the host's own files are below: VNETHOOK_ROOT, else nothing."""
    return paths.state.removesuffix("/var/lib/vnethook")


def _top(paths: "Paths") -> str:
    return f"{paths.state}/interface-files"


def _place(paths: "Paths", bridge: str) -> str:
    return f"{_top(paths)}/{bridge}"


def _held(paths: "Paths", bridge: str) -> str:
    return f"{_top(paths)}/{bridge}{_HELD}"
