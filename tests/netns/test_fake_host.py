"""What the host in memory promises to unit tests, the real one keeps: each test runs against both."""

from pathlib import Path

import pytest

from tests.lab import Host
from tests.lab.library import on
from tests.lab.resolved import Resolved
from tests.unit.plan import rich
from tests.unit.plan.fake_host import FakeHost
from vnethook.errors import HostError
from vnethook.live import files
from vnethook.plan import apply as plans
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.firewall import InstallRules
from vnethook.plan.journal import Journal
from vnethook.plan.sysctl import HoldSysctl

pytestmark = pytest.mark.netns
FORWARD, REDIRECTS = "net/ipv4/ip_forward", "net/ipv4/conf/all/accept_redirects"


@pytest.fixture(params=["fake", "real"])
def try_on(request, tmp_path):
    """Call a function with a host that has an uplink `eth0`, in memory or real; it gives back what it saw."""
    if request.param == "fake":
        yield lambda function: function(FakeHost(tmp_path))
        return
    with Host() as lab:
        lab.run(["ip", "link", "add", "eth0", "address", "52:54:00:00:53:02", "type", "veth", "peer", "name", "far0"])
        lab.run(["ip", "link", "set", "eth0", "up"])
        lab.run(["ip", "link", "set", "far0", "up"])
        lab.run(["iptables", "-P", "FORWARD", "DROP"])  # as Docker has it
        lab.run(["ip", "address", "add", "198.51.100.2/24", "dev", "eth0"])
        yield lambda function: on(lab, function)


def _error(function, *words, **more):
    """What a call raises, as text and hint."""
    try:
        function(*words, **more)
    except HostError as error:
        return str(error), error.hint
    return None


def _make_bridge(host, name="vnbr1", **change):
    host.links.create_bridge(name, **({"mac": "52:54:00:00:53:01", "stp": False, "delay_s": 0} | change))
    return host.links.link(name)


def test_who_is_answered_for_is_so_until_that_ends_and_nowhere_else(try_on):
    def look(host):
        for address in ("198.51.100.61", "2001:db8::61"):
            host.proxies.answer("eth0", address)
            host.proxies.answer("eth0", address)
            host.proxies.answer("gone0", address)
            host.proxies.end("gone0", address)
        assert host.proxies.answered("eth0") == {"198.51.100.61", "2001:db8::61"}
        assert host.proxies.answered("lo") == host.proxies.answered("gone0") == set()
        for _ in range(2):
            host.proxies.end("eth0", "198.51.100.61")
        assert host.proxies.answered("eth0") == {"2001:db8::61"}

    try_on(look)


def test_an_address_may_be_without_a_route(try_on):
    def look(host):
        _make_bridge(host)
        host.links.set_link("vnbr1", up=True)
        host.links.add_address("vnbr1", "2001:db8:7::1/64", has_route=False)
        assert "2001:db8:7::1/64" in host.links.addresses("vnbr1")
        first = 0x20010DB8000700000000000000000000
        return [route.prefix for route in host.links.routes() if (route.version, route.first) == (6, first)]

    assert try_on(look) == []


def test_a_new_bridge_is_down_with_its_mac_and_default_mtu(try_on):
    def look(host):
        link = _make_bridge(host)
        assert host.links.link_at(link.index) == link
        assert link in host.links.all_links()
        assert host.links.addresses("vnbr1") == []
        return link.replace(index=0)

    link = try_on(look)
    assert (link.name, link.mac, link.mtu, link.kind) == ("vnbr1", "52:54:00:00:53:01", 1500, "bridge")
    assert (link.master, link.is_up, link.stp, link.delay_s) == (0, False, 0, 0)


@pytest.mark.parametrize(("stp", "delay_s", "expected"), [(False, 0, (0, 0)), (True, 5, (1, 5)), (False, 7, (0, 7))])
def test_a_bridge_has_the_spanning_tree_and_delay_that_were_asked_for(try_on, stp, delay_s, expected):
    def look(host):
        made = _make_bridge(host, stp=stp, delay_s=delay_s)
        _make_bridge(host, "vnbr2")
        host.links.set_bridge("vnbr2", stp=stp, delay_s=delay_s)
        changed = host.links.link("vnbr2")
        return (made.stp, made.delay_s), (changed.stp, changed.delay_s)

    assert try_on(look) == (expected, expected)


