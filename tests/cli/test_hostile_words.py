"""Whatever words hold: one clear line, the right status, and nothing happens."""

import pytest

HOSTILE = ("a\nb", 'a"b', "a'b", "a;b", "$(id)", "`id`", "\x1b[31mred", "\x9b31m", "x" * 300, "", "../../x", "a\udcffb")
NAMING = (
    *("net-start", "net-stop", "net-destroy", "net-restart", "net-undefine", "net-autostart", "net-info", "net-name"),
    *(
        "net-uuid",
        "net-dumpxml",
        "net-dhcp-leases",
        "net-plan",
        "net-apply",
        "net-check",
        "net-repair",
        "nic-list",
        "net-compile",
    ),
)


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("verb", NAMING)
def test_a_hostile_name_is_one_clear_line_and_status_3(vnet, verb, word) -> None:
    _is_refused(vnet(verb, word), status=3, object_="network ")
    if verb != "net-compile":
        _is_refused(vnet(verb, "--network", word), status=3, object_="network ")


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize(
    ("words", "object_"),
    [
        (("net-define",), "file "),
        (("net-create", "--file"), "file "),
        (("attach",), "interface "),
        (("detach",), "interface "),
        (("attach", "lo", "--mac"), "argument --mac: "),
        (("net-dhcp-leases", "default", "--mac"), "argument --mac: "),
        (("completion",), "vnet completion: "),
    ],
)
def test_a_hostile_argument_is_one_clear_line_and_status_1(vnet, root, words, object_, word) -> None:
    _is_refused(vnet(*words, word), status=1, object_=object_)
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("word", ["a\nb", "\x1b[31m", "x" * 300])
def test_a_hostile_guest_name_is_refused_before_anything_happens(vnet, root, word) -> None:
    _is_refused(vnet("attach", "lo", "--guest", word), status=1, object_="guest ")
    assert list(root.iterdir()) == []


@pytest.mark.parametrize("word", ["net-lst", "\x1b[31m", "--\x1b[31m", "x" * 300, "a\nb", ""])
def test_an_unknown_verb_or_option_is_one_clear_line_and_status_1(vnet, word) -> None:
    _is_refused(vnet(word), status=1, object_="v")


def _is_refused(said, *, status: int, object_: str) -> None:
    lines = said.err.splitlines()
    assert said.status == status, said
    assert said.out == ""
    assert lines[0].startswith(f"error: {object_}")
    assert len(lines) <= 2, lines
    assert all(line.isprintable() and len(line) < 400 for line in lines), lines
