"""What a start needs is kept for the next one, and counts only as long as all that it was made of is as it was."""

import os
from pathlib import Path

import pytest

from tests.golden.complete import complete
from tests.unit.plan.fake_host import FakeHost
from vnethook.address import parse_subnet
from vnethook.definition import compiled, xml
from vnethook.errors import DefinitionError, HostError
from vnethook.host import facts
from vnethook.host.filters import FORWARD, NFT, Filter
from vnethook.host.listeners import Listener
from vnethook.lifecycle import bringup, catalog, planning, prepared
from vnethook.live import files, record
from vnethook.live.rtnl import Link, Route

GOLDEN = Path(__file__).parents[2] / "golden/plans"
LAB = """<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
<ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.9' end='10.77.0.99'/></dhcp></ip>
<ip family='ipv6' address='fd00:77::1' prefix='64'/></network>"""


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


@pytest.fixture
def lab(host):
    """A network that has been up in the usual way, and is down."""
    catalog.define(host, LAB, source="test")
    bringup.start(host, "lab", by=bringup.GUEST)
    bringup.stop(host, "lab")
    return host


def _read(host):
    return prepared.read(host, "lab", by=bringup.GUEST)


def _planned(host):
    network, _ = planning.settled(host, "lab", None)
    return planning.target(host, network, by=bringup.GUEST)


def test_the_next_start_goes_by_what_the_first_one_planned(lab, monkeypatch):
    assert _read(lab) == _planned(lab)
    monkeypatch.setattr(planning, "settled", None)
    live = bringup.start(lab, "lab", by=bringup.GUEST)
    assert (live.name, live.bridge, live.started_by) == ("lab", "vnbr7", "guest")
    assert bringup.live_definition(lab, "lab") == compiled.read(lab.paths, "lab")
    bringup.stop(lab, "lab")
    monkeypatch.undo()
    files.remove(lab.paths.prepared("lab"))
    again = bringup.start(lab, "lab", by=bringup.GUEST)
    assert live.replace(since=0, index=0, daemons=()) == again.replace(since=0, index=0, daemons=())


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.xml")), ids=lambda path: path.stem)
def test_what_is_read_again_is_what_was_planned(host, path):
    network = complete(xml.parse(path.read_bytes(), source=path.name).network)
    files.write_text(f"{host.paths.networks}/{network.name}.xml", "")
    with host.shared.lock():
        compiled.write(host.paths, network)
    planned = planning.target(host, network, by=bringup.GUEST)
    planning.prepare(host, network, planned)
    found = prepared.read(host, network.name, by=bringup.GUEST)
    special = (
        network.routes
        or network.uplinks
        or network.nat.addresses
        or facts.asked(network).underlay
        or planned.live.zoned
    )
    if special or not network.owns_bridge or network.domain_register:
        assert found is None
    else:
        assert found == planned


def test_another_definition_is_planned_anew(lab):
    catalog.define(lab, LAB.replace("10.77.0.99", "10.77.0.88"), source="test")
    assert _read(lab) is None
    bringup.start(lab, "lab", by=bringup.GUEST)
    bringup.stop(lab, "lab")
    assert _read(lab) == _planned(lab)


def test_an_edit_by_hand_is_planned_anew(lab):
    path = f"{lab.paths.networks}/lab.xml"
    files.write_text(path, files.read_text(path) + "\n")
    assert _read(lab) is None


def test_a_definition_that_was_replaced_while_its_network_came_up_is_not_prepared_from_the_old_one(lab):
    network = compiled.read(lab.paths, "lab")
    target = planning.target(lab, network, by=bringup.GUEST)
    catalog.define(lab, LAB.replace("10.77.0.99", "10.77.0.88"), source="test")
    planning.prepare(lab, network, target)
    assert _read(lab) is None


def test_other_settings_are_heeded(lab):
    files.write_text(lab.paths.config, "[networks]\nidle = 60\n")
    assert _read(lab) is None
    assert prepared.read(lab, "lab", by=bringup.ADMIN) is not None  # what an administrator starts never goes down idle
    files.write_text(lab.paths.config, "[networks]\nidle = 'no'\n")
    with pytest.raises(DefinitionError, match=r"vnethook\.toml"):
        _read(lab)


