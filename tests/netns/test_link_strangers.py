"""Who may not link with a network is refused or shed, whatever it sends; the network and the good link never notice."""

import socket
import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.lab import Client, Host, Machine, wait_for
from tests.lab.linked import FAR_MAC, PORT, SERVING, Site, define, status, two_hosts, wait_for_link, wait_until_up
from tests.lab.machine import PYTHON
from vnethook.live import link_status

pytestmark = pytest.mark.netns
STRANGER = "192.0.2.3"


class Ground:
    """Two linked hosts, and a machine of a stranger's; certificates of several kinds."""

    def __init__(self, here: Host, there: Host, stranger: Machine, places: dict[str, Path]) -> None:
        self.here, self.there, self.stranger, self.places = here, there, stranger, places

    def refusal_of(self, connect: Callable[[], None]) -> str:
        """Why the listener refuses what the stranger does."""
        before = status(self.here).listens[0].refused
        self.stranger.call(connect)
        found = wait_for(lambda: (now := status(self.here).listens[0]).refused > before and now, "the refusal")
        assert found.refusal.startswith(f"{STRANGER}: ")
        return found.refusal.removeprefix(f"{STRANGER}: ")


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with two_hosts() as (here, there), Machine("stranger") as stranger:
        stranger.lay_cable("eth0", here, "u1")
        stranger.run(["ip", "address", "add", f"{STRANGER}/24", "dev", "eth0"])
        here.run(["ip", "route", "add", STRANGER, "dev", "u1"])
        define(here, there, "tls")
        wait_until_up(here)
        site, other = Site(stranger.directory / "site"), Site(stranger.directory / "other", "another CA")
        for file in ("ca.pem", "ca.key"):
            (site.directory / file).write_bytes((here.directory / "site" / file).read_bytes())
        places = {
            "good": site.issue(stranger.directory / "good", "c.example"),
            "expired": site.issue(stranger.directory / "expired", "c.example", days=-1),
            "other": other.issue(stranger.directory / "forged", "b.example"),
        }
        yield Ground(here, there, stranger, places)


