"""A network with a VDE switch: its guests are on the network as those with taps are, and nobody else is."""

from collections.abc import Iterator

import pytest

from tests.lab import CHECKOUT, Client, Host, wait_for
from tests.lab.host import VNET
from tests.lab.library import on
from tests.lab.vde_client import VdeClient, as_user
from vnethook.errors import StateError
from vnethook.lifecycle import bringup
from vnethook.live import record

pytestmark = pytest.mark.netns
USER, OTHER, GROUP = 61001, 61002, "kvm"
TAP = "vde-85aec377"
IFUP = CHECKOUT / "hooks/qemu/qemu-ifup"
LAB = """
<network><name>lab</name><bridge name='vnbr7'/><domain name='lab.example'/><vde group='kvm'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.99'/>
    <host mac='52:54:00:00:00:0a' name='anna' ip='10.77.0.200'/></dhcp></ip>
</network>"""
FULL = ["ping", "-n", "-c1", "-W2", "-Mdo", "-s1472"]


def _directory(host: Host) -> str:
    return f"{host.root}/run/vnethook/vde/lab"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        host.vnet("net-start", "lab")
        yield host


@pytest.fixture(scope="module")
def guests(host: Host) -> Iterator[list[Client]]:
    """Two on the switch, of an ordinary user, and one on a link of its own."""
    where = {"sock": _directory(host), "user": USER, "group": GROUP}
    with (
        VdeClient(host, "anna", **where, mac="52:54:00:00:00:0a") as anna,  # type: ignore[arg-type]
        VdeClient(host, "bert", **where) as bert,  # type: ignore[arg-type]
        Client(host, "carl", port="vcarl") as carl,
    ):
        host.run([IFUP, "vcarl"], env={"VNET_NETWORK": "lab"})
        yield [anna, bert, carl]


def test_guests_on_the_switch_and_beside_it_reach_each_other_with_whole_frames(guests: list[Client]) -> None:
    leases = [guest.lease()["ip"] for guest in guests]
    assert leases[0] == "10.77.0.200"
    for guest in guests:
        for address in ["10.77.0.1", *leases]:
            assert guest.run([*FULL, address], check=False).returncode == 0, (guest.name, address)
    assert guests[1].resolve("anna.lab.example", server="10.77.0.1") == ["10.77.0.200"]


def _asked(guest: Client) -> int:
    """How often a guest was asked for an echo."""
    names, values = (line.split() for line in guest.run(["grep", "^Icmp:", "/proc/net/snmp"]).stdout.splitlines())
    return int(values[names.index("InEchos")])


def test_what_no_guest_may_send_is_dropped_from_the_switch_too(guests: list[Client]) -> None:
    bert, carl = guests[1], guests[2]
    bert.lease()
    ping = ["ping", "-n", "-c1", "-W1", carl.lease()["ip"]]
    before = _asked(carl)
    bert.run(["ip", "address", "add", "10.77.0.1/32", "dev", "lo"])  # the gateway's
    bert.run([*ping[:-1], "-I", "10.77.0.1", ping[-1]], check=False)
    bert.run(["ip", "address", "del", "10.77.0.1/32", "dev", "lo"])
    assert _asked(carl) == before
    bert.run(ping)
    assert _asked(carl) == before + 1


def test_the_switch_is_no_root_and_has_no_privilege(host: Host) -> None:
    status = host.run(["sh", "-c", f"cat /proc/$(cat {host.root}/run/vnethook/switch/lab/control/pid)/status"]).stdout
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in found["Uid"].split()
    assert [found[f"Cap{which}"].strip("0") for which in ("Inh", "Prm", "Eff", "Bnd", "Amb")] == [""] * 5
    assert found["NoNewPrivs"] == "1"


@pytest.mark.parametrize("group", ["nogroup", "users"])
def test_a_user_of_another_group_cannot_connect_nor_see_who_is(host: Host, group: str) -> None:
    directory = _directory(host)
    stranger = as_user(OTHER, group)
    refused = host.run([*stranger, "vde_plug", f"vde://{directory}", "=", "true"], check=False)
    assert "Permission denied" in refused.stderr
    for path in (directory, f"{host.root}/run/vnethook/switch/lab/control"):
        assert host.run([*stranger, "ls", path], check=False).returncode != 0


def test_a_member_of_the_group_cannot_take_the_switch_s_place(host: Host) -> None:
    member, directory = as_user(USER, GROUP), _directory(host)
    for words in (
        ["rm", "-f", f"{directory}/ctl"],
        ["mv", f"{directory}/ctl", f"{directory}/x"],
        ["touch", f"{directory}/y"],
    ):
        assert host.run([*member, *words], check=False).returncode != 0


