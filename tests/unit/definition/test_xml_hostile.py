"""Hostile strings in every field of network XML: newlines, quotes, NUL, shell and terminal characters, 300 letters."""

from xml.sax.saxutils import quoteattr

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vnethook.definition import xml
from vnethook.errors import DefinitionError

FIELDS = [
    "<name>{text}</name>",
    "<name>x</name><uuid>{text}</uuid>",
    *(
        f"<name>x</name>{inside}"
        for inside in (
            "<bridge name={value}/>",
            "<bridge delay={value}/>",
            "<bridge stp={value}/>",
            "<mtu size={value}/>",
            "<mac address={value}/>",
            "<domain name={value}/>",
            "<forward mode={value}/>",
            "<forwarding enabled={value}/>",
            "<dns enable={value}/>",
            "<dns><forwarder addr={value}/></dns>",
            "<dns><forwarder domain={value}/></dns>",
            "<dns><host ip={value}><hostname>a</hostname></host></dns>",
            "<dns><host ip='192.0.2.1'><hostname>{text}</hostname></host></dns>",
            "<ip address={value}/>",
            "<ip address='192.0.2.1' netmask={value}/>",
            "<ip address='192.0.2.1' prefix={value}/>",
            "<ip family={value}/>",
            "<ip address='192.0.2.1'><dhcp><range start={value} end='192.0.2.9'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host mac={value} ip='192.0.2.9'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host id={value} name='a'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host name={value} ip='192.0.2.9'/></dhcp></ip>",
            "<ip address='192.0.2.1'><dhcp><host name='a' ip={value}/></dhcp></ip>",
            "<dhcp enabled={value}/>",
            "<{text}/>",
            "<mtu size='1500' odd={value}/>",
        )
    ),
]
hostile = st.text(max_size=300) | st.builds(
    lambda before, bad, after: before + bad + after,
    st.sampled_from(["a", "192.0.2.5", "yes", "52:54:00:00:00:01", "2001:db8::1", "1500", ""]),
    st.sampled_from(
        ["\n", "'", '"', "\0", ";", "$(id)", "`id`", "\x1b[2J", "\x7f", "\u2028", "\u202e", "a" * 300, "\ud800", ","]
    ),
    st.text(max_size=3),
)


@settings(deadline=None, max_examples=400)
@example(FIELDS[0], "a\n")
@given(st.sampled_from(FIELDS), hostile)
def test_a_hostile_string_is_refused_in_one_line_or_comes_back_harmless(field, string):
    text = f"<network>{field.format(text=string, value=quoteattr(string))}</network>"
    network, said = read_or_refused(text)
    assert said.isprintable()
    assert len(said) < 500
    if network is not None:
        dumped = xml.dump(network)
        assert dumped.isascii()
        assert not set(dumped.replace("\n", "")) & set('\0\r\t;$`\x1b"\\')
        assert xml.parse(dumped, source="t").network == network


def read_or_refused(text):
    try:
        return xml.parse(text, source="t").network, ""
    except DefinitionError as error:
        return None, error.message
