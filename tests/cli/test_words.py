"""What `vnet` answers to words: virsh's messages, one line for an error, the right status, whatever the words hold."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from vnethook.cli import main, slow
from vnethook.errors import HostError

LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"
HOSTILE = ("a\nb", 'a"b', "a'b", "a;b", "$(id)", "`id`", "\x1b[31mred", "\x9b31m", "x" * 300, "", "../../x", "a\udcffb")
NAMING = (
    *("net-start", "net-stop", "net-destroy", "net-restart", "net-undefine", "net-autostart", "net-info", "net-name"),
    *("net-uuid", "net-dumpxml", "net-dhcp-leases", "net-plan", "net-check", "net-repair", "nic-list", "net-compile"),
)
PYTHON = [sys.executable, "-m", "vnethook.cli.main"]


def test_every_verb_has_a_command_and_a_summary_that_fits_into_the_help() -> None:
    context = click.Context(main.vnet)
    for verb in main.VERBS:
        command = main.vnet.get_command(context, verb)
        assert command, verb
        assert command.hidden or not command.get_short_help_str(59).endswith("..."), verb


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
    assert (
        vnet("-q", "net-list", "--all").out
        == " default   inactive   no          yes\n lab       inactive   no          yes\n"
    )


def test_json_lists_every_field(vnet) -> None:
    vnet("net-define", "-", stdin=LAB)
    assert vnet("net-list", "--all", "--json").json[1] == {
        "name": "lab",
        "uuid": "5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf",
        "state": "inactive",
        "bridge": "vnbrlab",
        "autostart": False,
        "persistent": True,
        "forward": "none",
        "subnets": [],
        "problem": "",
    }


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
        " never                 52:54:00:00:00:0b   ipv4       203.0.113.3/24   -          -\n\n"
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
        }
    ]


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("verb", NAMING)
def test_a_hostile_name_is_one_clear_line_and_status_3(vnet, verb, word) -> None:
    _is_refused(vnet(verb, word), status=3, object_="network ")
    if verb != "net-compile":
        _is_refused(vnet(verb, "--network", word), status=3, object_="network ")


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize(
    ("words", "object_"),
    [
        (("net-define",), "file "),
        (("net-create", "--file"), "file "),
        (("attach",), "interface "),
        (("detach",), "interface "),
        (("attach", "lo", "--mac"), "argument --mac: "),
        (("net-dhcp-leases", "default", "--mac"), "argument --mac: "),
        (("completion",), "vnet completion: "),
    ],
)
def test_a_hostile_argument_is_one_clear_line_and_status_1(vnet, root, words, object_, word) -> None:
    _is_refused(vnet(*words, word), status=1, object_=object_)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("word", ["a\nb", "\x1b[31m", "x" * 300])
def test_a_hostile_guest_name_is_refused_before_anything_happens(vnet, root, word) -> None:
    _is_refused(vnet("attach", "lo", "--guest", word), status=1, object_="guest ")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("word", ["net-lst", "\x1b[31m", "--\x1b[31m", "x" * 300, "a\nb", ""])
def test_an_unknown_verb_or_option_is_one_clear_line_and_status_1(vnet, word) -> None:
    _is_refused(vnet(word), status=1, object_="v")


def _is_refused(said, *, status: int, object_: str) -> None:
    lines = said.err.splitlines()
    assert said.status == status, said
    assert said.out == ""
    assert lines[0].startswith(f"error: {object_}")
    assert len(lines) <= 2, lines
    assert all(line.isprintable() and len(line) < 400 for line in lines), lines


def test_a_near_miss_is_told(vnet) -> None:
    assert vnet("net-lst").err == (
        "error: verb 'net-lst': there is no such verb\n  did you mean net-list? `vnet --help` lists the verbs\n"
    )


def test_the_proposals_words_mean_the_same(vnet) -> None:
    assert vnet("network-list", "--all", "--name").out == "default\n\n"


def test_start_goes_on_past_a_failure_and_gives_the_first_status(vnet) -> None:
    said = vnet("net-start", "first", "second")
    assert said.status == 3
    assert said.err.count("error: network '") == 2


def test_a_bug_is_reported_with_its_traceback_and_status_70(vnet, monkeypatch) -> None:
    def fail(*_: object) -> None:
        msg = "\x1b[31m"
        raise ZeroDivisionError(msg)

    monkeypatch.setattr(slow.catalog, "states", fail)
    said = vnet("net-list")
    assert said.status == 70
    assert said.err.startswith("error: internal error, please report it:\nTraceback")
    assert said.err.endswith("ZeroDivisionError: \\x1b[31m\n")


def test_ctrl_c_is_status_130(vnet, monkeypatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(slow.catalog, "states", interrupt)
    said = vnet("net-list")
    assert (said.status, said.err.strip()) == (130, "error: interrupted")


def test_a_user_without_the_right_is_told_to_become_root(vnet, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        msg = "link 'x': create: Operation not permitted"
        raise HostError(msg) from PermissionError(1, "")

    monkeypatch.setattr(slow.catalog, "states", refuse)
    monkeypatch.setattr(os, "geteuid", lambda: 65534)
    assert vnet("net-list").err.splitlines()[1:] == [
        "  user 65534 may not do that: the networks of the host need root, try `sudo vnet`"
    ]


def test_a_closed_pipe_is_quiet(root) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "wb") as pipe:
        ended = subprocess.run([*PYTHON, "net-list", "--all"], stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_full_disk_is_one_line(root) -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run([*PYTHON, "net-list"], stdout=full, stderr=subprocess.PIPE, check=False)
    assert ended.returncode == 5
    assert ended.stderr == b"error: standard output: write: No space left on device\n"


def test_a_definition_that_never_ends_is_refused(vnet) -> None:
    assert vnet("net-define", "/dev/zero").status == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_are_printed(vnet, shell) -> None:
    said = vnet("completion", shell)
    assert said.status == 0
    assert f"_VNET_COMPLETE={shell}_complete" in said.out


def test_completion_offers_networks_without_reading_xml(root) -> None:
    networks = root / "etc/vnethook/networks"
    networks.mkdir(parents=True)
    (networks / "lab.xml").write_text(LAB)
    script = (
        "import sys\nfrom vnethook.cli import main\ntry: main.main()\n"
        "finally: print([name for name in sys.modules if 'lxml' in name or 'lifecycle' in name])"
    )
    environment = os.environ | {"_VNET_COMPLETE": "bash_complete", "COMP_WORDS": "vnet net-start ", "COMP_CWORD": "2"}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert ended.stdout == "plain,default\nplain,lab\n[]\n"


def test_the_manual_page_has_every_verb() -> None:
    page = (Path(__file__).parents[2] / "docs/vnet.1.md").read_text()
    assert [verb for verb in main.VERBS if verb != "net-compile" and f"**{verb}**" not in page] == []
