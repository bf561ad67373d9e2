"""Which network a call means: what it names itself, the administrator's map, `default`; by name or by bridge."""

from types import SimpleNamespace

import pytest

from vnethook.definition import compiled, settings
from vnethook.definition.model import Bridge, Network
from vnethook.definition.store import Store
from vnethook.errors import NoNetworkError
from vnethook.hook import resolve
from vnethook.hook.request import NicRequest
from vnethook.lifecycle import definitions
from vnethook.lifecycle.share import sharing, snapshots
from vnethook.live import files, record
from vnethook.live.paths import Paths
from vnethook.live.record import LiveNetwork
from vnethook.live.shared_interface import SharedInterface

CONFIG = """
[map.interfaces]
"vm1-*" = "lab"
"*" = "office"
[map.guests]
"web?" = "lab"
"db*prod" = "backend"
"""


@pytest.fixture
def paths(tmp_path, monkeypatch):
    """Three networks that are down, with a bridge each; `default` is compiled by nobody. Here, `vnet` only looks."""
    paths = Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")
    monkeypatch.setattr(definitions, "compile_changed", lambda: Store(paths).index())
    for number, name in enumerate(("lab", "office", "backend")):
        files.write_text(f"{paths.networks}/{name}.xml", "")
        compiled.write(paths, Network(name, bridge=Bridge(f"vnbr{number}")))
    return paths


def _network(paths, **request):
    network, portgroup = _place(paths, **request)
    assert portgroup == ""
    return network


def _place(paths, **request):
    return resolve.network_of(paths, NicRequest(request.pop("interface", "tap0"), **request))


def _configure(paths, text):
    files.write_text(paths.config, text)


def test_a_call_that_names_nothing_means_the_default_network(paths):
    assert _network(paths) == "default"


def test_a_network_is_named_by_its_name_or_its_bridge(paths):
    assert _network(paths, explicit="lab") == "lab"
    assert _network(paths, explicit="vnbr0") == "lab"
    assert _network(paths, explicit="vnbr2") == "backend"


def test_a_name_goes_before_a_bridge_of_that_name(paths):
    files.write_text(f"{paths.networks}/vnbr0.xml", "")
    assert _network(paths, explicit="vnbr0") == "vnbr0"


def test_a_live_network_is_found_by_name_and_bridge_without_a_definition(paths):
    live = LiveNetwork("gone", "", "vnbr9", 9, 1500, 1, "guest", 1)
    record.write(paths, live)
    assert _network(paths, explicit="gone") == "gone"
    assert _network(paths, explicit="vnbr9") == "gone"


@pytest.mark.parametrize(
    ("request_words", "network"),
    [
        ({"interface": "vm1-0"}, "lab"),
        ({"interface": "vm2-0"}, "office"),
        ({"interface": "vm1-0", "guest": "db-prod"}, "lab"),
        ({"interface": "vm1-0", "explicit": "backend"}, "backend"),
    ],
)
def test_the_map_of_interfaces_goes_first_and_what_the_call_names_before_it(paths, request_words, network):
    _configure(paths, CONFIG)
    assert _network(paths, **request_words) == network


@pytest.mark.parametrize(
    ("guest", "network"),
    {
        "web1": "lab",
        "web": "default",
        "web12": "default",
        "db-1-prod": "backend",
        "dbprod": "backend",
        "": "default",
    }.items(),
)
def test_the_map_of_guests_counts_where_no_interface_matches(paths, guest, network):
    _configure(paths, CONFIG.replace('"*" = "office"', ""))
    assert _network(paths, interface="tap0", guest=guest) == network


def test_a_map_may_name_a_network_by_its_bridge(paths):
    _configure(paths, '[map.guests]\nweb = "vnbr2"')
    assert _network(paths, guest="web") == "backend"


def test_a_map_to_an_unknown_network_is_an_error_and_not_the_default(paths):
    _configure(paths, '[map.guests]\nweb = "nowhere"')
    with pytest.raises(NoNetworkError, match=r"^network 'nowhere': no such network$"):
        _network(paths, guest="web")


@pytest.mark.parametrize(
    ("explicit", "shown"),
    {
        "nowhere": "'nowhere'",
        "../lab": "'../lab'",
        "lab\n": r"'lab\n'",
        "-lab": "'-lab'",
        "vnbr0/../lab": "'vnbr0/../lab'",
        "\udcff": r"'\udcff'",
        "x" * 300: f"'{'x' * 59}…{'x' * 7}'",
    }.items(),
)
def test_a_name_that_matches_nothing_is_an_error_that_lists_the_known_ones(paths, explicit, shown):
    with pytest.raises(NoNetworkError) as caught:
        _network(paths, explicit=explicit)
    assert str(caught.value) == f"network {shown}: no such network"
    assert caught.value.hint == "known networks: backend, default, lab, office"


