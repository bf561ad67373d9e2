"""`vnet` on a host of its own: networks go up and down, NICs come and go, what is damaged is seen and mended."""

from collections.abc import Iterator

import pytest

from tests.lab import Client, Host

pytestmark = pytest.mark.netns
LAB = """
<network><name>lab</name><bridge name='vnbr7'/>
  <ip address='10.77.0.1' netmask='255.255.255.0'><dhcp><range start='10.77.0.2' end='10.77.0.9'/></dhcp></ip>
</network>"""
MAC = "52:54:00:00:00:0a"


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        host.define(LAB)
        yield host


def test_a_network_goes_up_and_down_in_virshs_words(host: Host) -> None:
    assert host.vnet("net-start", "lab").stdout == "Network lab started\n\n"
    assert host.vnet("net-list").stdout.splitlines()[2] == " lab    active   no          yes"
    info = host.vnet("net-info", "lab").stdout
    assert "Active:         yes\n" in info
    assert "Started by:     admin\nNICs:           0\n" in info
    assert host.vnet("net-destroy", "lab").stdout == "Network lab destroyed\n\n"
    assert host.vnet("net-list", "--name").stdout == "\n"


def test_a_network_that_is_up_or_down_already(host: Host) -> None:
    host.vnet("net-start", "lab")
    assert host.vnet("net-start", "lab").stdout == "Network lab started\n\n"
    host.vnet("net-stop", "lab")
    again = host.vnet("net-stop", "lab", check=False)
    assert (again.returncode, again.stderr) == (4, "error: network 'lab': stop: network is not active\n")


def test_under_virshs_name_the_stored_definition_of_a_transient_network_is_what_it_has(host: Host) -> None:
    host.vnet("net-create", "-", stdin="<network><name>brief</name><bridge name='vnbr8'/></network>")
    virsh = host.directory / "virsh"
    virsh.symlink_to(_vnet()[0])
    dumped = host.run([virsh, "net-dumpxml", "brief"]).stdout.replace(" connections='0'", "")
    assert host.run([virsh, "net-dumpxml", "brief", "--inactive"]).stdout.replace(" connections='0'", "") == dumped
    refused = host.vnet("net-dumpxml", "brief", "--inactive", check=False)
    assert (refused.returncode, refused.stderr.splitlines()[0]) == (
        4,
        "error: network 'brief': is transient: it has no stored definition",
    )


def test_marked_networks_start_past_one_that_cannot(host: Host) -> None:
    host.define("<network><name>broken</name><bridge name='taken'/></network>")
    host.run(["ip", "link", "add", "taken", "type", "veth", "peer", "name", "other"])
    for name in ("broken", "lab"):
        host.vnet("net-autostart", name)
    started = host.vnet("net-start", "--autostarted", check=False)
    assert started.returncode == 5
    assert started.stdout == "Network lab started\n\n"
    assert started.stderr.startswith("error: ")
    assert host.vnet_json("net-info", "lab")["started_by"] == "autostart"


def test_what_of_a_definition_is_not_done_is_said_at_every_start(host: Host) -> None:
    xml = LAB.replace("lab", "trusting").replace("vnbr7'", "vnbr8'").replace("10.77", "10.78")
    xml = xml.replace("<network>", "<network trustGuestRxFilters='yes'>")
    assert "trustGuestRxFilters" in xml
    warning = (
        "warning: network 'trusting': trustGuestRxFilters is kept and not done: it is for macvtap and SR-IOV, "
        "which have no bridge of the host's\n"
    )
    assert host.vnet("net-define", "-", stdin=xml).stderr == warning
    assert host.vnet("net-start", "trusting").stderr == warning
    assert host.vnet("net-start", "trusting").stderr == ""  # it is up
    assert host.vnet("net-restart", "trusting").stderr == warning
    host.vnet("net-destroy", "trusting")
    host.vnet("net-undefine", "trusting")
    assert host.vnet("net-create", "-", stdin=xml).stderr == warning


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (["nft", "flush", "ruleset"], "firewall chain loopback was changed"),
        (["ip", "link", "delete", "vnbr7"], "bridge 'vnbr7' is gone"),
        (["ip", "link", "set", "vnbr7", "down"], "bridge 'vnbr7' is down"),
    ],
)
def test_a_network_that_is_not_as_it_came_up_is_listed_with_what_is_wrong(
    host: Host, damage: list[str], problem: str
) -> None:
    host.vnet("net-start", "lab")
    assert host.vnet("net-list").stderr == ""
    assert "Problem" not in host.vnet("net-info", "lab").stdout
    host.run(damage)
    assert host.vnet("net-list").stderr == f"warning: network 'lab': {problem}\n"
    assert host.vnet_json("net-list")[0]["problem"] == problem
    assert f"Problem:        {problem}\n" in host.vnet("net-info", "lab").stdout
    host.vnet("net-repair", "lab")
    assert host.vnet("net-list").stderr == ""


