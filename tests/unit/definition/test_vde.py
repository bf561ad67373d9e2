"""The switch of a network: who may connect, and what it does not go with."""

import pytest

from vnethook.definition import xml
from vnethook.definition.vde import Vde
from vnethook.errors import DefinitionError


def parsed(inside):
    return xml.parse(f"<network><name>x</name>{inside}</network>", source="t").network


@pytest.mark.parametrize(
    ("said", "mode"),
    [("", "0600"), ("group='kvm'", "0660"), ("mode='666'", "0666"), ("group='kvm' mode='0666'", "0666")],
)
def test_without_a_mode_the_group_may_connect_and_nobody_else(said, mode):
    assert parsed(f"<vde {said}/>").vde.socket_mode == mode


@pytest.mark.parametrize(
    "group", ["", "1kvm", "-m", "kvm users", "kvm\n", "a" * 33, "../x", "kvm:kvm", "gröup", "%d", "$(id)"]
)
def test_a_group_of_another_form_is_refused(group):
    with pytest.raises(
        DefinitionError, match=r"^vde: group .* must be 1 to 32 letters, digits and _.-, no digit first$"
    ):
        Vde(group)


@pytest.mark.parametrize(
    ("inside", "reason"),
    [
        ("<vde mode='0640' group='kvm'/>", "vde: mode '0640': must be 0600, 0660, 0666"),
        ("<vde mode='0660'/>", "vde: mode '0660' needs a group"),
        ("<vde mode='0600' group='kvm'/>", "vde: mode '0600' shuts group 'kvm' out"),
        (
            "<vde/><forward mode='bridge'/><bridge name='br0'/>",
            "vde: mode 'bridge' has no bridge of ours for the switch",
        ),
        (
            "<port isolated='yes'/><vde/>",
            "vde: guests of one switch reach each other, which <port isolated='yes'/> forbids",
        ),
        ("<mtu size='9000'/><vde/>", "vde: mtu 9000: the switch carries 1500 bytes at most"),
    ],
)
def test_what_it_cannot_be_is_refused(inside, reason):
    with pytest.raises(DefinitionError) as caught:
        parsed(inside)
    assert str(caught.value) == f"t:1: {reason}"
