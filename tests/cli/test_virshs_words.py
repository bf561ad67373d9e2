"""Under virsh's name `vnet` answers as virsh 9.0 does, to the byte: the same expectations for both."""

import os
import shutil
import subprocess

import pytest

NETWORK = (
    "<network><name>default</name><uuid>dd8fe884-6c02-601e-7551-cca97df1c5df</uuid><bridge name='virbr0'/></network>"
)
LAB = "<network><name>lab</name><uuid>5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf</uuid><bridge name='vnbrlab'/></network>"
HEADER = " Name      State      Autostart   Persistent\n----------------------------------------------\n"
ROW = " default   inactive   no          yes\n"
INFO = """\
Name:           default
UUID:           dd8fe884-6c02-601e-7551-cca97df1c5df
Active:         no
Persistent:     yes
Autostart:      no
Bridge:         virbr0

"""
NONE = " Name   State   Autostart   Persistent\n----------------------------------------\n\n"
NOT_FOUND = "error: failed to get network 'x'\nerror: Network not found: no network with matching name 'x'\n"
UUID = "dd8fe884-6c02-601e-7551-cca97df1c5df\n\n"

# The options of virsh and its command line; what it says on stdout, on stderr, and the status. virsh's own driver for
# tests has one network, which is up; it is taken down first.
CASES = [
    ("", "net-list", NONE, "", 0),
    ("", "net-list --all", f"{HEADER}{ROW}\n", "", 0),
    ("-q", "net-list --all", " default   inactive   no   yes\n", "", 0),
    ("", "net-list --inactive --table", f"{HEADER}{ROW}\n", "", 0),
    ("", "net-list --all --name", "default\n\n", "", 0),
    ("-q", "net-list --all --name", "default\n", "", 0),
    ("", "net-list --all --uuid", UUID, "", 0),
    ("", "net-list --name", "\n", "", 0),
    ("", "net-list --all --transient", NONE, "", 0),
    ("", "net-list --all --persistent --no-autostart --name", "default\n\n", "", 0),
    ("", "net-list --all --autostart --name", "\n", "", 0),
    ("", "net-list --foo", "", "error: command 'net-list' doesn't support option --foo\n", 1),
    ("", "net-list --name=x", "", "error: invalid '=' after option --name\n", 1),
    ("", "net-list a", "", "error: unexpected data 'a'\n", 1),
    ("", "net-info default", INFO, "", 0),
    ("-q", "net-info default", INFO[:-1], "", 0),
    ("", "net-info --network default", INFO, "", 0),
    ("", "net-info --network=default", INFO, "", 0),
    ("", "net-info -- default", INFO, "", 0),
    ("", "net-info dd8fe884-6c02-601e-7551-cca97df1c5df", INFO, "", 0),
    ("", "net-info", "", "error: command 'net-info' requires <network> option\n", 1),
    ("", "net-info --network", "", "error: expected syntax: --network <string>\n", 1),
    ("", "net-info --netw default", "", "error: command 'net-info' doesn't support option --netw\n", 1),
    ("", "net-info default b", "", "error: unexpected data 'b'\n", 1),
    ("", "net-info x", "\n", NOT_FOUND, 1),
    ("-q", "net-info x", "", NOT_FOUND, 1),
    ("", "net-start x", "\n", NOT_FOUND, 1),
    ("", "net-start", "", "error: command 'net-start' requires <network> option\n", 1),
    ("", "net-define", "", "error: command 'net-define' requires <file> option\n", 1),
    ("", "net-name dd8fe884-6c02-601e-7551-cca97df1c5df", "default\n\n", "", 0),
    ("", "net-uuid default", UUID, "", 0),
    ("", "net-dumpxml default --xpath //name", "<name>default</name>\n\n", "", 0),
    ("-q", "net-dumpxml default --xpath //bridge/@name", ' name="virbr0"\n', "", 0),
    ("", "net-dumpxml default --xpath name/text() --wrap", "<nodes>default</nodes>\n\n", "", 0),
    ("", "net-dumpxml default --xpath //nosuch", "\n", "", 0),
    ("", "net-dumpxml default --xpath //nosuch --wrap", "<nodes/>\n\n", "", 0),
    ("", "net-dumpxml default --xpath", "", "error: expected syntax: --xpath <string>\n", 1),
    ("", "net-autostart default", "Network default marked as autostarted\n\n", "", 0),
    ("-q", "net-autostart default", "", "", 0),
    ("", "net-autostart --disable default", "Network default unmarked as autostarted\n\n", "", 0),
    ("", "net-autostart x", "\n", NOT_FOUND, 1),
    ("", "net-edit default", "Network default XML configuration not changed.\n\n", "", 0),
    ("", "net-define FILE", "Network lab defined from FILE\n\n", "", 0),
    (
        "-q",
        "net-define --file FILE --validate; net-name --network 5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf",
        "lab\n",
        "",
        0,
    ),
    ("", "net-undefine default", "Network default has been undefined\n\n", "", 0),
    ("", "net-uuid default; net-info x; net-list --all --name", f"{UUID}\ndefault\n\n", NOT_FOUND, 0),
    ("", "net-list --all --name; net-info x", "default\n\n\n", NOT_FOUND, 1),
    ("", "net-list; nosuch", "", "error: unknown command: 'nosuch'\n", 1),
    ("", "net-uuid default; quit; net-list", UUID, "", 0),
    ("", "; ;net-uuid 'default' ;", UUID, "", 0),
    ("", "net-uuid default # net-list", UUID, "", 0),
    ("", 'net-uuid "default', "", 'error: missing "\n', 1),
    ("", "net-uuid default\\", "", "error: dangling \\\n", 1),
    ("", "echo 'a b'  c\\ d", "a b c d\n", "", 0),
    ("", "uri", "test:///default\n\n", "", 0),
    ("", "connect", "\n", "", 0),
    ("", "quit", "", "", 0),
    ("", "cd /", "\n", "error: cd: command valid only in interactive mode\n", 1),
    ("", "help nosuch", "\n", "error: command or command group 'nosuch' doesn't exist\n", 1),
    ("--foo", "uri", "", "error: unsupported option '--foo'. See --help.\n", 1),
    ("-Z", "uri", "", "error: unsupported option '-Z'. See --help.\n", 1),
    ("-d 4 -e ^] -q", "uri", "test:///default\n", "", 0),
]


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch, tmp_path):
    """A definition in the file FILE, an editor that changes nothing, and no other connection than the one asked for."""
    (tmp_path / "FILE").write_text(LAB)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("VIRSH_DEFAULT_CONNECT_URI", raising=False)
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI", raising=False)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"virsh {case[0]} {case[1]}")
def test_words_and_status_are_virshs(vnet, virsh, case) -> None:
    options, line, out, err, status = case
    vnet("net-define", "-", stdin=NETWORK)
    said = virsh("-c", "test:///default", *options.split(), line)
    hints = [text for text in said.err.splitlines(keepends=True) if text.startswith("  ")]  # ours, below virsh's words
    assert (said.status, said.out, said.err.removesuffix("".join(hints))) == (status, out, err)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"virsh {case[0]} {case[1]}")
def test_virsh_itself_answers_so(case) -> None:
    options, line, out, err, status = case
    program = shutil.which("virsh", path="/usr/bin:/usr/local/bin")
    if program is None or os.path.basename(os.path.realpath(program)) != "virsh":
        pytest.skip("no virsh here to compare with")
    down = "net-destroy default; "
    words = [program, "-c", "test:///default", *options.split(), down + line]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    printed = ended.stdout.removeprefix("Network default destroyed\n\n")
    assert (ended.returncode, printed, ended.stderr) == (status, out, err)


def test_a_command_may_be_given_as_words_of_the_call(vnet, virsh) -> None:
    vnet("net-define", "-", stdin=NETWORK)
    assert virsh("net-info", "default") == (0, INFO, "")
    assert virsh("net-info", "a;b").err.startswith("error: failed to get network 'a;b'\n")
