"""Each check of the doctor: what it says of which host, and that it is silent on a healthy one."""

import shlex

import pytest

from vnethook.host import trial
from vnethook.host.listeners import Listener
from vnethook.host.rules import ACCEPT, DROP, Chain, Match, Rule, Table
from vnethook.host.storage import Place
from vnethook.lifecycle.doctor import IN_ORDER, examine
from vnethook.lifecycle.doctor.finding import STOPS, UNSEEN, WARNS, Finding, is_plain
from vnethook.lifecycle.doctor.survey import Hook, NetworkSeen, Survey

LAB = NetworkSeen(
    "lab",
    is_active=True,
    bridge="vnbr7",
    forward="nat",
    versions=(4,),
    gateways=("10.77.0.1",),
    has_dns=True,
    has_dhcp=True,
)
DOWN = LAB.replace(is_active=False)
ROOM = Place("/run/vnethook", 1 << 30, 1 << 20)
HEALTHY = Survey(
    networks=(LAB, DOWN.replace(name="other", bridge="vnbr8", gateways=("10.78.0.1",))),
    hypervisors=("QEMU",),
    hooks=(Hook("qemu-ifup", "QEMU", "/usr/libexec/vnethook/qemu-ifup", "installed"),),
    uplinks=((4, "eth0"),),
    places=(ROOM, ROOM.replace(path="/usr/libexec/vnethook", is_read_only=True)),
    listeners=(
        Listener("udp", "127.0.0.53", 53, 0, 7, "systemd-resolve"),
        Listener("udp", "0.0.0.0", 67, 5, 8, "dnsmasq"),
    ),
    conntrack=(10, 1000),
)


def _chain(hook: str, *rules: Rule, policy: str = DROP) -> Chain:
    return Chain(hook.upper(), hook, policy, rules)


