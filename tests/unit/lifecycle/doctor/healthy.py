"""A host on which nothing is wrong, as the doctor's checks see it."""

from vnethook.host.listeners import Listener
from vnethook.host.storage import Place
from vnethook.lifecycle.doctor.survey import Hook, Lan, NetworkSeen, Survey

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
LAN = Lan("ebreth0", nic="eth0", is_shared=True, mac="52:54:00:00:00:01", is_pinned=True)
DOWN = LAB.replace(is_active=False)
ROOM = Place("/run/vnethook", 1 << 30, 1 << 20)
HEALTHY = Survey(
    networks=(LAB, DOWN.replace(name="other", bridge="vnbr8", gateways=("10.78.0.1",))),
    lans=(LAN,),
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