DAMAGE = {
    "the switch was killed": "kill -9 $(cat $RUN/switch/lab/control/pid)",
    "its tap was deleted": f"ip link delete {TAP}",
    "its tap was taken off": f"ip link set {TAP} nomaster",
    "its tap was taken down": f"ip link set {TAP} down",
    "the bridge was deleted": "ip link delete vnbr7",
    "its guard was flushed": "nft flush ruleset",
}


@pytest.fixture(scope="module")
def damaged() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        host.vnet("net-start", "lab")
        host.make_tap("tap0")
        with (
            VdeClient(host, "anna", sock=_directory(host), user=USER, group=GROUP),
            pytest.raises(StateError, match="network 'lab': stop: 1 connected to its switch"),
        ):
            on(host, lambda here: bringup.stop(here, "lab"))
        yield host


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_next_hook_mends(damaged: Host, damage: str) -> None:
    host = damaged
    host.run(["sh", "-c", DAMAGE[damage]], env={"RUN": f"{host.root}/run/vnethook"})
    assert on(host, lambda here: record.fault(record.read(here.paths, "lab"), here.links))  # type: ignore[arg-type]
    host.run([IFUP, "tap0"], env={"VNET_NETWORK": "lab"})
    assert host.vnet("net-check", "lab").stdout == "Network lab is as defined\n\n"
    with VdeClient(host, "anna", sock=_directory(host), user=USER, group=GROUP) as anna:
        assert anna.lease()


def test_the_switch_s_guests_are_listed_with_the_addresses_that_they_leased(host: Host, guests: list[Client]) -> None:
    leases = {guest.name: guest.lease()["ip"] for guest in guests}
    found = {nic["ip"]: nic["interface"] for nic in host.vnet_json("nic-list", "lab")}
    assert found == {leases["anna"]: TAP, leases["bert"]: TAP, leases["carl"]: "vcarl"}
    assert host.vnet_json("net-info", "lab")["at_switch"] == 2


def test_a_user_of_the_group_is_told_the_socket_and_another_is_not(host: Host) -> None:
    for group, status, said in ((GROUP, 0, f"{_directory(host)}\n"), ("users", 5, "")):
        asked = host.run([*as_user(USER, group), VNET, "vde-socket", "lab"], check=False)
        assert (asked.returncode, asked.stdout) == (status, said), asked.stderr
    assert f"network 'lab': switch: not permitted to user {USER}" in asked.stderr


def test_a_network_gets_a_switch_at_its_first_use_and_keeps_it_until_it_goes_down() -> None:
    with Host() as host:
        host.define(LAB.replace("<vde group='kvm'/>", ""))
        assert host.vnet("vde-socket", "lab", "--no-start", check=False).returncode != 0
        assert host.vnet("vde-socket", "lab").stdout == f"{_directory(host)}\n"
        host.run(["sh", "-c", DAMAGE["the switch was killed"]], env={"RUN": f"{host.root}/run/vnethook"})
        host.vnet("net-repair", "lab")
        assert host.vnet("vde-socket", "lab", "--no-start").stdout == f"{_directory(host)}\n"
        with VdeClient(host, "anna", sock=_directory(host), user=0, group="root") as anna:
            assert anna.lease()
        host.vnet("net-destroy", "lab")
        host.vnet("net-start", "lab")
        assert "has none" in host.vnet("vde-socket", "lab", "--no-start", check=False).stderr


def test_a_group_that_there_is_not_is_said_before_anything_is_done() -> None:
    with Host() as host:
        before = host.snapshot()
        host.define(LAB.replace("kvm", "nobodys-group"))
        failed = host.vnet("net-start", "lab", check=False)
        assert (failed.returncode, failed.stderr.splitlines()[0]) == (
            5,
            "error: vde: group 'nobodys-group': no such group",
        )
        assert before.changes_to(host.snapshot(), ignoring=["^[+] file "]) == []


def test_where_only_root_may_open_taps_the_switch_has_its_tap_and_is_roots_alone() -> None:
    with Host() as host:
        tun = host.directory / "tun-of-root"
        host.run(["mknod", "-m", "600", tun, "c", "10", "200"])
        host.run(["mount", "--bind", tun, "/dev/net/tun"])
        host.define(LAB)
        refused = host.vnet("net-start", "lab", check=False)
        assert (refused.returncode, "only root may open /dev/net/tun" in refused.stderr) == (5, True)
        host.define(LAB.replace(" group='kvm'", ""))
        before = host.snapshot()
        host.vnet("net-start", "lab")
        wait_for(lambda: "LOWER_UP" in host.json(["ip", "-json", "link", "show", "dev", TAP])[0]["flags"], "the tap")
        assert "as defined" in host.vnet("net-check", "lab").stdout
        host.vnet("net-stop", "lab")
        assert before.changes_to(host.snapshot(), ignoring=["^. file "]) == []
