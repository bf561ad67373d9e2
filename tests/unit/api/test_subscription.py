"""Events of networks in the event loop of a program, for as long as it wants them."""

import pytest

from tests.unit.api.conftest import LAB, LAB_UUID
from vnethook import api
from vnethook.api import event
from vnethook.lifecycle import bringup, catalog

LIFECYCLE, METADATA = api.VIR_NETWORK_EVENT_ID_LIFECYCLE, api.VIR_NETWORK_EVENT_ID_METADATA_CHANGE


@pytest.fixture
def told():
    return []


@pytest.fixture
def tell(told):
    """A callback as virt-manager's."""

    def callback(conn, network, what, detail, opaque):
        told.append((conn, network.name(), network.UUIDString(), what, detail, opaque))

    return callback


def _run(loop):
    """One iteration, which does not wait."""
    timer = api.virEventAddTimeout(0, lambda *_: None, None)
    api.virEventRunDefaultImpl()
    api.virEventRemoveTimeout(timer)


def test_what_anybody_does_is_told_with_what_the_program_gave(loop, host, conn, tell, told):
    number = conn.networkEventRegisterAny(None, LIFECYCLE, tell, "mine")
    assert number == 0
    catalog.define(host, LAB, source="x")
    bringup.start(host, "lab")
    _run(loop)
    bringup.stop(host, "lab")
    catalog.undefine(host, "lab")
    _run(loop)
    kinds = (
        *(api.VIR_NETWORK_EVENT_DEFINED, api.VIR_NETWORK_EVENT_STARTED),
        *(api.VIR_NETWORK_EVENT_STOPPED, api.VIR_NETWORK_EVENT_UNDEFINED),
    )
    assert told == [(conn, "lab", LAB_UUID, kind, 0, "mine") for kind in kinds]


def test_only_the_network_that_was_asked_for_is_told(loop, conn, lab, tell, told):
    conn.networkEventRegisterAny(lab, LIFECYCLE, tell, None)
    conn.networkLookupByName("default").create()
    lab.create()
    _run(loop)
    assert [one[1:4] for one in told] == [("lab", LAB_UUID, api.VIR_NETWORK_EVENT_STARTED)]


def test_metadata_is_told_with_its_type_and_namespace(loop, conn, lab, tell, told):
    conn.networkEventRegisterAny(None, METADATA, tell, None)
    lab.setMetadata(api.VIR_NETWORK_METADATA_TITLE, "x", None, None)
    _run(loop)
    lab.setMetadata(api.VIR_NETWORK_METADATA_DESCRIPTION, "x", None, None)
    _run(loop)
    lab.setMetadata(api.VIR_NETWORK_METADATA_ELEMENT, "<a/>", "k", "urn:a")
    lab.create()
    _run(loop)
    assert [one[3:5] for one in told] == [
        (api.VIR_NETWORK_METADATA_TITLE, None),
        (api.VIR_NETWORK_METADATA_DESCRIPTION, None),
        (api.VIR_NETWORK_METADATA_ELEMENT, "urn:a"),
    ]


def test_what_was_before_a_subscription_and_after_it_is_not_told(loop, conn, lab, tell, told):
    first = conn.networkEventRegisterAny(None, LIFECYCLE, tell, 1)
    lab.create()
    second = conn.networkEventRegisterAny(None, LIFECYCLE, tell, 2)
    assert (first, second) == (0, 1)
    _run(loop)
    assert [one[3:] for one in told] == [(api.VIR_NETWORK_EVENT_STARTED, 0, 1)]
    assert conn.networkEventDeregisterAny(first) is None
    lab.destroy()
    _run(loop)
    assert [one[3:] for one in told[1:]] == [(api.VIR_NETWORK_EVENT_STOPPED, 0, 2)]


def test_a_callback_may_end_its_own_subscription(loop, conn, lab, told):
    def once(conn, network, what, detail, opaque):
        told.append(what)
        conn.networkEventDeregisterAny(number)

    number = conn.networkEventRegisterAny(None, LIFECYCLE, once, None)
    lab.create()
    lab.destroy()
    _run(loop)
    _run(loop)
    assert told == [api.VIR_NETWORK_EVENT_STARTED]


def test_a_callback_that_fails_hides_no_event(loop, conn, lab, told, monkeypatch):
    monkeypatch.setattr("sys.excepthook", lambda kind, *_: told.append(kind))

    def fail(conn, network, what, detail, opaque):
        told.append(what)
        raise KeyError

    conn.networkEventRegisterAny(None, LIFECYCLE, fail, None)
    lab.create()
    lab.destroy()
    _run(loop)
    assert told == [api.VIR_NETWORK_EVENT_STARTED, KeyError, api.VIR_NETWORK_EVENT_STOPPED, KeyError]


def test_a_closed_connection_tells_nothing(loop, host, tell, told):
    conn = api.open()
    conn.networkEventRegisterAny(None, LIFECYCLE, tell, None)
    conn.close()
    catalog.define(host, LAB, source="x")
    _run(loop)
    assert told == []
    assert loop._handles == {}


def test_what_cannot_be_subscribed_is_refused(loop, conn, refused, monkeypatch):
    assert refused(conn.networkEventRegisterAny, None, 7, print, None) == (
        8,
        "invalid argument: network event 7: there is no such event",
    )
    assert refused(conn.networkEventDeregisterAny, 7) == (
        8,
        "invalid argument: network event callback 7: not registered",
    )
    with pytest.raises(TypeError):
        conn.networkEventRegisterAny(None, "x", print, None)
    monkeypatch.setattr(event, "_loops", [])
    message = "internal error: virEventAddHandle: no event loop is registered"
    assert refused(conn.networkEventRegisterAny, None, LIFECYCLE, print, None) == (1, message)
