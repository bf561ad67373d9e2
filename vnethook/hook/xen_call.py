"""What Xen's toolstacks ask a vif script: pure. Contract: tools/libs/light/libxl_linux.c, and vif-common.sh of Xen.

libxl gives both names of an emulated NIC's pair to both runs; which one a run is for is said by `type_if=` alone. udev,
for xend, passes what `script=` says after the script's name as further words, and for the second of a pair no path.
"""

from vnethook.errors import UsageError
from vnethook.live import files
from vnethook.names import LINK_MAX, check_link_name, shown
from vnethook.value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "vif-vnet"
VIF, TAP = "vif", "tap"
EMULATED = "-emu"
"""Ends the name of the tap by which a guest's NIC is emulated until the guest has a driver for its vif."""
UP = {VIF: "online", TAP: "add"}
DOWN = {VIF: "offline", TAP: "remove"}
_ACTIONS = {*UP.values(), *DOWN.values()}
_WORDS = {"type_if", "network", "bridge", "ip"}
_NUMBER_MAX = 5
"""Digits of a domain's number, or of a vif's."""
_HINT = "Xen calls this: script=vif-vnet in a guest's vif=[…]"


class Vif(Value):
    """A vif by the numbers of its domain and its own."""

    domid: int
    devid: int

    @property
    def link(self) -> str:
        """What netback calls its link."""
        return f"vif{self.domid}.{self.devid}"

    @property
    def path(self) -> str:
        """Its nodes in xenstore, below the caller's own domain."""
        return f"backend/vif/{self.domid}/{self.devid}"

    @property
    def frontend(self) -> str:
        """The guest's nodes of it; the guest may write there."""
        return f"/local/domain/{self.domid}/device/vif/{self.devid}"


class Call(Value):
    """`action` of `kind` VIF or TAP; the networks that the script's own name and its words say, empty if none."""

    vif: Vif
    action: str
    kind: str
    named: str = ""
    words: "dict[str, str]" = {}  # noqa: RUF012 (ClassVar needs typing; nobody changes it)

    @property
    def device(self) -> str:
        """What the link is called before it is renamed."""
        return self.vif.link + (EMULATED if self.kind == TAP else "")

    @property
    def is_up(self) -> bool:
        """Whether the NIC is to be attached; what is asked of the other kind is done by nobody."""
        return self.action == UP[self.kind]

    @property
    def is_down(self) -> bool:
        """Whether the NIC is to be detached."""
        return self.action == DOWN[self.kind]

    def name_for(self, vifname: str) -> str:
        """What the link is to be called if the configuration says this; raise UsageError for what cannot be a name.

        A tap goes by its vif's name with its own end, and keeps its own where that is too long.
        """
        if not vifname:
            return self.device
        check_link_name(vifname)
        if ":" in vifname:  # dev_valid_name() of Linux takes none into a name
            msg = f"interface {vifname!r}: not a name for a network interface"
            raise UsageError(msg, hint="choose another vifname=")
        if vif_of_link(vifname.removesuffix(EMULATED)) not in {None, self.vif}:
            msg = f"interface {self.device!r}: rename to {vifname!r}: that is what Xen calls another guest's"
            raise UsageError(msg, hint="choose another vifname=")
        if self.kind == VIF:
            return vifname
        return vifname + EMULATED if len(vifname + EMULATED) <= LINK_MAX else self.device


def vif_of(environ: "Mapping[str, str]") -> Vif:
    """Which vif a call is about; raise UsageError if that is not clear."""
    path, link, tap = (environ.get(name, "") for name in ("XENBUS_PATH", "vif", "INTERFACE"))
    parts = path.split("/")
    if path:
        found = _vif(*parts[2:]) if parts[:2] == ["backend", "vif"] and len(parts) == 4 else None
        if found is None:
            msg = f"XENBUS_PATH {shown(path)}: not backend/vif/DOMID/DEVID"
            raise UsageError(msg, hint=_HINT)
    else:
        found = vif_of_link(tap.removesuffix(EMULATED)) if tap.endswith(EMULATED) else None
        if found is None:
            msg = "variable XENBUS_PATH: not set"
            raise UsageError(msg, hint=_HINT)
    for name, value, expected in (("vif", link, found.link), ("INTERFACE", tap, found.link + EMULATED)):
        if value not in {"", expected}:
            msg = f"variable {name}: is {shown(value)} for {found.path}, not {expected!r}"
            raise UsageError(msg, hint=_HINT)
    return found


def vif_of_link(name: str) -> Vif | None:
    """The vif whose link netback calls so; None if that is no name of one."""
    return _vif(*name[3:].split(".")) if name.startswith("vif") and name.count(".") == 1 else None


def read(vif: Vif, argv: list[str]) -> Call:
    """What the words of a call say; raise UsageError for what no toolstack sends."""
    actions = [word for word in argv[1:] if "=" not in word]
    if len(actions) != 1 or actions[0] not in _ACTIONS:
        said = shown(" ".join(actions)[:60]) if actions else "none given"
        msg = f"action: {said}: must be online, offline, add or remove"
        raise UsageError(msg, hint=_HINT)
    words = dict(word.split("=", 1) for word in argv[1:] if "=" in word)
    unknown = words.keys() - _WORDS
    if unknown:
        msg = f"argument {shown(min(unknown))}: not understood"
        raise UsageError(msg, hint="under xm: script='vif-vnet network=NAME'; what else a NIC has is said by vif=[…]")
    kind = words.get("type_if", VIF)
    if kind not in UP:
        msg = f"argument type_if: {shown(kind)}: must be vif or tap"
        raise UsageError(msg, hint=_HINT)
    return Call(vif, actions[0], kind, network_of_link(argv[0]), words)


def by_script(call: Call, script: str) -> Call | None:
    """The call as if it were made by what the node `script` says; None if that is not ours."""
    words = script.split()
    if not words or files.base_name(words[0]).partition("@")[0] != NAME:
        return None
    return read(call.vif, [words[0], call.action, f"type_if={call.kind}", *words[1:]])


def network_of_link(path: str) -> str:
    """("/etc/xen/scripts/vif-vnet@lab") -> "lab"; empty for the hook's own name."""
    name = files.base_name(path)
    return name[len(NAME) + 1 :] if name.startswith(f"{NAME}@") else ""


def _vif(domid: str, devid: str) -> Vif | None:
    return Vif(int(domid), int(devid)) if _is_number(domid) and _is_number(devid) else None


def _is_number(text: str) -> bool:
    """Whether it is a number as the toolstacks write it."""
    is_one = text.isascii() and text.isdigit() and len(text) <= _NUMBER_MAX
    return is_one and (text == "0" or text[0] != "0")
