"""What the verbs for networks print: virsh's messages and tables, and JSON."""

from pathlib import Path

import pytest

from vnethook.live import paths, process, shared_interface
from vnethook.live.shared_interface import SharedInterface

LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"


def test_a_definition_is_stored_and_listed_in_virshs_words(vnet, tmp_path) -> None:
    file = tmp_path / "lab.xml"
    file.write_text(LAB)
    assert vnet("net-define", str(file)) == (0, f"Network lab defined from {file}\n\n", "")
    assert vnet("net-list") == (
        0,
        " Name   State   Autostart   Persistent\n----------------------------------------\n\n",
        "",
    )
    assert vnet("net-list", "--all").out == (
        " Name      State      Autostart   Persistent\n"
        "----------------------------------------------\n"
        " default   inactive   no          yes\n"
        " lab       inactive   no          yes\n\n"
    )
    assert vnet("net-info", "lab").out == (
        "Name:           lab\n"
        "UUID:           5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf\n"
        "Active:         no\n"
        "Persistent:     yes\n"
        "Autostart:      no\n"
        "Bridge:         vnbrlab\n"
        "Forward:        none\n\n"
    )
    assert vnet("net-undefine", "lab") == (0, "Network lab has been undefined\n\n", "")


def test_a_definition_comes_from_a_file_by_option_or_from_standard_input(vnet, tmp_path) -> None:
    file = tmp_path / "lab.xml"
    file.write_text(LAB)
    assert vnet("net-define", "--file", str(file), "--validate").status == 0
    assert vnet("net-define", "-", stdin=LAB).out == "Network lab defined from <stdin>\n\n"


@pytest.mark.parametrize(
    "word", ["lab", "5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf", "5D1C8BD447A54C5C93AB0D24B0F3A4BF", "vnbrlab"]
)
@pytest.mark.parametrize("option", [(), ("--network",)])
def test_a_network_is_named_by_name_uuid_or_bridge_by_position_or_option(vnet, word, option) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-name", *option, word) == (0, "lab\n\n", "")


