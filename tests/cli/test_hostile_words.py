"""Whatever words hold: one clear line, the right status, and nothing happens."""

import click
import pytest

from vnethook.cli import main
from vnethook.cli.verb import Value

HOSTILE = ("a\nb", 'a"b', "a'b", "a;b", "$(id)", "`id`", "\x1b[31mred", "\x9b31m", "x" * 300, "", "../../x", "a\udcffb")
COMMANDS = {verb: main.vnet.get_command(click.Context(main.vnet), verb) for verb in main.VERBS}


def _naming() -> dict[str, list[str]]:
    """Each verb that names a network, with all else that it needs."""
    found = {}
    for verb, command in COMMANDS.items():
        values = [item for item in command.params if isinstance(item, Value)]
        if any("--network" in item.opts for item in values):
            needed = (item.opts[0] for item in values if item.required and "--network" not in item.opts)
            found[verb] = [word for option in needed for word in (option, "x")]
    return found


NAMING = _naming()


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("verb", NAMING)
def test_a_hostile_name_is_one_clear_line_and_status_3(vnet, verb, word) -> None:
    _is_refused(vnet(verb, word, *NAMING[verb]), status=3, object_="network ")
    _is_refused(vnet(verb, "--network", word, *NAMING[verb]), status=3, object_="network ")


@pytest.mark.parametrize("word", HOSTILE)
def test_a_hostile_expression_is_refused_or_selects_nothing(vnet, word) -> None:
    said = vnet("net-dumpxml", "default", "--xpath", word)
    if said.status:
        _is_refused(said, status=1, object_="xpath ")
    else:
        assert (said.out, said.err) == ("\n", "")


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize("line", ["net-info", "net-start", "net-edit", "nosuch", "-c", "help", "echo", "cd", "connect"])
def test_a_hostile_word_for_virsh_is_shown_as_what_it_is(virsh, line, word) -> None:
    said = virsh(line, word)
    assert all(text.isprintable() for text in (*said.out.splitlines(), *said.err.splitlines()))
    assert (said.status, said.err.startswith("error: ")) in {(0, False), (1, True)}


@pytest.mark.parametrize("word", HOSTILE)
@pytest.mark.parametrize(
    ("words", "object_"),
    [
        (("net-define",), "file "),
        (("net-create", "--file"), "file "),
        (("net-compile",), "network "),
        (("attach",), "interface "),
        (("detach",), "interface "),
        (("attach", "lo", "--mac"), "argument --mac: "),
        (("net-dhcp-leases", "default", "--mac"), "argument --mac: "),
        (("completion",), "vnet completion: "),
        (("-c",), "vnet: "),
    ],
)
def test_a_hostile_argument_is_one_clear_line_and_status_1(vnet, root, words, object_, word) -> None:
    status = 3 if words == ("net-compile",) else 1
    _is_refused(vnet(*words, word), status=status, object_=object_)
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
