"""What several networks share is set by the first, kept for the others, and given back by the last as it was."""

import pytest

from tests.unit.plan import rich
from vnethook.definition.forwarding import Forwarding, Outgoing
from vnethook.definition.model import Dns, Nat
from vnethook.plan import apply as plans
from vnethook.plan.firewall import InstallRules
from vnethook.plan.journal import Journal
from vnethook.plan.sysctl import HoldSysctl

PATH, ALONG = "net/ipv4/ip_forward", "net/ipv4/conf/all/accept_redirects"
LAB, OTHER = (HoldSysctl(name, PATH, "1", (ALONG,)) for name in ("lab", "other"))


@pytest.mark.parametrize("order", [(LAB, OTHER), (OTHER, LAB)], ids=["oldest first", "newest first"])
def test_the_last_of_two_networks_gives_a_sysctl_back(host, order):
    before = host.state()
    for step in (LAB, OTHER):
        assert not step.is_done(host)
        step.do(host)
        assert step.is_done(host)
    order[0].undo(host)
    assert host.sysctls.values[PATH] == "1"
    assert order[1].is_done(host)
    order[1].undo(host)
    assert host.state() == before


def test_what_the_kernel_changes_along_is_given_back_as_it_was_and_not_as_the_kernel_would(host):
    host.sysctls.values[ALONG] = "0"
    LAB.do(host)
    assert (host.sysctls.values[PATH], host.sysctls.values[ALONG]) == ("1", "0")
    LAB.undo(host)
    assert (host.sysctls.values[PATH], host.sysctls.values[ALONG]) == ("0", "0")


def test_a_value_that_was_right_before_us_is_left_alone_at_stop_too(host):
    host.sysctls.values[PATH] = "1"
    before = host.state()
    steps = [LAB, OTHER]
    for name, step in zip(("lab", "other"), steps, strict=True):
        journal = Journal(host.paths, name)
        assert plans.apply(host, [step], journal) == []
        assert journal.steps() == []
    assert host.state() == before
    assert host.changes.made == []


def test_a_second_network_holds_a_value_that_the_first_one_set(host):
    LAB.do(host)
    assert plans.apply(host, [OTHER], Journal(host.paths, "other")) == [plans.Change(plans.DO, OTHER)]
    assert host.changes.made == [f"set {PATH} to 1"]


def test_a_value_that_somebody_changed_meanwhile_is_set_again_and_the_first_one_given_back(host):
    LAB.do(host)
    host.sysctls.values[PATH] = "0"
    assert not LAB.is_done(host)
    LAB.do(host)
    assert host.sysctls.values[PATH] == "1"
    LAB.undo(host)
    assert host.sysctls.values[PATH] == "0"


def test_a_sysctl_that_the_kernel_lacks_is_nothing_to_do(host):
    step = HoldSysctl("lab", "net/ipv4/conf/none/forwarding", "1")
    assert step.is_done(host)
    step.undo(host)
    assert host.changes.made == []


def test_undoing_a_sysctl_twice_takes_no_other_holder_with_it(host):
    LAB.do(host)
    OTHER.do(host)
    for _ in range(2):
        LAB.undo(host)
    assert OTHER.is_done(host)
    assert host.sysctls.values[PATH] == "1"


def test_a_sysctl_killed_between_register_and_write_is_given_back(host):
    before = host.state()
    with host.shared.lock():
        host.shared.hold(PATH, "lab", {PATH: "0", ALONG: "1"})
    assert not LAB.is_done(host)
    LAB.undo(host)
    assert host.state() == before


def _rules(host, network):
    return next(step for step in rich.plan(host, network) if isinstance(step, InstallRules))


def test_rules_of_two_networks_share_the_base_chains_and_the_last_one_takes_the_table_away(host):
    lab, other = _rules(host, rich.NETWORK), _rules(host, rich.OTHER)
    lab.do(host)
    alone = host.state()["nft"]
    other.do(host)
    assert lab.is_done(host)
    assert other.is_done(host)
    other.undo(host)
    assert host.state()["nft"] == alone
    assert lab.is_done(host)
    lab.undo(host)
    assert host.state()["nft"] == {}
    assert host.state()["files"] == {}


