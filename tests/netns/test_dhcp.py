"""What guests are leased: by ranges, by MAC, client id, DUID or name, for how long; and how they boot from the network."""

import pytest

from tests.lab import Client, Host, Outside
from tests.lab.library import on
from vnethook.definition.model import Ip, Network
from vnethook.errors import DefinitionError, HostError
from vnethook.lifecycle import attach, bringup, catalog, options
from vnethook.live import nics

pytestmark = pytest.mark.netns
FOR_EVER = 0xFFFFFFFF  # RFC 2131, section 3.3
LEASES = """
<network><name>lab</name><forward mode='nat'/><mtu size='1400'/>
  <ip address='10.81.0.1' netmask='255.255.255.0'><dhcp>
    <range start='10.81.0.100' end='10.81.0.100'><lease expiry='2' unit='hours'/></range>
    <range start='10.81.0.110' end='10.81.0.110'><lease expiry='0'/></range>
    <range start='10.81.0.120' end='10.81.0.120'/>
    <host mac='52:54:00:00:00:0a' name='for-ever' ip='10.81.0.10'><lease expiry='0'/></host>
    <host mac='52:54:00:00:00:0b' name='short' ip='10.81.0.11'><lease expiry='300' unit='seconds'/></host>
    <host mac='52:54:00:00:00:0c' name='plain' ip='10.81.0.12'/>
    <host id='ff:00:00:53:01' name='box' ip='10.81.0.13'/>
    <host name='db' ip='10.81.0.14'><lease expiry='10'/></host>
  </dhcp></ip>
  <ip family='ipv6' address='fd00:81::1' prefix='64'><dhcp>
    <range start='fd00:81::100' end='fd00:81::1ff'><lease expiry='30'/></range>
    <host id='0:3:0:1:52:54:0:0:0:a' name='for-ever' ip='fd00:81::10'><lease expiry='0'/></host>
    <host id='00:04:7e:7d:f0:7d:a8:bc:c5:d2:13:32:11:ed:16:ea:84:63' ip='fd00:81::11'/>
    <host name='db' ip='fd00:81::14'/>
  </dhcp></ip>
</network>"""


def _define(host: Host, xml: str, name: str = "lab") -> None:
    on(host, lambda here: catalog.define(here, xml, source=f"{name}.xml") and None)


def _attach(host: Host, interface: str, *, guest: str = "", mac: str = "", network: str = "lab") -> list[str]:
    nic = nics.Nic(interface=interface, network=network, guest=guest, mac=mac)
    return on(host, lambda here: attach.attach(here, network, nic))


def _with_link_local(client: Client, address: str) -> None:
    """An address to ask from by DHCPv6, at once."""
    client.run(["ip", "-6", "address", "flush", "dev", "eth0"])
    client.run(["ip", "-6", "address", "add", f"{address}/64", "dev", "eth0", "nodad"])


@pytest.fixture(scope="module")
def guest():  # type: ignore[no-untyped-def]
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _define(host, LEASES)
        _attach(host, "vguest")
        yield guest


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ("0a", ("10.81.0.10", FOR_EVER)),
        ("0b", ("10.81.0.11", 300)),
        ("0c", ("10.81.0.12", 3600)),
    ],
)
def test_a_host_has_its_address_for_as_long_as_its_own_lease_says(
    guest: Client, last: str, expected: tuple[str, int]
) -> None:
    lease = guest.lease(mac=f"52:54:00:00:00:{last}")
    assert (lease["ip"], int(lease["lease_s"])) == expected
    assert lease["mtu"] == "1400"


def test_each_range_has_a_lease_time_of_its_own_and_all_are_used_up(guest: Client) -> None:
    found = [guest.lease(mac=f"52:54:00:00:01:{number:02x}") for number in range(3)]
    assert {lease["ip"]: int(lease["lease_s"]) for lease in found} == {
        "10.81.0.100": 7200,
        "10.81.0.110": FOR_EVER,
        "10.81.0.120": 3600,
    }
    assert guest.lease(mac="52:54:00:00:01:ff", tries=2) == {}
    # the fixed hosts have places of their own beside the ranges
    assert guest.lease(mac="52:54:00:00:00:0c")["ip"] == "10.81.0.12"


def test_a_host_is_recognised_by_its_client_id(guest: Client) -> None:
    assert guest.lease(mac="52:54:00:00:02:01", client_id="ff00005301")["ip"] == "10.81.0.13"


