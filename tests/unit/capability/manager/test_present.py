"""What a NIC's present configuration says that the kernel does not show, and what becomes of its files."""

import json

import pytest

from vnethook.capability.manager import (
    ifcfg_present,
    ifupdown_present,
    keyfile_present,
    netplan_present,
    networkd_present,
)
from vnethook.capability.manager.config import Rule
from vnethook.capability.manager.rendering import Carried
from vnethook.errors import StateError

MAC = "52:54:00:aa:bb:01"
SCRIPTS = "/etc/sysconfig/network-scripts"
PROFILES = "/etc/NetworkManager/system-connections"
IFCFG = """\
# comment
NAME="System eth0"
DEVICE=eth0   # the first
TYPE=Ethernet
BOOTPROTO=none
IPADDR0=192.0.2.20
PREFIX0=24
GATEWAY=192.0.2.1
DNS1=192.0.2.1
DOMAIN='example.org example.com'
ZONE=internal
IPV6INIT=no
ETHTOOL_OPTS='wol g'
ARPCHECK=no
MYSTERY=$(reboot)
NAME=my x
"""


def test_of_ifcfg_files_what_scripts_read_for_a_port_stays_with_it():
    said = ifcfg_present.read({f"{SCRIPTS}/ifcfg-eth0": IFCFG}, "eth0", MAC, "br0")
    assert (said.dhcp4, said.ipv6, said.dns, said.search, said.zone) == (
        *(False, "none", ("192.0.2.1",)),
        *(("example.org", "example.com"), "internal"),
    )
    assert said.present.carried == (
        Carried("port", "", "NAME", "System eth0"),
        Carried("port", "", "ETHTOOL_OPTS", "wol g"),
        Carried("bridge", "", "ARPCHECK", "no"),
    )
    assert said.present.notes == (
        f"file '{SCRIPTS}/ifcfg-eth0': line 15, 'MYSTERY=$(reboot)': is left out, as it is more than an assignment",
        f"file '{SCRIPTS}/ifcfg-eth0': line 16, 'NAME=my x': is left out, as it is more than an assignment",
    )


def test_companions_of_ifcfg_files_go_and_names_of_the_nic_elsewhere_become_the_bridges():
    texts = {
        f"{SCRIPTS}/ifcfg-lan": f'DEVICE=eth0\nHWADDR="{MAC.upper()}"\nBOOTPROTO=dhcp\n',
        f"{SCRIPTS}/ifcfg-lan:0": "",
        f"{SCRIPTS}/ifcfg-eth1": "DEVICE=eth1\n",
        f"{SCRIPTS}/route-lan": "198.51.100.0/24 via 192.0.2.1\n",
        f"{SCRIPTS}/rule-lan": "from 192.0.2.21 lookup 100\nfwmark 7 table 9\n",
        "/etc/sysconfig/network": "NETWORKING=yes\nGATEWAYDEV=eth0\n",
        "/etc/dhcp/dhclient-eth0.conf": "timeout 7;\n",
    }
    said = ifcfg_present.read(texts, "eth0", MAC, "br0")
    assert said.dhcp4
    assert said.rules == (Rule(100, "192.0.2.21/32"),)
    assert said.present.removed == tuple(
        f"{SCRIPTS}/{name}" for name in ("ifcfg-lan", "route-lan", "rule-lan", "ifcfg-lan:0")
    )
    assert [(file.path, file.text) for file in said.present.edited] == [
        ("/etc/sysconfig/network", "NETWORKING=yes\nGATEWAYDEV='br0'\n"),
        ("/etc/dhcp/dhclient-br0.conf", "timeout 7;\n"),
    ]
    assert said.present.notes == (f"file '{SCRIPTS}/ifcfg-lan': rule 'fwmark 7 table 9' of lan: is left out",)
    assert ifcfg_present.read(texts, "eth0", MAC, "eth0").present.edited == ()


