"""What the kernel cannot do, or is not allowed to."""

from typing import TYPE_CHECKING

from vnethook.host import trial
from vnethook.lifecycle.doctor.finding import STOPS, WARNS, Finding, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vnethook.lifecycle.doctor.survey import Survey

# What a part is for; the kernel's option for it; its module.
_PARTS = {
    trial.BRIDGE: ("networks are bridges", "CONFIG_BRIDGE", "bridge"),
    trial.TUN: ("guests of QEMU come by taps (/dev/net/tun)", "CONFIG_TUN", "tun"),
    trial.NF_TABLES: ("the firewall is made of it", "CONFIG_NF_TABLES", "nf_tables"),
    trial.CONNTRACK: ("answers are told from connections by it", "CONFIG_NFT_CT", "nft_ct"),
    trial.NAT: ("networks with NAT need it", "CONFIG_NFT_MASQ", "nft_masq"),
    trial.FIB: ("what is for the host is told by it", "CONFIG_NFT_FIB_INET", "nft_fib_inet"),
    trial.RULES: ("it does not take them, or nft is too old for them", "Linux 5.6 or later, and nft 1.0", ""),
}
_PARTS_OF_FEW = {
    trial.INGRESS: ("guards and rates of NICs need it", "CONFIG_NETFILTER_INGRESS", ""),
    trial.GUARDS: ("it does not take their rules", "Linux 5.6 or later, or <guard mode='off'/> in the network", ""),
    trial.VLANS: ("NICs in VLANs need it", "CONFIG_BRIDGE_VLAN_FILTERING", ""),
    trial.HTB: ("limited rates need it", "CONFIG_NET_SCH_HTB", "sch_htb"),
}
"""Only some networks need these."""


def parts(survey: "Survey") -> "Iterator[Finding]":
    """Parts that are missing, with what they are for."""
    for part in survey.kernel_lacks:
        purpose, option, module = _PARTS.get(part) or _PARTS_OF_FEW[part]
        kernel = f"a kernel with {option}" if option.startswith("CONFIG") else option
        command = f"modprobe {module}   (if that fails: {kernel})" if module else kernel
        if part in _PARTS:
            yield Finding(STOPS, "kernel", f"has no {part}: {purpose}", command)
        for network in survey.networks:
            if part in network.needs:
                what = f"the kernel has no {part}: {purpose}"
                yield Finding(STOPS, f"network {network.name!r}", what, command, network.name)


def ipv6(survey: "Survey") -> "Iterator[Finding]":
    """Networks with IPv6 on a kernel without."""
    if not survey.has_ipv6:
        for network in survey.networks:
            if 6 in network.versions:
                what = "has IPv6, which the kernel was started without"
                command = (
                    "take ipv6.disable=1 off the kernel's command line, or the <ip family='ipv6'> out of the network"
                )
                yield Finding(STOPS, f"network {network.name!r}", what, command, network.name)


def sysctls(survey: "Survey") -> "Iterator[Finding]":
    """Settings of the kernel that we could not change, or that drop what is right."""
    if survey.has_read_only_sysctls:
        what = "cannot be written here, as in a container: no network can be a router"
        yield Finding(STOPS, "/proc/sys", what, "mount -o remount,rw /proc/sys   (a container: start it privileged)")
    several = [version for version in (4, 6) if len({name for v, name in survey.uplinks if v == version}) > 1]
    if 4 in several and survey.sysctl("net/ipv4/conf/all/rp_filter") == "1":
        what = "is strict, and there are several uplinks: what comes in by another than it would leave by is dropped"
        yield Finding(WARNS, "sysctl net.ipv4.conf.all.rp_filter", what, "sysctl -w net.ipv4.conf.all.rp_filter=2")
    if survey.sysctl("net/ipv6/conf/all/forwarding") == "1":
        for path, value in survey.sysctls:
            name = path.split("/")[-2]
            if path.endswith("/accept_ra") and value == "1" and (6, name) in survey.uplinks:
                what = "the host forwards IPv6, so it takes no route from routers there any more"
                yield Finding(WARNS, f"link {name!r}", what, f"sysctl -w {word(f'net/ipv6/conf/{name}/accept_ra=2')}")


def limits(survey: "Survey") -> "Iterator[Finding]":
    """Tables and numbers that are about to be used up."""
    count, most = survey.conntrack
    if most and count * 100 >= most * 85:
        level = STOPS if count * 100 >= most * 98 else WARNS
        what = f"{count} of {most} flows are tracked: when it is full, new connections are dropped"
        yield Finding(level, "connection tracking", what, f"sysctl -w net.netfilter.nf_conntrack_max={most * 2}")
    servers = sum(network.has_dns or network.has_dhcp for network in survey.networks)
    if servers + 8 > survey.watches:
        what = f"each network takes one of {survey.watches} for its dnsmasq, and there are {servers}"
        command = f"sysctl -w fs.inotify.max_user_instances={max(1024, 2 * servers)}"
        yield Finding(WARNS, "sysctl fs.inotify.max_user_instances", what, command)
