"""A host whose NIC has its address by a network manager, and what becomes of that manager's files.

What works on the host is called there by `host.call`.
"""

from contextlib import contextmanager

from tests.lab.lan import GATEWAY, OURS
from tests.lab.machine import Machine, wait_for
from tests.lab.managers import ManagedHost
from vnethook.host import interface_manager, nic_facts
from vnethook.host.host import Host
from vnethook.lifecycle.share import file_plan, persistence
from vnethook.live import paths

MAC, BRIDGE = "52:54:00:aa:bb:01", "ebreth0"
ADDRESS = f"{OURS}/24"
INTERFACES = f"""\
# by hand\t
auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address {ADDRESS}
    gateway {GATEWAY}
    post-up ip route add 198.51.100.0/24 via 192.0.2.254 dev eth0
    post-up logger eth0 \\
        is up
"""
NETWORK = f"[Match]\nName=eth0\n[Network]\nAddress={ADDRESS}\nGateway={GATEWAY}\nDNS=192.0.2.1\nNTP=192.0.2.3\n"
PROFILE = f"[connection]\nid=wired\nuuid=b0a1cb8c-4f39-4b0a-8f2b-7a6d51f0c5a1\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1={ADDRESS},{GATEWAY}\ndns=192.0.2.1;\n[ipv6]\nmethod=link-local\n"
NETPLAN = f'network:\n  ethernets:\n    eth0: {{addresses: ["{ADDRESS}"], accept-ra: false, optional: true}} # the LAN\n    eth1: {{dhcp4: true}}\n'
FILES = {
    "ifupdown": ("/etc/network/interfaces", INTERFACES),
    "networkd": ("/etc/systemd/network/50-lan.network", NETWORK),
    "keyfile": ("/etc/NetworkManager/system-connections/wired.nmconnection", PROFILE),
    "netplan": ("/etc/netplan/50-cloud-init.yaml", NETPLAN),
}


@contextmanager
def running(form):
    """A host whose NIC has its address by a manager."""
    with Machine("router") as router, ManagedHost() as host:
        host.prepare()
        router.lay_cable("lan0", host, "eth0")
        host.run(["ip", "link", "set", "eth0", "down"])
        host.run(["ip", "link", "set", "eth0", "address", MAC])
        router.run(["ip", "address", "add", f"{GATEWAY}/24", "dev", "lan0"])
        path, text = FILES[form]
        mode = 644 if form == "networkd" else 600  # it reads as a user of its own
        host.run(["sh", "-c", f"cat >{path}; chmod {mode} {path}; touch -d @1600000000.123456789 {path}"], stdin=text)
        boot(host, form)
        yield host


def boot(host, form):
    """Have the manager give the NIC, or its bridge, the address."""
    start(host, form)
    wait_for(lambda: has_address(host, "eth0", BRIDGE), "the address")


def start(host, form):
    """Start the manager, or have it do what it does at boot."""
    if form == "netplan":
        host.run(["netplan", "generate"])
    if form == "ifupdown":
        host.run(["ifup", "-a"])
    elif form in {"networkd", "netplan"}:
        host.start_networkd()
    else:
        host.start_networkmanager()


def has_address(host, *links):
    """Whether one of the links has the host's address."""
    found = host.json(["ip", "-json", "-4", "address"])
    return any(one["local"] == OURS for link in found if link["ifname"] in links for one in link["addr_info"])


def picture(host):
    """All files of managers' with their bytes, mode, owner and time."""
    places = "/etc/network /etc/systemd/network /etc/NetworkManager/system-connections /etc/netplan /etc/sysconfig"
    listed = f"find {places} -type f -exec stat -c '%n %a %u %g %y' {{}} + -exec md5sum {{}} + 2>/dev/null | sort"
    return host.run(["sh", "-c", listed]).stdout


def claims():
    """The managers that have the NIC."""
    link = Host(paths.current()).links.link("eth0")
    return interface_manager.claims("", link)


def prepared(form):
    """The plan of the NIC's files."""
    host = Host(paths.current())
    return file_plan.prepare(host, nic_facts.collect(host, host.links.link("eth0"), BRIDGE), BRIDGE, form=form)


def written():
    """What is prepared and written for the NIC; the texts by path, what is removed, notes."""
    plan = prepared("")
    persistence.write(Host(paths.current()), plan)
    return (
        plan.form,
        {file.path: file.text for file in plan.rendering.files},
        plan.rendering.removed,
        plan.rendering.notes,
    )