FORWARD_DROPS = Table("ip", "filter", (_chain("forward"), Chain("DOCKER")), "iptables")
INPUT_DROPS = Table("inet", "mine", (_chain("input", Rule((Match("state", ("established",)),), ACCEPT)),))
FIREWALLD = Table("inet", "firewalld", (_chain("forward", Rule((), DROP), policy=ACCEPT),))
# What is not as on the healthy host, and all that is said of it: level, "subject: what", command.
CASES = {
    "a missing nft": (
        {"missing_programs": ("nft",)},
        [
            (
                STOPS,
                "program 'nft': not installed: no network has a firewall, so none comes up",
                "apt-get install nftables   (Fedora: dnf install nftables)",
            )
        ],
    ),
    "a missing dnsmasq": (
        {"missing_programs": ("dnsmasq",)},
        [
            (
                STOPS,
                "program 'dnsmasq': not installed: no network has DHCP and DNS",
                "apt-get install dnsmasq-base   (Fedora: dnf install dnsmasq)",
            )
        ],
    ),
    "an old Python": (
        {"python": "/usr/bin/python3: is Python 3.9: hooks need 3.11 or newer"},
        [(STOPS, "/usr/bin/python3: is Python 3.9: hooks need 3.11 or newer", "apt-get install python3")],
    ),
    "an unsafe package": (
        {"package": ("/opt: somebody else than root may write it",)},
        [
            (
                WARNS,
                "/opt: somebody else than root may write it",
                "vnet hooks install   (says it again if it is not mended)",
            )
        ],
    ),
    "no hook": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "missing"), Hook("default ifup", "QEMU", "/y", "other"))},
        [
            (
                WARNS,
                "QEMU: its hooks are not installed: its guests get no network from us by themselves",
                "vnet hooks install",
            )
        ],
    ),
    "an old hook": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "outdated"),)},
        [(WARNS, "hook 'qemu-ifup': /x is of another version", "vnet hooks install")],
    ),
    "a hook that leads nowhere": (
        {"hooks": (Hook("qemu-ifup", "QEMU", "/x", "outdated", "/gone"),)},
        [
            (
                STOPS,
                "hook 'qemu-ifup': /x leads to /gone, where there is no vnethook: guests that call it do not start",
                "vnet hooks install",
            )
        ],
    ),
    "a kernel without bridges": (
        {"kernel_lacks": (trial.BRIDGE,)},
        [
            (
                STOPS,
                "kernel: has no bridge: networks are bridges",
                "modprobe bridge   (if that fails: a kernel with CONFIG_BRIDGE)",
            )
        ],
    ),
    "a kernel that is too old": (
        {"kernel_lacks": (trial.RULES,)},
        [
            (
                STOPS,
                "kernel: has no use for our rules: it does not take them, or nft is too old for them",
                "Linux 5.6 or later, and nft 1.0",
            )
        ],
    ),
    "a kernel that cannot guard NICs": (
        {"kernel_lacks": (trial.GUARDS,), "networks": (LAB.replace(needs=(trial.GUARDS,)),)},
        [
            (
                STOPS,
                "network 'lab': the kernel has no use for the guards of NICs: it does not take their rules",
                "Linux 5.6 or later, or <guard mode='off'/> in the network",
            )
        ],
    ),
    "a kernel without what no network needs": ({"kernel_lacks": (trial.VLANS, trial.HTB, trial.INGRESS)}, []),
    "a kernel without what one network needs": (
        {"kernel_lacks": (trial.VLANS,), "networks": (LAB.replace(needs=(trial.VLANS,)),)},
        [
            (
                STOPS,
                "network 'lab': the kernel has no vlan filtering: NICs in VLANs need it",
                "a kernel with CONFIG_BRIDGE_VLAN_FILTERING",
            )
        ],
    ),
    "a kernel without IPv6": ({"has_ipv6": False}, []),
    "a network with IPv6 on a kernel without": (
        {"has_ipv6": False, "networks": (LAB.replace(versions=(4, 6)),)},
        [
            (
                STOPS,
                "network 'lab': has IPv6, which the kernel was started without",
                "take ipv6.disable=1 off the kernel's command line, or the <ip family='ipv6'> out of the network",
            )
        ],
    ),
    "sysctls that cannot be written": (
        {"has_read_only_sysctls": True},
        [
            (
                STOPS,
                "/proc/sys: cannot be written here, as in a container: no network can be a router",
                "mount -o remount,rw /proc/sys   (a container: start it privileged)",
            )
        ],
    ),
    "a strict rp_filter with one uplink": ({"sysctls": (("net/ipv4/conf/all/rp_filter", "1"),)}, []),
    "a strict rp_filter with two uplinks": (
        {"sysctls": (("net/ipv4/conf/all/rp_filter", "1"),), "uplinks": ((4, "eth0"), (4, "eth1"))},
        [
            (
                WARNS,
                "sysctl net.ipv4.conf.all.rp_filter: is strict, and there are several uplinks: what comes in by another than it would leave by is dropped",
                "sysctl -w net.ipv4.conf.all.rp_filter=2",
            )
        ],
    ),
    "a host that forwards and listens to routers no more": (
        {
            "sysctls": (("net/ipv6/conf/all/forwarding", "1"), ("net/ipv6/conf/eth0/accept_ra", "1")),
            "uplinks": ((6, "eth0"),),
        },
        [
            (
                WARNS,
                "link 'eth0': the host forwards IPv6, so it takes no route from routers there any more",
                "sysctl -w net/ipv6/conf/eth0/accept_ra=2",
            )
        ],
    ),
    "a nearly full table of flows": (
        {"conntrack": (900, 1000)},
        [
            (
                WARNS,
                "connection tracking: 900 of 1000 flows are tracked: when it is full, new connections are dropped",
                "sysctl -w net.netfilter.nf_conntrack_max=2000",
            )
        ],
    ),
    "a full table of flows": (
        {"conntrack": (1000, 1000)},
        [
            (
                STOPS,
                "connection tracking: 1000 of 1000 flows are tracked: when it is full, new connections are dropped",
                "sysctl -w net.netfilter.nf_conntrack_max=2000",
            )
        ],
    ),
    "no room for more dnsmasq": (
        {"watches": 9},
        [
            (
                WARNS,
                "sysctl fs.inotify.max_user_instances: each network takes one of 9 for its dnsmasq, and there are 2",
                "sysctl -w fs.inotify.max_user_instances=1024",
            )
        ],
    ),
    "a full disk": (
        {"places": (ROOM.replace(free_bytes=1000),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': there is hardly room for more bytes",
                "df -h /run/vnethook; df -i /run/vnethook",
            )
        ],
    ),
    "no room for files": (
        {"places": (ROOM.replace(free_files=3),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': there is hardly room for more files",
                "df -h /run/vnethook; df -i /run/vnethook",
            )
        ],
    ),
    "a run directory that cannot be written": (
        {"places": (ROOM.replace(is_read_only=True),)},
        [
            (
                STOPS,
                "directory '/run/vnethook': cannot be written: no network comes up",
                "mount -o remount,rw $(findmnt -no TARGET -T /run/vnethook)",
            )
        ],
    ),
    "definitions that cannot be written": (
        {"places": (ROOM.replace(path="/etc/vnethook", is_read_only=True),)},
        [
            (
                WARNS,
                "directory '/etc/vnethook': cannot be written: networks cannot be defined",
                "mount -o remount,rw $(findmnt -no TARGET -T /etc/vnethook)",
            )
        ],
    ),
    "hooks that cannot be called": (
        {"places": (ROOM.replace(path="/usr/libexec/vnethook", runs_programs=False),)},
        [
            (
                STOPS,
                "directory '/usr/libexec/vnethook': is on a file system that is mounted noexec: hypervisors cannot call the hooks",
                "mount -o remount,exec $(findmnt -no TARGET -T /usr/libexec/vnethook)",
            )
        ],
    ),
    "a definition that is not in order": (
        {"networks": (DOWN.replace(problem="bad.xml:3: no such element"),)},
        [(STOPS, "network 'lab': bad.xml:3: no such element", "vnet net-edit lab")],
    ),
    "the same of one that is up": (
        {"networks": (LAB.replace(problem="bad.xml:3: no such element"),)},
        [(WARNS, "network 'lab': bad.xml:3: no such element", "vnet net-edit lab")],
    ),
    "an autostart that failed": (
        {"networks": (DOWN.replace(failure="dnsmasq: start: it ended at once", is_autostart=True),)},
        [
            (
                STOPS,
                "network 'lab': did not come up the last time, and it is to start at boot: dnsmasq: start: it ended at once",
                "vnet net-start lab",
            )
        ],
    ),
    "a network with faults": (
        {"networks": (LAB.replace(faults=("run dnsmasq", "NIC tap0: the link is gone")),)},
        [(STOPS, "network 'lab': is not as defined: run dnsmasq; and 1 more", "vnet net-repair lab")],
    ),
    "a VPN over a network that is down": (
        {"networks": (DOWN.replace(overlap="subnet A overlaps the route B dev wg0 in table 51820"),)},
        [
            (
                STOPS,
                "network 'lab': subnet A overlaps the route B dev wg0 in table 51820: it cannot be started",
                "vnet net-edit lab",
            )
        ],
    ),
    "a VPN over one whose subnet is chosen again": ({"networks": (DOWN.replace(overlap="X", is_chosen=True),)}, []),
    "a VPN over one that is up": (
        {"networks": (LAB.replace(overlap="X", is_chosen=True),)},
        [(STOPS, "network 'lab': X: one of the two does not reach what it should", "vnet net-restart lab")],
    ),
    "a DNS server on all addresses": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 812, "named"),)},
        [
            (
                STOPS,
                "port udp/53: is taken by named (process 812) on all addresses: network 'lab' could not serve DNS",
                "bind it to its own addresses (listen-on in named.conf), or: systemctl disable --now named",
            )
        ],
    ),
    "the system's own dnsmasq without bind-dynamic": (
        {"networks": (DOWN,), "listeners": (Listener("tcp", "::", 53, 0, 9, "dnsmasq"),)},
        [
            (
                STOPS,
                "port tcp/53: is taken by dnsmasq (process 9) on all addresses: network 'lab' could not serve DNS",
                "echo bind-dynamic >/etc/dnsmasq.d/vnethook.conf && systemctl restart dnsmasq",
            )
        ],
    ),
    "a DHCP server on all interfaces": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 67, 0, 9, "dhcpd"),)},
        [
            (
                STOPS,
                "port udp/67: is taken by dhcpd (process 9) on all addresses: network 'lab' could not serve DHCP",
                "systemctl disable --now isc-dhcp-server",
            )
        ],
    ),
    "a server on the network's own address": (
        {"networks": (DOWN,), "listeners": (Listener("udp", "10.77.0.1", 53),)},
        [
            (
                STOPS,
                "port udp/53: is taken by another program on 10.77.0.1: network 'lab' could not serve DNS",
                "end it, or bind it to its own addresses",
            )
        ],
    ),
    "a DNS server where none is needed": (
        {"networks": (DOWN.replace(has_dns=False),), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, "named"),)},
        [],
    ),
    "a DNS server on all addresses while the network serves": (
        {"networks": (LAB,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, "named"),)},
        [],
    ),
    "Docker's policy": (
        {"tables": (FORWARD_DROPS,)},
        [
            (
                STOPS,
                "the filter that Docker shares: drops what guests send outside and what comes back to guests, of network 'lab' (table ip filter, chain FORWARD)",
                "vnet net-repair lab",
            )
        ],
    ),
    "a policy of the administrator's": (
        {"tables": (INPUT_DROPS,), "networks": (DOWN,)},
        [
            (
                STOPS,
                "the nftables table 'mine': drops guests' DNS and guests' DHCP, of network 'lab' (table inet mine, chain INPUT)",
                "nft 'insert rule inet mine INPUT iifname \"vnbr7\" accept'   (and in the file that makes the table)",
            )
        ],
    ),
    "firewalld without our zone": (
        {"tables": (FIREWALLD,), "networks": (LAB,)},
        [
            (
                STOPS,
                "firewalld: drops what guests send outside and what comes back to guests, of network 'lab' (table inet firewalld, chain FORWARD)",
                "vnet hooks install   (brings a zone for all bridges of that name)",
            )
        ],
    ),
    "firewalld and a bridge of another name": (
        {"tables": (FIREWALLD,), "networks": (LAB.replace(bridge="br0"),)},
        [
            (
                STOPS,
                "firewalld: drops what guests send outside and what comes back to guests, of network 'lab' (table inet firewalld, chain FORWARD)",
                "vnet hooks install && vnet net-repair lab",
            )
        ],
    ),
    "firewalld and a bridge of another name that is down": (
        {"tables": (FIREWALLD,), "networks": (DOWN.replace(bridge="br0"),)},
        [],
    ),
    "Docker's policy while no network is up": ({"tables": (FORWARD_DROPS,), "networks": (DOWN,)}, []),
    "an isolated network behind a policy": (
        {"tables": (FORWARD_DROPS,), "networks": (LAB.replace(forward="none"),)},
        [],
    ),
    "the same where br_netfilter hands over what guests send to each other": (
        {"tables": (FORWARD_DROPS,), "networks": (LAB.replace(forward="none"),), "bridges_call": (4,)},
        [
            (
                STOPS,
                "the filter that Docker shares: drops what guests send to each other (br_netfilter), of network 'lab' (table ip filter, chain FORWARD)",
                "vnet net-repair lab",
            )
        ],
    ),
    "NetworkManager": (
        {"managed": ("vnbr7",)},
        [
            (
                WARNS,
                "link 'vnbr7': NetworkManager manages it, and may take it down or off its bridge",
                "printf '[keyfile]\\nunmanaged-devices+=interface-name:vnbr*;interface-name:vnbr7\\n' >/etc/NetworkManager/conf.d/vnethook.conf && nmcli general reload",
            )
        ],
    ),
    "systemd-networkd": (
        {"networkd": ("/etc/systemd/network/all.network",)},
        [
            (
                WARNS,
                "/etc/systemd/network/all.network: is for links of ours too: systemd-networkd may give them addresses",
                "printf '[Match]\\nName=vnbr* tap* vnet* vif*\\n[Link]\\nUnmanaged=yes\\n' >/etc/systemd/network/00-vnethook.network && networkctl reload",
            )
        ],
    ),
    "AppArmor": (
        {"is_dnsmasq_confined": True},
        [
            (
                STOPS,
                "AppArmor: its profile of dnsmasq does not let it read /run/vnethook",
                "printf '/run/vnethook/** rw,\\n/var/lib/vnethook/** rw,\\n' >>/etc/apparmor.d/local/usr.sbin.dnsmasq && apparmor_parser -r /etc/apparmor.d/usr.sbin.dnsmasq",
            )
        ],
    ),
    "what only root may see": (
        {"unseen": ("the firewall",)},
        [(UNSEEN, "the firewall: could not be looked at", "sudo vnet doctor")],
    ),
}


