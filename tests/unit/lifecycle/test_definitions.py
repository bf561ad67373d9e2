"""Which definition a network is brought up with: a compiled one at once, and what is chosen is remembered."""

import pytest

from tests.unit.plan.fake_host import FakeHost
from vnethook.address import parse_subnet
from vnethook.definition import choices, compiled, index, settings
from vnethook.definition.model import Bridge, Network
from vnethook.errors import DefinitionError, HostError, NoNetworkError
from vnethook.host import programs, trees
from vnethook.host.programs import Finished
from vnethook.lifecycle import catalog, definitions
from vnethook.live import files
from vnethook.live.rtnl import Route

LAB = "<network><name>lab</name><forward mode='nat'/><ip address='10.77.0.1' netmask='255.255.255.0'/></network>"


@pytest.fixture
def host(tmp_path):
    return FakeHost(tmp_path)


def _write(host, name, text):
    files.write_text(f"{host.paths.networks}/{name}.xml", text)


def _take(host, subnet):
    """Let a route of the host lead into a subnet."""
    block = parse_subnet(subnet)
    host.links.more_routes.append(Route(block.version, block.first, block.last, block.prefix, 2, 254))


# The network without a file


def test_the_built_in_network_is_complete_and_translates_addresses(host):
    network = definitions.load(host, "default")
    assert network.is_complete
    assert (network.name, network.forward, network.bridge) == ("default", "nat", Bridge("vnbr0"))
    assert network.mac.startswith("52:54:00:")
    [ip] = network.ips
    assert (ip.automatic, ip.whole_range, ip.prefix) == (True, True, 24)
    assert any(str(ip.subnet).startswith(begin) for begin in ("192.168.", "10."))


def test_what_was_chosen_for_the_built_in_network_is_the_same_at_each_start(host):
    first = definitions.load(host, "default")
    assert definitions.load(host, "default") == first
    compiled.remove(host.paths, "default")
    assert definitions.load(host, "default") == first
    assert compiled.read(host.paths, "default") == first
    assert compiled.by_bridge(host.paths, "vnbr0") == "default"


def test_what_was_chosen_outlives_a_reboot_and_a_damaged_compiled_form(host):
    first = definitions.load(host, "default")
    trees.remove_tree(host.paths.run)
    files.write_text(f"{host.paths.compiled}/default.json", "{")
    assert definitions.load(host, "default") == first


def test_a_damaged_choice_is_made_anew_and_a_start_does_not_fail_for_it(host):
    first = definitions.load(host, "default")
    trees.remove_tree(host.paths.compiled)
    files.write_text(f"{host.paths.state}/chosen/default.json", "{")
    second = definitions.load(host, "default")
    assert second.is_complete
    assert second.uuid != first.uuid
    assert definitions.load(host, "default") == second


def test_the_built_in_network_stands_back_from_links_subnets_and_networks_that_are_there(host):
    host.links.add("vnbr0", kind="bridge")
    other = Network("lab", bridge=Bridge("vnbr1"), mac="52:54:00:00:53:01").with_subnet(
        parse_subnet("192.168.192.0/24")
    )
    _write(host, "lab", "")
    compiled.write(host.paths, other.replace(forward="nat").with_subnet(parse_subnet("192.168.192.0/24")))
    files.write_text(host.paths.config, "[subnets]\npools = ['192.168.192.0/22']\n")
    _take(host, "192.168.193.128/25")
    host.links.of_link["eth0"].append("192.168.194.7/32")
    network = definitions.load(host, "default")
    assert network.bridge.name == "vnbr2"
    assert network.subnets == (parse_subnet("192.168.195.0/24"),)


def test_nothing_is_remembered_where_no_subnet_is_free(host):
    files.write_text(host.paths.config, "[subnets]\npools = ['192.168.192.0/24']\n")
    _take(host, "192.168.0.0/16")
    with pytest.raises(DefinitionError, match=r"^subnet: none is free: all 1 of 192.168.192.0/24 overlap a route"):
        definitions.load(host, "default")
    assert (choices.read(host.paths, "default"), compiled.read(host.paths, "default")) == ({}, None)


def test_a_file_of_that_name_goes_before_the_built_in_network(host):
    definitions.load(host, "default")
    _write(host, "default", "<network><name>default</name></network>")
    assert definitions.load(host, "default").forward == "none"


# Another subnet


def test_a_subnet_that_is_chosen_again_is_another_one_and_remembered(host):
    first = definitions.load(host, "default")
    [subnet] = first.subnets
    _take(host, str(subnet))
    second = definitions.choose_again(host, first)
    assert not any(subnet.overlaps(other) for other in second.subnets)
    assert second.replace(ips=()) == first.replace(ips=())
    assert [ip.automatic for ip in second.ips] == [True]
    assert definitions.load(host, "default") == second
    compiled.remove(host.paths, "default")
    assert definitions.load(host, "default") == second


def test_a_subnet_is_not_chosen_again_where_another_network_has_it(host):
    files.write_text(host.paths.config, "[subnets]\npools = ['192.168.192.0/23']\n")
    first = definitions.load(host, "default")
    _take(host, str(first.subnets[0]))
    [free] = {parse_subnet("192.168.192.0/24"), parse_subnet("192.168.193.0/24")} - set(first.subnets)
    _write(host, "lab", "")
    compiled.write(host.paths, Network("lab", bridge=Bridge("vnbr7"), forward="nat").with_subnet(free))
    with pytest.raises(DefinitionError, match=r"^subnet: none is free: all 2 of 192.168.192.0/23 overlap"):
        definitions.choose_again(host, first)
    assert definitions.load(host, "default") == first


