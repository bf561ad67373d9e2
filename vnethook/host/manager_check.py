"""Have a format's own tool read files before they are in place, in a directory of ours; no manager is spoken to.

What each catches and lets through differs: netplan's is strict, NetworkManager's drops what it does not know without a
word, so that its answer is compared, ifupdown's knows methods and little else; systemd-networkd and initscripts have
none, but a shell can at least read what it will source.
"""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_NETPLAN, _PROFILES, _IFCFG = "/etc/netplan", "/etc/NetworkManager/system-connections", "/ifcfg-"
_BRIDGE_UTILS = "/lib/bridge-utils/ifupdown.sh"


def check(form: str, texts: "Mapping[str, str]", bridge: str, directory: str) -> list[str]:
    """Check files, by their paths, with `directory` to work in; notes about what could not be checked.

    `form`: one of formats.FORMATS. Raises HostError with what the tool refuses.
    """
    if form.startswith("netplan"):
        return _netplan(texts, directory)
    if form == "keyfile":
        return _profiles(texts)
    if form == "ifupdown":
        return _interfaces(texts, bridge, directory)
    if form == "ifcfg":
        return _shell(texts)
    return ["systemd-networkd has no tool to check its files with"]


def _netplan(texts: "Mapping[str, str]", directory: str) -> list[str]:
    netplan = programs.find("netplan")
    if netplan is None:
        return ["netplan is not installed here: its files are not checked"]
    try:
        for path, text in texts.items():
            if path.startswith(_NETPLAN):
                files.write_text(f"{directory}{path}", text, mode=0o600)
        done = programs.run([netplan, "generate", "--root-dir", directory])
    finally:
        programs.run(["/bin/rm", "-rf", "--", directory])
    if done.status:
        _refuse("netplan generate", done.errors)
    return []


def _profiles(texts: "Mapping[str, str]") -> list[str]:
    nmcli = programs.find("nmcli")
    if nmcli is None:
        return ["nmcli is not installed here: the profiles are not checked"]
    for path, text in texts.items():
        if not path.startswith(_PROFILES):
            continue
        name = next(line for line in text.splitlines() if line.startswith("id="))
        words = [nmcli, "--offline", "connection", "modify", "connection.id", name.removeprefix("id=")]
        done = programs.run(words, text=text)
        if done.status:
            _refuse(f"{path}: nmcli", done.errors)
        if lost := set(_lines(text)) - set(_lines(done.output)):
            _refuse(f"{path}: nmcli", f"drops {', '.join(sorted(lost))}")
    return []


def _lines(text: str) -> list[str]:
    """The settings of a profile, each with its section: both names of a section, and a default, are the same."""
    section = ""
    found = []
    for line in text.splitlines():
        if line[:1] == "[":
            section = line.replace("802-3-ethernet", "ethernet")
        elif "=" in line:
            found.append(f"{section}{line.rstrip(';')}")
    return found


def _interfaces(texts: "Mapping[str, str]", bridge: str, directory: str) -> list[str]:
    if not files.exists(_BRIDGE_UTILS):
        msg = "package bridge-utils: not installed: ifup would make no bridge"
        raise HostError(msg, hint="apt-get install bridge-utils")
    ifup = programs.find("ifup")
    if ifup is None:
        return ["ifup is not installed here: the stanzas are not checked"]
    path = f"{directory}/interfaces"
    try:
        ours = [text for name, text in texts.items() if name.startswith("/etc/network/interfaces")]
        files.write_text(path, "\n".join(text.replace("source", "# source") for text in ours))
        done = programs.run([ifup, "--no-act", "--force", "-i", path, bridge])
    finally:
        programs.run(["/bin/rm", "-rf", "--", directory])
    if done.status:
        _refuse("ifup --no-act", done.errors)
    return []


def _shell(texts: "Mapping[str, str]") -> list[str]:
    bash = programs.find("bash")
    for path, text in texts.items():
        if bash and _IFCFG in path:
            done = programs.run([bash, "--norc", "--noprofile", "-n"], text=text)
            if done.status:
                _refuse(path, done.errors)
    return [] if bash else ["bash is not installed here: the files are not checked"]


def _refuse(what: str, reason: str) -> None:
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    msg = f"{what}: refuses what would be written: {'; '.join(lines[:3]) or 'no reason given'}"
    raise HostError(msg, hint="nothing was changed; `vnet share NIC --print` shows the files")
