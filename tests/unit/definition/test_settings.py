"""vnethook.toml, and its compiled form."""

import os

import pytest

from vnethook.address import parse_subnet
from vnethook.definition import settings
from vnethook.definition.settings import Settings
from vnethook.errors import DefinitionError
from vnethook.live.paths import Paths

FULL = """
[subnets]
pools = ["10.0.0.0/16"]
prefix = 25
[networks]
idle = 300
[map.interfaces]
"vm1-*" = "lab"
"vm*" = "other"
[map.guests]
"web?" = "dmz"
[firewall]
backend = "iptables"
"""


@pytest.fixture
def paths(tmp_path):
    return Paths(f"{tmp_path}/etc", f"{tmp_path}/run", f"{tmp_path}/state")


def write(paths, text):
    os.makedirs(paths.etc, exist_ok=True)
    with open(paths.config, "w") as file:
        file.write(text)


def test_without_a_file_the_defaults_hold_at_once_and_nothing_is_written(paths):
    assert settings.read(paths) == settings.compiled(paths) == settings.compile(paths) == Settings()
    assert not os.path.exists(paths.compiled)


def test_every_key_is_read_and_compiled(paths):
    write(paths, FULL)
    expected = Settings(("10.0.0.0/16",), 25, 300, (("vm1-*", "lab"), ("vm*", "other")), (("web?", "dmz"),), "iptables")
    assert settings.compiled(paths) is None
    assert settings.compile(paths) == expected
    assert settings.compiled(paths) == expected


def test_a_changed_file_makes_the_compiled_form_stale(paths):
    write(paths, FULL)
    settings.compile(paths)
    write(paths, FULL + "# changed\n")
    assert settings.compiled(paths) is None
    os.unlink(paths.config)
    assert settings.compiled(paths) == Settings()


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', "null", ""])
def test_a_damaged_compiled_form_is_as_good_as_none(paths, text):
    write(paths, FULL)
    settings.compile(paths)
    with open(f"{paths.compiled}/settings", "w") as file:
        file.write(text)
    assert settings.compiled(paths) is None


REFUSED = {
    "x": "Expected '=' after a key in a key/value pair (at end of document)",
    "[nonsense]": "unknown table 'nonsense': must be subnets or networks or map or firewall or links or users",
    "[users]\nslirpvde = 1": "users.slirpvde: must be true or false",
    "subnets = 1": "subnets: must be a table",
    "[subnets]\npool = 1": "subnets: unknown key 'pool': must be pools or prefix",
    "[subnets]\npools = '10.0.0.0/8'": "subnets.pools: must be a list of strings",
    "[subnets]\npools = [1]": "subnets.pools: must be a list of strings",
    "[subnets]\npools = []": "subnets.pools: needs at least one subnet",
    "[subnets]\npools = ['x']": "subnets.pools: address 'x': neither an IPv4 nor an IPv6 address",
    "[subnets]\npools = ['2001:db8::/32']": (
        "subnets.pools: '2001:db8::/32': only IPv4 subnets are chosen automatically"
    ),
    "[subnets]\npools = ['10.0.0.1/8']": "subnets.pools: '10.0.0.1/8': write it as '10.0.0.0/8'",
    "[subnets]\npools = ['10.0.0.0/25']": "subnets.pools: '10.0.0.0/25': smaller than a subnet of prefix 24",
    "[subnets]\nprefix = true": "subnets.prefix: must be a whole number",
    "[subnets]\nprefix = 31": "subnets.prefix: 31: must be 8 to 30",
    "[networks]\nidle = 0": "networks.idle: 0: must be at least 1 second",
    "[networks]\nidle = '5m'": "networks.idle: must be a whole number",
    "[map]\nguests = 'a'": "map.guests: must be a table of patterns and network names",
    "[map.guests]\na = 1": "map.guests: 'a': must be the name of a network",
    "[map.guests]\na = '../x'": "map.guests: 'a': '../x' cannot be the name of a network",
    '[firewall]\nbackend = "ipfw"': (
        "firewall.backend: 'ipfw': must be auto, nft, iptables, iptables-legacy or iptables-nft"
    ),
    "[firewall]\nbackend = 1": "firewall.backend: must be a string",
    '[map.interfaces]\n"a\\n" = "x"': "map.interfaces: 'a\\n': not a pattern for a name",
}


@pytest.mark.parametrize("text", REFUSED, ids=list(REFUSED.values()))
def test_a_refusal_names_file_and_key(paths, text):
    write(paths, text)
    with pytest.raises(DefinitionError) as caught:
        settings.read(paths)
    assert caught.value.message == f"{paths.config}: {REFUSED[text]}"


def test_the_default_pools_keep_away_from_what_others_take():
    taken = [
        "192.168.0.0/17",
        "192.168.137.0/24",
        "192.168.178.0/24",
        "192.168.254.0/24",
        "172.16.0.0/12",
        "10.0.0.0/16",
    ]
    taken += ["10.8.0.0/16", "10.42.0.0/15", "10.88.0.0/15", "10.96.0.0/12", "10.128.0.0/14", "10.244.0.0/16"]
    assert not [(a, b) for a in settings.POOLS for b in taken if parse_subnet(a).overlaps(parse_subnet(b))]
