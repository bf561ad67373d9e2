"""TLS of links: both ends prove who they are by a certificate of one CA, the far host's name is in its certificate.

By Python's ssl module, which is OpenSSL; forward secrecy and at least TLS 1.2. Source: RFC 8446, RFC 9525.
"""

import os
import ssl
import stat

from vnethook.errors import HostError
from vnethook.live import files
from vnethook.value import Value

CA, CERTIFICATE, KEY = "ca.pem", "cert.pem", "key.pem"


class Peer(Value):
    """Whom a certificate names: all names and addresses in it, the first one for messages; Unix time of its end."""

    names: tuple[str, ...]
    expires: int

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.names[0] if self.names else "a certificate without a name"


def context(directory: str, *, is_server: bool) -> ssl.SSLContext:
    """What a handshake needs, from the files in `directory`; raise HostError that says which is missing or wrong."""
    for name in (CA, CERTIFICATE, KEY):
        _require(f"{directory}/{name}", is_secret=name == KEY)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if is_server else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.verify_mode = ssl.CERT_REQUIRED
    made.hostname_checks_common_name = False
    made.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    name = CA
    try:
        made.load_verify_locations(f"{directory}/{CA}")
        name = CERTIFICATE
        made.load_cert_chain(f"{directory}/{CERTIFICATE}", f"{directory}/{KEY}")
    except (OSError, ssl.SSLError) as error:
        msg = f"file '{directory}/{name}': read: {_unreadable(error, name)}"
        raise HostError(msg, hint="`vnet link-cert show` says what is there") from error
    return made


def _unreadable(error: OSError, name: str) -> str:
    if not isinstance(error, ssl.SSLError):
        return reason(error)
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"{KEY} is the key of another certificate"
    return "no certificate is in it" if name == CA else f"no certificate is in it, or no key in {KEY}"


class Contexts:
    """What handshakes need, read again once a file in `directory` is another."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._made: dict[bool, tuple[list[list[int] | None], ssl.SSLContext]] = {}

    def get(self, *, is_server: bool) -> ssl.SSLContext:
        """That of today; raise HostError as `context` does."""
        stamps = [files.stamp(f"{self._directory}/{name}") for name in (CA, CERTIFICATE, KEY)]
        made = self._made.get(is_server)
        if made is None or made[0] != stamps:
            made = self._made[is_server] = (stamps, context(self._directory, is_server=is_server))
        return made[1]


def _require(path: str, *, is_secret: bool) -> None:
    try:
        found = os.stat(path)
    except OSError as error:
        msg = f"file {path!r}: read: {os.strerror(error.errno or 0)}"
        raise HostError(msg, hint="`vnet link-cert` makes a CA and certificates for a small site") from error
    if is_secret and stat.S_IMODE(found.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        msg = f"file {path!r}: others than its owner may read it"
        raise HostError(msg, hint=f"chmod 600 {path}")


def peer(secure: ssl.SSLSocket) -> Peer:
    """Whom the far end's certificate names."""
    found = secure.getpeercert() or {}
    said = [item[1] for item in _pairs(found.get("subjectAltName")) if item[0] in {"DNS", "IP Address"}]
    said += [item[1] for part in _pairs(found.get("subject")) for item in _pairs(part) if item[0] == "commonName"]
    expires = int(ssl.cert_time_to_seconds(str(found["notAfter"]))) if "notAfter" in found else 0
    return Peer(tuple(dict.fromkeys(name for name in said if name.isprintable())), expires)  # they are shown and logged


def _pairs(found: object) -> "list[tuple[str, ...]]":
    """What ssl gives as tuples of tuples, whose types it does not say."""
    return [item for item in found if isinstance(item, tuple)] if isinstance(found, tuple) else []


_VERIFICATION = {
    9: "it is not valid yet",
    10: "it has expired",
    **dict.fromkeys((18, 19, 20, 21), "its CA is not ours"),
}
"""By OpenSSL's numbers: x509_vfy.h, X509_V_ERR_…"""
_REASONS = {
    "WRONG_VERSION_NUMBER": "no TLS, or a version that nobody uses any more",
    "HTTP_REQUEST": "no TLS: an HTTP request",
    "UNSUPPORTED_PROTOCOL": "TLS older than 1.2",
    "VERSION_TOO_LOW": "TLS older than 1.2",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "TLSV1_ALERT_PROTOCOL_VERSION": "the far end wants another version of TLS",
    "TLSV1_ALERT_UNKNOWN_CA": "the far end does not know the CA of our certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the far end says that our certificate has expired",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the far end refuses our certificate",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "the far end wants a certificate",
    "UNEXPECTED_EOF_WHILE_READING": "the far end closed the connection",
}


def reason(error: Exception) -> str:
    """Why something with TLS or a connection failed, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        said = _VERIFICATION.get(error.verify_code, error.verify_message.rstrip("."))
        return f"certificate refused: {said}"
    if isinstance(error, ssl.SSLError):
        name = error.reason or ""
        return _REASONS.get(name, name.lower().replace("_", " ") or "the connection broke")
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