def test_an_ipv6_host_is_recognised_by_its_duid_and_others_get_an_address_of_the_range(guest: Client) -> None:
    _with_link_local(guest, "fe80::53")
    assert guest.lease6("00:03:00:01:52:54:00:00:00:0a") == ("fd00:81::10", FOR_EVER, ["fd00:81::1"])
    fixed = guest.lease6("00:04:7e:7d:f0:7d:a8:bc:c5:d2:13:32:11:ed:16:ea:84:63")
    assert fixed is not None
    assert (fixed.ip, fixed.valid_s) == ("fd00:81::11", 86400)
    other = guest.lease6("00:03:00:01:52:54:00:00:00:ee")
    assert other is not None
    assert other.ip.startswith("fd00:81::1")
    assert other.valid_s == 1800


def test_a_host_by_name_alone_has_its_addresses_and_lease_whatever_its_mac(guest: Client) -> None:
    with Client(guest.host, "db", port="vdb", mac="52:54:00:00:03:01") as db:
        assert _attach(guest.host, "vdb", guest="db", mac="52:54:00:00:03:01") == []
        lease = db.lease()
        assert (lease["ip"], lease["lease_s"]) == ("10.81.0.14", "600")
        _with_link_local(db, "fe80::54")
        found = db.lease6("00:03:00:01:52:54:00:00:03:01")
        assert found is not None
        assert found.ip == "fd00:81::14"
        assert db.resolve("db", server="10.81.0.1") == ["10.81.0.14"]
        assert db.resolve("db", server="10.81.0.1", kind="AAAA") == ["fd00:81::14"]


def test_a_lease_for_ever_is_listed_as_one(guest: Client) -> None:
    guest.lease(mac="52:54:00:00:00:0a")
    leases = on(guest.host, lambda here: catalog.leases(here, "lab"))
    [lease] = [lease for lease in leases if lease.ip == "10.81.0.10"]
    assert (lease.expiry, lease.mac, lease.hostname) == (0, "52:54:00:00:00:0a", "for-ever")
    assert "no expiry" in guest.host.vnet("net-dhcp-leases", "lab").stdout


def test_without_ranges_only_hosts_are_served_and_without_dns_no_server_is_named() -> None:
    xml = """<network><name>lab</name><dns enable='no'/><domain name='lab.test'/><ip address='10.82.0.1' prefix='24'><dhcp>
        <host mac='52:54:00:00:00:0a' ip='10.82.0.200'><lease expiry='3'/></host></dhcp></ip></network>"""
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _define(host, xml)
        _attach(host, "vguest")
        assert guest.lease(mac="52:54:00:00:00:0e", tries=2) == {}
        lease = guest.lease(mac="52:54:00:00:00:0a")
        found = {name: lease[name] for name in ("ip", "lease_s", "router", "dns", "domain")}
        assert found == {"ip": "10.82.0.200", "lease_s": "180", "router": "", "dns": "", "domain": "lab.test"}
        assert not guest.connects("10.82.0.1", 53)


BOOT = """
<network><name>lab</name><forward mode='nat'/><dns><host ip='192.0.2.69'><hostname>pxe</hostname></host></dns>
  <ip address='10.83.0.1' prefix='24'><tftp root='{root}'/><dhcp><range start='10.83.0.2' end='10.83.0.9'/>{bootp}</dhcp></ip>
</network>"""


@pytest.mark.parametrize(
    ("bootp", "expected"),
    [
        ("<bootp file='menu, 1 # x'/>", ("10.83.0.1", "menu, 1 # x")),
        ("<bootp file='menu' server='192.0.2.5'/>", ("192.0.2.5", "menu")),
        ("<bootp file='menu' server='pxe'/>", ("192.0.2.69", "menu")),
    ],
)
def test_a_guest_is_told_what_to_boot_and_from_where(bootp: str, expected: tuple[str, str]) -> None:
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _define(host, BOOT.format(root="/", bootp=bootp))
        _attach(host, "vguest")
        lease = guest.lease()
        assert (lease["next_server"], lease["boot_file"]) == expected


def test_a_guest_fetches_by_tftp_from_the_bridge_and_nobody_else_does() -> None:
    with Host() as host, Outside() as outside, Client(host, "guest", port="vguest") as guest:
        uplink = outside.plug(host)
        root = host.directory / "of the lab, all of it # yes"
        root.mkdir()
        (root / "menu").write_text("boot me\n" * 1000)
        _define(host, BOOT.format(root=root, bootp=""))
        _attach(host, "vguest")
        guest.lease()
        assert guest.tftp("menu", server="10.83.0.1") == "boot me\n" * 1000
        for machine, address in ((guest, uplink), (outside, uplink), (outside, "10.83.0.1")):
            words = ["busybox", "timeout", "1", "busybox", "tftp", "-g", "-r", "menu", "-l", "/dev/null", address]
            assert machine.run(words, check=False).returncode != 0
        with pytest.raises(AssertionError, match="Permission denied"):
            guest.tftp("../host/root", server="10.83.0.1")