def test_a_link_that_does_not_exist_is_none_and_has_nothing(try_on):
    def look(host):
        host.links.delete("vnbr1")
        host.links.remove_address("vnbr1", "192.0.2.1/24")
        return host.links.link("vnbr1"), host.links.link_at(4711), host.links.addresses("vnbr1"), host.links.ports(4711)

    assert try_on(look) == (None, None, [], [])


def test_a_name_that_is_taken_and_a_link_that_is_gone_are_refused_in_the_same_words(try_on):
    def look(host):
        _make_bridge(host)
        return [
            _error(_make_bridge, host),
            _error(host.links.set_link, "vnbr2", up=True),
            _error(host.links.set_bridge, "vnbr2", stp=False, delay_s=0),
            _error(host.links.add_address, "vnbr2", "192.0.2.1/24"),
        ]

    gone = ("link 'vnbr2': no such network interface", "")
    taken = (
        "bridge 'vnbr1': create: File exists",
        "another program owns it; choose another name in <bridge name='…'/>",
    )
    assert try_on(look) == [taken, gone, gone, gone]


def test_addresses_are_added_once_and_removed_without_complaint(try_on):
    def look(host):
        _make_bridge(host)
        seen = []
        for address in ("192.0.2.1/24", "2001:db8::1/64", "192.0.2.1/24"):
            host.links.add_address("vnbr1", address)
            seen.append(sorted(host.links.addresses("vnbr1")))
        index = host.links.link("vnbr1").index
        seen.append(sorted(address for at, address in host.links.all_addresses() if at == index))
        for _ in range(2):
            host.links.remove_address("vnbr1", "192.0.2.1/24")
        seen.append(host.links.addresses("vnbr1"))
        assert host.links.addresses_at(index) == seen[-1]
        return seen

    both = ["192.0.2.1/24", "2001:db8::1/64"]
    assert try_on(look) == [["192.0.2.1/24"], both, both, both, ["2001:db8::1/64"]]


def test_a_link_is_changed_in_what_is_said_and_in_nothing_else(try_on):
    def look(host):
        before = _make_bridge(host)
        host.links.set_link("vnbr1", mtu=1400)
        host.links.set_link("vnbr1", mac="52:54:00:00:53:09")
        host.links.set_link("vnbr1", up=True)
        return before, host.links.link("vnbr1").replace(has_carrier=False)

    before, after = try_on(look)
    assert after == before.replace(mtu=1400, mac="52:54:00:00:53:09", is_up=True)


def test_a_port_joins_and_leaves_a_bridge_and_is_free_when_the_bridge_goes(try_on):
    def look(host):
        seen = []
        for _ in range(2):
            bridge = _make_bridge(host)
            host.links.set_link("eth0", master=bridge.index)
            seen.append([port.name for port in host.links.ports(bridge.index)])
            host.links.delete("vnbr1")
            seen.append(host.links.link("eth0").master)
        bridge = _make_bridge(host)
        host.links.set_link("eth0", master=bridge.index)
        host.links.set_link("eth0", master=0)
        return [*seen, host.links.ports(bridge.index)]

    assert try_on(look) == [["eth0"], 0, ["eth0"], 0, []]


def test_a_bridge_made_anew_has_another_index(try_on):
    def look(host):
        first = _make_bridge(host).index
        host.links.delete("vnbr1")
        return first == _make_bridge(host).index

    assert try_on(look) is False


def test_the_route_to_a_subnet_of_the_host_is_seen(try_on):
    def look(host):
        index = host.links.link("eth0").index
        return [
            (str(route.version), route.prefix, route.first)
            for route in host.links.routes()
            if route.device == index and route.version == 4
        ]

    assert try_on(look) == [("4", 24, 0xC6336400)]


def test_sysctls_are_read_written_and_missed_in_the_same_words(try_on):
    def look(host):
        seen = [host.sysctls.read(FORWARD), host.sysctls.read("net/ipv4/conf/gone/forwarding")]
        host.sysctls.write(FORWARD, "1")
        return [*seen, host.sysctls.read(FORWARD), _error(host.sysctls.write, "net/ipv4/conf/gone/forwarding", "1")]

    refusal = ("sysctl 'net/ipv4/conf/gone/forwarding': set to 1: No such file or directory", "the kernel lacks it")
    assert try_on(look) == ["0", None, "1", refusal]


