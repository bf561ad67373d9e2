"""A network that takes every kind of step to bring up, and its plan."""

from vnethook import capability
from vnethook.definition.ip import DhcpHost, DhcpRange, Ip
from vnethook.definition.model import Bandwidth, Bridge, Dns, DnsHost, Network, Route
from vnethook.definition.traffic import Rate
from vnethook.host import facts
from vnethook.plan.addresses import FixAddresses
from vnethook.plan.admission import AdmitGuests
from vnethook.plan.daemon import RunDaemon
from vnethook.plan.files import MakeDirectory, WriteFile
from vnethook.plan.firewall import InstallRules
from vnethook.plan.guard import MarkGuards
from vnethook.plan.links import AddAddress, CreateBridge, SetLinkSysctls, SetLinkUp
from vnethook.plan.routes import AddRoute
from vnethook.plan.sysctl import HoldSysctl
from vnethook.plan.traffic import LimitTraffic

NETWORK = Network(
    "lab",
    uuid="2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11",
    bridge=Bridge("vnbr3"),
    mac="52:54:00:5e:00:02",
    mtu=1400,
    forward="nat",
    ips=(
        Ip(
            "10.77.0.1",
            24,
            (DhcpRange("10.77.0.2", "10.77.0.9"),),
            (DhcpHost("52:54:00:00:53:01", None, "web"), DhcpHost("52:54:00:00:53:02", ip="10.77.0.9")),
        ),
        Ip("2001:db8:77::1", 64),
    ),
    dns=Dns(hosts=(DnsHost("10.77.0.1", ("gateway",)),)),
    routes=(Route("203.0.113.0", 24, "10.77.0.9"),),
    domain="lab.example",
    bandwidth=Bandwidth(Rate(1000), Rate(500)),
)
OTHER = Network(
    "other",
    uuid="3c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b12",
    bridge=Bridge("vnbr4"),
    mac="52:54:00:5e:00:03",
    forward="nat",
    ips=(Ip("10.78.0.1", 24), Ip("2001:db8:78::1", 64)),
)

STEPS = (
    [CreateBridge, SetLinkSysctls, LimitTraffic, InstallRules, AdmitGuests, MarkGuards, HoldSysctl]
    + [HoldSysctl] * 3  # accept_ra of eth0 and default, then forwarding of IPv6
    + [AddAddress, AddAddress, SetLinkUp, AddRoute]
    + [MakeDirectory] * 3
    + [FixAddresses]
    + [WriteFile] * 3
    + [RunDaemon, RunDaemon]
)
"""The kinds of the steps of `plan`, in order."""


def plan(host, network=NETWORK, *, idle_s=60):
    """The steps that bring the network up on this host; `idle_s`: with the watcher too."""
    return capability.plan(network, facts.collect(host, facts.asked(network), idle_s=idle_s))