def test_a_transient_network_is_gone_when_it_stops(host: Host) -> None:
    created = host.vnet("net-create", "-", stdin="<network><name>short</name></network>")
    assert created.stdout == "Network short created from <stdin>\n\n"
    assert host.vnet("net-list", "--transient", "--name").stdout == "short\n\n"
    host.vnet("net-stop", "short")
    assert host.vnet("net-info", "short", check=False).returncode == 3


def test_a_nic_is_attached_listed_with_its_lease_and_detached(host: Host) -> None:
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        attached = host.vnet("attach", "veth-web", "--network", "vnbr7", "--guest", "web", "--mac", MAC.upper())
        assert attached.stdout == "Interface veth-web attached to network lab\n\n"
        address = client.lease()["ip"]
        [nic] = host.vnet_json("nic-list", "lab", "--traffic")
        assert nic.pop("since") > 0
        assert nic.pop("rx_bytes") > 0
        assert nic.pop("tx_bytes") > 0
        assert host.vnet("net-port-list", "lab", "--uuid").stdout == f"{nic.pop('uuid')}\n\n"
        assert nic == {
            "interface": "veth-web",
            "network": "lab",
            "shared_interface": "",
            "portgroup": "",
            "guest": "web",
            "hostname": "web",
            "mac": MAC,
            "ip": address,
            "pid": 0,
            "isolated": False,
            "vlans": [],
            "limits": {},
            "guard": ["mac", "ipv4", "ipv6", "arp", "nd", "dhcp", "ra", "ethertypes", "vlan"],
        }
        [lease] = host.vnet_json("net-dhcp-leases", "lab")
        assert (lease["ip"], lease["mac"], lease["hostname"]) == (address, MAC, "web")
        assert f" veth-web    lab       web     web        {MAC}   {address}" in host.vnet("nic-list").stdout
        assert host.vnet("net-stop", "lab", check=False).returncode == 4
        assert host.vnet("detach", "veth-web").stdout == "Interface veth-web detached from network lab\n\n"
        again = host.vnet("detach", "veth-web")
        assert again.stderr == "warning: interface 'veth-web': is attached to no network: nothing done\n"
        assert host.vnet_json("nic-list") == []


SCRIPT = """\
virsh -c qemu:///system net-list --all | awk 'NR > 2 && NF {print $1, $2}'
virsh net-info lab | sed -n 's/^Bridge: *//p'
virsh net-dumpxml lab --xpath '//range/@start' | sed 's/.*"\\(.*\\)"/first \\1/'
virsh net-dhcp-leases lab | awk -v mac=%s '$3 == mac {split($5, part, "/"); print part[1], $6}'
virsh -q net-list --uuid
virsh net-list | grep -q '^ lab .* active' || virsh net-start lab
virsh net-destroy lab >/dev/null
virsh net-start lab; virsh net-start nosuch 2>&1 || echo "status $?"
virsh <<END | grep '^lab'
net-list --name
END
"""


def test_a_script_for_virsh_reads_ours(host: Host) -> None:
    (host.directory / "bin").mkdir()
    (host.directory / "bin/virsh").symlink_to(_vnet()[0])
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab", "--guest", "web", "--mac", MAC)
        address = client.lease()["ip"]
        uuid = host.vnet_json("net-info", "lab")["uuid"]
        path = f"PATH={host.directory}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        ran = host.run(["env", path, "sh", "-c", SCRIPT % MAC])
    assert ran.stdout.splitlines() == [
        *("default inactive", "lab active", "vnbr7", "first 10.77.0.2", "", f"{address} web", uuid),
        *("Network lab started", "", "error: failed to get network 'nosuch'"),
        "error: Network not found: no network with matching name 'nosuch'",
        *("  known networks: default, lab", "", "status 1", "lab"),
    ]
    assert ran.stderr == "warning: network 'lab': a NIC is attached: the next start attaches it again\n"


def test_the_mac_of_a_nic_that_nobody_told_is_learned_from_the_bridge(host: Host) -> None:
    with Client(host, "web", port="veth-web", mac=MAC) as client:
        host.vnet("attach", "veth-web", "--network", "lab")
        address = client.lease()["ip"]
        [nic] = host.vnet_json("nic-list")
        assert (nic["mac"], nic["ip"]) == (MAC, address)


