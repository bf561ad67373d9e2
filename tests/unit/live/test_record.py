"""The record of a network that is up: what a damaged one means, how it is found, and what is seen to have changed."""

import os

import pytest

from vnethook.errors import StateError
from vnethook.live import files, nftables, process, record, sysctl
from vnethook.live.paths import Paths
from vnethook.live.record import LiveNetwork
from vnethook.live.rtnl import Link, Route

LIVE = LiveNetwork(
    name="lab",
    uuid="2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11",
    bridge="vnbr3",
    index=7,
    mtu=1500,
    namespace=1,
    started_by="guest",
    since=1_700_000_000,
    chains=(("input", 3), ("nabc_host", 4)),
    elements=(("bridges", "766e627233"), ("gateways", "c0000201")),
    addresses=("192.0.2.1/24", "2001:db8::1/64"),
    daemons=(("dnsmasq", os.getpid(), process.start_time(os.getpid())),),
    sysctls=(("net/ipv4/ip_forward", "1"),),
    subnets=((4, 0xC0000200, 0xC00002FF),),
    fixed=(("web", "192.0.2.9", ""),),
    reserved=("gateway",),
)


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


def test_a_record_is_read_back_as_it_was_written_and_found_by_its_bridge(paths):
    record.write(paths, LIVE)
    assert record.read(paths, "lab") == LIVE
    assert (record.is_present(paths, "lab"), record.names(paths)) == (True, ["lab"])
    assert record.by_bridge(paths, "vnbr3") == "lab"
    record.remove(paths, LIVE)
    assert record.read(paths, "lab") is None
    assert (record.is_present(paths, "lab"), record.names(paths)) == (False, [])
    assert record.by_bridge(paths, "vnbr3") is None


def test_removing_a_record_leaves_the_bridge_to_the_network_that_has_it_now(paths):
    record.write(paths, LIVE)
    record.write(paths, LIVE.replace(name="other"))
    record.remove(paths, LIVE)
    assert record.by_bridge(paths, "vnbr3") == "other"


@pytest.mark.parametrize(
    "text",
    ["", "\0" * 512, "{", "null", "7", '"lab"', "[]", "[1]", "{}", '{"name": "lab"}', "[" * 100_000],
    ids=lambda text: text[:20],
)
def test_a_damaged_record_is_none_and_still_present(paths, text):
    files.write_text(record.path(paths, "lab"), text)
    assert record.read(paths, "lab") is None
    assert record.is_present(paths, "lab")


def test_a_record_of_an_earlier_version_asks_for_a_mend(paths):
    older = {name: value for name, value in LIVE.to_plain().items() if name not in {"guard", "named"}}
    files.write_json(record.path(paths, "lab"), older)
    assert record.read(paths, "lab") == LIVE.replace(is_changing=True)


def test_a_record_of_another_version_is_none(paths):
    files.write_json(record.path(paths, "lab"), LIVE.to_plain() | {"colour": "blue"})
    assert record.read(paths, "lab") is None


def test_a_record_that_was_cut_off_anywhere_is_none(paths):
    text = f"{files.dumps(LIVE.to_plain())}\n"
    for end in range(len(text) - 1):
        files.write_text(record.path(paths, "lab"), text[:end])
        assert record.read(paths, "lab") is None, end


def test_a_record_is_not_read_through_a_symbolic_link(paths):
    record.write(paths, LIVE)
    os.symlink("lab.json", record.path(paths, "other"))
    assert record.read(paths, "other") is None


def test_a_network_in_another_namespace_is_left_alone_while_a_process_serves_it():
    live = LIVE.replace(namespace=process.network_namespace() + 1)
    with pytest.raises(StateError) as caught:
        record.check_namespace(live)
    assert str(caught.value) == f"network 'lab': is up in another network namespace (process {os.getpid()} serves it)"
    assert caught.value.hint == "set VNETHOOK_ROOT to keep the files of two hosts on one machine apart"
    record.check_namespace(LIVE.replace(namespace=process.network_namespace()))
    record.check_namespace(live.replace(daemons=(("dnsmasq", os.getpid(), 1), ("dnsmasq", 4194305, 1))))


class Links:
    """A bridge and its routes, as rtnl.Links would see them."""

    def __init__(self):
        self.bridge = Link("vnbr3", 7, "52:54:00:5e:00:02", 1500, 0, "bridge", is_up=True, has_carrier=False)
        self.of_bridge = ["192.0.2.1/24", "2001:db8::1/64", "fe80::5054:ff:fe5e:2/64"]
        self.found = [Route(4, 0xC0000200, 0xC00002FF, 24, 7, 254), Route(4, 0, 2**32 - 1, 0, 2, 254)]

    def link(self, name):
        return self.bridge if self.bridge is not None and self.bridge.name == name else None

    def addresses_at(self, index):
        return self.of_bridge if index == 7 else []

    def routes(self):
        return self.found


