"""A CA and certificates for the links of a small site, by openssl; what is there is never written over.

Source: openssl-req(1), x509v3_config(5).
"""

import calendar
import os
import re
import time

from vnethook.address import canonical_ip
from vnethook.errors import DefinitionError, HostError, StateError, UsageError, VnetError
from vnethook.host import programs
from vnethook.live import files
from vnethook.live.paths import Paths
from vnethook.names import is_domain_name, shown

CA, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"
CA_DAYS, DAYS = 3650, 730
WARN_S = 30 * 86400
"""How long before its end a certificate is warned about."""
_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
_CA = """[req]
distinguished_name = subject
prompt = no
[subject]
CN = {name}
[extensions]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_HOST = """[req]
distinguished_name = subject
prompt = no
[subject]
CN = {name}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth, clientAuth
subjectAltName = {names}
"""
NAME_MAX = 64
"""What a common name can hold. Source: RFC 5280, ub-common-name."""


class Certificate:
    """What a certificate says: whom it is for, and Unix time of its end."""

    def __init__(self, path: str, subject: str, names: list[str], expires: int) -> None:
        self.path, self.subject, self.names, self.expires = path, subject, names, expires


def directory(paths: Paths) -> str:
    """Where this host's CA certificate, certificate and key lie."""
    return f"{paths.etc}/tls"


def authority(paths: Paths) -> str:
    """Where the CA's own key lies, on the one host that issues certificates."""
    return f"{directory(paths)}/authority"


def init(paths: Paths, name: str) -> str:
    """Make a CA; where its certificate lies. Raise StateError if this host knows one already."""
    place, key = f"{directory(paths)}/{CA}", f"{authority(paths)}/{KEY}"
    for path in (place, key):
        _require_new(path, "a CA")
    if not name.isprintable() or not 0 < len(name) <= NAME_MAX:
        msg = f"name {shown(name[:NAME_MAX])}: cannot be the name of a CA"
        raise UsageError(msg)
    files.make_directory(authority(paths), mode=0o700)
    words = ["-days", str(CA_DAYS), "-keyout", key, "-out", place]
    _openssl(["req", "-x509", *_NEW_KEY, *words], _CA.format(name=re.sub(r"([\\$\"'#])", r"\\\1", name)))
    os.chmod(place, 0o644)
    return place


def issue(paths: Paths, name: str, addresses: tuple[str, ...] = (), *, days: int = DAYS, is_here: bool = False) -> str:
    """Issue a certificate for a host; the directory in which it lies with its key and the CA's certificate.

    `addresses`: names and addresses that others connect to it by; `is_here`: it is for this host.
    """
    if not is_domain_name(name) or len(name) > NAME_MAX:
        msg = f"name {shown(name[:NAME_MAX])}: cannot be the name of a host"
        raise UsageError(msg)
    ca, ca_key = f"{directory(paths)}/{CA}", f"{authority(paths)}/{KEY}"
    if not (files.exists(ca) and files.exists(ca_key)):
        msg = f"certificate for {name}: issue: there is no CA on this host"
        raise StateError(msg, hint="`vnet link-cert init` makes one; certificates are issued on that host only")
    place = directory(paths) if is_here else f"{directory(paths)}/issued/{name}"
    for file in (CERTIFICATE, KEY):
        _require_new(f"{place}/{file}", "a certificate")
    names = ", ".join([f"DNS:{name}", *(_alternative(address) for address in addresses)])
    files.make_directory(place, mode=0o755 if is_here else 0o700)
    words = ["-CA", ca, "-CAkey", ca_key, "-days", str(days), "-keyout", f"{place}/{KEY}"]
    _openssl(
        ["req", "-x509", *_NEW_KEY, *words, "-out", f"{place}/{CERTIFICATE}"], _HOST.format(name=name, names=names)
    )
    os.chmod(f"{place}/{CERTIFICATE}", 0o644)
    if not is_here:
        files.write_text(f"{place}/{CA}", files.read_text(ca) or "")
    return place


def read(path: str) -> Certificate:
    """What a certificate says; raise HostError if there is none that can be read."""
    if not files.exists(path):
        msg = f"certificate {path!r}: no such file"
        raise HostError(msg)
    words = ["x509", "-in", path, "-noout", "-subject", "-enddate", "-dateopt", "iso_8601", "-ext", "subjectAltName"]
    try:
        text = _openssl(words, "").replace("\n", " ")
    except HostError as error:
        msg = f"certificate {path!r}: read: {error.message}"
        raise HostError(msg) from error
    subject = re.search(r"subject=.*?CN ?= ?([^,]*?)(?:,| notAfter)", text)
    end = re.search(r"notAfter=(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)Z", text)
    names = [name.strip() for name in re.findall(r"(?:DNS|IP Address):([^,\s]+)", text)]
    expires = calendar.timegm((*map(int, end.groups()), 0, 0, 0)) if end else 0
    return Certificate(path, subject.group(1).strip() if subject else "", names, expires)


def problem(paths: Paths) -> str:
    """What is wrong with this host's own certificate, or will be soon; empty if nothing is."""
    path = f"{directory(paths)}/{CERTIFICATE}"
    try:
        ends = read(path).expires
    except VnetError as error:
        return error.message
    soon = ends < time.time() + WARN_S
    return f"certificate {path!r}: ends on {time.strftime('%Y-%m-%d', time.gmtime(ends))}" if soon else ""


def _alternative(address: str) -> str:
    try:
        return f"IP:{canonical_ip(address)}"
    except DefinitionError:
        pass  # then it is a name
    if not is_domain_name(address):
        msg = f"address {shown(address[:NAME_MAX])}: neither an address nor the name of a host"
        raise UsageError(msg)
    return f"DNS:{address}"


def _require_new(path: str, what: str) -> None:
    if files.exists(path):
        msg = f"file {path!r}: {what} is there already"
        raise StateError(msg, hint="nothing is written over; move it away if it is no longer wanted")


def _openssl(words: list[str], configuration: str) -> str:
    """What openssl prints; a private key that it writes is its owner's only. Raise HostError with what it says."""
    argv = [programs.require("openssl"), *words]
    if configuration:
        argv += ["-config", "/dev/stdin", "-extensions", "extensions"]
    mask = os.umask(0o077)
    try:
        finished = programs.run(argv, text=configuration)
    finally:
        os.umask(mask)
    if finished.status:
        msg = f"openssl {words[0]}: {finished.reason}"
        raise HostError(msg)
    return finished.output