def _of(finding: Finding) -> tuple[str, str, str]:
    return finding.level, f"{finding.subject}: {finding.what}", finding.command


def test_nothing_is_said_of_a_healthy_host() -> None:
    assert examine(HEALTHY) == []


@pytest.mark.parametrize("case", CASES)
def test_what_is_said_of(case: str) -> None:
    changes, expected = CASES[case]
    assert [_of(finding) for finding in examine(HEALTHY.replace(**changes))] == expected


def test_every_check_says_something_of_some_host() -> None:
    surveys = [HEALTHY.replace(**changes) for changes, _ in CASES.values()]
    assert [check for check in IN_ORDER if not any(list(check(survey)) for survey in surveys)] == []


def test_what_stops_guests_comes_first() -> None:
    found = examine(HEALTHY.replace(watches=9, missing_programs=("nft",), unseen=("the firewall",), managed=("vnbr7",)))
    assert [finding.level for finding in found] == [STOPS, WARNS, WARNS, UNSEEN]


def test_a_filter_that_lets_our_bridges_through_is_in_order() -> None:
    ours = Rule((Match("iifname", ("vnbr*",)),), ACCEPT)
    back = Rule((Match("oifname", ("vnbr*",)), Match("state", ("related", "established"))), ACCEPT)
    table = FORWARD_DROPS.replace(chains=(_chain("forward", ours, back), _chain("input", ours)))
    assert examine(HEALTHY.replace(tables=(table,))) == []


