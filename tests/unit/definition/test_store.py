"""The store of definitions: what is kept, chosen, remembered and refused; on files below a temporary folder."""

import os

import pytest

from vnethook.address import parse_subnet
from vnethook.definition import choices, compiled, sources
from vnethook.definition.forwarding import Forwarding, Incoming, PortForward
from vnethook.definition.model import Bridge, Ip, Network
from vnethook.definition.peers import Listen
from vnethook.definition.store import Store
from vnethook.errors import DefinitionError, ExistsError, NoNetworkError, StateError
from vnethook.live.paths import Paths

UUID = "11111111-2222-4333-8444-555555555555"
SUBNET = parse_subnet("192.168.200.0/24")
LAB = Network("lab", UUID, Bridge("vnbr7"), "52:54:00:00:00:07", ips=(Ip("192.0.2.1"),))
AUTO = Network("auto", UUID, Bridge("vnbr8"), "52:54:00:00:00:08", forward="nat")


@pytest.fixture
def store(tmp_path):
    return Store(Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state"))


def is_free(_):
    return False


def as_it_is(network):
    return network


def by_hand(store, name, text):
    os.makedirs(store.paths.networks, exist_ok=True)
    with open(f"{store.paths.networks}/{name}.xml", "w") as file:
        file.write(text)


def test_an_empty_store_holds_the_built_in_default(store):
    assert store.names() == ["default"]
    assert (store.is_persistent("default"), store.is_transient("default"), store.is_built_in("default")) == (
        True,
        False,
        True,
    )
    assert store.read("default") == store.stored("default") == Network("default", forward="nat")
    [entry] = store.entries()
    assert (entry.key, entry.forward, entry.uuid, entry.bridge, entry.problem) == (
        ("default", False),
        "nat",
        "",
        "",
        "",
    )


@pytest.mark.parametrize("act", ["read", "stored", "remove", "compile"])
@pytest.mark.parametrize("name", ["labx", "../lab", "", "a\nb", "x" * 300])
def test_an_unknown_name_is_refused_with_the_known_ones(store, act, name):
    store.write(LAB)
    with pytest.raises(NoNetworkError) as caught:
        getattr(store, act)(name, *[as_it_is] * (act == "compile"))
    assert caught.value.message.endswith(": no such network")
    assert caught.value.message.isprintable()
    assert caught.value.hint == "known networks: default, lab"


def test_at_most_twenty_names_are_listed(store):
    for number in range(30):
        by_hand(store, f"n{number:02}", "")
    with pytest.raises(NoNetworkError) as caught:
        store.read("labx")
    assert caught.value.message == "network 'labx': no such network"
    assert caught.value.hint.endswith("n17, n18 and 11 more")


def test_what_is_written_is_read_stored_and_compiled(store):
    store.write(LAB)
    assert store.read("lab") == store.stored("lab") == compiled.read(store.paths, "lab") == LAB
    assert (store.by_uuid(UUID), store.by_uuid(UUID.replace("-", "").upper()), store.by_uuid("x")) == (
        "lab",
        "lab",
        None,
    )
    assert (store.by_bridge("vnbr7"), store.by_bridge("vnbr9")) == ("lab", None)
    assert compiled.by_bridge(store.paths, "vnbr7") == "lab"


def test_an_automatic_subnet_is_remembered_and_not_written(store):
    network = AUTO.with_subnet(SUBNET)
    store.write(network)
    with open(f"{store.paths.networks}/auto.xml") as file:
        assert "<ip" not in file.read()
    assert store.read("auto") == compiled.read(store.paths, "auto") == network


def test_a_subnet_remembered_for_another_uuid_is_not_taken(store):
    store.write(AUTO.with_subnet(SUBNET))
    other = UUID.replace("1", "a")
    by_hand(store, "auto", f"<network><name>auto</name><uuid>{other}</uuid><forward/></network>")
    assert store.read("auto") == Network("auto", other, forward="nat")


def test_a_transient_definition_goes_first_and_leaves_the_stored_one(store):
    store.write(LAB)
    store.write_transient(LAB.replace(mtu=1400))
    assert (store.read("lab"), store.stored("lab")) == (LAB.replace(mtu=1400), LAB)
    assert compiled.read(store.paths, "lab") == LAB.replace(mtu=1400)
    assert sorted(entry.key for entry in store.entries()) == [("default", False), ("lab", False), ("lab", True)]
    store.write(LAB.replace(mtu=1300))
    assert compiled.read(store.paths, "lab") == LAB.replace(mtu=1400)
    store.remove_transient("lab")
    assert compiled.read(store.paths, "lab") == store.read("lab") == LAB.replace(mtu=1300)


def test_a_network_that_is_only_transient_has_nothing_stored(store):
    store.write_transient(LAB)
    for act in (store.stored, store.remove, lambda name: store.set_autostart(name, enabled=True)):
        with pytest.raises(StateError) as caught:
            act("lab")
        assert caught.value.message == "network 'lab': is transient: it has no stored definition"
    store.remove_transient("lab")
    assert store.names() == ["default"]
    assert os.listdir(store.paths.compiled) == []


def test_removing_a_definition_leaves_no_file_behind(store, tmp_path):
    store.write(AUTO.with_subnet(SUBNET))
    store.set_autostart("auto", enabled=True)
    store.remove("auto")
    assert [name for _, _, names in os.walk(tmp_path) for name in names] == []


def test_the_built_in_default_is_there_until_it_is_removed_and_again_when_it_is_defined(store):
    compiled.write(store.paths, AUTO.replace(name="default").with_subnet(SUBNET))
    store.remove("default")
    assert (store.names(), store.entries()) == ([], [])
    assert (store.is_persistent("default"), sources.exists(store.paths, "default")) == (False, False)
    for act in (store.read, store.stored, store.remove):
        with pytest.raises(NoNetworkError) as caught:
            act("default")
        assert caught.value.message == "network 'default': no such network"
    assert os.listdir(store.paths.networks) == ["default.undefined"]
    assert os.listdir(store.paths.compiled) == []
    store.write(LAB.replace(name="default"))
    assert os.listdir(store.paths.networks) == ["default.xml"]
    assert not store.is_built_in("default")
    store.remove("default")
    assert store.names() == []


def test_what_was_chosen_for_the_built_in_default_is_kept(store):
    network = store.complete(store.read("default"), is_taken=is_free).with_subnet(SUBNET)
    compiled.write(store.paths, network)
    assert store.read("default") == compiled.read(store.paths, "default") == network
    assert store.is_built_in("default")


def test_autostart_is_a_link_to_the_definition_and_gives_the_default_a_file(store):
    network = store.complete(store.read("default"), is_taken=is_free).with_subnet(SUBNET)
    compiled.write(store.paths, network)
    store.set_autostart("default", enabled=True)
    assert os.readlink(f"{store.paths.autostart}/default.xml") == "../networks/default.xml"
    assert os.path.exists(f"{store.paths.autostart}/default.xml")
    assert store.is_autostart("default")
    assert store.read("default") == network
    store.set_autostart("default", enabled=False)
    assert not store.is_autostart("default")


def test_a_broken_file_does_not_hide_the_others(store):
    store.write(LAB)
    by_hand(store, "bad", "<network>")
    by_hand(store, "other", "<network><name>lab2</name></network>")
    by_hand(store, "a b", "<network/>")
    folder = store.paths.networks
    assert {entry.name: entry.problem for entry in store.entries()} == {
        "default": "",
        "lab": "",
        "bad": f"{folder}/bad.xml:1: the document ends where '</network>' is expected for the element of line 1",
        "other": f"{folder}/other.xml:1: <name> is 'lab2': must be 'other', like the file's",
    }
    assert store.names() == ["bad", "default", "lab", "other"]


def test_a_file_put_there_by_hand_keeps_what_was_chosen_for_it(store):
    by_hand(store, "hand", "<network><name>hand</name><forward/></network>")
    assert store.compile("hand", as_it_is) == Network("hand", forward="nat")
    assert compiled.read(store.paths, "hand") is None

    def choose(network):
        return store.complete(network, is_taken=lambda name: name == "vnbr0").with_subnet(SUBNET)

    network = store.compile("hand", choose)
    assert store.read("hand") == compiled.read(store.paths, "hand") == network
    assert network.bridge.name == "vnbr1"


def test_a_damaged_memory_is_as_good_as_none(store):
    store.write(AUTO.with_subnet(SUBNET))
    with open(f"{store.paths.state}/chosen/auto.json", "w") as file:
        file.write("{")
    assert store.read("auto") == AUTO


def test_a_change_of_the_file_makes_the_compiled_form_stale_until_compiled(store):
    store.write(LAB)
    by_hand(store, "lab", f"<network><name>lab</name><uuid>{UUID}</uuid><mtu size='1400'/></network>")
    assert compiled.read(store.paths, "lab") is None
    assert store.compile("lab", as_it_is).mtu == 1400
    assert compiled.read(store.paths, "lab") == store.read("lab")


def test_a_network_that_changes_its_bridge_is_found_by_the_new_one_alone(store):
    store.write(LAB)
    store.write(LAB.replace(bridge=Bridge("vnbr9")))
    assert (compiled.by_bridge(store.paths, "vnbr7"), compiled.by_bridge(store.paths, "vnbr9")) == (None, "lab")
    assert sorted(os.listdir(store.paths.compiled)) == ["bridge:vnbr9", "index", "lab.json"]


def test_the_lowest_free_bridge_name_is_chosen(store):
    store.write(LAB.replace(bridge=Bridge("vnbr0")))
    network = store.complete(Network("new"), is_taken={"vnbr1", "eth0"}.__contains__)
    assert network.bridge.name == "vnbr2"
    assert network.mac.startswith("52:54:00:")
    assert network.uuid[14] == "4"


def test_redefining_by_name_keeps_what_is_not_written(store):
    store.write(AUTO.with_subnet(SUBNET))
    network = store.complete(Network("auto", forward="nat", mtu=1400), is_taken={"vnbr8"}.__contains__)
    assert network == AUTO.with_subnet(SUBNET).replace(mtu=1400)
    other = UUID.replace("1", "a")
    assert store.complete(Network("auto", other), is_taken=is_free).mac != AUTO.mac


@pytest.mark.parametrize(
    ("network", "kind", "message"),
    [
        (
            LAB.replace(uuid=UUID.replace("1", "a")),
            ExistsError,
            f"network 'lab': is defined already as 'lab' with uuid {UUID}",
        ),
        (LAB.replace(name="new"), ExistsError, f"network 'new': is defined already as 'lab' with uuid {UUID}"),
        (
            Network("new", bridge=Bridge("vnbr7")),
            DefinitionError,
            "network 'new': bridge 'vnbr7' is that of network 'lab'",
        ),
        (
            Network("new", ips=(Ip("192.0.2.129", 25),)),
            DefinitionError,
            "network 'new': 192.0.2.128/25 overlaps 192.0.2.0/24 of network 'lab'",
        ),
    ],
)
def test_a_collision_names_both(store, network, kind, message):
    store.write(LAB)
    with pytest.raises(kind) as caught:
        store.collision(network)
    assert caught.value.message == message


LISTENING = LAB.replace(listens=(Listen("tls", "192.0.2.1", 7443), Listen("tcp", port=7444)))


@pytest.mark.parametrize(
    ("listen", "use"),
    [
        (Listen("tcp", "192.0.2.1", 7443), "listened"),
        (Listen("tls", port=7443), "listened"),
        (Listen("tls", "192.0.2.2", 7444), "listened"),
        (Listen("tls", "192.0.2.2", 7443), ""),
        (Listen("tls", port=8080), "forwarded"),
        (Listen("vxlan", "192.0.2.1", 7444), ""),
    ],
)
def test_a_port_of_the_host_that_another_network_listens_at_or_forwards_is_refused(store, listen, use):
    store.write(LISTENING)
    forwards = (PortForward((8080, 8081), "tcp", address="192.168.200.9"),)
    forwarding = Forwarding(incoming=Incoming(forwards=forwards))
    web = AUTO.replace(name="web", uuid=UUID.replace("1", "a"), forwarding=forwarding)
    store.write(web.with_subnet(SUBNET))
    message = ""
    try:
        store.collision(Network("new", listens=(listen,)))
    except DefinitionError as error:
        message = error.message
    words = {"listened": "is listened at by network 'lab'", "forwarded": "is forwarded by network 'web'", "": ""}[use]
    assert message == (f"network 'new': listen port {listen.port}: {words} already" if words else "")


def test_a_forward_of_a_port_that_a_network_listens_at_is_refused(store):
    store.write(LISTENING)
    forwarding = Forwarding(incoming=Incoming(forwards=(PortForward((7440, 7449), address="10.1.0.9"),)))
    with pytest.raises(DefinitionError) as caught:
        store.collision(Network("new", forward="nat", forwarding=forwarding))
    assert caught.value.message == "network 'new': incoming port 7440-7449: is listened at by network 'lab' already"
    with pytest.raises(DefinitionError) as caught:
        Network("new", forward="nat", forwarding=forwarding, listens=(Listen("tls", port=7443),))
    assert caught.value.message == "listen port 7443: is forwarded to a guest, too"


def test_a_network_does_not_collide_with_itself_or_its_change(store):
    store.write(LAB)
    store.collision(LAB)
    store.collision(LAB.replace(uuid=None, ips=(Ip("192.0.2.1", 25),)))
    store.collision(Network("new", ips=(Ip("198.51.100.1"),)))


def test_no_file_outside_the_store_is_reached_by_a_name(store):
    store.write(LAB)
    assert sources.source_of(store.paths, "../networks/lab") is None
    assert compiled.by_bridge(store.paths, "../x") is None
    assert not store.is_persistent("../networks/lab")
    assert not store.is_autostart("../networks/lab")
    assert choices.read(store.paths, "none") == {}


def test_a_definition_whose_file_could_not_be_read_again_is_refused(store):
    many = LAB.replace(options=tuple(f"cname={number:040}" for number in range(15000)))
    with pytest.raises(DefinitionError) as caught:
        store.write(many)
    assert caught.value.message == "network 'lab': store: larger than 1 MiB as it is written to its file"
    assert store.names() == ["default"]
