"""What libvirt dumps as it was written is dumped so here: virsh's own test driver, which needs no daemon, is asked."""

import subprocess

import pytest
from lxml import etree

from vnethook.definition import xml

pytestmark = pytest.mark.libvirt
IP = "<ip address='192.0.2.1' netmask='255.255.255.0'/>"
NAT = f"<forward mode='nat'>%s</forward>{IP}"
KEPT = [
    "<ip family='ipv4' address='192.0.2.1' prefix='24' localPtr='no'/>",
    "<ip family='ipv4' address='192.0.2.1' netmask='255.255.255.0' localPtr='yes'/>",
    "<ip address='192.0.2.1' prefix='24'/><ip family='ipv6' address='2001:DB8:0::1' prefix='64' localPtr='no'/>",
    *(
        f"{IP}<route {said} gateway='192.0.2.2'/>"
        for said in (
            "family='ipv4' address='198.51.100.0' netmask='255.255.255.0'",
            "address='198.51.100.0' prefix='24' metric='1'",
            "address='0.0.0.0' netmask='0.0.0.0'",
        )
    ),
    (
        "<ip family='ipv6' address='2001:db8::1' prefix='64'/>"
        "<route family='ipv6' address='2001:db8:1::' prefix='48' gateway='2001:db8::2'/>"
    ),
    *(NAT % nat for nat in ("", "<nat/>", "<nat ipv6='no'/>", "<nat><port start='1024' end='65535'/></nat>")),
    NAT % "<nat ipv6='yes'><address start='198.51.100.1' end='198.51.100.4'/><port start='5' end='10'/></nat>",
    NAT.replace("mode", "dev='eth0' mode") % "",
    *(
        f"{dns}{IP}"
        for dns in ("<dns/>", "<dns enable='yes'/>", "<dns forwardPlainNames='yes'/>", "<dns enable='no'/>")
    ),
    "<domain name='lab.example' localOnly='no'/>",
    "<domain name='lab.example' localOnly='yes'/><bridge macTableManager='kernel'/>",
    *(
        f"<forward mode='hostdev' managed='yes'><address type='pci' {said}/></forward>"
        for said in (
            "domain='0' bus='4' slot='0' function='1'",
            "bus='0x0A' slot='037' function='7'",
            "domain='0x1f000' bus='255' slot='0X1f' function='0x0'",
            "",
        )
    ),
    "<port isolated='no'/><vlan trunk='no'><tag id='1'/></vlan>",
    "<vlan><tag id='1'/><tag id='2' nativeMode='untagged'/></vlan>",
    *(
        "<ip address='192.0.2.1' netmask='255.255.255.0'><dhcp><range start='192.0.2.8' end='192.0.2.9'>"
        f"<lease expiry={lease}/></range><host mac='52:54:00:00:00:01' name='a' ip='192.0.2.3'><lease expiry={lease}/>"
        "</host></dhcp></ip>"
        for lease in ("'60' unit='minutes'", "'1' unit='hours'", "'7200' unit='seconds'", "'120'", "'0' unit='hours'")
    ),
]


@pytest.mark.parametrize("inside", KEPT)
def test_a_dump_is_libvirts_own(tmp_path, inside):
    text = f"<network><name>x</name><uuid>2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11</uuid>{inside}</network>"
    path = tmp_path / "x.xml"
    path.write_text(text)
    script = f"net-define {path}; net-dumpxml x"
    done = subprocess.run(
        ["virsh", "--quiet", "--connect", "test:///default", script],
        capture_output=True,
        check=True,
        encoding="utf-8",
        env={"HOME": str(tmp_path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    )
    theirs = done.stdout[done.stdout.index("<network") :].replace("stp='on'", "stp='off'")
    assert _form(xml.dump(xml.parse(text, source="t").network)) == _form(theirs)


def _form(text):
    """A document whatever its white space is."""
    return etree.tostring(etree.fromstring(text, etree.XMLParser(remove_blank_text=True)), method="c14n2").decode()
