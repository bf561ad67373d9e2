"""Who has which uuid, bridge and subnet: never otherwise than the files say, whatever happened to them or to the log."""

import os
import threading

import pytest

from vnethook.address import parse_subnet
from vnethook.definition import compiled
from vnethook.definition import index as indexes
from vnethook.definition.entries import Entry
from vnethook.definition.model import Bridge, Ip, Network
from vnethook.definition.store import Store
from vnethook.errors import CollisionError, ExistsError
from vnethook.live import files
from vnethook.live.paths import Paths


def uuid_of(number):
    return f"11111111-2222-4333-8444-{number:012}"


def network(number, **more):
    mac = f"52:54:00:00:00:{number % 256:02x}"
    ips = (Ip(f"10.0.{number}.1"),) if number < 256 else ()
    return Network(f"net{number}", uuid_of(number), Bridge(f"br{number}"), mac, ips=ips).replace(**more)


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


@pytest.fixture
def process(paths):
    """The store as a new process finds it."""

    def start():
        indexes._indexes.clear()
        return Store(paths)

    return start


def known(store):
    """What is known of every definition but the built-in one."""
    rows = {entry.key: entry.row()[4:] for entry in store.entries()}
    del rows["default", False]
    return rows


def by_hand(paths, number, old, new):
    """Edit a definition in place, as an editor does that keeps the file."""
    path = f"{paths.networks}/net{number}.xml"
    text = files.read_text(path)
    assert old in text
    with open(path, "w") as file:
        file.write(text.replace(old, new))


def test_what_one_process_defines_another_knows_at_once(process):
    one, other = process(), process()
    assert known(other) == {}
    one.write(network(1))
    assert other.index(max_age_s=1e9).holders("uuid", uuid_of(1))[0].name == "net1"
    assert (other.by_uuid(uuid_of(1)), other.by_bridge("br1")) == ("net1", "net1")
    with pytest.raises(ExistsError):
        other.collision(network(2, uuid=uuid_of(1)))
    with pytest.raises(CollisionError):
        other.collision(network(2, ips=(Ip("10.0.1.129", 25),)))
    one.remove("net1")
    other.collision(network(2, uuid=uuid_of(1), bridge=Bridge("br1")))
    assert (known(other), other.by_uuid(uuid_of(1)), other.by_bridge("br1")) == ({}, None, None)


def test_an_edit_in_place_moves_what_a_definition_has(paths, process):
    store = process()
    for number in (1, 2):
        store.write(network(number))
    store.entries()
    by_hand(paths, 1, "br1", "xx1")
    by_hand(paths, 2, uuid_of(2), uuid_of(9))
    assert (store.by_bridge("br1"), store.by_bridge("xx1")) == (None, "net1")
    assert (store.by_uuid(uuid_of(2)), store.by_uuid(uuid_of(9))) == (None, "net2")
    by_hand(paths, 2, "<network>", "<network><nonsense/>")
    problems = {entry.name: entry.problem for entry in store.entries() if entry.problem}
    assert problems == {"net2": f"{paths.networks}/net2.xml:1: network: unknown element 'nonsense'"}
    assert store.by_uuid(uuid_of(9)) is None


def test_files_that_come_and_go_by_hand_are_seen(paths, process):
    store = process()
    store.write(network(1))
    text = files.read_text(f"{paths.networks}/net1.xml")
    os.unlink(f"{paths.networks}/net1.xml")
    assert (known(store), store.by_bridge("br1"), store.entry("net1")) == ({}, None, None)
    files.write_text(f"{paths.networks}/net1.xml", text)
    assert list(known(store)) == [("net1", False)]
    assert store.by_bridge("br1") == "net1"


def test_an_automatic_subnet_that_is_chosen_anew_is_seen(paths, process):
    store = process()
    automatic = network(300, forward="nat")
    store.write(automatic.with_subnet(parse_subnet("192.168.200.0/24")))
    assert process().entry("net300").subnets == [[4, 0xC0A8C800, 24]]
    compiled.write(paths, automatic.with_subnet(parse_subnet("192.168.201.0/24")))
    assert store.entry("net300").subnets == process().entry("net300").subnets == [[4, 0xC0A8C900, 24]]


def test_a_log_that_ends_anywhere_leads_nobody_astray(paths, process):
    store = process()
    for number in range(1, 4):
        store.write(network(number))
    expected = known(store)
    with open(f"{paths.compiled}/index", "rb") as file:
        whole = file.read()
    for length in range(len(whole)):
        with open(f"{paths.compiled}/index", "wb") as file:
            file.write(whole[:length])
        assert known(process()) == expected, length
        assert known(store) == expected, length


