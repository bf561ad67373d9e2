"""What the documentation shows is accepted, and it leaves nothing of the vocabulary out."""

import re
import tomllib
from pathlib import Path

import pytest

from vnethook.definition import settings, xml
from vnethook.definition.vocabulary import ELEMENTS
from vnethook.live.paths import Paths

DOCS = Path(__file__).parents[2] / "docs"
REFERENCE = DOCS.joinpath("network-xml.md").read_text()
EXAMPLES = sorted(DOCS.joinpath("examples").glob("*.xml"))
BLOCKS = re.findall(r"```xml\n(.*?)```", REFERENCE, re.DOTALL)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_read(path):
    parsed = xml.parse(path.read_bytes(), source=path.name)
    expected = ("proposal-2007.xml:2: network id= is not kept: networks have a name and a uuid",)
    assert parsed.warnings == (expected if path.name == "proposal-2007.xml" else ())


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


def test_the_settings_in_the_reference_are_read(tmp_path):
    (text,) = re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)
    tmp_path.joinpath("vnethook.toml").write_text(text)
    read = settings.read(Paths(str(tmp_path), "", ""))
    assert (read.pools, read.prefix) == (settings.Settings().pools, settings.Settings().prefix)
    assert tomllib.loads(text)["networks"]["idle"] == read.idle_s
