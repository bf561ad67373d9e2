"""The words between the bridge helper and root's side."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vnethook.errors import HostError
from vnethook.hook import bridge_call
from vnethook.hook.bridge_call import Call

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=80)


@given(st.builds(Call, bridge=WORDS, has_header=st.booleans(), network=WORDS, portgroup=WORDS))
def test_a_call_arrives_as_it_was_sent(call):
    assert bridge_call.unpacked(bridge_call.packed(call)) == call


@given(st.binary() | st.binary().map(lambda words: bridge_call.FORM.encode() + b"\0" + words))
def test_whatever_comes_is_a_call_or_refused(data):
    try:
        call = bridge_call.unpacked(data)
    except HostError as error:
        assert error.message == "call of the bridge helper: not understood"
    else:
        assert bridge_call.packed(call) == data


def test_what_is_too_long_is_neither_sent_nor_taken():
    with pytest.raises(HostError, match="too long"):
        bridge_call.packed(Call("x" * bridge_call.CALL_MAX))
    fitting = bridge_call.packed(Call("x" * (bridge_call.CALL_MAX - 40)))
    with pytest.raises(HostError, match="not understood"):
        bridge_call.unpacked(fitting + b"x" * 40)


@given(st.integers(0, 255), WORDS)
def test_an_answer_arrives_as_it_was_sent(status, text):
    assert bridge_call.unpacked_answer(bridge_call.packed_answer(status, text)) == (status, text)
    data = bridge_call.packed_answer(status, text * 1000)
    assert len(data) <= bridge_call.ANSWER_MAX
    assert bridge_call.unpacked_answer(data)[0] == status