def _refused_start(host: Host) -> tuple[str, str]:
    """What a start that changes nothing says, and its hint."""
    before = host.snapshot()
    with pytest.raises(HostError) as caught:
        on(host, lambda here: bringup.start(here, "lab") and None)
    assert before.changes_to(host.snapshot(), ignoring=["tcp_fastopen", r"\.host", "file d", "leases/"]) == []
    return str(caught.value), caught.value.hint


def test_a_tftp_root_that_is_not_there_is_refused_before_anything_is_done() -> None:
    with Host() as host:
        _define(host, BOOT.format(root="/no/such/place", bootp=""))
        assert _refused_start(host) == (
            "dnsmasq: start: directory '/no/such/place': no such directory",
            "make it, readable for everybody, or change the definition",
        )


def test_a_tftp_root_that_dnsmasq_may_not_read_is_named_and_all_is_undone() -> None:
    with Host() as host:
        root = host.directory / "tftp"
        root.mkdir(mode=0o700)
        _define(host, BOOT.format(root=root, bootp=""))
        assert _refused_start(host) == (
            f"dnsmasq: start: dnsmasq: TFTP directory {root} inaccessible: Permission denied",
            "dnsmasq reads it as the user nobody, unless <dnsmasq:options> name another",
        )


def test_a_letter_that_is_a_unit_of_time_is_a_name_like_any_other() -> None:
    hosts = [(name, f"52:54:00:00:00:1{place}", f"10.83.0.1{place}") for place, name in enumerate("hmsd")]
    fixed = "".join(f"<host mac='{mac}' name='{name}' ip='{ip}'/>" for name, mac, ip in hosts)
    with Host() as host, Client(host, "w", port="vguest", mac="52:54:00:00:00:20") as guest:
        inside = f"<dhcp><range start='10.83.0.100' end='10.83.0.109'/>{fixed}</dhcp>"
        address = f"<ip address='10.83.0.1' prefix='24'>{inside}</ip>"
        _define(host, f"<network><name>lab</name><forward mode='nat'/><guard mode='off'/>{address}</network>")
        assert _attach(host, "vguest", guest="w", mac="52:54:00:00:00:20") == []
        found = {"w": guest.lease()["ip"], **{name: guest.lease(mac=mac)["ip"] for name, mac, _ in hosts}}
        assert [found[name] for name, _, _ in hosts] == [ip for _, _, ip in hosts]
        for name, ip in found.items():
            assert guest.resolve(name, server="10.83.0.1") == [ip]


OPTIONS = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>lab</name><forward mode='nat'/>
  <ip address='10.84.0.1' prefix='24'><dhcp><range start='10.84.0.2' end='10.84.0.9'/></dhcp></ip>
  <dnsmasq:options>{options}</dnsmasq:options>
</network>"""


def _options(*lines: str) -> str:
    return OPTIONS.format(options="".join(f"<dnsmasq:option value='{line}'/>" for line in lines))


def test_lines_for_dnsmasq_are_in_force() -> None:
    lines = (
        "dhcp-option=option:ntp-server,192.0.2.123",
        "cname=www.lab.test,lab.test",
        "host-record=lab.test,192.0.2.80",
    )
    with Host() as host, Client(host, "guest", port="vguest") as guest:
        _define(host, _options(*lines))
        _attach(host, "vguest")
        assert guest.lease()["ntp"] == "192.0.2.123"
        assert guest.resolve("www.lab.test", server="10.84.0.1") == ["lab.test.", "192.0.2.80"]


def test_a_line_that_dnsmasq_does_not_know_is_refused_when_the_network_is_defined() -> None:
    with Host() as host:
        with pytest.raises(DefinitionError) as caught:
            _define(host, _options("log-queries", "foo=bar"))
        assert str(caught.value) == "lab.xml:4: dnsmasq option 'foo=bar': bad option"
        with pytest.raises(DefinitionError) as caught:
            on(
                host,
                lambda here: options.require(
                    here, Network("lab", ips=(Ip("10.84.0.1"),), options=("log-queries", "foo=bar"))
                ),
            )
        assert str(caught.value) == "network 'lab': dnsmasq option 'foo=bar': bad option"
        assert on(host, lambda here: [state.name for state in catalog.states(here)]) == ["default"]


def test_a_line_with_which_dnsmasq_does_not_start_is_named_and_all_is_undone() -> None:
    with Host() as host:
        _define(host, _options("bind-interfaces"))
        assert _refused_start(host)[0] == "dnsmasq: start: dnsmasq: cannot set --bind-interfaces and --bind-dynamic"
