"""XML beside what it does to a host: the plan, dnsmasq's configuration, the firewall's rules.

`NAME.xml` gives `NAME.plan` (the steps; below a file that is written its text; then what is said of what is not done,
and what is special about NICs, by portgroup), `NAME.dnsmasq.conf` and `NAME.nft` (the transaction that installs, then
what is added for a guest by its name, then the transaction that removes). None of the latter two: the network needs no dnsmasq, or has no bridge of its own and thus no
rules.
"""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.golden.complete import complete, plan
from tests.lab import Host
from tests.unit.definition.networks import networks
from vnethook.capability import dnsmasq, nic_class, support
from vnethook.definition import xml
from vnethook.host.programs import run
from vnethook.live import files, nftables
from vnethook.live.nics import PVID, UNTAGGED
from vnethook.live.paths import Paths
from vnethook.plan.addresses import FixAddresses
from vnethook.plan.fabric import FilterFabric
from vnethook.plan.files import MakeDirectory, WriteFile
from vnethook.plan.firewall import InstallRules

FOLDER = Path(__file__).parent / "plans"
NAMES = sorted(path.stem for path in FOLDER.glob("*.xml"))
RULED = sorted(path.stem for path in FOLDER.glob("*.nft"))


def _network(name):
    return complete(xml.parse((FOLDER / f"{name}.xml").read_bytes(), source=f"{name}.xml").network)


def _rules(steps):
    [step] = [step for step in steps if isinstance(step, InstallRules)]
    return step


def _files(network):
    """The golden files of a network, by their ending."""
    steps = plan(network)
    lines = []
    configuration = ""
    for step in steps:
        lines.append(str(step))
        if isinstance(step, WriteFile) and step.path.endswith("dnsmasq.conf"):
            configuration = step.text
        elif isinstance(step, WriteFile):
            lines += [f"    {line}" for line in step.text.splitlines()]
        elif isinstance(step, FilterFabric):
            lines += [f"    {line}" for line in step.install.splitlines()]
        elif isinstance(step, FixAddresses):
            lines += [f"    {mac},{words}" for mac, words in step.hosts]
    lines += [f"warning: {line}" for line in support.warnings(network)]
    lines += [f"ports are held to: {' '.join(network.guard.parts) or 'nothing'}"] if network.guard else []
    lines += [_nics(each) for each in nic_class.classes(network)]
    found = {"plan": "\n".join(lines) + "\n"}
    if network.owns_bridge:
        rules = _rules(steps)
        uses = "".join(f"# {chain} is used {use} times\n" for chain, use in rules.uses)
        guests = "".join(
            f"# guest {label}: {holder} {{ {item} }}\n" for label, items in rules.guests for holder, item in items
        )
        found["nft"] = f"{rules.install}\n{uses}{guests}\n{rules.removal}"
    return found | ({"dnsmasq.conf": configuration} if configuration else {})


def _nics(each):
    """What the NICs of a portgroup have: limits are average, peak, burst and floor of what they receive, then sent."""
    kind = {0: "tagged", PVID: "tagged, native", PVID | UNTAGGED: "untagged, native"}
    traits = [
        *(["isolated"] if each.isolated else []),
        *(["MAC told to the bridge"] if each.is_listed else []),
        *(f"VLAN {vlan} {kind[flags]}" for vlan, flags in each.vlans),
        *([f"limits {' '.join(map(str, each.limits))}"] if each.limits else []),
        *([f"held to {' '.join(each.guard) or 'nothing'}"] if each.guard is not None else []),
        *([f"refused: {each.refusal}"] if each.refusal else []),
    ]
    name = f"portgroup {each.name!r}" if each.name else "no portgroup"
    return f"NICs of {name}{' (default)' if each.is_default else ''}: {'; '.join(traits) or 'plain ports'}"


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_gives_the_plan_beside_it(name, request):
    found = _files(_network(name))
    if request.config.getoption("--regenerate"):
        for ending, text in found.items():
            (FOLDER / f"{name}.{ending}").write_text(text)
    expected = {
        path.name.removeprefix(f"{name}."): path.read_text()
        for path in FOLDER.glob(f"{name}.*")
        if path.suffix != ".xml"
    }
    assert found.keys() == expected.keys()
    for ending, text in found.items():
        assert text == expected[ending]


def test_each_golden_file_belongs_to_a_definition():
    endings = ("xml", "plan", "nft", "dnsmasq.conf")
    strangers = {path.name for path in FOLDER.iterdir()} - {f"{name}.{ending}" for name in NAMES for ending in endings}
    assert strangers == set()


@pytest.mark.parametrize("name", RULED)
def test_only_names_of_ours_and_checked_ones_are_in_the_rules(name):
    """Chains are named after the uuid; of what the administrator wrote only link names and addresses become nft."""
    network = _network(name)
    rules = _rules(plan(network))
    links = "|".join(re.escape(name) for name in (network.bridge.name, *network.uplinks))
    own = "local|host|out|from|to|nat|dnat|back|flows|(guests|direct)6?|macs[0-9]+"
    words = rf'"({links})"|n{network.uuid.replace("-", "")}_({own})'
    rest = re.sub(words, "", rules.install + rules.removal)
    assert not re.search(links, rest)
    assert network.name not in rest


