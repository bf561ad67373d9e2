"""The manual names every verb and option that there is, and none that there is not; its pages build."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from tests.lab import CHECKOUT
from vnethook.cli import main
from vnethook.cli.verb import Value
from vnethook.cli.virsh.program import virsh

MANUAL = (CHECKOUT / "docs/vnet.1.md").read_text()
ENTRY = re.compile(r"^(\*\*.+)\n: ((?:.+\n(?:  .*\n|\n(?=  ))*)*)", re.MULTILINE)
OPTION = re.compile(r"--[a-z][a-z0-9-]+")
ON_EVERY_VERB = {"--help"}
OF_VALUES = {"--network", "--file", "--port"}
"""What the description says of all verbs."""
PAGES = {"man1/vnet.1", "man5/vnethook-network.5", "man7/vnethook-hooks.7"}
# Words that must not be broken make uneven lines in narrow columns.
UNEVEN = re.compile(r"cannot adjust line|can't break line|^<standard input>")


def _commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every verb of the help with its words: "net-list", "hooks install"."""
    context = click.Context(command)
    if not isinstance(command, click.Group):
        yield " ".join(words), command
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        if found is not None and not found.hidden:
            yield from _commands(found, (*words, name))


def _options(command: click.Command) -> set[str]:
    return {word for option in command.params if isinstance(option, click.Option) for word in option.opts}


VERBS = dict(_commands(main.vnet))
ENTRIES = {
    verb: (term, body)
    for term, body in ENTRY.findall(MANUAL)
    for verb in [
        re.sub(r"\*\* \*\*", " ", name) for name in re.findall(r"\*\*((?:[a-z]|(?<=[a-z])-|\*\* \*\*)+)\*\*", term)
    ]
    if verb in VERBS
}


def test_every_verb_has_a_summary_that_fits_into_the_help() -> None:
    context = click.Context(main.vnet)
    commands = {verb: main.vnet.get_command(context, verb) for verb in main.VERBS}
    summaries = {verb: command.get_short_help_str(main.SUMMARY) for verb, command in commands.items() if command}
    assert [verb for verb in summaries if verb != "net-compile" and summaries[verb].endswith("...")] == []
    assert sorted(summaries) == sorted(main.VERBS)


def test_every_section_of_the_help_names_its_verbs(capsys) -> None:
    assert main.run(["--help"]) == 0
    text = capsys.readouterr().out
    assert [title for title in main.SECTIONS if f"\n{title}:\n" not in text] == []
    assert [verb for verb in VERBS if f"\n  {verb.partition(' ')[0]} " not in text] == []


def test_every_verb_has_an_entry_in_the_manual() -> None:
    assert sorted(set(VERBS) - set(ENTRIES) - {"completion"}) == []


@pytest.mark.parametrize("verb", ENTRIES)
def test_an_entry_names_the_options_and_values_of_its_verb_and_no_others(verb) -> None:
    term, body = ENTRIES[verb]
    command = VERBS[verb]
    options = {option for option in _options(command) if option.startswith("--")} - ON_EVERY_VERB
    said = set(OPTION.findall(term + body))
    assert options - OF_VALUES - said == set()
    everywhere = {option for other in (*VERBS.values(), main.vnet) for option in _options(other)}
    assert set(OPTION.findall(term)) - options == set()
    assert said - everywhere == set()
    values = {
        value.metavar for value in command.params if isinstance(value, Value) or value.param_type_name == "argument"
    }
    assert values - set(re.findall(r"[A-Z]{2,}", term)) <= {None}


def test_the_options_of_vnet_and_of_virsh_are_in_the_manual() -> None:
    description = MANUAL.partition("## Description\n")[2].partition("**-c**")[0]
    assert set(OPTION.findall(description)) == OF_VALUES
    said = set(re.findall(r"(?<![a-z-])--?[a-zA-Z][a-z-]*", MANUAL))
    assert _options(main.vnet) - said == set()
    short = {option for option in _options(virsh) if not option.startswith("--")}
    assert short - said == set()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    target = tmp_path_factory.mktemp("man")
    done = subprocess.run(
        [sys.executable, CHECKOUT / "script/man", target], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == sorted(map(str, target.glob("*/*")))
    return target


def test_the_pages_are_those_of_the_command_the_definitions_and_the_hooks(pages) -> None:
    assert {str(path.relative_to(pages)) for path in pages.glob("*/*")} == PAGES


@pytest.mark.parametrize("page", sorted(PAGES))
def test_a_page_says_what_it_is_of_and_groff_reads_it_without_a_warning(pages, page) -> None:
    text = (pages / page).read_text()
    name, _, section = page.partition("/")[2].rpartition(".")
    assert re.search(
        rf'^\.TH "{name}" "{section}" "\d{{4}}-\d\d-\d\d" "vnethook [\d.]+" "vnethook"$', text, re.MULTILINE
    )
    assert f".SH Name\n{name} - " in text.replace("\\-", "-")
    if shutil.which("groff") is None:
        pytest.skip("no groff here to read it with")
    done = subprocess.run(
        ["groff", "-ww", "-Kutf8", "-man", "-Tutf8", "-t"], input=text, capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if not UNEVEN.search(line)] == []
    assert done.returncode == 0


def test_a_page_is_dated_as_the_build_says(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    subprocess.run([sys.executable, CHECKOUT / "script/man", tmp_path], stdout=subprocess.DEVNULL, check=True)
    assert '.TH "vnet" "1" "1970-01-01"' in (tmp_path / "man1/vnet.1").read_text()