@pytest.mark.parametrize(
    "damage",
    [
        os.unlink,
        lambda path: os.truncate(path, 0),
        lambda path: files.write_text(path, "nonsense"),
        lambda path: files.write_text(path, files.read_text(path).replace("index", "indey")),
        lambda path: files.write_text(path, files.read_text(path) + "\n[]\n[1]\n{}\n\nnull\n[[" + "\0" * 50),
        lambda path: (os.unlink(path), os.symlink("elsewhere", path)),
        lambda path: (os.unlink(path), os.mkdir(path)),
    ],
    ids=["gone", "empty", "no log", "of another version", "with odd lines", "a link", "a directory"],
)
def test_a_damaged_log_is_as_good_as_none_and_mended_by_the_next_change(paths, process, damage):
    store = process()
    store.write(network(1))
    damage(f"{paths.compiled}/index")
    assert list(known(process())) == list(known(store)) == [("net1", False)]
    if not os.path.isdir(f"{paths.compiled}/index"):
        defining = process()
        defining.collision(network(2))
        defining.write(network(2))
        log = process()._index
        log._take_news()
        assert sorted(log._entries) == [("net1", False), ("net2", False)]


def test_a_definition_that_was_put_down_and_never_in_place_is_not_believed(paths, process):
    store, other = process(), process()
    store.write(network(1))
    other.entries()
    entry = store.entry("net1")
    row = entry.row()
    row[row.index("br1")] = "br9"
    row[row.index(entry.xml)] = [1, 2, 3]
    store._index.put(Entry(row))  # and killed before the XML was in place
    for found in (other, process()):
        assert (found.by_bridge("br1"), found.by_bridge("br9")) == ("net1", None)
        found.collision(network(2, bridge=Bridge("br9")))
        with pytest.raises(CollisionError):
            found.collision(network(2, bridge=Bridge("br1")))


def test_a_young_edit_is_put_down_for_nobody(paths, process):
    """Two edits within one tick of the clock have the same stamp."""
    process().write(network(1))
    by_hand(paths, 1, "br1", "xx1")
    found = os.stat(f"{paths.networks}/net1.xml")
    assert process().by_bridge("xx1") == "net1"
    by_hand(paths, 1, "xx1", "yy1")
    os.utime(f"{paths.networks}/net1.xml", ns=(found.st_atime_ns, found.st_mtime_ns))
    assert (process().by_bridge("xx1"), process().by_bridge("yy1")) == (None, "net1")


def test_an_old_edit_is_read_once_for_all(paths, process, monkeypatch):
    process().write(network(1))
    by_hand(paths, 1, "br1", "xx1")
    os.utime(f"{paths.networks}/net1.xml", ns=(1, 1))
    assert process().by_bridge("xx1") == "net1"
    monkeypatch.setattr(Store, "_read", None)
    assert process().by_bridge("xx1") == "net1"


def test_a_directory_full_of_files_put_there_by_hand_is_read_once_for_all(paths, process, monkeypatch):
    for number in range(3):
        path = f"{paths.networks}/net{number}.xml"
        files.write_text(path, f"<network><name>net{number}</name><bridge name='br{number}'/></network>")
        os.utime(path, ns=(1, 1))
    expected = known(process())
    assert len(expected) == 3
    monkeypatch.setattr(Store, "_read", None)
    assert known(process()) == expected


def test_the_log_does_not_grow_with_changes(paths, process):
    store = process()
    for mtu in range(1000, 1500):
        store.write(network(1, mtu=mtu))
    with open(f"{paths.compiled}/index") as file:
        assert len(file.readlines()) < 100


def test_the_lowest_free_bridge_is_chosen_also_after_one_went(process):
    store = process()
    for number in range(4):
        store.write(network(number, bridge=Bridge(f"vnbr{number}")))
    index = store.index()
    assert index.free_bridge(lambda _: False) == "vnbr4"
    store.remove("net1")
    assert index.free_bridge(lambda _: False) == "vnbr1"
    assert index.free_bridge(lambda name: name == "vnbr1") == "vnbr4"
    assert process().index().free_bridge(lambda _: False) == "vnbr1"


def test_threads_of_one_process_do_not_disturb_each_other(process):
    store = process()
    failures = []

    def look():
        try:
            while not is_over.is_set():
                assert {entry.name for entry in store.entries()} >= {"default", "net0"}
                assert store.by_uuid(uuid_of(0)) == "net0"
        except BaseException as error:  # noqa: BLE001 (a thread's failure must reach the test)
            failures.append(error)

    store.write(network(0))
    is_over = threading.Event()
    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for number in range(1, 60):
        store.write(network(number))
        if number % 2:
            store.remove(f"net{number}")
    is_over.set()
    for thread in threads:
        thread.join()
    assert failures == []