def test_of_many_known_networks_twenty_are_listed(paths):
    for number in range(30):
        files.write_text(f"{paths.networks}/n{number:02}.xml", "")
    with pytest.raises(NoNetworkError) as caught:
        _network(paths, explicit="nowhere")
    names = ["backend", "default", "lab", *(f"n{number:02}" for number in range(17))]
    assert caught.value.hint == f"known networks: {', '.join(names)} and 14 more"


def test_a_bridge_is_found_right_after_an_edit_of_its_definition(paths):
    files.write_text(f"{paths.networks}/lab.xml", "<network><name>lab</name><bridge name='vnbr9'/></network>")
    files.write_text(f"{paths.networks}/new.xml", "<network><name>new</name><bridge name='vnbr0'/></network>")
    assert (_network(paths, explicit="vnbr9"), _network(paths, explicit="vnbr0")) == ("lab", "new")


def test_a_link_of_the_directory_of_compiled_definitions_does_not_make_a_network(paths):
    files.make_link(f"{paths.compiled}/bridge:vnbr8", "removed")
    with pytest.raises(NoNetworkError):
        _network(paths, explicit="vnbr8")


@pytest.mark.parametrize(
    ("pattern", "matching", "other"),
    [
        ("*", ["", "a", "ab"], []),
        ("?", ["a"], ["", "ab"]),
        ("a*b*c", ["abc", "aXbYc", "abbc"], ["ab", "abcd", "xabc"]),
        ("[ab]", ["[ab]"], ["a", "b"]),
        ("a.c", ["a.c"], ["abc"]),
        ("vm-*-?", ["vm--x", "vm-a-b"], ["vm-a-", "vm-a"]),
        ("**", ["", "a"], []),
    ],
)
def test_a_pattern_knows_star_and_question_mark_and_nothing_else(pattern, matching, other):
    for text in matching:
        assert settings._is_match(text, pattern), text
    for text in other:
        assert not settings._is_match(text, pattern), text


class Counted(str):
    """A text that counts how often a character of it is looked at."""

    looks = 0

    def __getitem__(self, at):
        self.looks += 1
        return super().__getitem__(at)


@pytest.mark.parametrize(("name", "pattern"), [("a" * 200, "*a*a*a*a*b"), ("ab" * 2000, "*ab*ab*ab*c")])
def test_a_long_name_against_many_stars_takes_few_steps(name, pattern):
    counted = Counted(pattern)
    assert not settings._is_match(name, counted)
    assert counted.looks <= 3 * len(name) * len(pattern)


def test_a_portgroup_follows_the_networks_name_or_its_bridges(paths):
    assert _place(paths, explicit="lab:fast") == ("lab", "fast")
    assert _place(paths, explicit="vnbr1:two words: yes") == ("office", "two words: yes")


def test_a_portgroup_that_is_named_apart_goes_first(paths):
    assert _place(paths, explicit="lab:fast", portgroup="slow") == ("lab", "slow")
    assert _place(paths, portgroup="slow") == ("default", "slow")


def test_a_bridge_with_a_colon_in_its_name_goes_before_a_portgroup(paths):
    files.write_text(f"{paths.networks}/odd.xml", "")
    compiled.write(paths, Network("odd", bridge=Bridge("lab:fast")))
    assert _place(paths, explicit="lab:fast") == ("odd", "")


def test_the_map_may_name_a_portgroup(paths):
    _configure(paths, '[map.interfaces]\n"tap*" = "lab:fast"\n')
    assert _place(paths) == ("lab", "fast")


@pytest.mark.parametrize("name", ["lab:", ":fast", "nonsense:fast"])
def test_a_portgroup_needs_a_network_and_a_colon_a_portgroup(paths, name):
    with pytest.raises(NoNetworkError, match="no such network"):
        _place(paths, explicit=name)


def test_a_name_that_no_shared_nic_has_does_not_wait_for_who_shares_one(paths, monkeypatch):
    shared = SharedInterface("ebreth0", "eth0", 1)
    snapshots.write(paths, shared, ())
    settled = []
    monkeypatch.setattr(sharing, "settle", settled.append)
    here = SimpleNamespace(paths=paths)
    sharing.settle_named(here, "other0")
    assert settled == []
    for name in ("eth0", "ebreth0"):
        sharing.settle_named(here, name)
    assert settled == [here, here]
