"""The verbs for network ports under virsh's name answer as the real virsh with a real libvirtd: one list for both."""

from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.lab import Host
from tests.lab.host import VNET
from tests.lab.libvirtd import Libvirtd

pytestmark = [pytest.mark.netns, pytest.mark.guests]
FIRST, OTHER, NONE = (f"7ae63b5f-fe96-4af0-a7c3-da04ba1b3f5{number}" for number in range(3))
LAB = "<network><name>lab</name><forward mode='bridge'/><bridge name='br7'/><portgroup name='fast'/></network>"
PORT = """<networkport>
  <uuid>{uuid}</uuid>
  <owner>
    <name>alice</name>
    <uuid>06578fc1-c686-46fa-bc2c-220893b466a6</uuid>
  </owner>
  <group>fast</group>
  <mac address='52:54:00:7b:35:{last}'/>
</networkport>
"""
DUMPED = PORT.replace("</networkport>\n", "  <plug type='bridge' bridge='br7'/>\n</networkport>\n")
HEADER = f" UUID\n{'-' * 39}\n"

# The options of virsh and its command line; what it says on stdout and on stderr, and the status.
CASES = [
    ("", "net-start lab", "Network lab started\n\n", "", 0),
    ("", "net-port-list lab", " UUID\n-------\n\n", "", 0),
    ("", "net-port-create lab first.xml", f"Network port {FIRST} created from first.xml\n\n", "", 0),
    ("", "net-port-create lab other.xml --validate", f"Network port {OTHER} created from other.xml\n\n", "", 0),
    ("", f"net-port-delete lab {OTHER}", f"Network port {OTHER} deleted\n\n", "", 0),
    ("", "net-port-list lab", f"{HEADER} {FIRST}\n\n", "", 0),
    ("-q", "net-port-list --table lab", f" {FIRST}\n", "", 0),
    ("", "net-port-list --network lab --uuid", f"{FIRST}\n\n", "", 0),
    ("", f"net-port-dumpxml lab {FIRST}", f"{DUMPED.format(uuid=FIRST, last='01')}\n", "", 0),
    ("", f"net-port-dumpxml lab --port {FIRST} --xpath //mac", '<mac address="52:54:00:7b:35:01"/>\n\n', "", 0),
    (
        *("", f"net-port-dumpxml lab {FIRST} --wrap --xpath //owner/name"),
        *("<nodes>\n  <name>alice</name>\n</nodes>\n\n", "", 0),
    ),
    ("", "net-port-list x", "\n", "error: failed to get network 'x'\nerror: Network not found: no network with matching name 'x'\n", 1),
    ("", "net-port-dumpxml lab", "", "error: command 'net-port-dumpxml' requires <port> option\n", 1),
    ("", "net-port-create lab", "", "error: command 'net-port-create' requires <file> option\n", 1),
]  # fmt: skip


def _files(directory: Path) -> None:
    (directory / "lab.xml").write_text(LAB)
    (directory / "first.xml").write_text(PORT.format(uuid=FIRST, last="01"))
    (directory / "other.xml").write_text(PORT.format(uuid=OTHER, last="02"))


@pytest.fixture(params=["ours", "virsh's"])
def virsh(request: pytest.FixtureRequest) -> Iterator[object]:
    with Host() as host:
        host.run(["ip", "link", "add", "br7", "up", "type", "bridge"])
        _files(host.directory)
        program = host.directory / "virsh"
        program.symlink_to(VNET)

        def call(*words: str) -> CompletedProcess[str]:
            line = " ".join(words)
            start = f"{program}" if request.param == "ours" else "virsh -c qemu:///system"
            return host.run(["sh", "-c", f"cd {host.directory} && exec {start} {line}"], check=False)

        if request.param == "ours":
            yield call
        else:
            with Libvirtd(host):
                yield call


def test_ports_are_made_listed_dumped_and_deleted_in_virshs_words(virsh) -> None:  # type: ignore[no-untyped-def]
    assert virsh("net-define", "lab.xml").returncode == 0
    assert virsh("net-port-list", "lab").returncode == 1  # it is not active
    for options, words, out, err, status in CASES:
        done = virsh(options, words)
        assert (words, done.stdout, done.returncode) == (words, out, status)
        assert done.stderr.startswith(err), words  # ours goes on with advice
        assert bool(done.stderr) is bool(err)
    unknown = virsh("net-port-dumpxml", "lab", NONE)  # of which virsh 9.0 says so and ends with 0
    assert unknown.stdout == "\n"
    assert unknown.stderr.startswith(f"error: failed to get network port '{NONE}'\n")
