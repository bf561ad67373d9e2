"""A guard comes and goes with its NIC, whoever is killed, and is mended like all else."""

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from tests.lab import CHECKOUT, Host
from tests.lab.library import on
from vnethook.errors import HostError
from vnethook.host import host as machine
from vnethook.host import programs
from vnethook.lifecycle import attach, bringup, changes, enforce, health
from vnethook.live import guard, netdev, nftables, nics, port, record

pytestmark = pytest.mark.netns
IFUP, IFDOWN = CHECKOUT / "hooks/qemu/qemu-ifup", CHECKOUT / "hooks/qemu/qemu-ifdown"
MAC = "52:54:00:00:66:01"
LAB = """
<network><name>lab</name>{more}<bridge name='vnbr1'/><ip address='10.66.0.1' prefix='24'/>
  <portgroup name='router'>{router}</portgroup>
</network>"""
ROUTER = "<guard ipv4='no' ipv6='no'/>"
VOLATILE = [
    "tcp_fastopen_key",
    "locks/",
    "/lab.json",
    "live/",
    "ports",
    "interfaces",
    r"link tap",
    "conf/tap",
    ".names",
]


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB.format(more="", router=ROUTER))
        host.define("<network><name>plain</name><guard mode='off'/><bridge name='vnbr2'/></network>")
        for tap in ("tap0", "tap1"):
            host.make_tap(tap)
        for network in ("lab", "plain"):
            host.vnet("net-start", network)
        yield host


def _guards(host: Host) -> dict[str, int]:
    """The number of rules that guard each link, by its index."""
    found: dict[str, int] = {}
    text = host.run(["nft", "list", "table", "netdev", "vnethook"], check=False).stdout
    for part in text.split("chain ")[1:]:
        name = part.split()[0]
        if name[0] == "g":
            found[name] = sum(line.endswith((" drop", " accept", "\tdrop")) for line in part.splitlines())
    return found


def _killed(host: Host, act: Callable[[machine.Host], object]) -> None:
    with pytest.raises(AssertionError, match="ended with -9"):
        on(host, lambda here: act(here) and None)


def _attach(here: machine.Host) -> object:
    return attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=MAC))


