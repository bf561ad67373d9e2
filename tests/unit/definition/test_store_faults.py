"""Every system call of every change is refused once, and once the last: the store is as before or as after."""

import errno
import os
import posix

import pytest

from vnethook.address import parse_subnet
from vnethook.definition import compiled
from vnethook.definition import index as indexes
from vnethook.definition.model import Bridge, Ip, Network
from vnethook.definition.store import Store
from vnethook.errors import HostError
from vnethook.live import files
from vnethook.live.paths import Paths

UUIDS = [f"11111111-2222-4333-8444-{number:012}" for number in range(3)]
LAB = Network("lab", UUIDS[0], Bridge("br0"), "52:54:00:00:00:07", ips=(Ip("192.0.2.1"),))
AUTO = Network("auto", UUIDS[1], Bridge("br1"), "52:54:00:00:00:08", forward="nat")
NEW = Network("new", UUIDS[2], Bridge("br2"), "52:54:00:00:00:09", forward="nat")
SUBNETS = [parse_subnet(f"192.168.{number}.0/24") for number in (200, 201)]
CALLS = [
    *((posix, name) for name in ("open", "write", "fchmod", "fsync", "posix_fadvise", "rename", "unlink", "symlink")),
    *((os, name) for name in ("open", "write", "link", "rename")),
]


class KilledError(BaseException):
    """What a killed process does after its last system call: nothing."""


class Calls:
    """The calls that change files, counted; the one of number `fail_at` and, if it kills, all later ones fail."""

    def __init__(self, monkeypatch, fail_at, *, kills):
        self.count = 0
        self.failed = ""
        for module, name in CALLS:
            monkeypatch.setattr(module, name, self._counted(getattr(module, name), name, fail_at, kills=kills))

    def _counted(self, call, name, fail_at, *, kills):
        def counted(*args, **more):
            if name == "open" and not args[1] & (os.O_WRONLY | os.O_RDWR):
                return call(*args, **more)
            self.count += 1
            if kills and self.count > fail_at:
                raise KilledError
            if self.count - 1 == fail_at:
                self.failed = name
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **more)

        return counted


def store_at(root):
    """The store below a directory, as a new process finds it."""
    indexes._indexes.clear()
    return Store(Paths(f"{root}/etc", f"{root}/run", f"{root}/state"))


def edit(store):
    """An administrator's edit, compiled by whoever comes first."""
    path = f"{store.paths.networks}/lab.xml"
    files.write_text(path, files.read_text(path).replace("br0", "xx0"))
    store.compile("lab", lambda network: network)


CHANGES = {
    "define": lambda store: store.write(NEW.with_subnet(SUBNETS[1])),
    "define again": lambda store: store.write(LAB.replace(bridge=Bridge("xx0"))),
    "define again without a written subnet": lambda store: store.write(
        LAB.replace(ips=(), forward="nat").with_subnet(SUBNETS[1])
    ),
    "define again with a written subnet": lambda store: store.write(AUTO.replace(ips=(Ip("198.51.100.1"),))),
    "create": lambda store: store.write_transient(NEW.replace(ips=(Ip("198.51.100.1"),))),
    "create over one": lambda store: store.write_transient(AUTO.with_subnet(SUBNETS[0]).replace(mtu=1400)),
    "undefine": lambda store: store.remove("auto"),
    "undefine another": lambda store: store.remove("lab"),
    "forget": lambda store: store.remove_transient("lab"),
    "autostart": lambda store: store.set_autostart("lab", enabled=True),
    "no autostart": lambda store: store.set_autostart("auto", enabled=False),
    "compile": edit,
}


def look(root):
    """All that a new process sees; what is compiled, as hooks read it, says the same or nothing."""
    store = store_at(root)
    entries = {entry.key: entry for entry in store.entries()}
    assert [entry.problem for entry in entries.values()] == [""] * len(entries)
    seen = {}
    for name in store.names():
        network = store.read(name)
        stored = store.stored(name) if store.is_persistent(name) else None
        entry = entries[name, store.is_transient(name)]
        assert compiled.read(store.paths, name) in {None, network}
        found = (entry.uuid or None, entry.bridge or None, [list(block) for block in entry.subnets])
        blocks = [[subnet.version, subnet.first, subnet.prefix] for subnet in network.subnets]
        assert found == (network.uuid, network.bridge.name, blocks)
        if network.uuid:
            assert (store.by_uuid(network.uuid), store.by_bridge(network.bridge.name)) == (name, name)
            assert compiled.by_bridge(store.paths, network.bridge.name) in {None, name}
        seen[name] = (network, stored, store.is_transient(name), store.is_autostart(name))
    for bridge in ("br0", "br1", "br2", "xx0"):
        found = compiled.by_bridge(store.paths, bridge)
        assert found is None or store.read(found).bridge.name == bridge
    return seen


def are_compiled(root):
    """Whether hooks find every network compiled as it is defined; the built-in one has not been chosen for."""
    store = store_at(root)
    names = [name for name in store.names() if not store.is_built_in(name)]
    return all(compiled.read(store.paths, name) == store.read(name) for name in names)


def prepared(root):
    """A store with a stored network that has a transient one beside it, and an automatic one that is autostarted."""
    store = store_at(root)
    store.write(LAB)
    store.write(AUTO.with_subnet(SUBNETS[0]))
    store.set_autostart("auto", enabled=True)
    store.write_transient(LAB.replace(mtu=1400))
    store.entries()
    return store


def tried(root, change, number, *, kills):
    """Try `change` on a store with the call of that number failing; which one did, empty if none."""
    store = prepared(root)
    with pytest.MonkeyPatch.context() as monkeypatch:
        calls = Calls(monkeypatch, number, kills=kills)
        try:
            change(store)
        except HostError as error:
            assert "No space left on device" in str(error)
            assert error.hint == "make room in its file system"
        except KilledError:
            pass
    return calls.failed or "killed" * (calls.count > number)


@pytest.mark.parametrize("kills", [False, True], ids=["full disk", "killed"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_that_fails_anywhere_leaves_the_store_as_before_or_as_after(tmp_path, name, kills):
    change = CHANGES[name]
    prepared(f"{tmp_path}/before")
    states = [look(f"{tmp_path}/before")]
    change(prepared(f"{tmp_path}/after"))
    states.append(look(f"{tmp_path}/after"))
    number, failed = 0, "the first"
    while failed:
        root = f"{tmp_path}/{number}"
        failed = tried(root, change, number, kills=kills)
        found = look(root)
        assert found in states, number
        if failed not in {"killed", "rename"} and name not in {"compile", "forget"}:  # those compile what was there
            assert are_compiled(root), number  # hooks need no room, either
        if found != states[1]:
            change(store_at(root))
        assert look(root) == states[1], number
        number += 1
    assert number > 2
