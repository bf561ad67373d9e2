"""VLANs on a bridge, on a kernel that has them: what a port is told, and which frames then reach whom."""

from pathlib import Path

import pytest

from tests.lab import debian_kernel
from vnethook.definition import xml
from vnethook.live import files

HERE = Path(__file__).parent
pytestmark = [pytest.mark.guests, pytest.mark.slow]

# For each frame: whom it reaches, and with which tag.
SEEN = """\
filters: False, done: False
filters: True, done: True
red: ((42, 6),) []
red2: ((42, 6),) []
blue: ((43, 6),) []
trunk: ((42, 0), (43, 0)) []
native: ((42, 2), (43, 0)) []
listed: ((42, 6),) []
lonely: ((42, 6),) []
untagged of 42: red2=None trunk=42 native=42 listed=None lonely=None
untagged of 43: trunk=43 native=43
tag 43: blue=None native=43
no tag on a trunk:\x20
tag 44:\x20
no tag on a native trunk: red=None red2=None trunk=42 listed=None lonely=None
tag 43 on an access port:\x20
from an isolated port: red=None red2=None trunk=42 native=42
to a listed MAC: listed=None
to an unknown MAC: red2=None trunk=42 native=42 lonely=None
red without VLANs: ((1, 6),)
filters: False, itself in ((1, 6),)
"""


def test_each_port_is_in_its_vlans_and_frames_go_no_further(tmp_path: Path) -> None:
    assert debian_kernel.run(HERE / "vlan_program.py", tmp_path, beside=[HERE / "vlan_frames.py"]) == SEEN


NETWORKS = [
    """<network><name>lab</name><uuid>2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b67</uuid><bridge name='vnbr1'/>
      <mac address='52:54:00:00:67:fe'/><dns enable='no'/><vlan><tag id='42'/></vlan>
      <guard mode='standard' ethertypes='no'/>
      <ip address='10.67.0.1' prefix='24'/>
      <portgroup name='blue'><vlan><tag id='43'/></vlan></portgroup>
      <portgroup name='trunk'><vlan trunk='yes'><tag id='42'/><tag id='43' nativeMode='untagged'/></vlan></portgroup>
    </network>""",
    """<network><name>office</name><uuid>2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b68</uuid><forward mode='bridge'/>
      <bridge name='br0'/><vlan><tag id='50'/></vlan></network>""",
    """<network><name>lan</name><uuid>2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b69</uuid><forward mode='bridge'/>
      <bridge name='ebrp-nic'/><vlan><tag id='60'/></vlan></network>""",
]
SEEN_OF_NETWORKS = """\
red: []
red2: []
blue: []
trunk: []
waits: []
check: []
of the network: red2=None trunk=42
of a portgroup: trunk=None waits=None
of a port: blue=None trunk=None
tag 42: red=None red2=None
native: blue=None waits=None
tag 43 without being in it:\x20
gateway to red {}: [(True, None)]
gateway to blue {}: []
gateway to trunk {'vlan': 42}: [(True, 42)]
gateway to trunk {}: []
after a restart: red2=None trunk=42
after a restart too: trunk=None waits=None
left: None
bridge 'br0': put NICs into VLANs: it does not filter VLANs
office: []
office2: []
on the administrator's bridge: office2=None
check: []
access: []
of a shared NIC: nic=60
from there with a tag: access=None
from there without one:\x20
check: []
"""


def test_networks_with_vlans_come_up_and_their_nics_and_gateway_are_in_them(tmp_path: Path) -> None:
    texts = {}
    for text in NETWORKS:
        network = xml.parse(text, source="x").network
        texts[f"/etc/vnethook/networks/{network.name}.xml"] = text
        texts[f"/{network.name}.json"] = files.dumps(network.to_plain())
    beside, programs = [HERE / "vlan_frames.py"], ["/usr/sbin/nft"]
    program = HERE / "vlan_network_program.py"
    assert debian_kernel.run(program, tmp_path, beside=beside, programs=programs, texts=texts) == SEEN_OF_NETWORKS
