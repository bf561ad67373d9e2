"""Which strings may be names, and how strings from outside are shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook import names
from vnethook.errors import DefinitionError, UsageError


@pytest.mark.parametrize("name", ["a", "default", "_x", "a.b+c@d-e", "x" * 64])
def test_a_network_may_be_named(name):
    assert names.check_network_name(name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".a", "-a", "+a", "@a", "a/b", "a b", "a\n", "a\0", "é", "x" * 65, "a:b"]
)
def test_a_network_may_not_be_named(name):
    with pytest.raises(DefinitionError):
        names.check_network_name(name)


@pytest.mark.parametrize("name", ["", ".", "..", "-a", "a/b", "a b", "a\n", "x" * 16, ":a"])
def test_a_link_may_not_be_named(name):
    with pytest.raises(UsageError):
        names.check_link_name(name)


@pytest.mark.parametrize("name", ["tap0", "eth0:1", "vif1.0-emu", "x" * 15])
def test_a_link_may_be_named(name):
    assert names.check_link_name(name) == name


@pytest.mark.parametrize(
    ("name", "is_one"), [("a.b", True), ("a..b", False), ("a.", False), ("-a", False), ("a" * 64, False)]
)
def test_a_domain_name_is_labels_between_dots(name, is_one):
    assert names.is_domain_name(name) is is_one


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        *((letter, False) for letter in "smhdwSMHDWx"),
        *((word, True) for word in ("1", "101", "10m", "1W", "infinite", "Ignore", "192.0.2.1")),
        *((name, False) for name in ("hh", "m1", "10x", "1d2", "web")),
    ],
)
def test_a_name_is_dnsmasqs_own_if_it_is_a_lease_time_a_setting_or_an_address(name, is_one):
    assert names.is_dnsmasq_keyword(name) is is_one


@given(st.text())
def test_any_guest_name_becomes_a_label_or_nothing(text):
    label = names.label_of(text)
    assert label == "" or (names.is_domain_name(label) and label == label.lower())


@given(st.text(max_size=1000))
def test_a_string_from_outside_is_shown_in_one_short_line(text):
    assert names.shown(text).isprintable()
    assert len(names.shown(text)) <= 80
