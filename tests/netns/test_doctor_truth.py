"""What `vnet doctor` says of other programs' packet filters is what becomes of a guest's packets there."""

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.lab import Client, Host, Outside
from tests.lab.outside import WWW_4

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><forward mode='nat'/><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
_NFT = """table inet other {{
  set ports {{ type inet_service; flags interval; elements = {{ 53, 67-68 }} }}
  chain accepts {{ accept; }}
  chain returns {{ return; accept; }}
  chain of_ours {{ iifname "vnbr*" accept; oifname "vnbr*" ct state established,related accept; }}
  chain c {{
    type filter hook {hook} priority 10; policy {policy}
    {rules}
  }}
}}"""


def _nft(hook: str, rules: str, policy: str = "drop") -> str:
    return f"nft -f - <<'END'\n{_NFT.format(hook=hook, policy=policy, rules=rules)}\nEND"


def _iptables(chain: str, *rules: str) -> str:
    """Rules of iptables in a chain that drops the rest; made by the variant that nf_tables has."""
    return "\n".join([f"iptables-nft -P {chain} DROP", *(f"iptables-nft -A {chain} {rule}" for rule in rules)])


FILTERS = {
    "forward: nothing": _nft("forward", ""),
    "forward: accepts nothing that drops": _nft("forward", "", "accept"),
    "forward: only what comes back": _nft("forward", "ct state established accept"),
    "forward: only what goes out": _nft("forward", 'iifname "vnbr7" accept'),
    "forward: both": _nft("forward", 'iifname "vnbr7" accept; ct state established,related accept'),
    "forward: by a chain": _nft("forward", "jump of_ours"),
    "forward: by a chain that returns": _nft("forward", "jump returns"),
    "forward: a goto that does not come back": _nft("forward", "goto returns; accept"),
    "forward: by a verdict map": _nft("forward", "ct state vmap { established : accept, new : jump of_ours }"),
    "forward: by a map of links": _nft("forward", 'iifname vmap { "vnbr7" : jump accepts, "uplink0" : accept }'),
    "forward: other bridges": _nft("forward", 'iifname "virbr*" accept; oifname "virbr*" accept'),
    "forward: all but other bridges": _nft("forward", 'iifname != "virbr0" accept'),
    "forward: only web": _nft("forward", "tcp dport 80 accept; ct state established accept"),
    "forward: only udp": _nft("forward", "meta l4proto 17 accept"),
    "forward: another subnet": _nft("forward", "ip saddr 10.99.0.0/16 accept; ct state established accept"),
    "forward: our subnet": _nft("forward", "ip saddr 10.77.0.0/24 accept; ip daddr 10.77.0.0/24 accept"),
    "forward: a reject in the end": _nft(
        "forward", 'oifname "eth9" accept; reject with icmpx admin-prohibited', "accept"
    ),
    "forward: IPv6 only": _nft("forward", "meta nfproto ipv6 accept"),
    "forward: by directions": _nft("forward", "ct direction reply accept; ct state new accept"),
    "input: nothing": _nft("input", "ct state established accept"),
    "input: DNS and DHCP": _nft("input", "udp dport { 53, 67 } accept"),
    "input: by a named set": _nft("input", "meta l4proto { 6, 17 } th dport @ports accept"),
    "input: DNS only": _nft("input", "udp dport 53 accept"),
    "input: from our bridge": _nft("input", 'iifname "vnbr7" accept'),
    "input: what is for the host": _nft("input", "fib daddr type { local, broadcast } accept"),
    "input: all but ssh": _nft("input", "tcp dport 22 drop", "accept"),
    "iptables: nothing": _iptables("FORWARD"),
    "iptables: our bridges": _iptables("FORWARD", "-i vnbr+ -j ACCEPT", "-m conntrack --ctstate ESTABLISHED -j ACCEPT"),
    "iptables: only new": _iptables("FORWARD", "-m conntrack --ctstate NEW -j ACCEPT"),
    "iptables: by directions": _iptables("FORWARD", "-m conntrack --ctdir ORIGINAL -j ACCEPT"),
    "iptables: input by ports": _iptables("INPUT", "-i vnbr+ -p udp -m multiport --dports 53,67:68 -j ACCEPT"),
    "iptables: input not from ours": _iptables("INPUT", "! -i vnbr7 -j ACCEPT"),
    "iptables: input by type": _iptables("INPUT", "-m addrtype --dst-type LOCAL -j ACCEPT"),
}
OPAQUE = {"forward: only web"}
"""A guest's other ports are dropped there, which nobody sees who asks for the web only."""


class World(NamedTuple):
    host: Host
    alice: Client


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with Host() as host, Outside() as outside, Client(host, "alice", port="va") as alice:
        outside.plug(host)
        host.vnet("hooks", "install", "--root", host.root)
        host.define(LAB)
        host.vnet("attach", "va", "--network", "lab")
        assert alice.lease()["ip"]
        yield World(host, alice)


def _reaches(world: World) -> set[str]:
    """What the guest gets."""
    asked = ["dig", "+time=1", "+tries=1", "@10.77.0.1", "version.bind", "chaos", "txt"]  # answered by dnsmasq itself
    found = {"DNS"} if world.alice.run(asked, check=False).returncode == 0 else set()
    found |= {"outside"} if world.alice.connects(WWW_4, 80, timeout_s=0.5) else set()
    return found | ({"DHCP"} if world.alice.lease(tries=1) else set())  # the last: who gets none has no address left


@pytest.mark.parametrize("name", FILTERS)
def test_what_is_said_to_be_dropped_is(world: World, name: str) -> None:
    assert world.alice.lease()["ip"]
    world.host.run(["sh", "-euc", FILTERS[name]])
    try:
        said = world.host.vnet("doctor", "lab", check=False).stdout
        reached = _reaches(world)
    finally:
        world.host.run(["nft", "-f", "-"], stdin="delete table inet other\n", check=False)
        world.host.run(["nft", "-f", "-"], stdin="delete table ip filter\n", check=False)
    lines = [line for line in said.splitlines() if line.startswith("error: ") and ": drops " in line]
    dropped = {"outside": "what guests send outside" in said or "what comes back to guests" in said}
    dropped |= {"DNS": "guests' DNS" in said, "DHCP": "guests' DHCP" in said}
    expected = {what for what, is_dropped in dropped.items() if not is_dropped}
    if name in OPAQUE:
        expected |= {"outside"}
    assert reached == expected, said
    assert bool(lines) == (expected != {"outside", "DNS", "DHCP"} or name in OPAQUE)