def test_of_profiles_the_one_that_comes_up_counts_and_all_of_the_nic_go():
    one = "[connection]\nid=one\nuuid=u\ntype=802-3-ethernet\ninterface-name=eth0\nzone=home\nmetered=1\n[ipv4]\nmethod=manual\naddress1=192.0.2.20/24\ndns=192.0.2.1;192.0.2.2;\ndns-search=example.org;\nroute-metric=50\nrouting-rule1=priority 5 from 192.0.2.21 table 100\n[802-3-ethernet]\nwake-on-lan=64\nmtu=9000\n[ipv6]\nmethod=disabled\n[user]\na.b=c\n"
    two = "[connection]\nid=two\ntype=ethernet\nautoconnect=false\n[ethernet]\nmac-address=52:54:00:AA:BB:01\n"
    other = "[connection]\nid=any\ntype=ethernet\n"
    texts = {f"{PROFILES}/{name}.nmconnection": text for name, text in (("one", one), ("two", two), ("any", other))}
    said = keyfile_present.read(texts, "eth0", MAC)
    assert (said.dhcp4, said.ipv6, said.dns, said.search, said.zone) == (
        *(False, "none", ("192.0.2.1", "192.0.2.2")),
        *(("example.org",), "home"),
    )
    assert said.present.removed == (f"{PROFILES}/one.nmconnection", f"{PROFILES}/two.nmconnection")
    assert said.present.carried == (
        Carried("bridge", "connection", "metered", "1"),
        Carried("bridge", "ipv4", "route-metric", "50"),
        Carried("bridge", "ipv4", "routing-rule1", "priority 5 from 192.0.2.21 table 100"),
        Carried("port", "ethernet", "wake-on-lan", "64"),
        Carried("bridge", "user", "a.b", "c"),
    )
    assert said.present.notes == (f"file '{PROFILES}/two.nmconnection': is of eth0 too, and is taken away",)


def test_of_networkds_files_the_first_that_matches_counts_and_stays_if_it_is_for_others_too():
    own = "[Match]\nName=eth0\n[Link]\nMTUBytes=9000\nRequiredForOnline=no\nARP=yes\n[Network]\nDHCP=yes\nIPv6AcceptRA=no\nVLAN=eth0.7\nNTP=192.0.2.3\nNTP=192.0.2.4\nDomains=example.org ~.\n[DHCPv4]\nRouteMetric=7\nClientIdentifier=duid\n[RoutingPolicyRule]\nFrom=192.0.2.21\nTable=100\n[RoutingPolicyRule]\nFirewallMark=1\nTable=9\n"
    texts = {
        "/etc/systemd/network/20-all.network": "[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n",
        "/etc/systemd/network/10-eth0.network": own,
        "/etc/systemd/network/10-eth0.network.d/a.conf": "[Network]\nLLDP=no\n",
    }
    said = networkd_present.read(texts, "eth0", MAC)
    assert (said.dhcp4, said.ipv6, said.search, said.rules) == (
        *(True, "static", ("example.org",)),
        (Rule(100, "192.0.2.21/32"),),
    )
    assert said.present.removed == ("/etc/systemd/network/10-eth0.network",)
    assert said.present.carried == (
        Carried("bridge", "Link", "RequiredForOnline", "no"),
        Carried("port", "Link", "ARP", "yes"),
        Carried("port", "Network", "VLAN", "eth0.7"),
        Carried("bridge", "Network", "NTP", "192.0.2.3"),
        Carried("bridge", "Network", "NTP", "192.0.2.4"),
        Carried("bridge", "DHCPv4", "RouteMetric", "7"),
        Carried("bridge", "DHCPv4", "ClientIdentifier", "duid"),
    )
    assert said.present.notes == (
        "rule FirewallMark=1 Table=9: is left out",
        "file '/etc/systemd/network/10-eth0.network.d/a.conf': adds to /etc/systemd/network/10-eth0.network: see what of it the bridge needs",
    )
    del texts["/etc/systemd/network/10-eth0.network"]
    general = networkd_present.read(texts, "eth0", MAC).present
    assert (general.removed, general.names) == ((), ("20-all.network",))


NETPLAN = {
    "/etc/netplan/50-cloud-init.yaml": {
        "network": {
            "version": 2,
            "ethernets": {
                "lan": {"match": {"macaddress": MAC}, "set-name": "eth0", "dhcp4": True, "optional": True},
                "eth1": {"dhcp4": True},
            },
        }
    },
    "/etc/netplan/60-more.yaml": {
        "network": {
            "ethernets": {
                "lan": {"nameservers": {"addresses": ["192.0.2.1"], "search": ["example.org"]}, "wakeonlan": True}
            }
        }
    },
}


