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
OTHER = "dd8fe884-6c02-601e-7551-cca97df1c5de"
ONLY_ONE = "error: Only one argument from"
EXCLUSIVE = "error: Options --current and"
EMPTY = "error: Failed to get option '%s': Option argument is empty"
NO_FILE = "error: Failed to open file 'x': No such file or directory\n"
REQUIRED = "error: command '{}' requires <{}> option\n"
UPDATE = ["network", "command", "section", "xml"]
NUMBER = "error: Numeric value '{}' for <parent-index> option is malformed or out of range\n"
NOT_DONE, UNMODIFIED = "Operation not supported: ", "cannot be modified, only added or deleted"
NO_IP = "can't update 'ip' section of network 'default'"
READ_ONLY = "error: operation forbidden: read only access prevents"
NOT_UPDATED = "error: Failed to update network default\n"
NOT_DEFINED = "error: Failed to define network from FILE\n"
NOT_UNDEFINED = "error: Failed to undefine network default\n"
UNMARKED = "error: failed to unmark network default as autostarted\n"

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
    ("", "net-list -a", "", "error: unexpected data '-a'\n", 1),
    ("", "net-list --uuid --name", "\n", f"{ONLY_ONE} --table, --name and --uuid may be specified.\n", 1),
    ("", "net-list --table --name", "\n", f"{ONLY_ONE} --table, --name and --uuid may be specified.\n", 1),
    ("", "net-port-list default --uuid --table", "\n", f"{ONLY_ONE} --table and --uuid may be specified.\n", 1),
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
    ("", "net-info virbr0", "\n", NOT_FOUND.replace("'x'", "'virbr0'"), 1),
    ("", f"net-info {OTHER}", "\n", NOT_FOUND.replace("'x'", f"'{OTHER}'"), 1),
    ("", "net-info ''", "\n", f"{EMPTY % 'network'}\n", 1),
    ("", "net-start x", "\n", NOT_FOUND, 1),
    ("", "net-start ''", "\n", f"{EMPTY % 'network'}\n", 1),
    ("", "net-start default x", "", "error: unexpected data 'x'\n", 1),
    ("", "net-start", "", "error: command 'net-start' requires <network> option\n", 1),
    ("", "net-define", "", "error: command 'net-define' requires <file> option\n", 1),
    ("", "net-define x", "\n", NO_FILE, 1),
    ("", "net-define /", "\n", "error: Failed to read file '/': Is a directory\n", 1),
    ("", "net-define ''", "\n", f"{EMPTY % 'file'}\n", 1),
    ("", "net-create x", "\n", NO_FILE, 1),
    ("", "net-port-create default x", "\n", NO_FILE, 1),
    ("", "net-port-create", "", "".join(map(REQUIRED.format, ["net-port-create"] * 2, ["network", "file"])), 1),
    ("", "net-name dd8fe884-6c02-601e-7551-cca97df1c5df", "default\n\n", "", 0),
    ("", "net-name default", "\n", "error: failed to get network 'default'\n", 1),
    (
        "",
        f"net-name {OTHER}",
        "\n",
        NOT_FOUND.replace("'x'", f"'{OTHER}'").replace("matching name", "matching uuid"),
        1,
    ),
    ("", "net-uuid default", UUID, "", 0),
    ("", f"net-uuid {UUID.strip()}", "\n", NOT_FOUND.replace("'x'", f"'{UUID.strip()}'"), 1),
    ("", "net-dumpxml", "", "error: command 'net-dumpxml' requires <network> option\n", 1),
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
    *(
        (
            "",
            f"net-update default {words}",
            "\n",
            f"error: Failed to update network default\nerror: {NOT_DONE}{why}\n",
            1,
        )
        for words, why in (
            ("add bridge '<bridge/>'", "can't update 'bridge' section of network 'default'"),
            ("add domain '<domain/>'", "can't update 'domain' section of network 'default'"),
            ("add ip '<ip/>'", "can't update 'ip' section of network 'default'"),
            ("add forward '<forward/>'", "can't update 'forward' section of network 'default'"),
            ("modify forward-pf '<pf/>'", "can't update 'forward pf' section of network 'default'"),
            ("modify forward-interface '<interface/>'", f"forward interface entries {UNMODIFIED}"),
            ("modify ip-dhcp-range '<range/>'", f"dhcp ranges {UNMODIFIED}"),
            ("modify dns-host '<host/>'", f"DNS HOST records {UNMODIFIED}"),
            ("modify dns-txt '<txt/>'", f"DNS TXT records {UNMODIFIED}"),
            ("modify dns-srv '<srv/>' --config", f"DNS SRV records {UNMODIFIED}"),
        )
    ),
    ("", "net-update default bad ip '<ip/>'", "\n", "error: unrecognized command name 'bad'\n", 1),
    ("", "net-update default none ip '<ip/>'", "\n", "error: unrecognized command name 'none'\n", 1),
    ("", "net-update default add bad '<ip/>'", "\n", "error: unrecognized section name 'bad'\n", 1),
    ("", "net-update x bad ip '<ip/>'", "\n", NOT_FOUND, 1),
    ("", "net-update default add ip ''", "\n", f"{EMPTY % 'xml'}\n", 1),
    ("", "net-update default add ip-dhcp-host x", "\n", NO_FILE, 1),
    ("", "net-update default add ip x --current --config", "\n", f"{EXCLUSIVE} --config are mutually exclusive\n", 1),
    ("", "net-update default add ip x --live --current", "\n", f"{EXCLUSIVE} --live are mutually exclusive\n", 1),
    ("", "net-update default add", "", "".join(map(REQUIRED.format, ["net-update"] * 2, ["section", "xml"])), 1),
    ("", "net-update", "", "".join(map(REQUIRED.format, ["net-update"] * 4, UPDATE)), 1),
    ("", "net-update default --xml x", "", "".join(map(REQUIRED.format, ["net-update"] * 2, UPDATE[1:3])), 1),
    ("", "net-update default add ip x --parent-index", "", "error: expected syntax: --parent-index <number>\n", 1),
    *(
        ("", f"net-list --name; net-update default add ip x --parent-index {word}", "\n\n", NUMBER.format(word), 1)
        for word in ("x", "0x0", "1.5", "99999999999")
    ),
    *(
        (
            "",
            f"net-event --event lifecycle --timeout {word}",
            "\n",
            NUMBER.format(word).replace("parent-index", "timeout"),
            1,
        )
        for word in ("x", "0", "-1")
    ),
    ("", "net-event --event lifecycle --timeout 1", "event loop timed out\nevents received: 0\n\n", "", 1),
    ("-q", "net-event --event lifecycle --timeout 1 --loop", "event loop timed out\nevents received: 0\n", "", 1),
    ("", "net-event --event x", "\n", "error: unknown event type x\n", 1),
    ("", "net-event --event ''", "\n", f"{EMPTY % 'event'}\n", 1),
    ("", "net-edit default", "Network default XML configuration not changed.\n\n", "", 0),
    ("", "net-define FILE", "Network lab defined from FILE\n\n", "", 0),
    (
        "-q",
        "net-define --file FILE --validate; net-name --network 5d1c8bd4-47a5-4c5c-93ab-0d24b0f3a4bf",
        "lab\n",
        "",
        0,
    ),
    ("", f"net-autostart {UUID.strip()}", f"Network {UUID.strip()} marked as autostarted\n\n", "", 0),
    ("", f"net-update {UUID.strip()} add ip '<ip/>'", "\n", f"{NOT_UPDATED}error: {NOT_DONE}{NO_IP}\n", 1),
    ("", f"net-undefine {UUID.strip()}", f"Network {UUID.strip()} has been undefined\n\n", "", 0),
    ("", "net-undefine default", "Network default has been undefined\n\n", "", 0),
    ("", "net-uuid default; net-info x; net-list --all --name", f"{UUID}\ndefault\n\n", NOT_FOUND, 0),
    ("", "net-list --all --name; net-info x", "default\n\n\n", NOT_FOUND, 1),
    ("", "net-list; nosuch", "", "error: unknown command: 'nosuch'\n", 1),
    ("", "net-uuid default; quit; net-list", UUID, "", 0),
    ("", "; ;net-uuid 'default' ;", UUID, "", 0),
    ("", "net-uuid default # net-list", UUID, "", 0),
    ("", 'net-uuid "default', "", 'error: missing "\n', 1),
    ("", "net-uuid default\\", "", "error: dangling \\\n", 1),
    ("", ";", "", "", 0),
    ("", "# net-list", "", "", 0),
    ("", "echo 'a b'  c\\ d", "a b c d\n", "", 0),
    ("-q", "echo --shell 'a b' c=1 '' \"it's\"", "'a b' c=1 '' 'it'\\''s'", "", 0),
    ("", 'echo --xml "<a>&\'"', "&lt;a&gt;&amp;&apos;\n", "", 0),
    ("", "echo --err a", "\n", "error: a\n", 0),
    ("", "uri", "test:///default\n\n", "", 0),
    ("", "connect", "\n", "", 0),
    ("", "connect a b", "", "error: unexpected data 'b'\n", 1),
    ("", "uri a", "", "error: unexpected data 'a'\n", 1),
    ("", "hostname a", "", "error: unexpected data 'a'\n", 1),
    ("", "quit", "", "", 0),
    ("", "quit a", "", "error: unexpected data 'a'\n", 1),
    (
        "",
        "connect --readonly; net-autostart default --disable",
        "\n\n",
        f"{UNMARKED}{READ_ONLY} virNetworkSetAutostart\n",
        1,
    ),
    (
        "",
        "connect --readonly; net-update default add ip-dhcp-host '<host/>'",
        "\n\n",
        f"{NOT_UPDATED}{READ_ONLY} virNetworkUpdate\n",
        1,
    ),
    ("", "connect --readonly; net-undefine default", "\n\n", f"{NOT_UNDEFINED}{READ_ONLY} virNetworkUndefine\n", 1),
    ("", "connect --readonly; net-define FILE", "\n\n", f"{NOT_DEFINED}{READ_ONLY} virNetworkDefineXML\n", 1),
    ("", "nosuch --help", "", "error: unknown command: 'nosuch'\n", 1),
    ("", "cd /", "\n", "error: cd: command valid only in interactive mode\n", 1),
    ("", "help nosuch", "\n", "error: command or command group 'nosuch' doesn't exist\n", 1),
    ("--foo", "uri", "", "error: unsupported option '--foo'. See --help.\n", 1),
    ("-Z", "uri", "", "error: unsupported option '-Z'. See --help.\n", 1),
    ("-d x", "uri", "", "error: option -d takes a numeric argument\n", 1),
    ("-k x", "uri", "", "error: Invalid value for option -k\n", 1),
    ("-K -1", "uri", "", "error: option -K requires a positive integer argument\n", 1),
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
