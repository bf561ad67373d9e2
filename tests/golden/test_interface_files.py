"""What network managers' files say of a shared NIC: each format and layout, static, by DHCP, and all there can be."""

from pathlib import Path

import pytest

from vnethook.capability.manager.config import STATIC, Address, InterfaceConfig, Route, Rule
from vnethook.capability.manager.formats import FORMATS, render
from vnethook.host import ifcfg_templates

FOLDER = Path(__file__).parent / "interface_files"
MAC = "52:54:00:aa:bb:01"
STATIC_ONE = InterfaceConfig(
    *("eth0", "br0", MAC),
    addresses=(Address("192.0.2.20", 24),),
    routes=(Route("0.0.0.0/0", "192.0.2.1"),),
    dns=("192.0.2.1",),
    search=("example.org",),
)
RICH = InterfaceConfig(
    *("eth0", "br0", MAC, 1450),
    ipv6=STATIC,
    addresses=(
        Address("192.0.2.20", 24),
        Address("192.0.2.21", 24, "1"),
        Address("203.0.113.7", 32),
        Address("2001:db8::20", 64),
        Address("2001:db8::21", 64),
    ),
    routes=(
        Route("0.0.0.0/0", "192.0.2.1", 100),
        Route("::/0", "2001:db8::1"),
        Route("198.51.100.0/24", "192.0.2.254", source="192.0.2.21", table=100),
        Route("10.9.0.0/16", "10.77.0.1", is_onlink=True),
        Route("10.10.0.0/16"),
        Route("2001:db8:66::/48", "2001:db8::2", metric=7),
    ),
    rules=(Rule(100, source="192.0.2.21/32", priority=5), Rule(101, destination="2001:db8:67::/48")),
    dns=("192.0.2.1", "2001:db8::1"),
    search=("example.org", "example.com"),
    zone="internal",
)
OFF_LINK = InterfaceConfig(
    *("eth0", "br0", MAC), addresses=(Address("203.0.113.7", 32),), routes=(Route("0.0.0.0/0", "192.0.2.1"),)
)
CASES = {
    "static": STATIC_ONE,
    "dhcp": InterfaceConfig("eth0", "br0", MAC, dhcp4=True),
    "rich": RICH,
    "off-link": OFF_LINK,
}


def in_layout(config, layout):
    return config if layout == "bridge" else config.replace(bridge=config.nic)


@pytest.mark.parametrize("layout", ["bridge", "proposal"])
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_the_files_are_as_expected(case, form, layout, request):
    found = render(form, in_layout(CASES[case], layout), ifcfg_templates.read())
    text = str(found) + "".join(f"\nnote: {note}\n" for note in found.notes)
    file = FOLDER / form / f"{case}-{layout}.txt"
    if request.config.getoption("--regenerate"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()