def test_a_nic_is_taken_out_of_all_of_netplans_files():
    said = netplan_present.read(NETPLAN, "eth0", MAC)
    assert (said.dhcp4, said.ipv6, said.dns, said.search) == (True, "auto", ("192.0.2.1",), ("example.org",))
    assert said.present.removed == ("/etc/netplan/60-more.yaml",)
    [edited] = said.present.edited
    assert edited.text == "network:\n  version: 2\n  ethernets:\n    eth1:\n      dhcp4: true\n"
    assert said.present.carried == (
        Carried("port", "", "match", json.dumps({"macaddress": MAC})),
        Carried("port", "", "set-name", '"eth0"'),
        Carried("bridge", "", "optional", "true"),
        Carried("port", "", "wakeonlan", "true"),
    )
    assert said.present.names == ("50-cloud-init.yaml",)


def test_a_nic_that_netplan_has_a_vlan_on_is_refused():
    more = {"/etc/netplan/70.yaml": {"network": {"vlans": {"v7": {"id": 7, "link": "lan"}}}}}
    documents = {
        **NETPLAN,
        "/etc/netplan/70.yaml": {
            "network": {
                **NETPLAN["/etc/netplan/60-more.yaml"]["network"],
                **more["/etc/netplan/70.yaml"]["network"],
            }
        },
    }
    with pytest.raises(StateError) as refused:
        netplan_present.read(documents, "eth0", MAC)
    assert refused.value.message == "interface 'lan': share for good: netplan's vlans have 'v7' on it"


INTERFACES = """\
source /etc/network/interfaces.d/*
auto lo eth0 eth1
iface lo inet loopback

# the LAN
allow-hotplug eth0
iface eth0 inet static
    address 192.0.2.20/24
    gateway 192.0.2.1
    dns-nameservers 192.0.2.1
    up ip route add 198.51.100.0/24 \\
       via 192.0.2.1
    up ip rule add from 192.0.2.21 lookup 100
    post-up logger eth0 is up
    ethernet-wol g
    hostname here
iface eth0 inet6 auto

iface eth1 inet dhcp
"""


def test_stanzas_of_the_nic_are_taken_out_of_interfaces():
    said = ifupdown_present.read({"/etc/network/interfaces": INTERFACES}, "eth0", "br0")
    assert (said.dhcp4, said.ipv6, said.dns, said.rules) == (
        *(False, "auto", ("192.0.2.1",)),
        (Rule(100, "192.0.2.21/32"),),
    )
    [edited] = said.present.edited
    assert edited.text == (
        "source /etc/network/interfaces.d/*\nauto lo eth1\niface lo inet loopback\n\n# the LAN\n\niface eth1 inet dhcp\n"
        .replace("# the LAN\n\n", "# the LAN\n")
    )  # fmt: skip
    assert said.present.carried == (
        Carried("bridge", "", "post-up", "logger br0 is up"),
        Carried("port", "", "ethernet-wol", "g"),
        Carried("bridge", "", "hostname", "here"),
    )
    assert said.present.notes == ("command `post-up logger eth0 is up`: is the bridge's now: see whether it should be",)
    assert said.present.names == ()
    alone = {"/etc/network/interfaces": INTERFACES.replace("source", "# source").replace("interfaces.d", "if")}
    assert ifupdown_present.read(alone, "eth0", "br0").present.names == ("/etc/network/interfaces",)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("source /etc/network/interfaces.d/*", ()),
        ("source interfaces.d/*", ()),
        ("source-directory /etc/network/interfaces.d/", ()),
        ("source /etc/network/interfaces.d/*.cfg", ("/etc/network/interfaces",)),
        ("# source /etc/network/interfaces.d/*", ("/etc/network/interfaces",)),
    ],
)
def test_stanzas_are_written_where_they_are_read(line, names):
    texts = {"/etc/network/interfaces": f"{line}\niface eth0 inet dhcp\n"}
    assert ifupdown_present.read(texts, "eth0", "br0").present.names == names


def test_a_nic_that_no_file_has_is_nobodys():
    assert ifcfg_present.read({}, "eth0", MAC, "br0") is None
    assert keyfile_present.read({f"{PROFILES}/any": "[connection]\ntype=ethernet\n"}, "eth0", MAC) is None
    assert networkd_present.read({}, "eth0", MAC) is None
    assert netplan_present.read({"/etc/netplan/a.yaml": None}, "eth0", MAC) is None
    assert ifupdown_present.read({"/etc/network/interfaces": "iface lo inet loopback\n"}, "eth0", "br0") is None
