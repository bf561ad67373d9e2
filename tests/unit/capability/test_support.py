"""What is kept and not done is said, and of which portgroup."""

from vnethook.capability import support
from vnethook.definition import xml

TEXT = """
<network trustGuestRxFilters='yes'><name>lab</name>
  <bandwidth><outbound average='100' peak='200'/></bandwidth>
  <portgroup name='slow'><bandwidth><outbound average='10' peak='20'/></bandwidth></portgroup>
  <portgroup name='plain'><bandwidth><outbound average='10'/></bandwidth></portgroup>
  <portgroup name='ovs' trustGuestRxFilters='yes'><virtualport type='openvswitch'/></portgroup>
</network>"""


def test_each_warning_names_the_portgroup_that_it_is_about():
    filters = (
        "trustGuestRxFilters is kept and not done: it is for macvtap and SR-IOV, which have no bridge of the host's"
    )
    peak = "bandwidth outbound peak= is kept and not done: what guests send is held to the average"
    assert support.warnings(xml.parse(TEXT, source="t").network) == (
        filters,
        peak,
        f"portgroup 'slow': {peak}",
        "portgroup 'ovs': virtualport is not done: no NIC of it is attached",
        f"portgroup 'ovs': {filters}",
    )
