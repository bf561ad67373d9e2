"""`vnet share NIC --print`: files for a NIC that need not be here, without root and without a network."""

import pytest

from tests.golden.test_interface_files import FOLDER
from vnethook.capability.manager.formats import FORMATS

MAC = "52:54:00:aa:bb:01"
STATIC = ("--address", "192.0.2.20/24", "--gateway", "192.0.2.1", "--dns", "192.0.2.1", "--search", "example.org")
PRINT = ("share", "eth0", "--print", "--bridge", "br0", "--mac", MAC)


@pytest.mark.parametrize("form", FORMATS)
def test_files_are_printed_each_below_its_path(vnet, form):
    said = vnet(*PRINT, "--format", form, *STATIC)
    expected, _, _ = (FOLDER / form / "static-bridge.txt").read_text().partition("\nnote: ")
    assert (said.status, said.out) == (0, expected)


def test_files_are_written_below_a_directory_and_over_none(vnet, tmp_path):
    out = tmp_path / "out"
    words = (*PRINT, "--format", "keyfile", "--dhcp", "--output", out)
    said = vnet(*words)
    top = out / "etc/NetworkManager"
    paths = [top / f"system-connections/{name}.nmconnection" for name in ("br0", "br0-port")]
    paths.append(top / "conf.d/90-br0-guests.conf")
    assert (said.status, said.out) == (0, "".join(f"{path}\n" for path in paths))
    assert [path.stat().st_mode & 0o777 for path in paths] == [0o600, 0o600, 0o644]
    paths[0].write_text("mine")
    again = vnet(*words)
    assert (again.status, again.err.splitlines()[0]) == (1, f"error: file '{paths[0]}': write: it exists")
    assert paths[0].read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("share", "eth0", "--mac", MAC), 1, "--mac is for --print"),
        (("share", "eth0", "--format", "ifcfg"), 1, "--format is for --print and --persist"),
        (("share", "eth0", "--persist", "--mode", "proxyarp"), 1, "--persist is for --mode bridge"),
        ((*PRINT, "--dhcp"), 1, "option --format: there is no manager here to take the format from"),
        ((*PRINT, "--format", "ifcfg"), 1, "interface 'eth0': print: no address is given"),
        (("share", "no-such0", "--print", "--format", "ifcfg"), 1, "interface 'no-such0': print: no such network interface here"),
        (("share", "no-such0", "--print", "--format", "ifcfg", "--dhcp"), 1, "interface 'no-such0': print: not here, so that its MAC is not known"),
        ((*PRINT, "--format", "ifcfg", "--address", "192.0.2.20"), 1, "address '192.0.2.20': no prefix length"),
        ((*PRINT, "--format", "ifcfg", "--address", "192.0.2.20/33"), 2, "address 192.0.2.20: prefix 33: must be 0 to 32"),
        ((*PRINT, "--format", "ifcfg", "--dhcp", "--zone", "a\nb"), 2, "zone 'a\\nb': must be 1 to 17 of A-Z a-z 0-9 _-, a letter or digit first"),
        ((*PRINT, "--format", "ifcfg", "--dhcp", "--search", "a';reboot'"), 2, 'search domain "a\';reboot\'": not a domain name'),
        ((*PRINT, "--format", "ifcfg", "--dhcp", "--mac", "ff:ff:ff:ff:ff:ff"), 2, "MAC address ff:ff:ff:ff:ff:ff: is a multicast address, which no interface can have"),
        ((*PRINT, "--format", "ifcfg", *("--dhcp", "--dns", "192.0.2.1") * 4), 2, "DNS server 192.0.2.1: ifcfg files have room for 3"),
    ],
)  # fmt: skip
def test_words_that_make_no_files_are_refused(vnet, words, status, message):
    said = vnet(*words)
    assert (said.status, said.out, said.err.splitlines()[0]) == (status, "", f"error: {message}")