@pytest.fixture
def links(monkeypatch):
    """Links of a host on which LIVE is as it came up."""
    links = Links()
    links.uses = dict(LIVE.chains)
    links.sysctls = dict(LIVE.sysctls)
    links.elements = list(LIVE.elements)
    monkeypatch.setattr(
        nftables, "chain_uses", lambda chains: {name: links.uses[name] for name in chains if name in links.uses}
    )
    monkeypatch.setattr(
        nftables,
        "missing_elements",
        lambda elements: [f"{name} {key}" for name, key in elements if (name, key) not in links.elements],
    )
    monkeypatch.setattr(sysctl, "read", links.sysctls.get)
    return links


def test_a_network_that_is_as_it_came_up_has_no_fault(links):
    assert record.fault(LIVE, links) == ""


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (None, "bridge 'vnbr3' is gone"),
        ({"index": 8}, "bridge 'vnbr3' is gone"),
        ({"name": "vnbr4"}, "bridge 'vnbr3' is gone"),
        ({"is_up": False}, "bridge 'vnbr3' is down"),
    ],
    ids=str,
)
def test_a_bridge_that_is_not_the_one_that_was_made_is_a_fault(links, change, fault):
    links.bridge = links.bridge.replace(**change) if change else None
    assert record.fault(LIVE, links) == fault


@pytest.mark.parametrize("daemon", [(os.getpid(), 1), (4194305, 1)], ids=["another process of that pid", "no process"])
def test_a_daemon_that_is_gone_is_a_fault(links, daemon):
    live = LIVE.replace(daemons=(*LIVE.daemons, ("idle-lab", *daemon)))
    assert record.fault(live, links) == f"idle-lab (process {daemon[0]}) is gone"


@pytest.mark.parametrize("value", ["0", None])
def test_a_sysctl_that_was_changed_is_a_fault(links, value):
    links.sysctls["net/ipv4/ip_forward"] = value
    assert record.fault(LIVE, links) == "sysctl net/ipv4/ip_forward is not 1"


@pytest.mark.parametrize("uses", [{"input": 3}, {"input": 3, "nabc_host": 3}, {"input": 4, "nabc_host": 4}], ids=str)
def test_a_firewall_chain_that_was_changed_is_a_fault(links, uses):
    links.uses = uses
    chain = "input" if uses["input"] != 3 else "nabc_host"
    assert record.fault(LIVE, links) == f"firewall chain {chain} was changed"


@pytest.mark.parametrize("number", [0, 1])
def test_an_element_that_is_gone_from_a_set_is_a_fault(links, number):
    name, _ = links.elements.pop(number)
    assert record.fault(LIVE, links) == f"firewall set {name} was changed"


@pytest.mark.parametrize("left", [[], ["192.0.2.1/24"], ["192.0.2.1/25", "2001:db8::1/64"]], ids=str)
def test_an_address_that_is_gone_from_the_bridge_is_a_fault(links, left):
    links.of_bridge = left
    assert record.fault(LIVE, links) == "bridge 'vnbr3' lacks an address"


@pytest.mark.parametrize(
    ("first", "last", "prefix"),
    [
        (0xC0000000, 0xC000FFFF, 16),
        (0xC0000200, 0xC00002FF, 24),
        (0xC0000280, 0xC00002FF, 25),
        (0xC0000209, 0xC0000209, 32),
    ],
)
def test_a_route_of_the_host_into_the_subnet_is_a_fault_while_no_guest_is_there(links, first, last, prefix):
    links.found.append(Route(4, first, last, prefix, 2, 254))
    assert record.fault(LIVE, links) == "a route of the host leads into its subnet"
    links.bridge = links.bridge.replace(has_carrier=True)
    assert record.fault(LIVE, links) == ""


@pytest.mark.parametrize(
    "route",
    [
        Route(4, 0, 2**31 - 1, 1, 2, 254),
        Route(4, 2**31, 2**32 - 1, 1, 2, 254),
        Route(4, 0xC0000300, 0xC00003FF, 24, 2, 254),
        Route(6, 0xC0000200, 0xC00002FF, 120, 2, 254),
        Route(4, 0xC0000209, 0xC0000209, 32, 7, 254),
    ],
    ids=["half of a default route", "the other half", "beside it", "of the other family", "of its own bridge"],
)
def test_a_route_that_leads_elsewhere_is_no_fault(links, route):
    links.found.append(route)
    assert record.fault(LIVE, links) == ""
