"""The verbs for links: a CA and certificates that are never written over, a key for ssh, a list."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def tls(root: Path) -> Path:
    return root / "etc/vnethook/tls"


def test_a_ca_issues_certificates_for_this_host_and_others(vnet, tls: Path) -> None:
    assert vnet("link-cert", "init").status == 0
    assert vnet("link-cert", "issue", "a.example", "--address", "192.0.2.1", "--here").status == 0
    said = vnet("link-cert", "issue", "b.example", "--address", "2001:db8::2", "--address", "b")
    assert f"Certificate for b.example issued: {tls}/issued/b.example" in said.out
    for place, names in (
        (tls, "DNS:a.example, IP Address:192.0.2.1"),
        (tls / "issued/b.example", "DNS:b.example, IP Address:2001:DB8:0:0:0:0:0:2, DNS:b"),
    ):
        words = ["openssl", "verify", "-purpose", "sslserver", "-CAfile", tls / "ca.pem", place / "cert.pem"]
        assert subprocess.run(words, capture_output=True, text=True, check=False).returncode == 0
        words = ["openssl", "x509", "-in", place / "cert.pem", "-noout", "-ext", "subjectAltName"]
        assert names in subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert os.stat(place / "key.pem").st_mode & 0o777 == 0o600
    shown = vnet("link-cert", "show").out
    assert "a.example 192.0.2.1" in shown
    assert os.stat(tls / "authority/key.pem").st_mode & 0o777 == 0o600


def test_nothing_is_written_over(vnet, tls: Path) -> None:
    assert vnet("link-cert", "issue", "a.example").err.startswith(
        "error: certificate for a.example: issue: there is no CA on this host\n"
    )
    vnet("link-cert", "init")
    vnet("link-cert", "issue", "a.example", "--here")
    before = {path: path.read_bytes() for path in tls.rglob("*.pem")}
    for words in (("init",), ("issue", "a.example", "--here")):
        said = vnet("link-cert", *words)
        assert (said.status != 0, "is there already" in said.err) == (True, True)
    assert {path: path.read_bytes() for path in tls.rglob("*.pem")} == before


def test_a_name_that_is_none_is_refused(vnet, tls: Path) -> None:
    vnet("link-cert", "init")
    for name, words in (("a\nb", ()), ("a.example", ("--address", "x, DNS:y")), ("../a", ())):
        assert "cannot be the name of a host" in (said := vnet("link-cert", "issue", name, *words)).err or (
            "neither an address nor the name of a host" in said.err
        )
    assert not (tls / "issued").exists()


def test_what_is_no_certificate_is_named(vnet, tls: Path) -> None:
    tls.mkdir(parents=True)
    (tls / "ca.pem").write_text("garbage\n")
    said = vnet("link-cert", "show")
    assert f"warning: certificate '{tls}/ca.pem': read: openssl x509: " in said.err


def test_the_key_for_ssh_is_made_once(vnet) -> None:
    first = vnet("link-key", "--name", "b.example").out.splitlines()[0]
    assert first.startswith('restrict,command="/usr/libexec/vnethook/link-ssh b.example" ssh-ed25519 ')
    assert vnet("link-key", "--name", "b.example").out.splitlines()[0] == first


@pytest.mark.parametrize("name", ['b" ssh-rsa AAAA', "b.example\nc", "-b", "b" * 65])
def test_a_name_that_is_more_than_a_name_to_sshd_gets_no_line(vnet, name: str) -> None:
    said = vnet("link-key", f"--name={name}")
    assert (said.status, said.out) == (1, "")
    assert "cannot be the name of a host" in said.err


def test_without_a_network_that_is_up_there_is_no_link(vnet) -> None:
    assert vnet("link-list", "--json").json == []
