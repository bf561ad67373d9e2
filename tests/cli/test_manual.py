"""The help and the manual pages name what there is."""

from pathlib import Path

import click

from vnethook.cli import main


def test_every_verb_has_a_command_and_a_summary_that_fits_into_the_help() -> None:
    context = click.Context(main.vnet)
    for verb in main.VERBS:
        command = main.vnet.get_command(context, verb)
        assert command, verb
        assert command.hidden or not command.get_short_help_str(59).endswith("..."), verb


def test_the_manual_page_has_every_verb() -> None:
    page = (Path(__file__).parents[2] / "docs/vnet.1.md").read_text()
    assert [verb for verb in main.VERBS if verb != "net-compile" and f"**{verb}**" not in page] == []
