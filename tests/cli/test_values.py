"""The values of a verb: by option or by place, in any order, as virsh reads them."""

import click
import pytest

from vnethook.cli.verb import value, verb

SEEN: list[tuple[object, ...]] = []


@verb
@value("--network", "network", metavar="NET", required=True)
@value("--command", "command", metavar="COMMAND")
@value("--words", "words", metavar="WORD", multiple=True)
@click.option("--live", is_flag=True)
def _trial(network: str, command: str | None, words: tuple[str, ...], *, live: bool) -> None:
    SEEN.append((network, command, words, live))


def _read(*words: str) -> tuple[object, ...]:
    _trial.main(list(words), standalone_mode=False)
    return SEEN.pop()


@pytest.mark.parametrize(
    "words",
    [
        ("lab", "add"),
        ("--live", "lab", "add"),
        ("lab", "--command", "add"),
        ("--command=add", "lab"),
        ("--network", "lab", "add"),
        ("add", "--network=lab"),
        ("--command", "add", "--network", "lab"),
        ("--", "lab", "add"),
        ("lab", "--live", "--", "add"),
    ],
)
def test_a_value_is_given_by_its_option_or_by_the_next_free_place(words) -> None:
    assert _read(*words) == ("lab", "add", (), "--live" in words)


def test_the_last_value_takes_all_words_that_are_left() -> None:
    assert _read("lab", "add", "a", "b c") == ("lab", "add", ("a", "b c"), False)
    assert _read("lab", "add", "a", "b c", "--words", "d") == ("lab", "add", ("d", "a", "b c"), False)


def test_a_word_too_many_and_one_too_few_are_named(vnet) -> None:
    assert vnet("net-info", "lab", "b") == (
        *(1, ""),
        "error: vnet net-info: unexpected argument 'b'\n  see `vnet net-info --help`\n",
    )
    assert vnet("net-info") == (1, "", "error: vnet net-info: missing argument NET\n  see `vnet net-info --help`\n")
    assert vnet("net-define") == (
        *(1, ""),
        "error: vnet net-define: missing argument FILE\n  see `vnet net-define --help`\n",
    )


def test_the_usage_says_which_values_must_be_given() -> None:
    assert _trial.get_usage(click.Context(_trial, info_name="trial")) == (
        "Usage: trial [OPTIONS] NET [COMMAND] [WORD]..."
    )
