"""What is written as YAML is what every reader of YAML reads, whatever it holds."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from vnethook.capability.manager import yaml_text

WORDS = st.sampled_from(
    ["", "no", "Yes", "ON", "null", "~", "1_000", "0x1f", "1:30", "1e3", "-", "- a", "a: b", "a #b", "192.0.2.1", "52:54:00:aa:bb:01", "2001:db8::1", "y", "=", "<<", ".inf"]
)  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | WORDS | st.text(max_size=12)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=6), inner, max_size=3), max_leaves=12)  # fmt: skip


@given(st.dictionaries(WORDS | st.text(min_size=1, max_size=6), VALUES, min_size=1, max_size=4))
def test_any_mapping_is_read_as_it_was(value) -> None:
    assert yaml.safe_load(yaml_text.text(value)) == value