def test_a_nic_that_is_not_there_brings_nothing_up(host: Host) -> None:
    before = host.snapshot()
    refused = host.vnet("attach", "tap0", "--network", "lab", check=False)
    assert refused.returncode == 5
    assert refused.stderr.startswith("error: interface 'tap0': attach to network 'lab': no such network interface\n")
    assert before.changes_to(host.snapshot()) == []


def test_a_nic_without_a_network_goes_where_variable_and_map_say(host: Host) -> None:
    host.make_tap("tap0")
    (host.root / "etc/vnethook/vnethook.toml").write_text("[map.guests]\n'w*' = 'lab'\n")
    assert host.vnet("attach", "tap0", "--guest", "web").stdout.endswith("network lab\n\n")
    assert host.run(["env", "VNET_NETWORK=default", *_vnet("attach", "tap0", "--guest", "web")]).stdout.endswith(
        "default\n\n"
    )
    assert [nic["network"] for nic in host.vnet_json("nic-list")] == ["default"]


def _vnet(*words: str) -> list[str]:
    from tests.lab.host import VNET

    return [str(VNET), *words]


def test_damage_is_checked_and_repaired_with_the_nics_in_place(host: Host) -> None:
    host.make_tap("tap0")
    host.vnet("attach", "tap0", "--network", "lab")
    assert host.vnet("net-check", "lab").stdout == "Network lab is as defined\n\n"
    host.run(["nft", "flush", "ruleset"])
    checked = host.vnet("net-check", "lab", check=False)
    assert checked.returncode == 5
    assert checked.stdout.startswith("Network lab is not as defined:\n  not done: install ")
    assert host.vnet("net-repair").stdout.startswith("Network lab repaired:\n")
    assert host.vnet("net-check", "lab").returncode == 0
    assert [nic["interface"] for nic in host.vnet_json("nic-list")] == ["tap0"]


def test_a_plan_says_what_is_done_and_what_is_not(host: Host) -> None:
    assert {step["done"] for step in host.vnet_json("net-plan", "lab")} == {False}
    host.vnet("net-start", "lab")
    plan = host.vnet_json("net-plan", "lab")
    assert {step["done"] for step in plan} == {True}
    assert plan[0]["step"] == "CreateBridge"
    assert " yes    create bridge vnbr7, MAC " in host.vnet("net-plan", "lab").stdout


def test_a_restart_keeps_the_nics(host: Host) -> None:
    host.make_tap("tap0")
    host.vnet("attach", "tap0", "--network", "lab")
    assert host.vnet("net-restart", "lab").stdout == "Network lab restarted\n\n"
    assert "master vnbr7" in host.run(["ip", "link", "show", "tap0"]).stdout


def test_a_user_is_told_that_root_is_needed(host: Host) -> None:
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *_vnet("net-start", "lab")]
    refused = host.run(nobody, check=False)
    assert refused.returncode == 5
    assert refused.stderr.count("error: ") == 1
    assert "try `sudo vnet`" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_notes_of_a_network_that_is_up_are_of_what_is_up_of_what_is_stored_or_of_both(host: Host) -> None:
    host.vnet("net-start", "lab")
    before = host.snapshot()
    host.vnet("net-desc", "lab", "up")
    host.vnet("net-desc", "lab", "--config", "stored")
    assert host.vnet("net-desc", "lab").stdout == host.vnet("net-desc", "lab", "--live").stdout == "up\n"
    assert host.vnet("net-desc", "lab", "--config").stdout == "stored\n"
    host.vnet("net-metadata", "lab", "urn:x", "--live", "--config", "--key", "x", "--set", "<a/>")
    for option in ("--live", "--config"):
        assert host.vnet("net-metadata", "lab", "urn:x", option).stdout == "<a/>\n\n"
    assert before.changes_to(host.snapshot(), ignoring=["^. file "]) == []
    assert host.vnet("net-check", "lab").returncode == 0
    host.vnet("net-restart", "lab")
    assert host.vnet("net-desc", "lab").stdout == "stored\n"


def test_a_note_of_a_transient_network_lasts_as_long_as_it(host: Host) -> None:
    host.vnet("net-create", "-", stdin="<network><name>short</name></network>")
    host.vnet("net-desc", "short", "--title", "For now")
    assert "<title>For now</title>" in host.vnet("net-dumpxml", "short").stdout
    refused = host.vnet("net-desc", "short", "--config", "x", check=False)
    assert (refused.returncode, "is transient" in refused.stderr) == (4, True)
