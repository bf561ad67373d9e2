"""What guards a port, as nft lists it: each rule is what nft itself would have made of that line."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.lab import Host
from vnethook.address import format_ip, subnet_of
from vnethook.host.programs import run
from vnethook.live import guard
from vnethook.live.nics import GUARDS, PARTS, Guarding, Nic
from vnethook.live.record import LiveNetwork
from vnethook.live.rtnl import Links

pytestmark = pytest.mark.netns
FOLDER = Path(__file__).parent / "guards"
MAC = "52:54:00:00:53:01"
NFT = "/usr/sbin/nft"


def _live(addresses, routes=(), **guarding):
    subnets = tuple(subnet_of(*_parts(address)) for address in addresses)
    return LiveNetwork(
        *("lab", "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11", "vnbr3", 1, 1500, 1, "admin", 0),
        addresses=tuple(addresses),
        subnets=tuple((subnet.version, subnet.first, subnet.last) for subnet in subnets),
        routes=routes,
        guard=Guarding(**guarding),
    )


def _parts(address):
    host, _, prefix = address.partition("/")
    return host, int(prefix)


DUAL = ("192.0.2.1/24", "2001:db8::1/64")
LOCAL = "fe80::5054:ff:fe5e:2"
CASES = {
    "standard": (_live(DUAL, link_local=LOCAL), GUARDS["standard"], MAC, ()),
    "standard-without-mac": (_live(DUAL, link_local=LOCAL), GUARDS["standard"], "", ()),
    "strict": (_live(DUAL, link_local=LOCAL), GUARDS["strict"], MAC, ("192.0.2.9", "2001:db8::9")),
    "strict-leased": (_live(DUAL, link_local=LOCAL, leased=(4, 6)), GUARDS["strict"], MAC, ("192.0.2.9",)),
    "strict-ipv4": (_live(DUAL[:1]), GUARDS["strict"], MAC, ("192.0.2.9",)),
    "behind": (_live(("192.0.2.1/25",), ((4, 0xCB007100, 26, "192.0.2.9", 1),)), GUARDS["standard"], MAC, ()),
    "bare": (_live(()), GUARDS["standard"], MAC, ()),
    "open": (_live(DUAL, is_open=True), GUARDS["standard"], MAC, ()),
    "router": (_live(DUAL, link_local=LOCAL), ("mac", "arp", "nd", "dhcp", "ra", "ethertypes", "vlan"), MAC, ()),
    "asked": (
        _live(DUAL, link_local=LOCAL),
        GUARDS["standard"],
        MAC,
        ("192.0.2.9", "192.0.2.10"),
        ("192.0.2.9", "192.0.2.10"),
    ),
    "asked-ipv6": (_live(DUAL, link_local=LOCAL), GUARDS["standard"], MAC, ("2001:db8::9",), ("2001:db8::9",)),
    "switch": (_live(DUAL), ("dhcp", "ra"), MAC, ()),
}


@pytest.fixture(scope="module")
def host():
    with Host() as host:
        host.make_tap("tap0")
        yield host


def _made(live, held, mac, addresses, asked=()):
    """What nft lists of a guard, as text, as JSON and as what the kernel has, before and after it is loaded again."""
    links = Links()
    link = links.link("tap0")
    nic = Nic("tap0", "lab", index=link.index, mac=mac, held=held, addresses=addresses, asked=asked)
    guard.put(live, link, nic, None)
    assert guard.is_whole(live, nic) or not held
    found = [_listed()]
    loaded = run([NFT, "-f", "-"], text=f"flush ruleset\n{found[0][0]}")
    assert (loaded.status, loaded.errors) == (0, ""), found[0][0]
    found.append(_listed())
    assert guard.is_whole(live, nic) or not held
    guard.put(live, link, nic.replace(held=()), nic)
    assert run([NFT, "list", "ruleset"]).output == ""
    links.close()
    return found


def _listed():
    text = run([NFT, "list", "ruleset"]).output
    plain = json.loads(run([NFT, "-j", "list", "ruleset"]).output)["nftables"]
    for item in plain:
        for value in item.values():
            value.pop("handle", None)
    low = run([NFT, "--debug=netlink", "list", "ruleset"]).output
    rules = [
        re.sub(r"__set\d+", "set", line) for line in low.split("table netdev")[0].splitlines() if line[:3] == "  ["
    ]
    return text, plain, rules


def _loaded(text):
    """What nft lists of a ruleset that it has loaded."""
    loaded = run([NFT, "-f", "-"], text=text)
    assert (loaded.status, loaded.errors) == (0, ""), text
    found = _listed()
    assert run([NFT, "flush", "ruleset"]).status == 0
    return found


@pytest.mark.parametrize("name", CASES)
def test_a_guard_is_what_nft_makes_of_the_text_beside_it(host, name, request):
    written, loaded = host.call(lambda: _made(*CASES[name]))
    assert written == loaded
    path = FOLDER / f"{name}.nft"
    if request.config.getoption("--regenerate"):
        path.write_text(written[0])
    assert host.call(lambda: _loaded(path.read_text())) == written


def test_each_file_belongs_to_a_guard():
    assert {path.stem for path in FOLDER.iterdir()} == set(CASES)


v4 = st.integers(0x0B000000, 0x7E000000).map(lambda number: format_ip(4, number))
v6 = st.integers(1 << 125, (1 << 126) - 1).map(lambda number: format_ip(6, number))
lives = st.builds(
    lambda ips, ips6, is_open, leased: _live(
        [*(f"{ip}/{prefix}" for ip, prefix in ips), *(f"{ip}/{prefix}" for ip, prefix in ips6)],
        is_open=is_open,
        leased=leased,
        link_local=LOCAL,
    ),
    st.lists(st.tuples(v4, st.integers(8, 30)), max_size=3),
    st.lists(st.tuples(v6, st.integers(16, 126)), max_size=3),
    st.booleans(),
    st.sampled_from([(), (4,), (4, 6)]),
)
held = st.sets(st.sampled_from([*PARTS, "strict"])).map(
    lambda parts: tuple(part for part in [*PARTS, "strict"] if part in parts)
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(live=lives, parts=held, mac=st.sampled_from([MAC, ""]), own=st.lists(v4 | v6, max_size=4, unique=True))
def test_any_guard_is_loaded_again_as_it_was(host, live, parts, mac, own):
    written, loaded = host.call(lambda: _made(live, parts, mac, tuple(own)))
    assert written == loaded