STRAY = "add table inet vnethook\nadd chain inet vnethook nstray_host\nadd rule inet vnethook nstray_host accept\n"


def test_rules_of_the_only_network_take_away_what_a_lost_run_directory_left(host):
    lab = _rules(host, rich.NETWORK)
    lab.do(host)
    alone = host.state()["nft"]
    lab.undo(host)
    host.nft.apply(STRAY)
    lab.do(host)
    assert host.state()["nft"] == alone


def test_rules_of_a_second_network_touch_nothing_of_the_table_but_their_own(host):
    _rules(host, rich.OTHER).do(host)
    host.nft.apply(STRAY)
    _rules(host, rich.NETWORK).do(host)
    assert host.nft.tables["inet vnethook"]["chain"]["nstray_host"] == ["accept"]
    assert _rules(host, rich.OTHER).is_done(host)


def test_rules_may_be_installed_and_removed_again_at_any_time(host):
    lab, other = _rules(host, rich.NETWORK), _rules(host, rich.OTHER)
    other.do(host)
    before = host.state()
    for _ in range(2):
        lab.do(host)
        assert lab.is_done(host)
    for _ in range(2):
        lab.undo(host)
    assert host.state() == before


@pytest.mark.parametrize("flushed", ["table", "base chain", "own chain", "map"])
def test_rules_that_somebody_flushed_are_seen_and_mended(host, flushed):
    step = _rules(host, rich.NETWORK)
    step.do(host)
    whole = host.state()["nft"]
    table = host.nft.tables["inet vnethook"]
    match flushed:
        case "table":
            host.nft.tables.clear()
        case "base chain":
            table["chain"]["forward"].clear()
        case "own chain":
            table["chain"][f"n{rich.NETWORK.uuid.replace('-', '')}_host"].clear()
        case "map":
            table["map"]["to_guest"].clear()
    assert not step.is_done(host)
    step.do(host)
    assert step.is_done(host)
    assert host.state()["nft"] == whole


def test_two_whole_networks_come_and_go_in_any_order(host):
    before = host.state()
    journals = {}
    for network in (rich.NETWORK, rich.OTHER):
        journals[network.name] = Journal(host.paths, network.name)
        plans.apply(host, rich.plan(host, network), journals[network.name])
    for name in ("lab", "other"):
        assert plans.revert(host, journals[name].steps()) == ([], [])
        journals[name].keep([])
        if name == "lab":
            assert plans.check(host, rich.plan(host, rich.OTHER)) == []
    assert host.state() == before


@pytest.mark.parametrize(
    ("change", "is_forgotten"),
    [
        ({"nat": Nat(ports=(5000, 5009))}, True),
        ({"nat": Nat(ipv6=True)}, True),
        ({"forward": "route"}, True),
        ({"forwarding": Forwarding(outgoing=Outgoing("deny"))}, False),
        ({"dns": Dns()}, False),
    ],
)
def test_flows_are_forgotten_where_what_addresses_become_is_changed(host, change, is_forgotten):
    old = _rules(host, rich.NETWORK)
    old.do(host)
    assert host.conntrack.forgotten == []
    new = _rules(host, rich.NETWORK.replace(**change))
    new.supersede(host, old)
    assert host.conntrack.forgotten == (["10.77.0.0/24", "2001:db8:77::/64"] if is_forgotten else [])


def test_a_change_of_the_translation_that_was_killed_is_no_less_a_change(host):
    old = _rules(host, rich.NETWORK)
    new = _rules(host, rich.NETWORK.replace(forward="route"))
    for step in (old, new):
        host.conntrack.forgotten.clear()
        step.supersede(host, new.covering(old))
        assert set(host.conntrack.forgotten) == {"10.77.0.0/24", "2001:db8:77::/64"}


def test_a_network_that_goes_down_takes_its_flows_along(host):
    rules = _rules(host, rich.NETWORK)
    rules.do(host)
    rules.undo(host)
    assert host.conntrack.forgotten == ["10.77.0.0/24", "2001:db8:77::/64"]
