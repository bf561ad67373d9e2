"""Pairs of network XML: as people write it, and in the canonical form."""

from pathlib import Path

import pytest

from vnethook.definition import xml

PAIRS = sorted(Path(__file__).parent.joinpath("xml").glob("*.in.xml"))


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.name)
def test_a_document_is_dumped_in_its_canonical_form(path):
    expected = path.with_name(path.name.replace(".in.", ".out.")).read_text()
    assert xml.dump(xml.parse(path.read_bytes(), source=path.name).network) == expected


@pytest.mark.parametrize("path", PAIRS, ids=lambda path: path.name)
def test_the_canonical_form_reads_back_as_the_same_network_without_warnings(path):
    written = xml.parse(path.read_bytes(), source=path.name).network
    again = xml.parse(path.with_name(path.name.replace(".in.", ".out.")).read_bytes(), source="out")
    assert again == (written, ())


def test_each_document_has_its_pair():
    folder = Path(__file__).parent / "xml"
    assert {path.name for path in folder.iterdir()} == {
        name for path in PAIRS for name in (path.name, path.name.replace(".in.", ".out."))
    }
