"""`vnet forward-list`, `forward-add`, `forward-remove`, on a host with guests."""

from collections.abc import Iterator

import pytest

from tests.lab.client import Client
from tests.lab.site import Site, site
from tests.lab.witness import PORT, Witness, ask

pytestmark = pytest.mark.netns
MAC = "52:54:00:00:81:01"
UPLINK = "192.0.2.2"
IPS = """<ip address='10.{number}.0.1' netmask='255.255.255.0'>
  <dhcp><range start='10.{number}.0.100' end='10.{number}.0.199'/></dhcp></ip>"""


@pytest.fixture
def place() -> Iterator[Site]:
    with site() as place:
        place.define("lab", 81, "<forward mode='nat'/>", ips=IPS)
        place.host.vnet("net-start", "lab")
        yield place


def _listed(place: Site) -> list[list[str]]:
    rows = place.host.vnet("forward-list").stdout.splitlines()[2:]
    return [[word.strip() for word in row.split("   ") if word.strip()] for row in rows if row]


def test_a_forward_is_added_listed_and_removed_while_a_guest_is_there(place: Site) -> None:
    host = place.host
    done = host.vnet("forward-add", "lab", "8080/tcp", f"web:{PORT}", "--live", "--config")
    assert done.stdout == f"Forward of 8080 to web:{PORT} added to network lab (live and stored)\n\n"
    assert _listed(place) == [["lab", "tcp", "8080", "-", "-", f"web:{PORT}", "-", "guest not running"]]
    with Client(host, "web", port="vweb", mac=MAC) as web:
        host.vnet("attach", "vweb", "--network", "lab", "--guest", "web", "--mac", MAC)
        web.lease()
        Witness(web)
        assert ask(place.outside, "tcp", UPLINK, port=8080).split()[0] == "192.0.2.1"
        host.vnet("forward-add", "lab", "9000-9002", "10.81.0.199", "--from", "192.0.2.0/24", "--on", UPLINK)
        assert host.vnet_json("forward-list", "lab") == [
            {
                "network": "lab",
                "protocols": ["tcp"],
                "port": "8080",
                "on": "",
                "from": "",
                "guest": "web",
                "addresses": ["10.81.0.199"],
                "to": str(PORT),
                "state": "active",
            },
            {
                "network": "lab",
                "protocols": ["tcp", "udp"],
                "port": "9000-9002",
                "on": UPLINK,
                "from": "192.0.2.0/24",
                "guest": "",
                "addresses": ["10.81.0.199"],
                "to": "9000-9002",
                "state": "active",
            },
        ]
        assert host.vnet("net-dumpxml", "lab").stdout.count("<allow") == 2
        assert host.vnet("net-dumpxml", "lab", "--inactive").stdout.count("<allow") == 1
        host.vnet("forward-remove", "lab", "8080/tcp", f"web:{PORT}", "--live", "--config")
        assert ask(place.outside, "tcp", UPLINK, port=8080) == "refused"
        host.vnet("forward-remove", "lab", "9000-9002", "10.81.0.199", "--from", "192.0.2.0/24", "--on", UPLINK)
    assert host.vnet("forward-list").stdout.splitlines()[2:] == [""]
    assert "<forwarding>" not in host.vnet("net-dumpxml", "lab").stdout


def test_what_cannot_be_is_refused_in_a_line_and_changes_nothing(place: Site) -> None:
    host = place.host
    place.define("other", 82, "<forward mode='nat'/>", ips=IPS)
    place.define("alone", 83, "", ips=IPS)
    host.vnet("net-start", "other")
    host.vnet("forward-add", "lab", "80", "web", "--live", "--config")
    taken = "network 'other': incoming port 80: is forwarded by network 'lab'"
    refused = {
        ("other", "80/tcp", "db", "--config"): (f"{taken} already", 2),
        ("other", "80/tcp", "db"): (f"{taken}, which is up", 5),
        ("lab", "80/udp", "db"): ("incoming port 80: is forwarded already by incoming port 80", 2),
        ("lab", "8080", "10.99.0.9"): ("incoming port 8080: 10.99.0.9 is in no subnet of the network", 2),
        ("alone", "80", "10.83.0.9"): ("forwarding: its rules are for mode 'nat', 'route' or 'user', not 'none'", 2),
        ("lab", "x", "web"): ("argument PORT: 'x': must be a port or a range of them", 1),
        ("lab", "80", "[::1"): ("argument GUEST: '[::1': must be a port or a range of them", 1),
        ("lab", "90-91", "web:1"): ("forward '90-91' to 'web:1': incoming port 90-91: to 1: must be as many ports", 1),
    }
    before = host.vnet("forward-list").stdout
    for words, (message, status) in refused.items():
        done = host.vnet("forward-add", *words, check=False)
        assert (message in done.stderr, done.returncode) == (True, status), (words, done.stderr)
    missing = host.vnet("forward-remove", "lab", "80", "db", check=False)
    assert "network 'lab': incoming port 80: there is no such forward" in missing.stderr
    assert host.vnet("forward-list").stdout == before


def test_a_routed_network_goes_on_being_reached_when_it_gets_a_forward(place: Site) -> None:
    place.define("routed", 84, "<forward mode='route'/>")
    Witness(place.plug("routed"))
    assert " " in ask(place.outside, "tcp", place.address("routed"))
    place.host.vnet("forward-add", "routed", "8084", f"{place.address('routed')}:{PORT}")
    place.host.vnet("forward-add", "routed", "8084", f"[{place.address('routed', 6)}]:{PORT}")
    assert " " in ask(place.outside, "tcp", place.address("routed"))
    assert " " in ask(place.outside, "tcp", UPLINK, port=8084)
    assert " " in ask(place.outside, "tcp", "2001:db8:1::2", port=8084)
