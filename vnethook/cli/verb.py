"""A verb of `vnet`: a click command whose values are given as virsh takes them, each by its option or by its place."""

from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from vnethook.cli import report

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.shell_completion import CompletionItem

    Function = Callable[..., int | None]


class Unexpected(click.UsageError):
    """A word that no value of the verb takes."""

    def __init__(self, word: str, context: click.Context) -> None:
        super().__init__(f"unexpected argument {word!a}", context)
        self.word = word


class BadNumber(click.BadParameter):
    """A word that is no number of those that an option takes."""

    def __init__(self, message: str, word: str, context: click.Context | None, param: click.Parameter | None) -> None:
        super().__init__(message, context, param)
        self.word = word


class Number(click.IntRange):
    """A whole number."""

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:  # noqa: ANN401
        """The number; raise BadNumber."""
        try:
            return super().convert(value, param, context)
        except click.BadParameter as error:
            raise BadNumber(error.message, str(value), context, param) from None


class Value(click.Option):
    """A value of a verb: `--network NET`, or NET at its place among the words that are no options.

    Places are counted over the values that no option gives, in the order in which they are declared; one with
    `multiple` takes all words that are left. Source: vshCommandParse() of libvirt's tools/vsh.c.
    """

    param_type_name = "argument"

    def __init__(
        self,
        names: "Sequence[str]",
        *,
        unless: str = "",
        needed_by_virsh: bool = False,
        **settings: Any,  # noqa: ANN401 (click's)
    ) -> None:
        super().__init__(names, **settings)
        self.unless = unless
        """The flag without which the value is needed."""
        self.needed_by_virsh = needed_by_virsh
        """Whether it is needed under virsh's name."""

    @property
    def virsh_needs(self) -> bool:
        """Whether virsh does not do without it."""
        return self.required or self.needed_by_virsh or bool(self.unless)

    def is_empty_for_virsh(self, given: object) -> bool:
        """Whether it was given as an empty word, which virsh refuses, except where it is text."""
        return given == "" or (bool(self.unless) and given == ("",))

    def handle_parse_result(
        self, context: click.Context, options: "Mapping[str, Any]", words: list[str]
    ) -> tuple[object, list[str]]:
        """Take the value from the options, else from the words; give it and the words that are left."""
        name = self.name or ""
        is_alone = not self.multiple or (self.unless and report.is_virsh(context))  # there it takes one word
        if words and not is_alone:
            kept = self._words_of_others(context, options) if name in options else 0
            options, words = {**options, name: [*options.get(name, ()), *words[kept:]]}, words[:kept]
        elif words and name not in options:
            options, words = {**options, name: words[:1] if self.multiple else words[0]}, words[1:]
        is_needed = self.unless or (self.needed_by_virsh and report.is_virsh(context))
        if is_needed and not {name, self.unless} & options.keys() and not context.resilient_parsing:
            raise click.MissingParameter(ctx=context, param=self)
        return super().handle_parse_result(context, options, words)

    def _words_of_others(self, context: click.Context, options: "Mapping[str, Any]") -> int:
        """How many words the other values will take: click comes to an option that is used before them."""
        return sum(isinstance(other, Value) and other.name not in options for other in context.command.params)

    def get_usage_pieces(self, _context: click.Context) -> list[str]:
        """How the value stands in the line of usage."""
        word = self.metavar or ""
        return [f"{word if self.required else f'[{word}]'}{'...' if self.multiple else ''}"]

    def get_error_hint(self, _context: click.Context | None) -> str:
        """The value in an error."""
        return self.metavar or ""


class Verb(click.Command):
    """A command with values."""

    allow_extra_args = True
    """So that it is `parse_args` that refuses them."""

    def parse_args(self, context: click.Context, words: list[str]) -> list[str]:
        """Read the words of a call; raise Unexpected for one too many."""
        try:
            rest = super().parse_args(context, words)
        except click.UsageError as error:
            error.ctx = error.ctx or context  # the parser itself does not say whose option it was
            raise
        if rest and not context.resilient_parsing:
            raise Unexpected(rest[0], context)
        return rest

    def shell_complete(self, context: click.Context, incomplete: str) -> "list[CompletionItem]":
        """What may come next: of the first value that is not given yet, else an option."""
        if not incomplete.startswith("-"):
            for value in self.get_params(context):
                is_given = context.get_parameter_source(value.name or "") is ParameterSource.COMMANDLINE
                if isinstance(value, Value) and (value.multiple or not is_given):
                    return value.shell_complete(context, incomplete)
        return super().shell_complete(context, incomplete)


def verb(function: "Function") -> Verb:
    """Make a verb of a function, which gives the exit status, None for 0."""
    return click.command(cls=Verb)(function)


def value(option: str, parameter: str, **settings: object) -> "Callable[[Function], Function]":
    """Declare a value of a verb: `settings` are those of click.option, of them `metavar` is its name in the usage."""
    return click.option(option, parameter, cls=Value, **settings)
