"""A bridge of the administrator's that several definitions use: found by its name while it is one network's alone."""

import pytest

from vnethook.definition import compiled
from vnethook.definition.model import Bridge, Network
from vnethook.definition.store import Store
from vnethook.errors import CollisionError, NoNetworkError
from vnethook.hook import resolve
from vnethook.live import files
from vnethook.live.paths import Paths


@pytest.fixture
def store(tmp_path):
    return Store(Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state"))


def _define(store, name, *, bridge="br0", forward="bridge", **fields):
    network = store.complete(Network(name, forward=forward, bridge=Bridge(bridge), **fields), is_taken=lambda _: False)
    store.collision(network)
    store.write(network)


def test_its_name_means_the_only_network_that_uses_it(store):
    _define(store, "lan")
    assert resolve.named(store.paths, "br0") == "lan"
    assert store.by_bridge("br0") == "lan"
    _define(store, "dmz")
    for look in (resolve.named, lambda paths, bridge: Store(paths).by_bridge(bridge)):
        with pytest.raises(NoNetworkError) as caught:
            look(store.paths, "br0")
        assert caught.value.message == "bridge 'br0': 2 networks use it"
        assert caught.value.hint == "name one of them: dmz, lan"
    assert resolve.by_bridge(store.paths, "br0") is None
    assert compiled.users(store.paths, "br0") == ["dmz", "lan"]
    store.remove("lan")
    assert resolve.named(store.paths, "br0") == "dmz"
    _define(store, "dmz", bridge="br1")
    assert (compiled.users(store.paths, "br0"), resolve.named(store.paths, "br1")) == ([], "dmz")
    store.remove("dmz")
    assert not [name for name in files.names(store.paths.compiled) if name.startswith(("on:", "bridge:"))]


def test_a_network_may_be_called_like_the_bridge_that_it_shares(store):
    _define(store, "lan")
    _define(store, "br0")
    _define(store, "dmz")
    assert resolve.named(store.paths, "br0") == "br0"


def test_a_networks_own_bridge_is_nobody_elses(store):
    _define(store, "own", bridge="vnbr0", forward="none")
    with pytest.raises(CollisionError, match=r"^network 'lan': bridge 'vnbr0' is that of network 'own'$"):
        _define(store, "lan", bridge="vnbr0")
    _define(store, "lan")
    with pytest.raises(CollisionError, match=r"^network 'other': bridge 'br0' is that of network 'lan'$"):
        _define(store, "other", forward="none")
    with pytest.raises(
        CollisionError, match=r"^network 'br0': its bridge and network 'lan', or the reverse, share a name"
    ):
        _define(store, "br0", bridge="vnbr1", forward="none")
    with pytest.raises(
        CollisionError, match=r"^network 'br0': its bridge and network 'lan', or the reverse, share a name"
    ):
        _define(store, "br0", bridge="br1")


def test_a_network_that_gets_a_bridge_of_its_own_is_no_user_any_more(store):
    _define(store, "lan", bridge="vnbr0")
    assert compiled.users(store.paths, "vnbr0") == ["lan"]
    _define(store, "lan", bridge="vnbr0", forward="none")
    assert (compiled.users(store.paths, "vnbr0"), compiled.by_bridge(store.paths, "vnbr0")) == ([], "lan")
    _define(store, "lan", bridge="vnbr0")
    assert (compiled.users(store.paths, "vnbr0"), compiled.by_bridge(store.paths, "vnbr0")) == (["lan"], "lan")
