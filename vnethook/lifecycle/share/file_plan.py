"""Which files of the host's own network manager make a NIC the port of a bridge at boot. Changes nothing."""

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
from vnethook.host import ifcfg_templates, interface_manager, manager_check, manager_files
from vnethook.live import files
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

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
    root = root_of(host.paths)
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
    return _as_client(said or Said(dhcp4=_is_leased(facts)), facts.link.index, form)


def _as_client(said: Said, index: int, form: str) -> Said:
    """With what makes the bridge the DHCP client that the NIC is, unless its files say so of themselves."""
    known = said.present.carried
    if form == formats.KEYFILE:
        found = interface_manager.networkmanagers_identity(index)
    elif form in {formats.NETWORKD, formats.NETPLAN} and not any(_is_client(one) for one in known):
        found = interface_manager.networkds_identity(index)
    else:
        return said
    kept = tuple(one for one in known if (one.section, one.key) not in found)
    more = tuple(Carried("bridge", section, key, value) for (section, key), value in found.items())
    return said.replace(present=said.present.replace(carried=kept + more))


def _is_client(one: Carried) -> bool:
    return one.key == "IAID" or one.value.strip('"') in {"mac", "duid-only"}


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


def difference(plan: FilePlan) -> "Iterator[str]":
    """The lines of a unified diff between the files that are there and those of a plan."""
    from difflib import unified_diff  # noqa: PLC0415 (only what is shown)

    wanted = {file.path: file.text for file in plan.rendering.files} | dict.fromkeys(plan.rendering.removed, "")
    for path, text in wanted.items():
        old = files.read_text(f"{plan.root}{path}")
        names = ("/dev/null" if old is None else path, path if text else "/dev/null")
        yield from unified_diff((old or "").splitlines(), text.splitlines(), *names, lineterm="")


def root_of(paths: "Paths") -> str:
    """What the host's own files are below: VNETHOOK_ROOT, else nothing."""
    return paths.state.removesuffix("/var/lib/vnethook")
