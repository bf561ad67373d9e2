"""The files of network managers, as text by their paths; `root`: the directory that they are below, mostly empty."""

from vnethook.errors import HostError
from vnethook.host import programs
from vnethook.live import files
from vnethook.names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

IFCFG, KEYFILES, NETPLAN = "/etc/sysconfig/network-scripts", "/etc/NetworkManager/system-connections", "/etc/netplan"
INTERFACES = "/etc/network/interfaces"
NETWORKD = tuple(f"{top}/systemd/network" for top in ("/etc", "/run", "/usr/local/lib", "/usr/lib"))
"""A file hides those of its name in later ones. Source: systemd.network(5)."""
_IGNORED = ("~", ".bak", ".old", ".orig", ".rpmnew", ".rpmorig", ".rpmsave")
"""End the names of files that network-scripts do not read: network-functions, is_ignored_file()."""
_PYTHON = "/usr/bin/python3"
_READ_YAML = "import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin), sys.stdout, default=str)"
_DIRECTORY_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def ifcfg(root: str, nic: str) -> dict[str, str]:
    """Those of network-scripts, and of dhclient for the NIC."""
    starts = ("ifcfg-", "route-", "route6-", "rule-", "rule6-")
    names = [name for name in files.names(root + IFCFG) if name.startswith(starts) and not name.endswith(_IGNORED)]
    paths = [*(f"{IFCFG}/{name}" for name in names), "/etc/sysconfig/network"]
    return _texts(root, [*paths, f"/etc/dhcp/dhclient-{nic}.conf", f"/etc/dhclient-{nic}.conf"])


def keyfiles(root: str) -> dict[str, str]:
    """NetworkManager's profiles."""
    return _texts(root, [f"{KEYFILES}/{name}" for name in files.names(root + KEYFILES)])


def networkd(root: str) -> dict[str, str]:
    """Those that systemd-networkd reads for links, and what adds to them."""
    paths = []
    for directory in NETWORKD:
        for name in files.names(root + directory):
            if name.endswith(".network.d"):
                paths += [
                    f"{directory}/{name}/{part}.conf" for part in files.names(f"{root}{directory}/{name}", ".conf")
                ]
            elif name.endswith(".network"):
                paths.append(f"{directory}/{name}")
    return _texts(root, paths)


def ifupdown(root: str) -> dict[str, str]:
    """interfaces(5), and what it sources."""
    found: dict[str, str] = {}
    waiting = [INTERFACES]
    while waiting:
        path = waiting.pop(0)
        text = files.read_text(root + path)
        if text is None or path in found:
            continue
        found[path] = text
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["source"]:
                waiting += [path for word in words[1:] for path in _sourced(root, word)]
            elif words[:1] == ["source-directory"]:
                waiting += [path for word in words[1:] for path in _of_directory(root, word)]
    return found


def netplan(root: str) -> "dict[str, Any]":
    """Netplan's files, read; raise HostError for what is no YAML."""
    paths = [f"{NETPLAN}/{name}.yaml" for name in files.names(root + NETPLAN, ".yaml")]
    return {path: _yaml(path, text) for path, text in _texts(root, paths).items()}


def _texts(root: str, paths: list[str]) -> dict[str, str]:
    found = {path: files.read_text(_resolved(root + path)) for path in paths if not files.is_directory(root + path)}
    return {path: text for path, text in found.items() if text is not None}


def _resolved(path: str) -> str:
    """Where the text is: managers follow a link, for example to /dev/null."""
    target = files.link_target(path)
    if target is None:
        return path
    return target if target.startswith("/") else f"{files.directory_of(path)}/{target}"


def _sourced(root: str, pattern: str) -> "Iterator[str]":
    """The files of a pattern: of its last part a star stands for any text."""
    path = pattern if pattern.startswith("/") else f"/etc/network/{pattern}"
    directory, _, name = path.rpartition("/")
    if "*" not in name:
        yield path
        return
    start, _, end = name.partition("*")
    yield from (
        f"{directory}/{one}" for one in files.names(root + directory) if one.startswith(start) and one.endswith(end)
    )


def _of_directory(root: str, word: str) -> "Iterator[str]":
    directory = (word if word.startswith("/") else f"/etc/network/{word}").rstrip("/")
    yield from (f"{directory}/{one}" for one in files.names(root + directory) if _DIRECTORY_NAME.issuperset(one))


def _yaml(path: str, text: str) -> "Any":  # noqa: ANN401 (whatever it holds)
    """What a YAML file holds, by the library that netplan itself brings for the system's Python."""
    done = programs.run([_PYTHON, "-I", "-c", _READ_YAML], text=text)
    if done.status == 0:
        return files.loads(done.output)
    if "No module named 'yaml'" in done.errors:
        msg = f"file {path!r}: read: {_PYTHON} has no YAML"
        raise HostError(msg, hint="install the package python3-yaml (Debian) or python3-pyyaml (Fedora)")
    msg = f"file {path!r}: read: {shown(done.reason)}"
    raise HostError(msg, hint="`netplan generate` says more")
