"""Title, description and metadata elements, as libvirt sets and gives them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook.definition import metadata, xml
from vnethook.definition.model import Network
from vnethook.errors import DefinitionError, NoMetadataError, UsageError

URI = "http://example.org/app/1"
LAB = Network("lab")


def _with(text, *, key="app", uri=URI, network=LAB):
    return metadata.with_element(network, uri, key=key, text=text, source="<set>")


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("<note/>", '<app:note xmlns:app="http://example.org/app/1"></app:note>'),
        (
            "<note by='me'>\n  <to>a &amp; b</to>\n</note>",
            '<app:note xmlns:app="http://example.org/app/1" by="me">\n  <app:to>a &amp; b</app:to>\n</app:note>',
        ),
        (
            "<note><x:other xmlns:x='urn:x'/></note>",
            '<app:note xmlns:app="http://example.org/app/1"><x:other xmlns:x="urn:x"></x:other></app:note>',
        ),
    ],
)
def test_an_element_gets_the_namespace_of_its_program_and_loses_it_again(text, stored) -> None:
    network = _with(text)
    assert network.metadata == (stored,)
    assert metadata.element(network, URI) == metadata.element(_with(metadata.element(network, URI)), URI)


def test_an_element_is_given_as_it_was_said() -> None:
    assert metadata.element(_with("<note by='me'><to>a&lt;b</to></note>"), URI) == (
        '<note by="me">\n  <to>a&lt;b</to>\n</note>'
    )


def test_each_namespace_has_one_element_and_the_last_one_set_comes_last() -> None:
    network = _with("<b/>", uri="urn:b", network=_with("<a/>"))
    network = _with("<c/>", network=network)
    assert [metadata.element(network, uri) for uri in ("urn:b", URI)] == ["<b/>", "<c/>"]
    assert [item.partition(" ")[0] for item in network.metadata] == ["<app:b", "<app:c"]
    assert metadata.without_element(network, URI).metadata == network.metadata[:1]
    assert metadata.without_element(network, "urn:none") == network


def test_what_is_set_can_be_dumped_and_read() -> None:
    network = _with("<note>a<b/>c</note>")
    again = xml.parse(xml.dump(network), source="t").network
    assert again.metadata == network.metadata


def test_an_element_that_is_not_there_is_said() -> None:
    with pytest.raises(NoMetadataError) as caught:
        metadata.element(LAB, URI)
    assert caught.value.message == "network 'lab': metadata: there is no element of 'http://example.org/app/1'"


@pytest.mark.parametrize(
    "text", ["", "text", "<a>", "<a/><b/>", "<!DOCTYPE a><a/>", "<x:a xmlns:x='urn:x'/>", "<a xmlns='urn:x'/>"]
)
def test_what_is_not_one_element_without_a_namespace_is_refused(text) -> None:
    with pytest.raises(DefinitionError):
        _with(text)


@pytest.mark.parametrize("key", ["", "a b", "a:b", "1a", "-a", "xml", "xmlns", "a'", "\u00e4"])
def test_a_key_that_is_no_prefix_is_refused(key) -> None:
    with pytest.raises(UsageError):
        _with("<a/>", key=key)


@pytest.mark.parametrize("uri", ["", "a b", "a\n", "\x1b", "u" * 1001, "\u00e4"])
def test_a_uri_that_is_none_is_refused(uri) -> None:
    with pytest.raises(UsageError):
        _with("<a/>", uri=uri)


def test_title_and_description_are_set_and_taken_away() -> None:
    assert metadata.with_title(LAB, "The lab").title == "The lab"
    assert metadata.with_title(metadata.with_title(LAB, "a"), "").title is None
    assert metadata.with_description(LAB, "a\nb").description == "a\nb"
    assert metadata.with_description(metadata.with_description(LAB, "a"), "").description is None
    with pytest.raises(DefinitionError):
        metadata.with_title(LAB, "a\nb")


@given(st.text(max_size=20))
def test_no_text_becomes_more_than_itself(text) -> None:
    try:
        network = _with(f"<a>{text}</a>")
    except DefinitionError:
        return
    assert xml.parse(xml.dump(network), source="t").network == network


def test_controls_that_a_terminal_would_obey_are_written_as_references() -> None:
    text = "<network><name>x</name><metadata><a:n xmlns:a='urn:x' b='&#x7f;'>&#155;31m</a:n></metadata></network>"
    network = xml.parse(text, source="t").network
    dumped = xml.dump(network)
    assert '<a:n xmlns:a="urn:x" b="&#127;">&#155;31m</a:n>' in dumped
    assert xml.parse(dumped, source="t").network == network
    assert metadata.element(network, "urn:x") == '<n b="&#127;">&#155;31m</n>'