def test_a_network_that_says_its_subnet_is_left_as_it_is(host):
    _write(host, "lab", LAB)
    network = definitions.load(host, "lab")
    _take(host, "10.77.0.0/24")
    assert definitions.choose_subnet(host, network, index.of(host.paths)) == network


def test_the_networks_own_bridge_is_not_in_its_way(host):
    first = definitions.load(host, "default")
    [ip] = first.ips
    host.links.add("vnbr0", kind="bridge")
    host.links.of_link["vnbr0"].append(f"{ip.address}/{ip.prefix}")
    assert definitions.choose_subnet(host, first.without_automatic(), index.of(host.paths)) == first


# Files


def test_a_definition_is_compiled_once_and_again_after_an_edit(host, monkeypatch):
    _write(host, "lab", LAB)
    first = definitions.load(host, "lab")
    assert [str(subnet) for subnet in first.subnets] == ["10.77.0.0/24"]
    monkeypatch.setattr(catalog, "compile_definition", lambda host, name: "compiled anew")
    assert definitions.load(host, "lab") == first
    _write(host, "lab", LAB.replace("10.77.0.1", "10.78.0.1"))
    assert definitions.load(host, "lab") == "compiled anew"
    monkeypatch.undo()
    assert [str(subnet) for subnet in definitions.load(host, "lab").subnets] == ["10.78.0.0/24"]


def test_what_a_file_leaves_open_is_chosen_and_stays(host):
    _write(host, "lab", "<network><name>lab</name><forward/></network>")
    first = definitions.load(host, "lab")
    assert first.is_complete
    compiled.remove(host.paths, "lab")
    assert definitions.load(host, "lab") == first


def test_a_file_that_is_not_in_order_is_refused_by_its_name_and_line(host):
    _write(host, "lab", "<network>\n<name>lab</name><nonsense/>\n</network>")
    with pytest.raises(DefinitionError) as caught:
        definitions.load(host, "lab")
    assert str(caught.value) == f"{host.paths.networks}/lab.xml:2: network: unknown element 'nonsense'"


def test_a_network_that_nobody_defined_is_named(host):
    with pytest.raises(NoNetworkError, match=r"^network 'nowhere': no such network$"):
        definitions.load(host, "nowhere")


# A hook on a python3 without lxml


@pytest.fixture
def run(monkeypatch):
    """Stand in for `vnet`, where this process cannot read XML; `run.does`: what it does, `run.answers`: how it ends."""

    class Run:
        def __init__(self):
            self.calls = []
            self.does = lambda: None
            self.answers = Finished(0, "", "")

        def __call__(self, argv, *, text, environment):
            assert text == ""
            self.calls.append((argv, environment))
            self.does()
            return self.answers

    run = Run()
    monkeypatch.setattr(catalog, "can_read_xml", lambda: False)
    monkeypatch.setattr(programs, "vnet", lambda: "/usr/bin/vnet")
    monkeypatch.setattr(programs, "run", run)
    monkeypatch.delenv("VNETHOOK_ROOT", raising=False)
    return run


def test_a_changed_file_is_compiled_by_vnet_where_there_is_no_lxml(host, run, monkeypatch):
    _write(host, "lab", LAB)
    network = Network("lab", bridge=Bridge("vnbr7"))
    run.does = lambda: compiled.write(host.paths, network)
    assert definitions.load(host, "lab") == network
    assert definitions.load(host, "lab") == network
    assert run.calls == [(["/usr/bin/vnet", "net-compile", "lab"], programs.ENVIRONMENT)]
    monkeypatch.setenv("VNETHOOK_ROOT", "/tmp/root")
    files.remove(f"{host.paths.compiled}/lab.json")
    definitions.load(host, "lab")
    assert run.calls[1][1] == {**programs.ENVIRONMENT, "VNETHOOK_ROOT": "/tmp/root"}


@pytest.mark.parametrize(
    ("finished", "said"),
    [
        (Finished(2, "", "error: lab.xml:2: x\n  do y\n  and z\n"), ("lab.xml:2: x", "do y and z", 2)),
        (Finished(3, "", "error: network 'lab': no such network\n"), ("network 'lab': no such network", "", 3)),
        (Finished(137, "", ""), ("exit status 137", "", 137)),
        (Finished(0, "", ""), ("network 'lab': compile: the definition changed meanwhile", "try again", 5)),
    ],
    ids=["refused with advice", "refused", "killed", "done and nothing there"],
)
def test_what_vnet_says_is_passed_on_with_its_status(host, run, finished, said):
    _write(host, "lab", LAB)
    run.answers = finished
    with pytest.raises(HostError) as caught:
        definitions.load(host, "lab")
    assert (str(caught.value), caught.value.hint, caught.value.exit_status) == said


def test_the_built_in_network_needs_no_vnet(host, run):
    assert definitions.load(host, "default").is_complete
    assert run.calls == []


# Settings


def test_the_settings_are_compiled_once_after_an_edit(host, monkeypatch):
    assert settings.current(host.paths) == settings.Settings()
    files.write_text(host.paths.config, "[networks]\nidle = 60\n")
    assert settings.current(host.paths).idle_s == 60
    monkeypatch.setattr(settings, "read", None)
    assert settings.current(host.paths).idle_s == 60
    monkeypatch.undo()
    files.write_text(host.paths.config, "[networks]\nidle = 9\n")
    assert settings.current(host.paths).idle_s == 9
