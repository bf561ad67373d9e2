"""What joins two guests, to be measured: taps on a bridge, a VDE switch, links between hosts, ways outside."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from shutil import which

from tests.bench.tap_guest import TapGuest
from tests.lab import Client, Host, Machine, Outside, User, linked, sshd
from tests.lab.machine import SYSTEM_PATH
from tests.lab.outside import WWW_4
from tests.lab.plugged import PluggedClient
from tests.lab.ring import address
from tests.lab.ring import linked as linked_hosts
from tests.lab.users_host import USER as USERS
from tests.lab.users_host import UsersHost
from tests.lab.vde_client import VdeClient

Ends = tuple[Machine, Machine, str]
"""Who connects, who serves, and by which address."""
USER, GROUP = 61001, "kvm"
"""Whose guests on a switch are."""


@dataclass
class Way:
    """Something that joins two guests, what programs it needs, and what got through: Mbit/s there, and back."""

    name: str
    make: Callable[[], AbstractContextManager[Ends]]
    programs: tuple[str, ...] = ()
    against: str = ""
    """The way that it is compared with; empty: it is one of those."""
    there: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)

    @property
    def missing(self) -> str:
        """Why it cannot be measured here; empty if it can."""
        absent = [name for name in ("iperf3", *self.programs) if not which(name, path=SYSTEM_PATH)]
        return f"{' and '.join(absent)}: not installed" if absent else ""


def define(host: Host, name: str, number: int, more: str = "<forward mode='nat'/>") -> None:
    """Have a network up, 10.NUMBER.0.0/24."""
    ip = f"<ip address='10.{number}.0.1' prefix='24'><dhcp><range start='10.{number}.0.2' end='10.{number}.0.99'/></dhcp></ip>"
    host.define(f"<network><name>{name}</name>{more}{ip}</network>")
    host.vnet("net-start", name)


def plug(host: Host | User, guest: Client) -> str:
    """Put a guest on the network `lab`; its address."""
    host.vnet("attach", guest.port, "--network", "lab")
    lease = guest.lease()
    if lease["mtu"]:
        guest.run(["ip", "link", "set", "eth0", "mtu", lease["mtu"]])
    return lease["ip"]


@contextmanager
def _taps(kind: type[Client]) -> Iterator[Ends]:
    with Host() as host:
        define(host, "lab", 71)
        with kind(host, "one", port="tap1") as one, kind(host, "two", port="tap2") as two:
            plug(host, one)
            yield one, two, plug(host, two)


@contextmanager
def _outside() -> Iterator[Ends]:
    with Host() as host, Outside() as outside:
        outside.plug(host)
        define(host, "lab", 71)
        with TapGuest(host, "one", port="tap1") as one:
            plug(host, one)
            yield one, outside, WWW_4


@contextmanager
def _switch(kind: type[Client]) -> Iterator[Ends]:
    """A guest on a network's VDE switch, and one on a tap or on the switch as well."""
    with Host() as host:
        define(host, "lab", 71, f"<forward mode='nat'/><vde group='{GROUP}'/>")
        sock = host.vnet("vde-socket", "lab").stdout.strip()
        with VdeClient(host, "one", sock=sock, user=USER, group=GROUP) as one:
            one.lease()
            if kind is VdeClient:
                with VdeClient(host, "two", sock=sock, user=USER, group=GROUP) as other:
                    yield one, other, other.lease()["ip"]
            else:
                with kind(host, "two", port="tap2") as two:
                    yield one, two, plug(host, two)


@contextmanager
def _link(transport: str) -> Iterator[Ends]:
    """A guest on each of two hosts."""
    with ExitStack() as stack:
        here, there = stack.enter_context(linked.two_hosts())
        port = linked.PORT
        if transport == "ssh":
            port, line = sshd.PORT, there.vnet("link-key", "--name", "b.example").stdout.splitlines()[0]
            line = line.replace("/usr/libexec/vnethook/link-ssh", str(sshd.NAMED))
            key = stack.enter_context(sshd.sshd(here, line))
            (there.root / "etc/vnethook/ssh/known_hosts").write_text(f"[{linked.SERVING}]:{port} {key}\n")
        linked.define(here, there, transport, port)
        linked.wait_until_up(there)
        linked.wait_until_up(here)
        one = stack.enter_context(TapGuest(here, "one", port="tap1"))
        two = stack.enter_context(TapGuest(there, "two", port="tap2"))
        plug(here, one)
        yield one, two, plug(there, two)