def test_turning_forwarding_on_and_off_takes_accept_redirects_along(try_on):
    def look(host):
        seen = []
        for value in ("1", "0"):
            host.sysctls.write(FORWARD, value)
            seen.append(host.sysctls.read(REDIRECTS))
        host.sysctls.write(REDIRECTS, "0")
        host.sysctls.write(FORWARD, "0")  # as it was: nothing follows
        return [*seen, host.sysctls.read(REDIRECTS)]

    assert try_on(look) == ["0", "1", "0"]


@pytest.mark.parametrize(("path", "family"), [(FORWARD, "ipv4"), ("net/ipv6/conf/all/forwarding", "ipv6")])
def test_turning_forwarding_on_and_off_takes_every_interface_along(try_on, path, family):
    """Written as it was, only IPv6 takes them along: inet_forward_change(), addrconf_fixup_forwarding()."""

    def look(host):
        names = ("all", "default", "eth0", "vnbr1")
        _make_bridge(host)
        host.sysctls.write(f"net/{family}/conf/eth0/forwarding", "1")
        seen = []
        for value in ("0", "1", "0"):
            host.sysctls.write(path, value)
            seen.append([host.sysctls.read(f"net/{family}/conf/{name}/forwarding") for name in names])
        host.sysctls.write(path, "1")
        _make_bridge(host, "vnbr2")
        return [*seen, host.sysctls.read(f"net/{family}/conf/vnbr2/forwarding")]

    as_it_was = {"ipv4": ["0", "0", "1", "0"], "ipv6": ["0"] * 4}[family]
    assert try_on(look) == [as_it_was, ["1"] * 4, ["0"] * 4, "1"]


@pytest.mark.parametrize(("path", "family"), [(FORWARD, "ipv4"), ("net/ipv6/conf/all/forwarding", "ipv6")])
def test_an_interface_that_forwarded_before_us_does_so_after_us(try_on, path, family):
    def look(host):
        own = f"net/{family}/conf/eth0/forwarding"
        step = HoldSysctl("lab", path, "1", each=(family, "forwarding"))
        host.sysctls.write(own, "1")
        seen = []
        step.do(host)
        step.replace(network="other").do(host)
        for network in ("lab", "other"):
            seen.append([host.sysctls.read(path), host.sysctls.read(own)])
            step.replace(network=network).undo(host)
        return [*seen, [host.sysctls.read(path), host.sysctls.read(own)]]

    assert try_on(look) == [["1", "1"], ["1", "1"], ["0", "1"]]


def test_a_link_has_ipv6_sysctls_of_its_own_as_long_as_it_exists(try_on):
    def look(host):
        path = "net/ipv6/conf/vnbr1/accept_ra"
        seen = [host.sysctls.read(path)]
        _make_bridge(host)
        seen += [host.sysctls.read(path), "vnbr1" in host.sysctls.interfaces("ipv6")]
        host.links.delete("vnbr1")
        return [*seen, host.sysctls.read(path), {"all", "default", "eth0"} <= set(host.sysctls.interfaces("ipv6"))]

    assert try_on(look) == [None, "1", True, None, True]


TABLE = "add table inet vnethook\n"
CHAINS = TABLE + "add chain inet vnethook one\nadd chain inet vnethook two\n"
MAP = "add map inet vnethook by_name { type ifname : verdict; }\n"
ELEMENT = 'element inet vnethook by_name { "vnbr1" : jump one }\n'


def test_uses_of_a_chain_are_its_rules_and_the_jumps_to_it(try_on):
    def look(host):
        names = ("one", "two", "three")
        seen = [host.nft.uses(names)]
        for text in (
            CHAINS + MAP,
            "add rule inet vnethook one accept\nadd rule inet vnethook one reject\n",
            f"add {ELEMENT}",
            f"delete {ELEMENT}",
            "flush chain inet vnethook one\n",
            "delete chain inet vnethook two\n",
            "delete table inet vnethook\n",
        ):
            host.nft.apply(text)
            seen.append(host.nft.uses(names))
        return seen

    assert try_on(look) == [
        {},
        {"one": 0, "two": 0},
        {"one": 2, "two": 0},
        {"one": 3, "two": 0},
        {"one": 2, "two": 0},
        {"one": 0, "two": 0},
        {"one": 0},
        {},
    ]