def test_a_filter_that_has_come_to_drop_what_guests_send_is_heeded(lab):
    lab.filters.places.append(Filter(6, NFT, FORWARD, FORWARD))
    assert _read(lab) is None
    bringup.start(lab, "lab", by=bringup.GUEST)
    bringup.stop(lab, "lab")
    assert _read(lab) == _planned(lab)


def test_a_filter_that_nobody_but_its_owner_can_change_is_told_of_at_each_start(lab):
    lab.filters.left.add((4, "FORWARD"))
    assert _read(lab) is None


def test_a_firewalld_without_our_zone_is_told_of_at_each_start(lab, monkeypatch):
    monkeypatch.setattr(type(lab.firewalld), "has_ours", lambda _: False)
    assert _read(lab) is None


def test_an_interface_that_listens_to_routers_and_has_come_is_heeded(lab):
    lab.links.links["eth1"] = Link("eth1", 9, "52:54:00:00:53:09", 1500, 0, "veth", is_up=True, has_carrier=True)
    for name, value in (("accept_ra", "1"), ("disable_ipv6", "0"), ("forwarding", "0")):
        lab.sysctls.values[f"net/ipv6/conf/eth1/{name}"] = value
    assert _read(lab) is None


def test_a_subnet_that_is_the_hosts_by_now_is_refused_in_words(lab):
    block = parse_subnet("10.77.0.0/16")
    lab.links.more_routes.append(Route(block.version, block.first, block.last, block.prefix, 2, 254))
    assert _read(lab) is None
    with pytest.raises(HostError, match="overlaps the route"):
        bringup.start(lab, "lab")


def test_a_bridge_that_is_another_programs_is_refused_in_words(lab):
    lab.links.links["vnbr7"] = Link("vnbr7", 9, "52:54:00:00:53:09", 1500, 0, "bridge", is_up=True, has_carrier=True)
    assert _read(lab) is None
    with pytest.raises(HostError, match="is not ours"):
        bringup.start(lab, "lab")


FORWARDING = """<forwarding><incoming>
<allow address='10.77.0.9' port='8080' protocol='tcp'/></incoming></forwarding></network>"""


def test_a_port_that_another_network_has_by_now_is_refused_in_words(lab):
    catalog.define(lab, LAB.replace("</network>", FORWARDING), source="test")
    bringup.start(lab, "lab", by=bringup.GUEST)
    bringup.stop(lab, "lab")
    assert _read(lab).ports
    other = LAB.replace("lab", "other").replace("vnbr7", "vnbr8").replace("77", "78")
    catalog.define(lab, other, source="test")
    bringup.start(lab, "other")
    files.write_json(f"{lab.paths.definitions}/other.json", _read(lab).definition)
    assert _read(lab) is None
    with pytest.raises(HostError, match="is forwarded by network 'other', which is up"):
        bringup.start(lab, "lab")


def test_a_program_at_a_forwarded_port_is_told_of_at_each_start(lab, monkeypatch):
    catalog.define(lab, LAB.replace("</network>", FORWARDING), source="test")
    told = []
    monkeypatch.setattr(bringup.log, "warning", told.append)
    for listening in ([], [Listener("tcp", "::", 8080, program="nginx")], []):
        lab.listening = listening
        bringup.start(lab, "lab", by=bringup.GUEST)
        bringup.stop(lab, "lab")
    assert len(told) == 1
    assert "incoming port 8080/tcp: nginx on the host listens there" in told[0]


def test_another_version_of_the_package_plans_anew(lab, monkeypatch):
    monkeypatch.setattr(prepared, "_OURS", ("",))
    assert _read(lab) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"format": 1}', '{"format": 99}'])
def test_what_is_damaged_counts_as_nothing(lab, text):
    files.write_text(lab.paths.prepared("lab"), text)
    assert _read(lab) is None
    bringup.start(lab, "lab")


def test_what_cannot_be_kept_is_no_reason_to_fail(lab, monkeypatch):
    told = []
    monkeypatch.setattr(planning.log, "warning", told.append)
    files.remove(lab.paths.prepared("lab"))
    os.mkdir(lab.paths.prepared("lab"))
    bringup.start(lab, "lab")
    assert record.read(lab.paths, "lab") is not None
    assert [line for line in told if "its next start" in line]


def test_what_is_undefined_is_forgotten(lab):
    catalog.undefine(lab, "lab")
    assert not files.exists(lab.paths.prepared("lab"))