def _context(place: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if place is not None:
        context.load_cert_chain(place / "cert.pem", place / "key.pem")
    return context


def _shake_hands(context: ssl.SSLContext) -> None:
    """Connect, and read until the far end is fed up."""
    stream = socket.create_connection((SERVING, PORT), 5)
    try:
        secure = context.wrap_socket(stream)
        secure.recv(1)
    except OSError:
        pass
    finally:
        stream.close()


@pytest.mark.parametrize(
    ("who", "reason"),
    [
        ("", "it showed no certificate"),
        ("expired", "certificate refused: it has expired"),
        ("other", "certificate refused: its CA is not ours"),
    ],
)
def test_who_has_no_good_certificate_is_refused_and_told_of(ground: Ground, who: str, reason: str) -> None:
    assert ground.refusal_of(lambda: _shake_hands(_context(ground.places.get(who)))) == reason


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_an_old_version_of_tls_is_refused(ground: Ground, version: ssl.TLSVersion) -> None:
    def connect() -> None:
        context = _context(ground.places["good"])
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = context.maximum_version = version
        _shake_hands(context)

    assert ground.refusal_of(connect) == "TLS older than 1.2"


def test_plain_text_is_refused(ground: Ground) -> None:
    def connect(text: bytes) -> Callable[[], None]:
        return lambda: socket.create_connection((SERVING, PORT), 5).sendall(text)

    assert ground.refusal_of(connect(b"\0\x40" + bytes(64))) == "no TLS"
    assert ground.refusal_of(connect(b"GET / HTTP/1.0\r\n\r\n")) == "no TLS"
    assert ground.refusal_of(connect(b"\x16\x03\x01" + bytes(64))) == "no TLS, or a version that nobody uses any more"


def test_a_host_that_is_not_who_it_should_be_is_not_linked_with(ground: Ground) -> None:
    link = ground.here
    site = Site(link.directory / "again")
    for file in ("ca.pem", "ca.key"):
        (site.directory / file).write_bytes((link.directory / "site" / file).read_bytes())
    kept = {file: (link.root / "etc/vnethook/tls" / file).read_bytes() for file in ("cert.pem", "key.pem")}
    site.give(link, "z.example", "IP:192.0.2.99")
    link.vnet("net-restart", "lab")
    found = wait_for_link(ground.there, lambda one: "mismatch" in one.reason, "the wrong name to be noticed")
    assert found.reason == f"certificate refused: IP address mismatch, certificate is not valid for '{SERVING}'"
    for file, content in kept.items():
        (link.root / "etc/vnethook/tls" / file).write_bytes(content)
    wait_until_up(ground.there)
    wait_until_up(link)


OF_ONE_LINK = 3
"""The supervisor's two processes, and the link's own; whoever asks at first for somebody else's address has ended."""


def _processes(host: Host) -> int:
    return sum("vnethook-links" in line for line in host.processes())


def test_a_thousand_connections_of_garbage_are_shed_and_leave_nothing(ground: Ground) -> None:
    device = wait_until_up(ground.here).device

    def flood() -> None:
        kept = []
        for number in range(1000):
            stream = socket.create_connection((SERVING, PORT), 10)
            stream.sendall(
                bytes((number * 7 + n) % 256 for n in range(number % 300))
                if number % 2
                else b"\x16\x03\x01" + bytes(number)
            )
            kept.append(stream)
            if len(kept) > 200:
                kept.pop(0).close()

    refused = status(ground.here).listens[0].refused
    ground.stranger.call(flood)
    wait_for(lambda: status(ground.here).listens[0].refused - refused == 1000, "all of them to be counted")
    wait_for(lambda: _processes(ground.here) == OF_ONE_LINK, "their processes to end")
    assert wait_until_up(ground.here).device == device


def test_half_a_handshake_holds_no_place_that_another_needs(ground: Ground) -> None:
    """Even from the address whose places strangers have taken."""

    def connect() -> tuple[int, bytes]:
        half = [socket.create_connection((SERVING, PORT), 5) for _ in range(30)]
        for stream in half:
            stream.sendall(b"\x16\x03\x01\x02\x00\x01")  # the head of a greeting that never comes
        secure = _context(ground.places["good"]).wrap_socket(socket.create_connection((SERVING, PORT), 5))
        said = secure.recv(64)
        secure.close()
        return len(half), said

    assert ground.stranger.call(connect) == (30, b"vnethook: welcome\n")
    wait_for(lambda: _processes(ground.here) == OF_ONE_LINK, "their processes to end")


def test_a_good_certificate_of_a_host_that_is_not_named_is_refused(ground: Ground) -> None:
    here = ground.here
    here.define(here.vnet("net-dumpxml", "lab").stdout.replace(f"port='{PORT}'/>", f"port='{PORT}'>{_NAMED}</listen>"))
    here.vnet("net-restart", "lab")
    wait_until_up(ground.there)

    def connect() -> bytes:
        return _context(ground.places["good"]).wrap_socket(socket.create_connection((SERVING, PORT), 5)).recv(99)

    said = ground.stranger.call(connect)
    assert said == b"vnethook: refused: c.example is not one of those who may connect\n"
    assert wait_until_up(here).peer == "b.example"
    here.define(here.vnet("net-dumpxml", "lab").stdout.replace(_NAMED, ""))
    here.vnet("net-restart", "lab")
    wait_until_up(ground.there)


_NAMED = "<peer name='b.example'/>"
_DEAF = """
import socket, ssl, sys, threading
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.load_cert_chain(*sys.argv[3:])
secure = context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])), 5))
threading.Event().wait()
"""


def test_a_peer_that_never_reads_is_let_go_and_holds_up_nobody(ground: Ground) -> None:
    """What the kernel keeps for it is bounded, the rest is lost; a guest behind another link sees nothing of it."""
    good = wait_until_up(ground.there).device
    files = [ground.places["good"] / file for file in ("cert.pem", "key.pem")]
    with Client(ground.there, "far", port="vfar", mac=FAR_MAC) as far:
        ground.there.vnet("attach", "vfar", "--network", "lab", "--guest", "far", "--mac", FAR_MAC)
        far.lease()
        with ground.stranger.popen([PYTHON, "-IS", "-c", _DEAF, SERVING, str(PORT), *files]) as deaf:
            try:
                wait_for_link(ground.here, lambda link: _is(link, link_status.UP), "the peer that never reads")
                gone = wait_for(lambda: _fed(ground.here), "it to be let go")
                assert far.pings("10.61.0.1")
                assert gone.reason in {"no answer in time", "the connection broke"}
            finally:
                deaf.kill()
    assert wait_until_up(ground.there).device == good


def _broadcast() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        for _ in range(3000):
            sender.sendto(bytes(1400), ("10.61.0.255", 9))


def _fed(host: Host) -> link_status.LinkStatus | None:
    """The link of the peer that never reads once it is down; until then, more for it to read."""
    host.call(_broadcast)
    return next((link for link in status(host).links if _is(link, link_status.DOWN)), None)


def _is(link: link_status.LinkStatus, state: str) -> bool:
    return (link.peer, link.state) == ("c.example", state)
