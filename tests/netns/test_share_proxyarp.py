"""`vnet share --mode proxyarp`: a network of a NIC's name, whose guests are among the hosts of its network."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.lab import Host, Machine, lan
from tests.lab.library import on
from vnethook.host import host as machine
from vnethook.lifecycle.share import proxyarp
from vnethook.plan.proxied import AnswerForGuests

pytestmark = pytest.mark.netns
RANGE, RANGE6 = "192.0.2.61-192.0.2.69", "2001:db8::61-2001:db8::69"
MAC = "52:54:00:00:92:01"
SHARED = "Interface eth0 shared by network eth0, for whose guests it answers\n\n"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.run(["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far0"])
        for name in ("eth0", "far0"):
            host.run(["ip", "link", "set", name, "up"])
        for line in filter(None, lan.PLAIN.splitlines()):
            host.run(["ip", *line.split()])
        yield host


def _share(host: Host, *words: str) -> tuple[int, str]:
    done = host.vnet("share", "eth0", "--mode", "proxyarp", *words, check=False)
    return done.returncode, done.stdout + done.stderr


def _ranges(*ranges: str) -> list[str]:
    return [word for one in ranges for word in ("--range", one)]


def test_a_nic_is_shared_without_a_bridge_and_given_back(host: Host) -> None:
    before = host.snapshot()
    assert "  answer for guests on eth0" in _share(host, *_ranges(RANGE, RANGE6), "--dry-run")[1].splitlines()
    assert before.changes_to(host.snapshot(), ignoring=["locks", "file d", "compiled/index"]) == []
    assert _share(host, *_ranges(RANGE, RANGE6)) == (0, SHARED)
    assert _share(host) == (0, SHARED), "what is so already"
    for words in ([], ["--dry-run"]):
        said = _share(host, *_ranges(RANGE), *words)[1]
        assert said.startswith(
            "error: interface 'eth0': share: network 'eth0' is for that already, with addresses of its"
        )
    assert _share(host, "--dry-run") == (0, "Interface eth0 is shared\n\n")
    text = host.vnet("net-dumpxml", "eth0").stdout
    assert "<forward dev='eth0' mode='route' proxyarp='yes'>" in text
    assert "<range start='192.0.2.62' end='192.0.2.69'/>" in text
    assert "<range start='2001:db8::62' end='2001:db8::69'/>" in text
    host.make_tap("tap0")
    host.vnet("attach", "tap0", "--network", "eth0", "--mac", MAC)
    assert host.vnet("net-check", "eth0").stdout == "Network eth0 is as defined\n\n"
    assert "a NIC is attached: tap0" in host.vnet("unshare", "eth0", check=False).stderr
    assert host.vnet("unshare", "eth0", "--force").stdout == "Interface eth0 is no longer shared\n\n"
    assert host.run(["ip", "neighbour", "show", "proxy"]).stdout == ""
    assert host.vnet("unshare", "eth0").stderr == "warning: interface 'eth0': is not shared: nothing done\n"
    ignored = [
        "link tap0",
        r"sysctl \S+tap0",
        "locks",
        "file d",
        "compiled/index",
        "pinned/",
        "ports/eth0",
        "interfaces/",
    ]
    assert before.changes_to(host.snapshot(), ignoring=ignored) == []


REFUSED = {
    "nothing set aside": (
        [],
        (
            "error: interface 'eth0': share: which addresses of its network are set aside is not said\n"
            "  --range FIRST-LAST: of 192.0.2.20/24 or 2001:db8::20/64; the first for the bridge, others for guests\n"
        ),
    ),
    "elsewhere": (
        _ranges("198.51.100.61-198.51.100.69"),
        (
            "error: interface 'eth0': share: 198.51.100.61-198.51.100.69 is in no network of its\n"
            "  it has 192.0.2.20/24 and 2001:db8::20/64\n"
        ),
    ),
    "its own": (
        _ranges("192.0.2.19-192.0.2.29"),
        "error: interface 'eth0': share: 192.0.2.20 of the range is its own\n  give a range that nobody uses\n",
    ),
    "the gateway's": (
        _ranges("192.0.2.1-192.0.2.9"),
        "error: interface 'eth0': share: 192.0.2.1 of the range is a gateway's\n  give a range that nobody uses\n",
    ),
    "backwards": (
        _ranges("192.0.2.69-192.0.2.61"),
        "error: range 192.0.2.69-192.0.2.61: must be the first and the last address\n",
    ),
    "no address": (
        _ranges("192.0.2.61-wlan0"),
        "error: address 'wlan0': neither an IPv4 nor an IPv6 address\n",
    ),
}


def test_what_cannot_be_is_refused_and_nothing_is_done(host: Host) -> None:
    before = host.snapshot()
    for words, why in REFUSED.values():
        status, said = _share(host, *words)
        assert said == why
        assert status
    assert before.changes_to(host.snapshot(), ignoring=["locks", "file d", "compiled/index"]) == []
    done = host.vnet("share", "eth0", "--range", RANGE, check=False)
    assert done.stderr.startswith("error: --range is for --mode proxyarp\n")
    assert _share(host, "--layout", "proposal")[1].startswith("error: --layout proposal is for --mode bridge\n")
    host.run(["ip", "link", "add", "br0", "type", "bridge"])
    host.run(["ip", "link", "set", "eth0", "master", "br0"])
    assert "share: is a port of 'br0' already" in _share(host, *_ranges(RANGE))[1]


def test_addresses_that_other_hosts_have_are_refused(router: Machine) -> None:
    with Host() as host:
        lan.connect(host, router)
        for version, address in (("-4", "192.0.2.65/24"), ("-6", "2001:db8::65/64")):
            router.run(
                ["ip", version, "address", "add", address, "dev", "lan0", *(["nodad"] if version == "-6" else [])]
            )
        for ranges, whose in ((RANGE, "192.0.2.65"), (RANGE6, "2001:db8::65")):
            status, said = _share(host, *_ranges(ranges))
            assert said.startswith(
                f"error: interface 'eth0': share: {whose} of the range is another host's, which answers"
            )
            assert status
        assert _share(host, *_ranges("192.0.2.61-192.0.2.64")) == (0, SHARED)
        done = host.vnet("share", "eth0", check=False)
        assert "share: the host answers on it for guests of network 'eth0'\n  vnet net-destroy eth0" in done.stderr


@pytest.mark.parametrize("word", ["unshare", "share"])
def test_a_share_that_was_killed_is_given_back_or_finished(host: Host, word: str) -> None:
    def share(here: machine.Host) -> None:
        AnswerForGuests.do = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[method-assign]
        proxyarp.start(here, "eth0", (RANGE,))

    before = host.snapshot()
    with pytest.raises(AssertionError, match="ended with -9"):
        on(host, share)
    if word == "share":
        assert _share(host) == (0, SHARED)
        assert host.vnet("net-check", "eth0").stdout == "Network eth0 is as defined\n\n"
    assert host.vnet("unshare", "eth0").stdout == "Interface eth0 is no longer shared\n\n"
    assert before.changes_to(host.snapshot(), ignoring=["locks", "file d", "compiled/index"]) == []


def test_what_is_defined_stays_defined(host: Host) -> None:
    _share(host, *_ranges(RANGE))
    host.define(host.vnet("net-dumpxml", "eth0").stdout)
    host.vnet("net-autostart", "eth0")
    assert host.vnet("unshare", "vnbr0").stdout == "Interface eth0 is no longer shared\n\n"
    assert host.vnet("unshare", "default").stderr == "warning: interface 'default': is not shared: nothing done\n"
    assert _share(host) == (0, SHARED)
    assert host.vnet("net-check", "eth0").stdout == "Network eth0 is as defined\n\n"