# Any network that could be defined; what cannot come up together on one host (two bridges of one name) does not matter.
complete_networks = networks().map(complete)
MANY = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@given(complete_networks)
def test_a_plan_is_the_same_each_time_and_plain_data(network):
    steps = plan(network)
    assert steps == plan(network)
    for step in steps:
        assert type(step).from_plain(files.loads(files.dumps(step.to_plain()))) == step
        assert "\n" not in str(step)


@given(complete_networks)
def test_a_line_of_a_generated_file_holds_one_setting(network):
    for step in plan(network):
        if isinstance(step, WriteFile):
            assert all(" " <= char <= "~" or char == "\n" for char in step.text)
            assert step.text == "" or step.text.endswith("\n")
        if isinstance(step, InstallRules):
            for line in (step.install + step.removal).splitlines():
                assert re.match(r"(add|delete|flush) (table|chain|set|map|rule|element) inet vnethook\b", line) or (
                    line in {"add table inet vnethook", "delete table inet vnethook"}
                ), line


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        yield host


def _ruleset():
    return run(["/usr/sbin/nft", "--stateless", "list", "ruleset"]).output


def _nft(text, *options):
    finished = run(["/usr/sbin/nft", *options, "-f", "-"], text=text)
    assert (finished.status, finished.errors) == (0, ""), text
    return finished


def _try_rules(network, others=()):
    """Install twice, save and reload, remove: all on this machine."""
    step = _rules(plan(network))
    _nft(step.install, "-c")
    for other in others:
        _nft(_rules(plan(other)).install)
    before = _ruleset()
    _nft(step.install)
    once = _ruleset()
    assert nftables.chain_uses([chain for chain, _ in step.uses]) == dict(step.uses)
    _nft(step.install)
    assert _ruleset() == once
    assert nftables.chain_uses([chain for chain, _ in step.uses]) == dict(step.uses)
    _nft("flush ruleset\n" + once)
    assert _ruleset() == once
    assert nftables.chain_uses([chain for chain, _ in step.uses]) == dict(step.uses)
    _nft(step.removal)
    left = _ruleset()
    _nft(step.removal)
    assert _ruleset() == left
    if others:
        assert left == before
    else:
        assert not any(word in left for word in (f'"{network.bridge.name}"', network.uuid.replace("-", ""), "elements"))
    _nft("add table inet vnethook\ndelete table inet vnethook\n")
    assert _ruleset() == ""


def _try_dnsmasq(network, root):
    """dnsmasq reads the configuration and all files beside it without complaint."""
    paths = Paths(f"{root}/etc", f"{root}/run", f"{root}/state", f"{root}/resolv.conf")
    files.write_text(paths.resolv_conf, "nameserver 192.0.2.1\n")
    for step in plan(network, paths):
        if isinstance(step, WriteFile | MakeDirectory | FixAddresses):
            step.do(None)
    if dnsmasq.serves(network):
        finished = run(["/usr/sbin/dnsmasq", "--test", "-C", f"{paths.dnsmasq(network.name)}/dnsmasq.conf"])
        assert (finished.status, finished.errors) == (0, "dnsmasq: syntax check OK.\n"), finished.errors


@pytest.mark.netns
@pytest.mark.parametrize("name", RULED)
def test_the_rules_load_twice_reload_as_saved_and_leave_nothing(host, name):
    host.call(lambda: _try_rules(_network(name)))


@pytest.mark.netns
@pytest.mark.parametrize("name", RULED)
def test_the_rules_leave_the_other_networks_as_they_were(host, name):
    others = [
        complete(
            xml.parse(
                f"<network><name>o{number}</name><forward mode='nat'/><bridge name='vnbr9{number}'/><ip address='10.99.{number}.1' prefix='24'/></network>",
                source="o",
            ).network
        )
        for number in range(2)
    ]
    host.call(lambda: _try_rules(_network(name), others))


@pytest.mark.netns
@pytest.mark.parametrize("name", NAMES)
def test_dnsmasq_accepts_its_configuration(host, name, tmp_path):
    host.call(lambda: _try_dnsmasq(_network(name), tmp_path))


@pytest.mark.netns
@MANY
@given(complete_networks)
def test_rules_of_any_network_load_twice_reload_as_saved_and_leave_nothing(host, network):
    host.call(lambda: _try_rules(network))


@pytest.mark.netns
@MANY
@given(network=complete_networks, number=st.integers(0, 1 << 30))
def test_dnsmasq_accepts_the_configuration_of_any_network(host, network, number):
    host.call(lambda: _try_dnsmasq(network, host.directory / f"any-{number}"))
