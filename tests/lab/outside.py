"""The world behind a host's uplink: a gateway, a DNS server and a web server, at addresses of RFC 5737 and RFC 3849."""

import ipaddress
import subprocess
from typing import Self

from tests.lab.host import Host
from tests.lab.machine import PYTHON, Machine, wait_for

WWW = "www.example.test"
WWW_4, WWW_6 = "203.0.113.80", "2001:db8:ffff::80"
PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")  # RFC 1918, where the guests' subnets are

# Answers every path with the peer's address as it arrives here, which shows what masquerading did.
_WEB_SERVER = """
import http.server, socket
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = ("outside sees " + self.client_address[0].removeprefix("::ffff:") + "\\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
Server(("::", 80), Handler).serve_forever()
"""


class Outside(Machine):
    """A machine that serves www.example.test by DNS and HTTP, and knows a way back to every private address."""

    def __init__(self, name: str = "outside") -> None:
        super().__init__(name)

    def __enter__(self) -> Self:
        super().__enter__()
        self.run(["ip", "address", "add", f"{WWW_4}/32", "dev", "lo"])
        self.run(["ip", "-6", "address", "add", f"{WWW_6}/128", "dev", "lo"])
        names = [f"--address=/{WWW}/{WWW_4}", f"--address=/{WWW}/{WWW_6}", "--local=/test/"]
        names.append("--address=/#/")  # knows no other name: to refuse a question has some clients ask it for 15 s
        self.popen(
            [
                "dnsmasq",
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--no-resolv",
                "--no-hosts",
                "--pid-file=",
                *names,
            ]
        )
        self.popen([PYTHON, "-IS", "-c", _WEB_SERVER], stdin=subprocess.DEVNULL)
        wait_for(lambda: self.connects(WWW_4, 80) and self.connects(WWW_4, 53), "the web and DNS servers outside")
        return self

    def plug(self, host: Host, *, link: str = "uplink0", subnet: str = "192.0.2.0/24", subnet6: str = "") -> str:
        """Lay a cable to `host`: its NIC `link` gets an address (given back), a default route and a resolver."""
        far = f"to-{link}"[:15]
        self.lay_cable(far, host, link)
        ours, theirs = _first_two(subnet)
        self.run(["ip", "address", "add", ours, "dev", far])
        host.run(["ip", "address", "add", theirs, "dev", link])
        host.run(["ip", "route", "add", "default", "via", ours.split("/")[0], "dev", link])
        address = theirs.split("/")[0]
        for private in PRIVATE:
            self.run(["ip", "route", "replace", private, "via", address])
        if subnet6:
            ours6, theirs6 = _first_two(subnet6)
            self.run(["ip", "-6", "address", "add", ours6, "dev", far, "nodad"])
            host.run(["ip", "-6", "address", "add", theirs6, "dev", link, "nodad"])
            host.run(["ip", "-6", "route", "add", "default", "via", ours6.split("/")[0], "dev", link])
            self.run(["ip", "-6", "route", "replace", "fc00::/7", "via", theirs6.split("/")[0]])
        host.set_resolvers(ours.split("/")[0])
        return address

    def unplug(self, host: Host, *, link: str = "uplink0") -> None:
        """Take the cable away, and the host's NIC with it."""
        host.run(["ip", "link", "delete", link])
        host.set_resolvers()


def _first_two(subnet: str) -> tuple[str, str]:
    """The first two addresses of a subnet, each with the prefix length."""
    network = ipaddress.ip_network(subnet)
    return f"{network[1]}/{network.prefixlen}", f"{network[2]}/{network.prefixlen}"
