"""`vnet` under virsh's name: sessions, --readonly, connections, help, and what it leaves alone."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from vnethook import __version__
from vnethook.cli.virsh import line, program
from vnethook.cli.virsh.builtin import COMPATIBLE
from vnethook.cli.virsh.manual import network_verbs
from vnethook.errors import UsageError

LAB = "<network><name>lab</name></network>"


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("", []),
        (" ;\n;", []),
        ("net-list --all", [["net-list", "--all"]]),
        ("a b;c\td\n e", [["a", "b"], ["c", "d"], ["e"]]),
        ("a 'b;c' \"d e\"", [["a", "b;c", "d e"]]),
        ("a'b c'd \"\" ''", [["ab cd", "", ""]]),
        (r"""a\ b "c\"d" 'e\f' "g\h" """, [["a b", 'c"d', "e\\f", "gh"]]),
        ("a # b ; c\nd#e", [["a"], ["d#e"]]),
        ("a\\\nb \\\n c", [["ab", "c"]]),
    ],
)
def test_a_line_is_split_as_virsh_splits_it(text, commands) -> None:
    assert line.commands(text) == commands


@pytest.mark.parametrize("text", ["'a", 'a "b', "a\\"])
def test_what_is_left_open_is_refused(text) -> None:
    with pytest.raises(UsageError):
        line.commands(text)


@pytest.mark.parametrize("verb", ["list", "start", "nic-list", "attach", "hooks", "network-list", "\x1b[31m"])
def test_what_is_no_network_command_of_virsh_is_unknown(virsh, verb) -> None:
    said = virsh(verb, "x")
    assert (said.status, said.out, said.err.encode("ascii", "replace")) == (
        *(1, ""),
        f"error: unknown command: '{verb}'\n  {program.ONLY_NETWORKS}\n".replace("\x1b", "\\x1b").encode(),
    )
    assert virsh("net-nosuch").err == "error: unknown command: 'net-nosuch'\n"


def test_a_session_reads_commands_until_quit_and_ends_well(vnet, virsh) -> None:
    vnet("net-define", "-", stdin=LAB)
    uuid = virsh("-q", "net-uuid", "lab").out.strip()
    said = virsh("-q", stdin=f"net-list --all --name\n\nnosuch\nnet-info x; net-name {uuid}\nquit\nnet-list\n")
    listed = "virsh # net-list --all --name\ndefault\nlab\n"
    assert said.status == 0
    assert said.out == (f"{listed}virsh # \nvirsh # nosuch\nvirsh # net-info x; net-name {uuid}\nlab\nvirsh # quit\n\n")
    unknown = f"error: unknown command: 'nosuch'\n  {program.ONLY_NETWORKS}\n"
    assert said.err.startswith(f"{unknown}error: failed to get network 'x'\n")


def test_a_session_ends_with_its_input_and_greets_unless_quiet(virsh) -> None:
    said = virsh("-r", stdin="connect\npwd")
    assert said.status == 0
    assert said.out.startswith("Welcome to virsh")
    assert said.out.endswith(f"virsh > connect\n\nvirsh # pwd\n{os.getcwd()}\n\nvirsh # \n")


def test_a_session_changes_its_directory(virsh, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir("/")
    assert f"\n{tmp_path}\n" in virsh("-q", stdin=f"cd {tmp_path}\npwd\n").out
    monkeypatch.chdir("/")
    said = virsh("-q", stdin="cd /nonexistent\n")
    refused = "error: internal error: cd: /nonexistent: No such file or directory\n"
    assert (said.status, said.err) == (0, refused)


@pytest.mark.parametrize(
    ("words", "function"),
    [
        (("net-define", "-"), "virNetworkDefineXML"),
        (("net-undefine", "lab"), "virNetworkUndefine"),
        (("net-restart", "lab"), "net-restart"),  # virsh has none
    ],
)
def test_readonly_refuses_what_changes(vnet, virsh, root, words, function) -> None:
    vnet("net-define", "-", stdin=LAB)
    said = virsh("-r", *words, stdin="<network><name>other</name></network>")
    assert (said.status, said.out) == (1, "\n")
    assert said.err.endswith(f"error: operation forbidden: read only access prevents {function}\n")
    assert os.listdir(root / "etc/vnethook/networks") == ["lab.xml"]
    assert not (root / "etc/vnethook/autostart").exists()
    assert virsh("--readonly", "net-list", "--all", "--name").out == "default\nlab\n\n"
    assert virsh("connect --readonly; net-undefine lab").status == 1


def test_what_readonly_allows_are_verbs(virsh) -> None:
    verbs = network_verbs()
    assert set(verbs) & program.READING
    for verb, parameters in program.READING_UNLESS.items():
        if verb in verbs:
            assert set(parameters) <= {parameter.name for parameter in verbs[verb].params}


@pytest.mark.parametrize(
    "uri",
    [
        *("qemu:///system", "qemu:///session", "xen:///", "test:///default", "qemu+unix:///system?socket=/run/x"),
        *("qemu+ssh://root@localhost/system", f"qemu://{os.uname().nodename}:16509/system", "", "x"),
    ],
)
def test_a_connection_to_this_host_is_taken(vnet, virsh, uri) -> None:
    assert virsh("-c", uri, "net-list", "--name") == (0, "\n", "")
    assert virsh(f"--connect={uri}", f"connect '{uri}'").status == 0
    assert vnet("-c", uri, "net-list", "--name") == (0, "\n", "")


@pytest.mark.parametrize(
    "uri", ["qemu+ssh://root@other.example/system", "qemu://[2001:db8::1]/system", "xen://192.0.2.1:16509/", "esx://x"]
)
def test_a_connection_to_another_host_is_refused_and_nothing_is_done_here(vnet, virsh, root, monkeypatch, uri) -> None:
    why = f"connection {uri!r}: names another host: vnet manages the networks of the host that it runs on\n"
    words = f"error: failed to connect to the hypervisor\nerror: no connection driver available for {why}"
    for said, refused in (
        (virsh("-c", uri, "net-autostart", "default"), words),
        (virsh(f"connect {uri}; net-list"), words),
        (vnet("-c", uri, "net-autostart", "default"), f"error: {why}"),
    ):
        assert (said.status, said.err.startswith(refused)) == (1, True)
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", uri)
    assert virsh("net-autostart", "default").err.startswith(words)
    assert list(root.iterdir()) == []


def test_options_without_a_meaning_here_are_taken(virsh, tmp_path) -> None:
    words = ("-d", "4", "-e", "^]", "-k", "5", "--keepalive-count=3", "-l", str(tmp_path / "log"), "-q", "uri")
    assert virsh(*words) == (0, "vnethook:///system\n", "")


def test_versions(virsh) -> None:
    for words in (("-v",), ("--version",), ("--version=short",)):
        assert virsh(*words) == (0, f"{COMPATIBLE}\n", "")
    assert virsh("-V") == virsh("--version=long")
    assert virsh("-V").out == (
        f"Virsh command line tool of libvirt {COMPATIBLE}\nFor networks only, by vnethook {__version__}\n"
    )
    told = (
        f"Compiled against library: libvirt {COMPATIBLE}\n"
        f"Using library: libvirt {COMPATIBLE}\n"
        f"Using API: vnethook {COMPATIBLE}\n"
        f"Running hypervisor: vnethook {__version__}\n"
    )
    assert virsh("version").out == f"{told}\n"
    assert virsh("version", "--daemon").out == f"{told}Running against daemon: {COMPATIBLE}\n\n"
    assert virsh("hostname").out == f"{os.uname().nodename}\n\n"


def test_timing_follows_each_command(virsh) -> None:
    lines = virsh("-t", "net-list --name; uri").out.splitlines()
    assert [text for text in lines if not text.startswith("(Time: ")] == ["", "", "vnethook:///system", "", ""]
    assert len(lines) == 7
    quiet = virsh("-t", "-q", "uri").out.splitlines()
    assert (quiet[:2], quiet[3:]) == (["vnethook:///system", ""], [""])


def test_help_has_virshs_shape(virsh) -> None:
    told = virsh("help", "net-dhcp-leases")
    assert told == virsh("net-dhcp-leases", "--help") == virsh("net-dhcp-leases x --help --foo; ")
    assert told.out == (
        "  NAME\n    net-dhcp-leases - List the DHCP leases of a network\n\n"
        "  SYNOPSIS\n    net-dhcp-leases <network> [--mac <string>] [--json]\n\n"
        "  DESCRIPTION\n    List the DHCP leases of a network.\n\n"
        "  OPTIONS\n"
        "    [--network] <string>  Its name, uuid or bridge.\n"
        "    --mac <string>   Only the leases of this MAC address.\n"
        "    --json           Print JSON.\n\n\n"
    )
    everything = virsh("help")
    assert (
        "\n Networking (help keyword 'network'):\n    net-apply                      Bring a running network to its definition"
        in everything.out
    )
    assert virsh("help", "network").out in everything.out + "\n"
    assert "    -c | --connect=URI " in virsh("--help").out
    assert all(f"\n    {name} " in everything.out for name in network_verbs())
    assert virsh("help", "quit").out.startswith("  NAME\n    quit - ")
    assert virsh("help", "virsh").out.startswith(" Virsh itself")


def test_net_info_and_leases_are_virshs_alone(vnet, virsh, root) -> None:
    dhcp = "<dhcp><range start='203.0.113.2' end='203.0.113.9'/></dhcp>"
    vnet("net-define", "-", stdin=f"<network><name>lab</name><ip address='203.0.113.1'>{dhcp}</ip></network>")
    labels = [text.partition(":")[0] for text in virsh("net-info", "lab").out.splitlines()]
    assert labels == ["Name", "UUID", "Active", "Persistent", "Autostart", "Bridge", ""]
    (root / "var/lib/vnethook/leases").mkdir(parents=True, exist_ok=True)
    (root / "var/lib/vnethook/leases/lab").write_text("0 52:54:00:00:00:0b 203.0.113.3 * *\n")
    assert virsh("-q", "net-dhcp-leases", "lab").out == (
        " 1970-01-01 00:00:00   52:54:00:00:00:0b   ipv4   203.0.113.3/24   -   -\n"
    )


def test_a_link_of_virshs_name_is_all_that_it_takes(root, tmp_path) -> None:
    link = tmp_path / "bin/virsh"
    link.parent.mkdir()
    link.symlink_to(Path(sysconfig.get_path("scripts"), "vnet"))
    environment = os.environ | {"PATH": f"{link.parent}:{os.environ['PATH']}"}
    script = "virsh net-list --all --name && virsh -c qemu:///system net-info nosuch"
    ended = subprocess.run(["sh", "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "default\n\n\n")
    assert ended.stderr.startswith("error: failed to get network 'nosuch'\n")


def test_a_session_that_nobody_reads_ends_quietly(root) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-c", "import sys; sys.argv[0] = 'virsh'\nfrom vnethook.cli.main import main; main()"]
    with open(writer, "wb") as pipe:
        ended = subprocess.run(words, input=b"net-list\n", stdout=pipe, stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_a_definition_that_is_refused_has_virshs_line_and_then_ours(virsh, tmp_path) -> None:
    file = tmp_path / "bad.xml"
    file.write_text("<network/>")
    said = virsh("net-define", str(file))
    words = f"error: Failed to define network from {file}\nerror: missing name information in {file}:1: "
    assert said.err.startswith(words)
    assert (said.status, said.out) == (1, "\n")