def test_autostart_is_marked_listed_and_unmarked(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-autostart", "lab").out == "Network lab marked as autostarted\n\n"
    assert vnet("net-list", "--all", "--autostart", "--name").out == "lab\n\n"
    assert vnet("net-list", "--all", "--no-autostart", "--name").out == "default\n\n"
    assert vnet("net-autostart", "lab", "--disable").out == "Network lab unmarked as autostarted\n\n"
    assert vnet("net-list", "--all", "--autostart", "--name").out == "\n"


def test_lists_are_filtered_as_virsh_filters_them(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-list", "--inactive", "--name").out == "default\nlab\n\n"
    assert vnet("net-list", "--all", "--transient", "--name").out == "\n"
    assert vnet("net-list", "--all", "--transient", "--persistent", "--name").out == "default\nlab\n\n"
    assert "5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf\n" in vnet("net-list", "--all", "--uuid").out
    assert vnet("net-list", "--uuid", "--name").status == 1


def test_quiet_leaves_headers_and_messages_out(vnet) -> None:
    assert vnet("-q", "net-define", "-", stdin=LAB) == (0, "", "")
    assert vnet("-q", "net-list", "--all").out == " default   inactive   no   yes\n lab       inactive   no   yes\n"


def test_json_lists_every_field(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-list", "--all", "--json").json[1] == {
        "name": "lab",
        "uuid": "5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf",
        "type": "virtual",
        "state": "inactive",
        "bridge": "vnbrlab",
        "autostart": False,
        "persistent": True,
        "forward": "none",
        "subnets": [],
        "proxied": "",
        "problem": "",
        "title": "",
    }


def test_titles_are_listed_on_demand(vnet) -> None:
    vnet("net-define", "-", stdin=LAB.replace("<bridge", "<title>The lab's</title><bridge"))
    assert vnet("net-list", "--all", "--title").out == (
        " Name      State      Autostart   Persistent   Title\n"
        "----------------------------------------------------------\n"
        " default   inactive   no          yes          -\n"
        " lab       inactive   no          yes          The lab's\n\n"
    )
    assert vnet("net-list", "--all", "--json").json[1]["title"] == "The lab's"


def test_names_are_sorted_without_regard_to_case(vnet) -> None:
    for name in ("b", "C", "a"):
        vnet("net-define", "-", stdin=f"<network><name>{name}</name></network>")
    assert vnet("net-list", "--all", "--name").out == "a\nb\nC\ndefault\n\n"


def test_a_definition_that_is_not_in_order_is_listed_with_a_warning(vnet, root) -> None:
    (root / "etc/vnethook/networks").mkdir(parents=True)
    (root / "etc/vnethook/networks/lab.xml").write_text("<network>")
    said = vnet("net-list", "--all")
    assert " lab       inactive   no          yes\n" in said.out
    assert said.err.startswith("warning: network 'lab': ")
    assert said.err.count("\n") == 1


def test_dumpxml_without_a_name_is_of_the_only_network(vnet) -> None:
    assert "<name>default</name>" in vnet("net-dumpxml").out
    vnet("net-define", "-", stdin=LAB)
    assert "<name>lab</name>" in vnet("net-dumpxml").out
    vnet("net-define", "-", stdin="<network><name>other</name></network>")
    assert vnet("net-dumpxml") == (1, "", "error: network: not named, and there are 2\n  lab, other\n")


def test_dumpxml_prints_what_an_expression_selects(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-dumpxml", "lab", "--xpath", "//name|//bridge/@name").out == (
        '<name>lab</name>\n name="vnbrlab"\n\n'
    )
    assert vnet("net-dumpxml", "--network", "lab", "--xpath", "name/text()", "--wrap").out == "<nodes>lab</nodes>\n\n"
    assert vnet("net-dumpxml", "lab", "--xpath", "//nosuch") == (0, "\n", "")
    assert vnet("net-dumpxml", "lab", "--xpath", "//ip[") == (
        *(1, ""),
        "error: xpath '//ip[': evaluate: Invalid expression\n",
    )


def test_what_dumpxml_prints_can_be_defined(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    dumped = vnet("net-dumpxml", "lab").out
    assert vnet("net-define", "-", stdin=dumped).status == 0
    assert vnet("net-dumpxml", "lab").out == dumped


def test_leases_are_virshs_table_and_can_be_asked_for_by_mac(vnet, root) -> None:
    dhcp = "<dhcp><range start='203.0.113.2' end='203.0.113.9'/></dhcp>"
    xml = f"<network><name>lab</name><ip address='203.0.113.1' prefix='24'>{dhcp}</ip></network>"
    assert vnet("net-define", "-", stdin=xml) == (0, "Network lab defined from <stdin>\n\n", "")
    leases = root / "var/lib/vnethook/leases"
    leases.mkdir(parents=True, exist_ok=True)
    (leases / "lab").write_text(
        "4102444800 52:54:00:00:00:0a 203.0.113.2 web 01:52:54:00:00:00:0a\n0 52:54:00:00:00:0b 203.0.113.3 * *\n"
    )
    assert vnet("net-dhcp-leases", "lab").out == (
        " Expiry Time           MAC address         Protocol   IP address       Hostname   Client ID or DUID\n"
        f"{'-' * 104}\n"
        " 2100-01-01 00:00:00   52:54:00:00:00:0a   ipv4       203.0.113.2/24   web        01:52:54:00:00:00:0a\n"
        " no expiry             52:54:00:00:00:0b   ipv4       203.0.113.3/24   -          -\n\n"
    )
    assert vnet("net-dhcp-leases", "lab", "--mac", "52:54:00:00:00:0B", "--json").json == [
        {
            "expiry": 0,
            "mac": "52:54:00:00:00:0b",
            "protocol": "ipv4",
            "ip": "203.0.113.3",
            "prefix": 24,
            "hostname": "",
            "clientid": "",
            "iaid": "",
        }
    ]


def test_a_shared_nic_that_guests_cannot_join_is_listed_with_the_reason(vnet, root) -> None:
    place = paths.current()
    shared = SharedInterface("ebreth0", "eth0", process.network_namespace())
    shared_interface.write(place, shared)
    assert vnet("net-list", "--physical", "--inactive", "--name").out == "eth0\n\n"
    said = vnet("net-list", "--all")
    assert " eth0      inactive   no          no           physical\n" in said.out
    assert said.err == "warning: interface 'eth0': is half-made by a call that was killed\n"
    shared_interface.write(place, shared.replace(is_whole=True))
    lost = "is not on bridge 'ebreth0' any more: `vnet unshare eth0`"
    assert vnet("net-list", "--all").err == f"warning: interface 'eth0': {lost}\n"
    assert f"  eth0  (physical): {lost}\n" in vnet("graph").out
    kept = Path(place.state, "interface-files/ebreth0")  # files of the host's network manager were written
    kept.mkdir(parents=True)
    (kept / "manifest.json").write_text("{}")
    assert " eth0      inactive   yes         yes          physical\n" in vnet("net-list", "--all").out
    shared_interface.write(place, shared.replace(namespace=1))
    assert vnet("net-list", "--physical", "--all", "--json").json == []
