"""The step that has the host's packet filter let guests through: shared by networks, changed in place, taken back last."""

import pytest

from tests.unit.plan import rich
from vnethook.capability import admission
from vnethook.host.facts import Facts
from vnethook.host.filters import FORWARD, INPUT, NFT, Filter
from vnethook.plan import apply as plans
from vnethook.plan.journal import Journal


def _steps(host, network=rich.NETWORK, **change):
    places = tuple(place.replace(**change) for place in host.filters.dropping((4, 6)))
    return admission.plan(network, Facts(host.paths, filters=places))


def _apply(host, network=rich.NETWORK, **change):
    return plans.apply(host, _steps(host, network, **change), Journal(host.paths, network.name))


def test_networks_share_a_chain_that_the_first_makes_and_the_last_takes_back(host):
    before = host.state()
    for network in (rich.NETWORK, rich.OTHER):
        _apply(host, network)
        assert all(step.is_done(host) for step in _steps(host, network))
    assert host.changes.made == ["admit by VNETHOOK-FORWARD"]
    for network in (rich.NETWORK, rich.OTHER):
        plans.revert(host, _steps(host, network))
        Journal(host.paths, network.name).keep([])
    assert host.changes.made[1:] == ["withdraw VNETHOOK-FORWARD"]
    assert host.state() == before


def test_a_chain_that_somebody_has_emptied_is_seen_and_made_anew(host):
    _apply(host)
    host.filters.chains[NFT, 4, "VNETHOOK-FORWARD"] = ((), FORWARD)
    assert not _steps(host)[0].is_done(host)
    _apply(host)
    assert _steps(host)[0].is_done(host)


@pytest.mark.parametrize("change", [{"last": "ufw-before-forward"}, {"refusing": "DOCKER-ISOLATION-STAGE-2"}])
def test_what_comes_to_be_there_has_the_chain_moved_or_filled_anew(host, change):
    _apply(host)
    assert [made.verb for made in _apply(host, **change)] == [plans.CHANGE]
    [step] = _steps(host, **change)
    assert step.is_done(host)
    assert host.filters.chains == {(NFT, 4, "VNETHOOK-FORWARD"): (step.rules, step.last)}


def test_rules_of_as_many_lines_for_another_bridge_take_the_place_of_the_earlier_ones(host):
    bridges = [rich.NETWORK.replace(bridge=rich.NETWORK.bridge.replace(name=name)) for name in ("br1", "br2")]
    for network in bridges:
        _apply(host, network)
    [(rules, _)] = host.filters.chains.values()
    assert {rule.split()[1] for rule in rules} == {"br2"}


def test_what_no_place_drops_any_more_is_taken_back(host):
    host.filters.places.append(Filter(6, NFT, INPUT, INPUT))
    _apply(host)
    host.filters.places.pop()
    assert [(made.verb, made.step.chain) for made in _apply(host)] == [(plans.UNDO, "VNETHOOK-INPUT")]
    assert list(host.filters.chains) == [(NFT, 4, "VNETHOOK-FORWARD")]
