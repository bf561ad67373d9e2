"""What the documentation shows is accepted, and it leaves nothing of the vocabulary out."""

import re
import tomllib
from pathlib import Path

import pytest
from lxml import etree

from vnethook.definition import settings, xml
from vnethook.definition.vocabulary import ELEMENTS, NAMESPACES, OPAQUE
from vnethook.hook import libvirt_domain
from vnethook.live.paths import Paths

DOCS = Path(__file__).parents[2] / "docs"
UUID = "10c1e1ca-7e33-4414-8b27-317fdf43814d"
REFERENCE = DOCS.joinpath("network-xml.md").read_text()
EXAMPLES = sorted([*DOCS.joinpath("examples").glob("*.xml"), *DOCS.joinpath("examples/kept").glob("*.xml")])
BLOCKS = re.findall(r"```xml\n(.*?)```", REFERENCE, re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read(path):
    parsed = xml.parse(path.read_bytes(), source=path.name)
    expected = ("proposal-2007.xml:2: network id= is not kept: networks have a name and a uuid",)
    assert parsed.warnings == (expected if path.name == "proposal-2007.xml" else ())


def test_the_guest_of_libvirt_has_its_three_interfaces_on_networks(tmp_path):
    """libvirt gives it the uuid; that it takes the document is shown by tests/guests."""
    text = DOCS.joinpath("examples/libvirt/guest.xml").read_text()
    tmp_path.joinpath("guest.xml").write_text(text.replace("<name>", f"<uuid>{UUID}</uuid><name>"))
    with tmp_path.joinpath("guest.xml").open() as file:
        found = libvirt_domain.read(file.fileno())
    assert found.problem == ""
    assert [interface.bridge for interface in found.interfaces] == ["vnbr1", "", ""]
    assert [interface.has_script for interface in found.interfaces] == [False, True, False]
    of_the_third = [item.network for item in found.assignments if item.is_for(found.interfaces[2])]
    assert of_the_third == ["dmz"]
    assert [item.network for item in found.assignments] == ["dmz", "backup"]


def test_the_guest_of_libvirt_on_a_shared_interface_names_its_bridge_and_the_nic(tmp_path):
    text = DOCS.joinpath("examples/libvirt/shared.xml").read_text()
    tmp_path.joinpath("guest.xml").write_text(text.replace("<name>", f"<uuid>{UUID}</uuid><name>"))
    with tmp_path.joinpath("guest.xml").open() as file:
        found = libvirt_domain.read(file.fileno())
    assert (found.problem, [interface.bridge for interface in found.interfaces]) == ("", ["ebreth0", ""])
    assert [item.network for item in found.assignments if item.is_for(found.interfaces[1])] == ["eth0"]


@pytest.mark.parametrize("text", BLOCKS)
def test_an_example_in_the_reference_is_read(text):
    assert xml.parse(text, source="network-xml.md").warnings == ()


def test_the_longest_example_of_the_reference_is_in_canonical_form():
    text = max(BLOCKS, key=len)
    assert xml.dump(xml.parse(text, source="t").network) == text


def test_the_reference_names_each_element_and_attribute():
    words = set(re.findall(r"\w+", REFERENCE))
    known = {re.split("[/:]", path)[-1] for path in ELEMENTS} | {
        name for shape in ELEMENTS.values() for name in shape.attributes
    }
    assert known - words == set()


def test_each_element_and_attribute_is_in_some_example():
    seen: dict[str, set[str]] = {}
    for text in [path.read_text() for path in EXAMPLES] + BLOCKS:
        note_vocabulary(etree.fromstring(text, etree.XMLParser(remove_comments=True)), "", seen)
    missing = {path: set(shape.attributes) - seen.get(path, set()) for path, shape in ELEMENTS.items()}
    refused = {"network/forwarding/incoming/deny": {"port", "protocol"}, "network/bandwidth/inbound": {"floor"}}
    assert {path: names for path, names in missing.items() if names or path not in seen} == refused


def note_vocabulary(element, parent, seen):
    name = etree.QName(element)
    prefix = f"{NAMESPACES[name.namespace]}:" if name.namespace in NAMESPACES else ""
    path = f"{parent}/{prefix}{name.localname}".lstrip("/")
    seen.setdefault(path, set()).update(element.attrib)
    for child in element if path != OPAQUE else ():
        note_vocabulary(child, path, seen)


def test_the_settings_in_the_reference_are_read(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)
    tmp_path.joinpath("vnethook.toml").write_text(text)
    read = settings.read(Paths(str(tmp_path), "", ""))
    assert (read.pools, read.prefix) == (settings.Settings().pools, settings.Settings().prefix)
    assert tomllib.loads(text)["networks"]["idle"] == read.idle_s
