"""Define, look up, list: how much is read for it does not depend on how many networks there are."""

import posix

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.definition import index as indexes
from vnethook.definition import store as stores
from vnethook.errors import CollisionError, ExistsError, NoNetworkError, StateError
from vnethook.lifecycle import catalog, lookup
from vnethook.live import failure, files

UUID = "11111111-2222-4333-8444-555555555555"
LAB = f"<network><name>lab</name><uuid>{UUID}</uuid><bridge name='br7'/><mac address='52:54:00:00:00:07'/></network>"
XML = """
<network><name>net{number}</name><title>No. {number}</title><forward mode='nat'/>
  <ip address='10.0.{number}.1' netmask='255.255.255.0'/>
</network>"""


@pytest.fixture
def host(tmp_path, monkeypatch):
    indexes._indexes.clear()
    monkeypatch.setattr(indexes, "LOOK_S", 1e9)  # as if all were defined within a moment
    return FakeHost(tmp_path)


@pytest.fixture
def calls(monkeypatch):
    """Count the calls that ask for files, each of them one of the kernel's, while `counted` runs."""

    class Calls:
        def __init__(self):
            self.paths = []

        def counted(self, function, *args, **more):
            self.paths.clear()
            function(*args, **more)
            return len(self.paths)

    calls = Calls()

    def noting(call):
        def noted(path, *args, **more):
            calls.paths.append(path)
            return call(path, *args, **more)

        return noted

    for name in ("open", "stat", "listdir", "readlink", "rename", "unlink", "symlink"):
        monkeypatch.setattr(posix, name, noting(getattr(posix, name)))
    return calls


def define(host, number):
    return catalog.define(host, XML.format(number=number), source="x").network


def test_one_more_network_costs_as_many_calls_after_a_hundred_as_after_two(host, calls):
    for number in range(2):
        define(host, number)
    few = calls.counted(define, host, 2)
    for number in range(3, 100):
        define(host, number)
    assert calls.counted(define, host, 100) == few
    assert calls.counted(define, host, 50) == calls.counted(define, host, 1)


@pytest.mark.parametrize("what", ["name", "uuid", "bridge"])
def test_looking_one_up_costs_as_many_calls_among_a_hundred_as_among_two(host, calls, what):
    networks = [define(host, number) for number in range(2)]
    words = {"name": networks[1].name, "uuid": networks[1].uuid, "bridge": networks[1].bridge.name}
    few = calls.counted(catalog.find, host, words[what])
    for number in range(2, 100):
        define(host, number)
    assert calls.counted(catalog.find, host, words[what]) == few
    assert calls.counted(catalog.state, host, "net50") == calls.counted(catalog.state, host, "net1")


def test_a_list_reads_no_definition(host, calls):
    for number in range(20):
        define(host, number)
    indexes._indexes.clear()
    calls.counted(catalog.states, host)
    assert {path for path in calls.paths if path.startswith(host.paths.compiled)} == {f"{host.paths.compiled}/index"}
    looked_at = [path for path in calls.paths if path.startswith(f"{host.paths.networks}/net")]
    assert len(looked_at) == 20  # whether each is as it was


def test_a_process_that_has_just_begun_looks_at_each_definition_once(host, calls):
    for number in range(20):
        define(host, number)
    indexes._indexes.clear()
    calls.counted(define, host, 20)
    assert [calls.paths.count(f"{host.paths.networks}/net{number}.xml") for number in range(20)] == [1] * 20


def test_a_network_is_found_by_name_uuid_and_bridge_and_as_bytes(host):
    define(host, 1)
    catalog.define(host, LAB, source="x")
    words = ("lab", UUID, UUID.upper(), UUID.replace("-", ""), "br7")
    assert [catalog.find(host, word) for word in words] == ["lab"] * 5
    assert catalog.find(host, "lab", by=("name",)) == catalog.find(host, UUID, by=("uuid",)) == "lab"
    for word, kind in (("lab", "uuid"), (UUID, "name"), ("br7", "name"), ("br7", "uuid")):
        with pytest.raises(NoNetworkError):
            catalog.find(host, word, by=(kind,))
    assert catalog.by_uuid(host, UUID) == catalog.by_uuid(host, bytes.fromhex(UUID.replace("-", ""))) == "lab"


