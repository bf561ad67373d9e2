"""What the words and variables of a call to vif-vnet mean; xenstore's part is in tests/xen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook.errors import UsageError
from vnethook.hook import xen_call
from vnethook.hook.xen_call import Vif

PATH, LINK, TAP = "backend/vif/7/2", "vif7.2", "vif7.2-emu"


def refused(function, *arguments):
    with pytest.raises(UsageError) as caught:
        function(*arguments)
    return caught.value.message


def call(*words, name="/etc/xen/scripts/vif-vnet"):
    return xen_call.read(Vif(7, 2), [name, *words])


@pytest.mark.parametrize(
    "environ",
    [
        {"XENBUS_PATH": PATH, "vif": LINK},
        {"XENBUS_PATH": PATH, "vif": LINK, "INTERFACE": TAP},
        {"XENBUS_PATH": PATH},
        {"INTERFACE": TAP},
        {"XENBUS_PATH": PATH, "vif": "", "INTERFACE": ""},
    ],
)
def test_a_vif_is_known_by_its_path_or_by_its_taps_name(environ):
    assert xen_call.vif_of(environ) == Vif(7, 2)


@pytest.mark.parametrize(
    "environ", [{}, {"vif": LINK}, {"INTERFACE": LINK}, {"INTERFACE": "tap0"}, {"INTERFACE": "-emu"}]
)
def test_nothing_else_says_which_vif(environ):
    assert refused(xen_call.vif_of, environ) == "variable XENBUS_PATH: not set"


@given(st.text())
def test_a_path_is_a_vifs_or_refused(path):
    try:
        vif = xen_call.vif_of({"XENBUS_PATH": path})
    except UsageError:
        return
    assert vif.path == path


@given(st.lists(st.text()))
def test_words_are_a_call_or_refused(words):
    try:
        found = call(*words)
    except UsageError:
        return
    assert found.action in {"online", "offline", "add", "remove"}


def test_a_pairs_run_is_told_by_type_if_alone():
    assert [call("online", "type_if=vif").device, call("add", "type_if=tap").device] == [LINK, TAP]
    assert [call("online").kind, call("offline").kind] == ["vif", "vif"]


def test_the_action_may_stand_anywhere():
    found = call("network=lab", "online", "type_if=vif")
    assert (found.action, found.is_up, found.words["network"]) == ("online", True, "lab")


def test_a_links_name_is_a_network():
    assert call("online", name="/etc/xen/scripts/vif-vnet@lab").named == "lab"
    assert call("online", name="vif-vnet@lab:fast@x").named == "lab:fast@x"
    assert call("online", name="/x/vif-vnetwork").named == ""


@pytest.mark.parametrize(
    ("script", "named", "words"),
    [
        ("/etc/xen/scripts/vif-vnet", "", {"type_if": "tap"}),
        ("vif-vnet@lab", "lab", {"type_if": "tap"}),
        ("/etc/xen/scripts/vif-vnet network=lab", "", {"type_if": "tap", "network": "lab"}),
    ],
)
def test_what_a_script_is_called_with_is_said_by_its_node(script, named, words):
    found = xen_call.by_script(call("add", "type_if=tap"), script)
    assert (found.named, found.words, found.action, found.device) == (named, words, "add", TAP)


@pytest.mark.parametrize("script", ["", " ", "vif-bridge", "/etc/xen/scripts/vif-vnetwork", "/vif-vnet/vif-bridge"])
def test_another_script_is_not_ours(script):
    assert xen_call.by_script(call("add", "type_if=tap"), script) is None


def test_a_tap_has_its_vifs_name_with_its_own_end_where_that_is_one():
    tap = call("add", "type_if=tap")
    assert [tap.name_for(""), tap.name_for("lan"), tap.name_for("a-long-name-4")] == [TAP, "lan-emu", TAP]
    vif = call("online")
    assert [vif.name_for(""), vif.name_for("lan"), vif.name_for(LINK)] == [LINK, "lan", LINK]


@pytest.mark.parametrize("name", ["vif8.2", "vif7.3", "vif8.2-emu"])
def test_a_name_that_is_another_vifs_is_refused(name):
    assert refused(call("online").name_for, name).endswith(": that is what Xen calls another guest's")
