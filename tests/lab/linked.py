"""Two hosts on one network, each with a network of ours that is linked with the other's; a CA and certificates."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.lab.host import Host
from tests.lab.library import on
from tests.lab.machine import wait_for
from vnethook.live import link_status
from vnethook.live.link_status import LinkStatus, Status

SERVING, CONNECTING = "192.0.2.1", "192.0.2.2"
NEAR_MAC, FAR_MAC = "52:54:00:61:00:01", "52:54:00:61:00:02"
FAR = "10.61.0.60"
LAN = (
    "<ip address='10.61.0.1' netmask='255.255.255.0'><dhcp><range start='10.61.0.100' end='10.61.0.199'/>"
    f"<host mac='{FAR_MAC}' name='far' ip='{FAR}'/></dhcp></ip>"
)
"""What the serving host serves; it knows the far guest's name."""
PORT = 7443
_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Site:
    """A CA in a directory, and what it issues."""

    def __init__(self, directory: Path, name: str = "site") -> None:
        self.directory = directory
        self.name = name
        directory.mkdir()
        self._openssl(
            "req", "-x509", *_KEY, "-days", "30", "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.pem"
        )

    def give(self, host: Host, name: str, *names: str, days: int = 30) -> None:
        """Put a certificate of that name, for these names ("IP:192.0.2.1", "DNS:…"), where the host's links look."""
        self.issue(host.root / "etc/vnethook/tls", name, *names, days=days)

    def issue(self, place: Path, name: str, *names: str, days: int = 30) -> Path:
        """Put CA, certificate and key into a directory."""
        place.mkdir(parents=True, exist_ok=True)
        extensions = self.directory / "extensions"
        extensions.write_text(f"subjectAltName={','.join((f'DNS:{name}', *names))}\n")
        key = place / "key.pem"
        self._openssl("req", *_KEY, "-subj", f"/CN={name}", "-keyout", str(key), "-out", "request")
        key.chmod(0o600)
        self._openssl(
            *("x509", "-req", "-in", "request", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-days", str(days), "-extfile", "extensions", "-out", str(place / "cert.pem")),
        )
        (place / "ca.pem").write_bytes((self.directory / "ca.pem").read_bytes())
        return place

    def _openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.directory, check=True, capture_output=True)


@contextmanager
def two_hosts(connecting: Host | None = None) -> Iterator[tuple[Host, Host]]:
    """The serving and the connecting host, which reach each other; both have certificates of one CA."""
    with Host("serving") as here, connecting or Host("connecting") as there:
        here.lay_cable("u0", there, "u0")
        here.run(["ip", "address", "add", f"{SERVING}/24", "dev", "u0"])
        there.run(["ip", "address", "add", f"{CONNECTING}/24", "dev", "u0"])
        site = Site(here.directory / "site")
        site.give(here, "a.example", f"IP:{SERVING}")
        site.give(there, "b.example", f"IP:{CONNECTING}")
        yield here, there


def define(here: Host, there: Host, transport: str, port: int = PORT) -> None:
    """Define `lab` on both, and have them up."""
    quick(here)
    quick(there)
    way = f"transport='{transport}'"
    at = "" if transport == "ssh" else f"port='{port}'"
    here.define(f"<network><name>lab</name><bridge name='br0'/>{LAN}<listen {way} {at}/></network>")
    there.define(
        "<network><name>lab</name><bridge name='br0'/>"
        f"<connections><connection address='{SERVING}' {way} port='{port}'/></connections></network>"
    )
    here.vnet("net-restart", "lab")
    there.vnet("net-restart", "lab")


def quick(host: Host) -> None:
    """Have a silent far end noticed within three seconds."""
    config = host.root / "etc/vnethook/vnethook.toml"
    config.parent.mkdir(exist_ok=True)
    config.write_text("[links]\nkeepalive = 1\n")


def status(host: Host, network: str = "lab") -> Status:
    """What the host's supervisor says."""
    return on(host, lambda here: link_status.read(here.paths, network)) or Status()


def wait_for_link(host: Host, is_so: Callable[[LinkStatus], bool], what: str, network: str = "lab") -> LinkStatus:
    """The first link of the host for which that is so."""
    return wait_for(lambda: next((link for link in status(host, network).links if is_so(link)), None), what)  # type: ignore[return-value]


def wait_until_up(host: Host, network: str = "lab") -> LinkStatus:
    """The host's link once it carries frames."""
    return wait_for_link(host, lambda link: link.state == link_status.UP, f"the link of {host.name}", network)
