"""Bridges onto the physical network that are not as that of the healthy host, and what the doctor says of them."""

from tests.unit.lifecycle.doctor.cases_of_networks import FORWARD_DROPS, chain
from tests.unit.lifecycle.doctor.healthy import LAN
from vnethook.host.rules import Table
from vnethook.lifecycle.doctor.finding import STOPS, WARNS

THEIRS = LAN.replace(bridge="br0", is_shared=False)
OLD6 = FORWARD_DROPS.replace(family="ip6")
NFT_DROPS = Table("inet", "mine", (chain("forward"),))
SLOW = "bridge 'br0': has a spanning tree: a guest that starts is on the network after 30 s, too late for some"
SEEN = "drops what guests on bridge 'ebreth0' send and get by IPv{} (br_netfilter; table {}, chain FORWARD)"
NFT_COMMAND = (
    'nft \'insert rule inet mine FORWARD iifname "ebreth0" accept; '
    'insert rule inet mine FORWARD oifname "ebreth0" accept\'   (and in the file that makes the table)'
)
CASES = {
    "a shared NIC whose bridge somebody has deleted": (
        {"lost": (("eth0", "ebreth0"),)},
        [
            (
                STOPS,
                "interface 'eth0': is not on bridge 'ebreth0' any more, by which the host and guests are on its network",
                "vnet share eth0",
            )
        ],
    ),
    "a bridge that takes the lowest MAC of its ports": (
        {"lans": (THEIRS.replace(is_pinned=False),)},
        [
            (
                WARNS,
                "bridge 'br0': has no MAC of its own: with a guest's port whose MAC is lower, the host has another, and a lease less",
                "ip link set dev br0 address 52:54:00:00:00:01",
            )
        ],
    ),
    "a spanning tree": (
        {"lans": (THEIRS.replace(waits_s=30),)},
        [(WARNS, SLOW, "ip link set dev br0 type bridge stp_state 0")],
    ),
    "a spanning tree that may be needed": (
        {"lans": (THEIRS.replace(waits_s=30, has_several_ways=True),)},
        [(WARNS, SLOW, "ip link set dev br0 type bridge forward_delay 200")],
    ),
    "the same with the shortest delay": ({"lans": (THEIRS.replace(waits_s=4, has_several_ways=True),)}, []),
    "an address left on the port": (
        {"lans": (LAN.replace(addresses=("192.0.2.20/24",)),)},
        [
            (
                WARNS,
                "interface 'eth0': has address 192.0.2.20/24 although it is a port of bridge 'ebreth0': nobody is reached by it there",
                "ip address replace 192.0.2.20/24 dev ebreth0 && ip address delete 192.0.2.20/24 dev eth0",
            )
        ],
    ),
    "a client of DHCP on the port of a shared NIC": (
        {"lans": (LAN.replace(clients=("dhclient (process 7)",)),)},
        [
            (
                WARNS,
                "interface 'eth0': dhclient (process 7) renews its addresses, which belong to bridge 'ebreth0': the host loses its lease",
                "vnet unshare eth0 && vnet share eth0",
            )
        ],
    ),
    "a client of DHCP on the port of a bridge of somebody's": (
        {"lans": (THEIRS.replace(clients=("udhcpc (process 7)",)),)},
        [
            (
                WARNS,
                "interface 'eth0': udhcpc (process 7) renews its addresses, which belong to bridge 'br0': the host loses its lease",
                "have it run for br0",
            )
        ],
    ),
    "a policy of iptables that br_netfilter hands frames on a bridge of somebody's to": (
        {"tables": (OLD6,), "networks": (), "lans": (THEIRS,), "bridges_call": (4, 6)},
        [
            (
                STOPS,
                f"the filter that Docker shares: {SEEN.format(6, 'ip6 filter').replace('ebreth0', 'br0')}",
                "ip6tables -I FORWARD -i br0 -o br0 -j ACCEPT",
            )
        ],
    ),
    "the same of a shared NIC's before a guest is there": (
        {"tables": (OLD6,), "networks": (), "bridges_call": (4, 6)},
        [],
    ),
    "the same with guests": (
        {"tables": (OLD6,), "networks": (), "lans": (LAN.replace(active=("office",)),), "bridges_call": (4, 6)},
        [(STOPS, f"the filter that Docker shares: {SEEN.format(6, 'ip6 filter')}", "vnet net-repair office")],
    ),
    "a policy of nftables": (
        {"tables": (NFT_DROPS,), "networks": (), "bridges_call": (4,)},
        [
            (
                STOPS,
                f"the nftables table 'mine': {SEEN.format(4, 'inet mine')}",
                NFT_COMMAND,
            )
        ],
    ),
}
