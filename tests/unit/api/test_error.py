"""Errors as libvirt-python has them: a tuple of nine, the last of each thread, and a handler that sees them all."""

import threading

import pytest

from vnethook import api
from vnethook import errors as ours
from vnethook.api import error


def _raise():
    raise error.failure(api.VIR_ERR_NO_NETWORK, "no network with matching name 'x'", hint="there is y")


def test_an_error_has_all_that_libvirts_has():
    with pytest.raises(api.libvirtError) as caught:
        _raise()
    found = caught.value
    message = "Network not found: no network with matching name 'x'"
    assert str(found) == message
    assert found.err == (
        43,
        19,
        message,
        2,
        "Network not found: %s",
        "no network with matching name 'x'",
        "there is y",
        -1,
        -1,
    )
    assert found.err == (
        *(found.get_error_code(), found.get_error_domain(), found.get_error_message(), found.get_error_level()),
        *(found.get_str1(), found.get_str2(), found.get_str3(), found.get_int1(), found.get_int2()),
    )


def test_an_error_that_a_program_makes_itself_has_the_threads_last_one_or_its_own_words():
    assert str(api.libvirtError("mine")) == "mine"
    assert api.libvirtError("mine").err is None
    assert api.libvirtError("mine").get_error_code() is None
    assert [
        getattr(api.libvirtError("mine"), f"get_{name}")()
        for name in ("error_domain", "error_message", "error_level", "str1", "str2", "str3", "int1", "int2")
    ] == [None] * 8
    with pytest.raises(api.libvirtError):
        _raise()
    assert api.libvirtError("mine").get_error_code() == 43


def test_the_last_error_is_of_its_thread_until_it_is_reset():
    with pytest.raises(api.libvirtError):
        _raise()
    assert (api.virGetLastErrorCode(), api.virGetLastErrorDomain()) == (43, 19)
    assert api.virGetLastErrorMessage() == "Network not found: no network with matching name 'x'"
    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(api.virGetLastError()))
    thread.start()
    thread.join()
    assert elsewhere == [None]
    api.virResetLastError()
    assert api.virGetLastError() is None
    assert (api.virGetLastErrorCode(), api.virGetLastErrorDomain(), api.virGetLastErrorMessage()) == (0, 0, "no error")


def test_a_call_that_is_good_resets_the_last_error(conn):
    with pytest.raises(api.libvirtError):
        conn.networkLookupByName("x")
    assert api.virGetLastErrorCode() == 43
    conn.isAlive()
    assert api.virGetLastErrorCode() == 0


def test_a_handler_sees_every_error_and_nothing_is_printed(capsys):
    seen = []
    assert api.registerErrorHandler(lambda context, info: seen.append((context, info[0])), "mine") == 1
    with pytest.raises(api.libvirtError):
        _raise()
    assert seen == [("mine", 43)]
    assert api.registerErrorHandler(None, None) == 1
    with pytest.raises(api.libvirtError):
        _raise()
    assert len(seen) == 1
    assert capsys.readouterr() == ("", "")


CODES = {
    ours.UsageError: (8, "invalid argument: x"),
    ours.UnsupportedOperationError: (84, "Operation not supported: x"),
    ours.DefinitionError: (27, "XML error: x"),
    ours.MalformedError: (35, "x"),
    ours.NoNameError: (21, "missing name information in x"),
    ours.UnsupportedError: (67, "unsupported configuration: x"),
    ours.ExistsError: (9, "operation failed: x"),
    ours.CollisionError: (1, "internal error: x"),
    ours.PlugError: (8, "invalid argument: x"),
    ours.NoNetworkError: (43, "Network not found: x"),
    ours.StateError: (55, "Requested operation is not valid: x"),
    ours.NoMetadataError: (111, "metadata not found: x"),
    ours.BusyError: (38, "x"),
    ours.HostError: (1, "internal error: x"),
}


@pytest.mark.parametrize("kind", CODES)
def test_each_of_our_errors_has_libvirts_code_and_words(kind):
    found = error.translated(kind("x"))
    assert (found.get_error_code(), str(found)) == CODES[kind]
    assert found.get_error_domain() == api.VIR_FROM_NETWORK
    assert found.get_str3() is None
    assert error.translated(kind("x", hint="y")).get_str3() == "y"
