"""Nothing that anybody wrote becomes a word of a ruleset, but link names that are checked, addresses and numbers."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.golden.complete import complete, plan
from tests.unit.definition.networks import networks
from vnethook.definition import xml
from vnethook.errors import DefinitionError
from vnethook.plan.firewall import InstallRules

UUID = "2c6d3e0e-5f0a-4c0f-9d59-7a8f3f1d2b11"
IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
LINK = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+@:-]{0,14}")
HOLDERS = r"(?:chain|set|map) inet vnethook|element inet vnethook|rule inet vnethook|jump|goto"
NUMBERS = re.compile(
    r"-?[0-9]+(-[0-9]+|m|/second)?|0x[0-9a-f]+|[0-9a-f:.]+(/[0-9]+)?(-[0-9a-f:.]+)?(:[0-9]+(-[0-9]+)?)?|\[[0-9a-f:]+\]:[0-9]+(-[0-9]+)?"
)
HOSTILE = st.one_of(
    st.sampled_from(
        [
            *(
                '"',
                "';",
                "a;b",
                "fwd",
                "accept",
                "1abc",
                "a\nflush ruleset\n",
                "} table inet pwned {",
                "$(id)",
                "#",
                "\\",
            ),
            *("a b", "{ }", "@bridges", "*", "..", "-", "ä", "\u2028", "a,b", "jump", "x" * 64, "0xff", "a/b", "%d"),
        ]
    ),
    st.text(max_size=20),
)
PLACES = {
    "name": "<network><name>{}</name>",
    "title": "<network><name>lab</name><title>{}</title>",
    "description": "<network><name>lab</name><description>{}</description>",
    "domain": "<network><name>lab</name><domain name='{}'/>",
    "zone": "<network><name>lab</name><bridge name='vnbr0' zone='{}'/>",
    "host name": "<network><name>lab</name><dns><host ip='192.0.2.9'><hostname>{}</hostname></host></dns>",
    "portgroup": "<network><name>lab</name><portgroup name='{}'/>",
    "option": "<network xmlns:d='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>lab</name>"
    "<d:options><d:option value='{}'/></d:options>",
    "guest of a forward": "<network><name>lab</name><forwarding><incoming><allow port='80' domain='{}'/></incoming></forwarding>",
    "guest of DHCP": "<network><name>lab</name><ip address='198.51.100.1' prefix='24'>"
    "<dhcp><host name='{}' ip='198.51.100.9'/></dhcp></ip>",
    "metadata": "<network><name>lab</name><metadata><a:b xmlns:a='urn:x' c='{}'/></metadata>",
    "offer": "<network><name>lab</name><forward/><host allow='22 {}'/>",
    "source": "<network><name>lab</name><forward/><ip address='192.0.2.1' prefix='24'/><forwarding><incoming>"
    "<allow port='80' address='192.0.2.9' from='{}'/></incoming></forwarding>",
    "bridge": "<network><name>lab</name><bridge name='{}'/>",
    "uplink": "<network><name>lab</name><forward dev='{}'/>",
}


def _rules(network):
    [step] = [step for step in plan(network) if isinstance(step, InstallRules)]
    return step.install + step.unlink + step.remove


def _escaped(text):
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace("'", "&apos;")
        .replace('"', "&quot;")
        .replace("\n", "&#10;")
    )


def _strange(text, links):
    """The words of a transaction that are neither nft's own, nor a name, a number or an address of the strict form."""
    bare = re.sub(r'"([^"\n]*)"', lambda match: "LINK" if match[1] in {*links, "lo"} else match[0], text)
    for holder in re.findall(rf"(?:{HOLDERS}) (\S+)", bare):
        assert IDENTIFIER.fullmatch(holder), holder
    words = {word for word in re.split(r"[ \n{},;=]+|!=", bare) if word}
    return {
        word
        for word in words
        if word != "LINK"
        and not IDENTIFIER.fullmatch(word.removeprefix("@"))
        and not NUMBERS.fullmatch(word)
        and word not in {".", ":", "&", "-", "!"}
    }


@settings(deadline=None)
@given(networks().map(complete))
def test_each_word_of_a_generated_ruleset_is_of_a_strict_form(network):
    links = {network.bridge.name, *network.uplinks}
    assert all(LINK.fullmatch(link) for link in links)
    assert _strange(_rules(network), links) == set()


def test_a_word_of_another_form_is_found():
    assert _strange('add chain inet vnethook a { type "x" }', ()) == {'"x"'}
    assert _strange("add rule inet vnethook a $(id) accept", ()) == {"$(id)"}


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(sorted(PLACES)), HOSTILE)
def test_what_is_written_anywhere_is_refused_or_is_no_word_of_the_rules(place, text):
    start, _, end = PLACES[place].partition("{}")
    try:
        read = xml.parse(f"{start}{_escaped(text)}{end}</network>", source="x.xml").network
    except DefinitionError:
        return
    network = complete(read.replace(uuid=UUID))
    rules = _rules(network)
    assert _strange(rules, {network.bridge.name, *network.uplinks}) == set()
    if place in {"name", "title", "description", "domain", "zone", "host name", "portgroup", "option", "metadata"}:
        harmless = xml.parse(f"{start}lab{end}</network>", source="x.xml").network if place != "option" else None
        expected = complete((harmless or read.replace(options=())).replace(uuid=UUID))
        chosen = {"ips": network.ips, "bridge": expected.bridge.replace(name=network.bridge.name)}
        assert rules == _rules(expected.replace(**chosen))