def test_a_guard_is_as_the_network_the_portgroup_and_the_nic_say(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    [(name, whole)] = _guards(host).items()
    assert host.vnet_json("nic-list")[0]["guard"] == list(nics.PARTS)
    for words, expected in (
        (["--portgroup", "router"], ["mac", "arp", "nd", "dhcp", "ra", "ethertypes", "vlan"]),
        (["--guard", "strict"], [*nics.PARTS, "strict"]),
        (["--guard", "off"], []),
        (["--network", "plain"], []),
        (["--guard", "standard"], list(nics.PARTS)),
    ):
        host.vnet("nic-set", "tap0", *words)
        assert host.vnet_json("nic-list")[0]["guard"] == expected
        assert bool(_guards(host)) is bool(expected)
        for network in ("lab", "plain"):
            host.vnet("net-check", network)
    host.vnet("nic-set", "tap0", "--network", "lab", "--mac", MAC)
    assert _guards(host) == {name: whole}


def test_a_changed_definition_changes_the_guards_of_attached_nics(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    before = _guards(host)
    for more, expected in (("<guard ipv4='no'/>", "ipv4"), ("<guard mode='off'/>", ""), ("", None)):
        host.define(LAB.format(more=more, router=ROUTER))
        on(host, lambda here: changes.apply(here, "lab") and None)
        held = host.vnet_json("nic-list")[0]["guard"]
        assert held == ([] if expected == "" else [part for part in nics.PARTS if part != expected])
        assert bool(_guards(host)) is bool(held)
        host.vnet("net-check", "lab")
    assert _guards(host) == before
    host.vnet("net-restart", "lab")
    assert _guards(host) == before
    host.vnet("net-check", "lab")


DAMAGE = {
    "all was flushed": "nft flush ruleset",
    "the table was deleted": "nft delete table netdev vnethook",
    "its rules were flushed": "nft flush table netdev vnethook",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("by", ["the next hook", "net-repair"])
def test_guards_that_another_program_took_away_are_put_back(host: Host, damage: str, by: str) -> None:
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    before = _guards(host)
    host.run(DAMAGE[damage].split())
    assert sum(_guards(host).values()) == 0
    assert "NIC tap0: is not guarded as it should be" in on(host, lambda here: health.check(here, "lab"))
    if by == "net-repair":
        host.vnet("net-repair", "lab")
        assert _guards(host) == before
    else:
        host.run([IFUP, "tap1"], env={"VNET_NETWORK": "lab"})
        assert _guards(host).items() > before.items()
    assert on(host, lambda here: health.check(here, "lab")) == []


def test_a_mend_that_is_killed_before_the_ports_are_guarded_is_finished_by_the_next_hook(host: Host) -> None:
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    before = _guards(host)
    host.run(["nft", "flush", "ruleset"])

    def act(here: machine.Host) -> object:
        enforce.keep = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        return bringup.start(here, "lab")

    _killed(host, act)
    assert sum(_guards(host).values()) == 0
    host.run([IFUP, "tap1"], env={"VNET_NETWORK": "lab"})
    assert _guards(host).items() > before.items()
    host.vnet("net-check", "lab")


def test_the_first_hook_after_an_upgrade_guards_the_ports_of_networks_that_are_up(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--guard", "off")
    path = host.root / "run/vnethook/live/lab.json"
    plain = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in plain.items() if name != "guard"}))
    host.run(["nft", "flush", "table", "netdev", "vnethook"], check=False)
    host.run(["nft", "delete", "table", "netdev", "vnethook"], check=False)
    host.run([IFUP, "tap1"], env={"VNET_NETWORK": "lab"})
    assert list(_guards(host)) == [f"g{host.json(['ip', '-json', 'link', 'show', 'tap1'])[0]['ifindex']}"]
    assert host.vnet("net-check", "lab").stdout == "Network lab is as defined\n\n"


def test_a_guard_alone_that_is_gone_is_named_and_mended(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    [name] = _guards(host)
    host.run(["nft", "delete", "chain", "netdev", "vnethook", name])
    assert on(host, lambda here: health.check(here, "lab")) == ["NIC tap0: is not guarded as it should be"]
    host.vnet("net-repair", "lab")
    assert on(host, lambda here: health.check(here, "lab")) == []


def test_nothing_is_left_after_the_last_guest_and_network(host: Host) -> None:
    for _ in range(2):
        host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
        host.run([IFDOWN, "tap0"])
        assert _guards(host) == {}
    host.vnet("attach", "tap0", "--network", "lab")
    host.vnet("net-destroy", "lab", "--force")
    assert host.run(["nft", "list", "tables", "netdev"]).stdout == ""
    host.vnet("detach", "tap0")


def test_the_guard_of_a_link_that_is_gone_does_not_meet_the_next_of_its_name(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    host.run(["ip", "link", "delete", "tap0"])
    host.make_tap("tap0")
    text = host.run(["nft", "list", "table", "netdev", "vnethook"]).stdout
    assert all("iif != " in part for part in text.split("chain g")[1:])  # each holds for its own index alone
    host.vnet("attach", "tap0", "--network", "plain")
    assert _guards(host) == {}


def test_guards_of_guests_that_nobody_detached_go_with_the_next_mend(host: Host) -> None:
    for tap in ("tap0", "tap1"):
        host.vnet("attach", tap, "--network", "lab", "--mac", MAC[:-1] + tap[-1])
    host.run(["ip", "link", "delete", "tap0"])
    (host.root / "run/vnethook/ports/lab/tap1.json").write_text("nonsense")
    host.vnet("net-repair", "lab")
    assert _guards(host) == {}


MARK = "mark_of_the_test"


def _put(here: machine.Host) -> None:
    live, link, nic = record.read(here.paths, "lab"), here.links.link("tap0"), nics.read(here.paths, "tap0")
    assert live
    assert link
    assert nic
    guard.put(live, link, nic, nic)


@pytest.mark.parametrize(
    ("act", "left"),
    [
        (lambda here: here.guards.mark(MARK), MARK),
        (lambda here: here.guards.unmark(MARK), ""),
        (_put, "guard"),
        (lambda here: guard.remove(here.links.link("tap0").index), ""),
        (lambda here: here.guards.sweep("lab", is_up=False), ""),
    ],
    ids=["mark", "unmark", "put", "remove", "sweep"],
)
def test_who_flushes_what_guards_ports_while_it_is_changed_does_not_stop_that(
    host: Host, act: Callable[[machine.Host], object], left: str
) -> None:
    """As `nft flush ruleset` does, between the look at what there is and the change."""
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)
    before = _guards(host)

    def flushed(here: machine.Host) -> list[str]:
        here.guards.mark(MARK)
        send = netdev._send

        def late(messages: list[tuple[int, int, bytes]]) -> None:
            netdev._send = send
            programs.run([programs.require("nft"), "flush", "ruleset"])
            send(messages)

        netdev._send = late
        act(here)
        return list(nftables.all_chain_uses(nftables.NETDEV))

    assert on(host, flushed) == ([next(iter(before))] if left == "guard" else [left] if left else [])


def test_a_guard_that_cannot_be_put_on_fails_the_attach(host: Host) -> None:
    def refused(here: machine.Host) -> list[object]:
        def refuse(_messages: object, what: str) -> None:
            msg = f"{what}: refused by the test"
            raise HostError(msg)

        netdev.apply = refuse
        with pytest.raises(HostError, match=r"^interface 'tap0': guard: refused by the test$"):
            attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=MAC))
        link = here.links.link("tap0")
        return [link and link.master, nics.read(here.paths, "tap0")]

    assert on(host, refused) == [0, None]