def test_a_finding_is_a_line() -> None:
    assert str(Finding(STOPS, "kernel", "has no bridge")) == "error: kernel: has no bridge"


HOSTILE = "x'; reboot; '"


@pytest.mark.parametrize(
    "changes",
    [
        {"networks": (DOWN,), "listeners": (Listener("udp", "0.0.0.0", 53, 0, 8, HOSTILE),)},
        {"networks": (DOWN,), "tables": (Table("inet", HOSTILE, (Chain("c", "forward", DROP),)),)},
        {"networks": (DOWN,), "tables": (Table("inet", "t", (Chain(HOSTILE, "forward", DROP),)),)},
        {"places": (ROOM.replace(path=HOSTILE, free_bytes=0),)},
        {"places": (ROOM.replace(path=HOSTILE, is_read_only=True),)},
        {
            "uplinks": ((6, HOSTILE),),
            "sysctls": (("net/ipv6/conf/all/forwarding", "1"), (f"net/ipv6/conf/{HOSTILE}/accept_ra", "1")),
        },
    ],
)
def test_no_name_of_others_is_read_by_the_shell_that_a_command_is_pasted_into(changes) -> None:
    found = examine(HEALTHY.replace(**changes))
    assert found
    for finding in found:
        assert "reboot" not in shlex.split(finding.command.replace(";", " ; "))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("dnsmasq", True), ("a-b.c_d", True), ("-x", False), ("a b", False), ("", False), ("é", False)],
)
def test_a_plain_name_is_letters_and_digits(name: str, *, expected: bool) -> None:
    assert is_plain(name) is expected
