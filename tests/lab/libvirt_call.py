"""Calls of libvirt's hook as libvirt makes them, and the documents that it sends."""

from tests.lab.host import HOOKS, Host

HOOK = HOOKS / "libvirt/qemu"
UUID = "10c1e1ca-7e33-4414-8b27-317fdf43814d"
MAC = "52:54:00:00:53:0a"
LAB = "<network><name>lab</name><bridge name='vnlab'/><ip address='192.0.2.1' netmask='255.255.255.0'><dhcp/></ip></network>"
NIC = f"<interface type='bridge'><mac address='{MAC}'/><source bridge='vnlab'/>%s<model type='virtio'/></interface>"
ETHERNET = f"<interface type='ethernet'><mac address='{MAC}'/>%s</interface>"
STARTED = NIC % "<target dev='vnet0'/>"
EVERY_ACTION = ("prepare", "start", "started", "stopped", "release", "reconnect", "migrate", "restore", "attach")


def domain(devices: str = "", metadata: str = "", uuid: str = UUID) -> str:
    """A guest's XML; `metadata` is what stands in our own element."""
    own = (
        f"<metadata><v:networks xmlns:v='urn:vnethook:networks'>{metadata}</v:networks></metadata>" if metadata else ""
    )
    return f"<domain type='kvm'><name>web</name><uuid>{uuid}</uuid>{own}<devices>{devices}</devices></domain>"


def call(host: Host, action: str, document: str = "", guest: str = "web", *more: str) -> tuple[int, str]:
    """Status and stderr of a call; it has to print nothing."""
    done = host.run([HOOK, guest, action, "begin", "-", *more], stdin=document, check=False)
    assert done.stdout == ""
    return done.returncode, done.stderr