def test_what_can_be_put_back_neither_is_tried_once(host: Host) -> None:
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)

    def refused(here: machine.Host) -> list[object]:
        tries = []

        def refuse(_messages: object, what: str) -> None:
            tries.append(what)
            msg = f"{what}: refused by the test"
            raise HostError(msg)

        netdev.apply = refuse
        before = nics.read(here.paths, "tap0")
        with pytest.raises(HostError, match=r"^interface 'tap0': guard: refused by the test$"):
            attach.attach(here, "lab", nics.Nic("tap0", "lab", mac=MAC[:-1] + "2"))
        return [len(tries), nics.read(here.paths, "tap0") == before]

    assert on(host, refused) == [2, True]


@pytest.mark.parametrize("moment", ["before the guard", "after the guard", "after the port"])
def test_an_attach_that_is_killed_is_finished_by_the_next(host: Host, moment: str) -> None:
    def act(here: machine.Host) -> object:
        kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
        if moment == "before the guard":
            guard.put = kill
        elif moment == "after the guard":
            port.join = kill
        else:
            join = port.join
            port.join = lambda *words: (join(*words), kill())  # type: ignore[assignment,func-returns-value]
        return _attach(here)

    before = host.snapshot()
    _killed(host, act)
    on(host, lambda here: _attach(here) and None)
    assert len(_guards(host)) == 1
    host.vnet("net-check", "lab")
    host.vnet("detach", "tap0")
    assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_detach_that_is_killed_is_finished_by_the_next(host: Host, moment: str) -> None:
    before = host.snapshot()
    host.vnet("attach", "tap0", "--network", "lab", "--mac", MAC)

    def act(here: machine.Host) -> object:
        remove = guard.remove

        def removed(index: int) -> None:
            if moment == "after":
                remove(index)
            os.kill(os.getpid(), signal.SIGKILL)

        guard.remove = removed
        return attach.detach(here, "tap0")

    _killed(host, act)
    host.vnet("detach", "tap0")
    assert before.changes_to(host.snapshot(), ignoring=VOLATILE) == []