@pytest.mark.parametrize(
    "refused",
    [
        "delete table inet other\n",
        f"{CHAINS}add rule inet vnethook three accept\n",
        f"{CHAINS}{MAP}delete {ELEMENT}",
        f"{CHAINS}{MAP}add {ELEMENT}delete chain inet vnethook one\n",
        f"{CHAINS}{MAP}add {ELEMENT}" + 'add element inet vnethook by_name { "vnbr1" : jump two }\n',
    ],
)
def test_a_transaction_that_is_refused_is_refused_as_a_whole(try_on, refused):
    def look(host):
        message, hint = _error(host.nft.apply, refused)
        return message.startswith("nft: apply rules: ") and "Error: " in message, hint, host.nft.uses(("one", "two"))

    assert try_on(look) == (True, "the transaction was refused as a whole, nothing of it is in force", {})


def test_adding_what_is_there_and_removing_after_adding_are_no_failure(try_on):
    def look(host):
        for _ in range(2):
            host.nft.apply(f"{CHAINS}{MAP}add {ELEMENT}")
        host.nft.apply(f"{CHAINS}{MAP}add {ELEMENT}delete {ELEMENT}flush chain inet vnethook one\n")
        return host.nft.uses(("one",))

    assert try_on(look) == {"one": 0}


@pytest.mark.parametrize("network", [rich.NETWORK, rich.OTHER], ids=lambda network: network.name)
def test_the_rules_of_a_network_are_used_as_often_as_the_plan_says(try_on, network):
    def look(host):
        [step] = [step for step in rich.plan(host, network) if isinstance(step, InstallRules)]
        seen = [host.nft.missing_elements(step.elements) == [f"{name} {key}" for name, key in step.elements]]
        host.nft.apply(step.install)
        seen.append(host.nft.uses(tuple(chain for chain, _ in step.uses)) == dict(step.uses))
        seen.append(host.nft.missing_elements(step.elements))
        host.nft.apply("flush set inet vnethook bridges\n")
        seen.append(host.nft.missing_elements(step.elements) == ["{} {}".format(*step.elements[0])])
        return seen

    assert try_on(look) == [True, True, [], True]


def test_a_daemon_is_recognised_by_record_and_word_and_ended(try_on):
    def look(host):
        [step] = [step for step in rich.plan(host, idle_s=None) if isinstance(step, RunDaemon)]
        steps = [other for other in rich.plan(host, idle_s=None) if other != step]
        plans.apply(host, steps, Journal(host.paths, "lab"))
        seen = [host.daemons.running(step.record, step.word) is None, step.is_done(host)]
        step.do(host)
        first = host.daemons.running(step.record, step.word)
        seen += [first[2] == step._tag(host), step.is_done(host), host.daemons.running(step.record, "another")]
        step.do(host)  # started again in its place
        second = host.daemons.running(step.record, step.word)
        seen += [first[0] != second[0], step.replace(configuration="another").is_done(host)]
        for _ in range(2):
            step.undo(host)
        return [*seen, host.daemons.running(step.record, step.word)]

    assert try_on(look) == [True, False, True, True, None, True, False, None]


def test_a_program_that_is_not_there_is_refused_before_anything_is_done(try_on):
    def look(host):
        step = RunDaemon("none", "vnethook-no-such-program", (), "word", host.paths.run, "", "lo")
        steps = [*rich.plan(host, idle_s=None), step]
        answer = _error(plans.apply, host, steps, Journal(host.paths, "lab"))
        return answer, host.links.link("vnbr3"), host.nft.uses(("input",)), files.is_directory(host.paths.run)

    error = (
        "program 'vnethook-no-such-program': not installed",
        "install the package vnethook-no-such-program: apt-get install or dnf install",
    )
    assert try_on(look) == (error, None, {}, False)


def _kinds_done(host):
    steps = rich.plan(host, idle_s=None)
    return [type(step).__name__ for step in steps if step.is_done(host)]


