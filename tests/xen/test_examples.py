"""The examples for Xen do what they say."""

import ast
import re

import pytest

from tests.lab import CHECKOUT
from tests.lab.xen import VIF_VNET

pytestmark = [pytest.mark.netns, pytest.mark.xen]
EXAMPLES = CHECKOUT / "docs/examples/xen"
NETWORKS = """
<network><name>{name}</name><portgroup name='fast'/>
  <ip address='192.168.{number}.1' prefix='24'><dhcp><range start='192.168.{number}.100' end='192.168.{number}.199'/></dhcp></ip>
</network>"""
EXPECTED = {
    "pv.cfg": [
        ("lab", "", "vif{0}.0", ("192.168.50.10",)),
        ("dmz", "fast", "web-dmz", ()),
        ("default", "", "vif{0}.2", ()),
    ],
    "hvm.cfg": [("lab", "", "vif{0}.0", ())],
    "xm.cfg": [("lab", "", "vif{0}.0", ("192.168.50.11",))],
}


@pytest.fixture(scope="module")
def there(dom0):
    dom0.vnet("net-undefine", "lab")
    for number, name in ((50, "lab"), (51, "dmz")):
        dom0.define(NETWORKS.format(name=name, number=number))
    return dom0


def vifs_of(file):
    """The vif=[…] of a guest's configuration, which is written as Python is."""
    text = (EXAMPLES / file).read_text()
    [node] = [node for node in ast.parse(text).body if isinstance(node, ast.Assign) and node.targets[0].id == "vif"]
    return [dict(pair.split("=", 1) for pair in vif.split(",")) for vif in ast.literal_eval(node.value)]


@pytest.mark.parametrize("file", EXPECTED)
def test_each_vif_of_an_example_is_where_it_says(there, domid, file):
    found = []
    for devid, keys in enumerate(vifs_of(file)):
        script, *words = keys.pop("script").split(" ")
        assert script == "vif-vnet"
        by = "xend" if file == "xm.cfg" else "libxl"
        vif = there.vif(domid, devid, guest=f"{file}-{devid}", by=by, **keys)
        done = there.run([VIF_VNET, *words, "online", "type_if=vif"], env=vif.environment(), check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        nic = there.port(keys.get("vifname", vif.name))
        found.append((nic.network, nic.portgroup, nic.interface, nic.addresses))
    assert found == [(network, group, name.format(domid), own) for network, group, name, own in EXPECTED[file]]


def test_the_rules_for_xend_call_what_the_tests_of_xend_call():
    rules = (EXAMPLES / "vnethook-xend.rules").read_text()
    lines = [line for line in rules.splitlines() if line and not line.startswith("#")]
    pattern = r'SUBSYSTEM=="([\w-]+)", KERNEL=="([^"]+)", ACTION=="(\w+)", ENV\{UDEV_CALL\}="1", RUN\+="/etc/xen/scripts/([^"]+)"'
    assert [re.fullmatch(pattern, line).groups() for line in lines] == [
        ("xen-backend", "vif*", "online", "vif-setup online type_if=vif"),
        ("xen-backend", "vif*", "offline", "vif-setup offline type_if=vif"),
        ("net", "vif*-emu", "add", "vif-vnet add type_if=tap"),
        ("net", "vif*-emu", "remove", "vif-vnet remove type_if=tap"),
    ]