@pytest.mark.parametrize("word", ["nowhere", "", "../lab", "a b", "br8", UUID.replace("1", "2"), "x" * 100])
def test_a_word_that_means_no_network_is_an_error_of_code_43(host, word):
    catalog.define(host, LAB, source="x")
    for ask in (catalog.find, catalog.state, catalog.undefine, catalog.dump, catalog.by_uuid):
        with pytest.raises(NoNetworkError, match=r"no such network$") as caught:
            ask(host, word)
        assert caught.value.libvirt_code == 43
    assert files.names(host.paths.locks) == []


@pytest.mark.parametrize(
    ("old", "new", "kind", "code"),
    [
        (UUID, UUID.replace("1", "2"), ExistsError, 9),
        ("<name>lab", "<name>other", ExistsError, 9),
        (f"<name>lab</name><uuid>{UUID}</uuid>", "<name>other</name>", CollisionError, 1),
    ],
    ids=["another uuid", "another name", "the bridge of another"],
)
def test_what_another_network_has_is_refused_with_libvirts_code(host, old, new, kind, code):
    catalog.define(host, LAB, source="x")
    with pytest.raises(kind) as caught:
        catalog.define(host, LAB.replace(old, new), source="x")
    assert caught.value.libvirt_code == code
    assert catalog.define(host, LAB.replace(f"<uuid>{UUID}</uuid>", ""), source="x").network.uuid == UUID


def test_a_state_says_what_the_definition_says(host):
    network = define(host, 1)
    state = catalog.state(host, "net1")
    assert state == lookup.NetworkState(
        name="net1",
        uuid=network.uuid,
        bridge="vnbr0",
        is_active=False,
        is_persistent=True,
        is_autostart=False,
        forward="nat",
        subnets=("10.0.1.0/24",),
        title="No. 1",
    )
    assert catalog.states(host)[1] == state
    catalog.set_autostart(host, "net1", enabled=True)
    assert [(state.name, state.is_autostart) for state in catalog.states(host)] == [("default", False), ("net1", True)]


def test_why_a_network_did_not_come_up_is_shown_until_it_is_forgotten(host):
    define(host, 1)
    failure.write(host.paths, "net1", StateError("network 'net1': subnet 10.0.1.0/24 overlaps the route 10.0.0.0/8"))
    assert catalog.state(host, "net1").problem == "subnet 10.0.1.0/24 overlaps the route 10.0.0.0/8"
    catalog.undefine(host, "net1")
    define(host, 1)
    assert catalog.state(host, "net1").problem == ""


def test_a_definition_is_rewritten_as_it_is_stored_and_checked_like_a_new_one(host):
    define(host, 1)
    define(host, 2)
    changed = catalog.rewrite(host, "net1", lambda network: network.replace(mtu=1400))
    assert (changed.mtu, stores.Store(host.paths).stored("net1")) == (1400, changed)
    with pytest.raises(CollisionError):
        catalog.rewrite(host, "net1", lambda network: network.replace(bridge=network.bridge.replace(name="vnbr1")))
    assert stores.Store(host.paths).stored("net1") == changed
    with pytest.raises(NoNetworkError):
        catalog.rewrite(host, "net3", lambda network: network)


def test_an_edit_that_collides_is_refused_when_it_is_compiled_and_nobody_else_suffers(host):
    define(host, 1)
    define(host, 2)
    path = f"{host.paths.networks}/net2.xml"
    files.write_text(path, files.read_text(path).replace("10.0.2.1", "10.0.1.200"))
    with pytest.raises(CollisionError, match=r"^network 'net2': 10.0.1.0/24 overlaps 10.0.1.0/24 of network 'net1'$"):
        catalog.compile_definition(host, "net2")
    assert catalog.compile_definition(host, "net1").name == "net1"