def test_the_rich_network_comes_up_and_goes_down_alike(try_on):
    def look(host):
        Path(host.paths.resolv_conf).parent.mkdir(exist_ok=True)
        steps = rich.plan(host, idle_s=None)
        journal = Journal(host.paths, "lab")
        done = plans.apply(host, steps, journal)
        seen = [[type(change.step).__name__ for change in done], plans.check(host, steps)]
        seen += [plans.revert(host, journal.steps()), _kinds_done(host)]
        return [*seen, host.sysctls.read(FORWARD), host.sysctls.read(REDIRECTS)]

    kinds, left, reverted, still_done, forward, redirects = try_on(look)
    assert kinds[:4] == ["CreateBridge", "SetLinkSysctls", "LimitTraffic", "InstallRules"]
    assert kinds[-1] == "RunDaemon"
    assert (left, reverted) == ([], ([], []))
    assert still_done == ["MakeDirectory"]  # that of the leases, which is kept
    assert (forward, redirects) == ("0", "1")


def test_limits_are_put_on_a_link_changed_and_taken_off(try_on):
    both, less, none = (1000, 2000, 64, 0, 500, 0, 0), (0, 0, 0, 0, 300, 0, 900), (0,) * 7

    def look(host):
        _make_bridge(host)
        seen = [host.traffic.is_limited("vnbr1", limits) for limits in (both, less, none)]
        for limits in (both, both, less):
            host.traffic.limit("vnbr1", limits)
            seen += [host.traffic.is_limited("vnbr1", other) for other in (both, less)]
        index = host.links.link("vnbr1").index
        host.traffic.clear("vnbr1", index + 1)  # of a link that had the name before
        seen.append(host.traffic.is_limited("vnbr1", less))
        for _ in range(2):
            host.traffic.clear("vnbr1", index)
        return [*seen, host.traffic.is_limited("vnbr1", both), host.traffic.is_limited("vnbr1", none)]

    assert try_on(look) == [False, False, True, True, False, True, False, False, True, True, False, True]


def test_limits_of_a_link_that_is_gone_are_refused_and_taken_off_in_the_same_words(try_on):
    def look(host):
        host.traffic.clear("vnbr1", 9)
        return host.traffic.is_limited("vnbr1", (0,) * 7), _error(host.traffic.limit, "vnbr1", (1,) * 7)

    assert try_on(look) == (False, ("interface 'vnbr1': limit rate: no such network interface", ""))


def _try_resolver(host):
    _make_bridge(host)
    seen = [host.resolved.is_running(), host.resolved.servers("vnbr1"), host.resolved.domains("vnbr1")]
    for servers, domains in ((("192.0.2.1", "2001:db8::1"), ("lab.test",)), (("192.0.2.2",), ("lab.test", "b.test"))):
        host.resolved.register("vnbr1", servers=servers, domains=domains)
        seen += [host.resolved.servers("vnbr1"), host.resolved.domains("vnbr1")]
    host.resolved.revert("vnbr1")
    seen += [host.resolved.servers("vnbr1"), host.resolved.domains("vnbr1")]
    host.links.delete("vnbr1")
    seen += [_error(host.resolved.servers, "vnbr1"), _error(host.resolved.domains, "vnbr1")]
    return [*seen, _error(host.resolved.revert, "vnbr1")]


def test_a_link_has_the_name_servers_and_domains_that_were_registered_last(tmp_path):
    with Host() as lab, Resolved(lab):
        assert on(lab, _try_resolver) == _try_resolver(FakeHost(tmp_path))


def test_a_chain_of_ours_is_whole_as_it_was_made_until_it_is_withdrawn(try_on):
    def look(host):
        rules, [place] = ("-i vnbr+ -j ACCEPT", "-o vnbr+ -j ACCEPT"), host.filters.dropping((4, 6))
        host.filters.require(place)
        seen = [(place.version, place.variant, place.chain, place.last, place.refusing)]

        def see():
            other = place.replace(last="VNETHOOK-OTHER")
            seen.append(
                (
                    *(host.filters.is_whole(place, "VNETHOOK-FORWARD", count) for count in (1, 2)),
                    host.filters.is_whole(other, "VNETHOOK-FORWARD", 2),
                )
            )

        see()
        for made in (rules[:1], rules, rules):
            host.filters.admit(place, "VNETHOOK-FORWARD", made)
            see()
        for _ in range(2):
            host.filters.withdraw(place, "VNETHOOK-FORWARD")
            see()
        return seen

    nothing, whole = (False, False, False), (False, True, False)
    first = (4, "nft", "FORWARD", "FORWARD", "")
    assert try_on(look) == [first, nothing, (True, False, False), whole, whole, nothing, nothing]