@contextmanager
def _users() -> Iterator[Ends]:
    """Two guests on an ordinary user's network."""
    with Machine("users") as machine, TapGuest(machine, "one", port="tap1") as one:
        user = User(machine)
        user.define("lab", "10.71.0")
        user.vnet("net-start", "lab")
        with TapGuest(machine, "two", port="tap2") as two:
            user.plug(one.port)
            user.plug(two.port)
            plug(user, one)
            yield one, two, plug(user, two)
            user.vnet("net-destroy", "lab", "--force")


@contextmanager
def _vxlan() -> Iterator[Ends]:
    """A guest on each of two hosts whose kernels join them."""
    with linked_hosts(2) as found:
        for number, host in enumerate(found.hosts):
            ip = "<ip address='10.71.0.1' prefix='24'><dhcp/></ip>" if number == 0 else ""
            host.define(
                f"<network><name>lab</name>{ip}<listen transport='vxlan' address='{address(number)}'/>"
                f"<connections><connection transport='vxlan' address='{address(1 - number)}'/></connections></network>"
            )
            host.vnet("net-start", "lab")
        here, there = found.hosts
        with TapGuest(here, "one", port="tap1") as one, TapGuest(there, "two", port="tap2") as two:
            plug(here, one)
            yield one, two, plug(there, two)


@contextmanager
def _users_outside(uplink: str, forward: str = "<forward mode='user'/>") -> Iterator[Ends]:
    """A guest of a user's by the hook, and somebody outside."""
    with Outside() as outside, UsersHost() as host:
        outside.plug(host)
        for program in {"pasta", "slirp4netns"} - {uplink}:  # not installed there
            host.run(["sh", "-c", f"! [ -e /usr/bin/{program} ] || mount --bind /dev/null /usr/bin/{program}"])
        host.define(
            f"<network><name>lab</name>{forward}<ip address='10.71.0.1' prefix='24'>"
            "<dhcp><range start='10.71.0.2' end='10.71.0.99'/></dhcp></ip></network>"
        )
        with PluggedClient(host, "one", network="lab", mac="52:54:00:00:71:01", user=USERS) as one:
            one.lease()
            yield one, outside, WWW_4


KIND_VDE = "<forward mode='user'><backend type='vde'/></forward>"
BASE, OUT = "tap + bridge", "tap + bridge, outside by NAT"
WAYS = (
    Way(BASE, lambda: _taps(TapGuest)),
    Way("veth + bridge", lambda: _taps(Client), against=BASE),
    Way("VDE switch, to a tap", lambda: _switch(TapGuest), ("vde_switch", "vde_plug"), BASE),
    Way("VDE switch, to another there", lambda: _switch(VdeClient), ("vde_switch", "vde_plug"), BASE),
    Way("link by tls", lambda: _link("tls"), ("socat", "vde_plug"), BASE),
    Way("link by tcp", lambda: _link("tcp"), ("socat", "vde_plug"), BASE),
    Way("link by ssh", lambda: _link("ssh"), ("ssh", "vde_plug"), BASE),
    Way("link by vxlan", _vxlan, (), BASE),
    Way("user's namespace", _users, (), BASE),
    Way(OUT, _outside),
    Way("qemu-vde of a user's, outside by pasta", lambda: _users_outside("pasta"), ("pasta",), OUT),
    Way("qemu-vde of a user's, outside by slirp4netns", lambda: _users_outside("slirp4netns"), ("slirp4netns",), OUT),
    Way("user's switch, outside", lambda: _users_outside("", KIND_VDE), ("vde_switch", "slirpvde"), OUT),
)
