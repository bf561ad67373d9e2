"""Nodes of a document as virsh prints what --xpath selects."""

import pytest

from vnethook.definition.xpath import select
from vnethook.errors import UsageError

TEXT = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
  <name>a&amp;b</name>
  <metadata>
    <x:note xmlns:x='urn:x' x:by='me'>one<x:b/>two</x:note>
  </metadata>
  <ip address='1&quot;&lt;&#10;2'>
    <dhcp>
      <range start='3'/>
    </dhcp>
  </ip>
  <dnsmasq:options>
    <dnsmasq:option value='y'/>
  </dnsmasq:options>
</network>
"""


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        ("//ip", ['<ip address="1&quot;&lt;&#10;2">\n  <dhcp>\n    <range start="3"/>\n  </dhcp>\n</ip>']),
        ("ip/@address", [' address="1&quot;&lt;&#10;2"']),
        ("//name/text()", ["a&amp;b"]),
        ("//name | //range/@start", ["<name>a&amp;b</name>", ' start="3"']),
        ("//dnsmasq:option/@value", [' value="y"']),
        ("//metadata/*", ['<x:note xmlns:x="urn:x" x:by="me">one<x:b/>two</x:note>']),
        ("//metadata/*/text()", ["one", "two"]),
        ("//range[count(//ip) = 1]", ['<range start="3"/>']),
        ("//nosuch", []),
        ("//ip/namespace::*", []),
    ],
)
def test_each_node_is_written_as_libxml2_writes_it(expression, nodes) -> None:
    assert select(TEXT, expression) == nodes


@pytest.mark.parametrize(
    ("expression", "wrapped"),
    [
        ("//range", '<nodes>\n  <range start="3"/>\n</nodes>'),
        ("//range | //name", '<nodes>\n  <name>a&amp;b</name>\n  <range start="3"/>\n</nodes>'),
        ("//range/@start | //name/text()", '<nodes start="3">a&amp;b</nodes>'),
        ("//name/text() | //range | //metadata/*/text()", '<nodes>a&amp;bonetwo<range start="3"/></nodes>'),
        ("//name | //metadata/*/text()", "<nodes><name>a&amp;b</name>onetwo</nodes>"),
        ("//nosuch", "<nodes/>"),
    ],
)
def test_nodes_can_be_wrapped(expression, wrapped) -> None:
    assert select(TEXT, expression, wrap=True) == [wrapped]


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("//ip[", "xpath '//ip[': evaluate: Invalid expression"),
        ("x:a", "xpath 'x:a': evaluate: Undefined namespace prefix"),
        ("$a", "xpath '$a': evaluate: Undefined variable"),
        ("count(//ip)", "xpath 'count(//ip)': selects no nodes but a value"),
        ("'\x1b[31m'", "xpath \"'\\x1b[31m'\": evaluate: "),
        ("", "xpath '': evaluate: Invalid expression"),
        ("document('/etc/passwd')", "xpath \"document('/etc/passwd')\": evaluate: Unregistered function"),
    ],
)
def test_what_selects_no_nodes_is_refused(expression, message) -> None:
    with pytest.raises(UsageError) as caught:
        select(TEXT, expression)
    assert caught.value.message.startswith(message)
    assert caught.value.message.isprintable()
