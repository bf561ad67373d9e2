"""Shell completion: verbs, options and the names of networks."""

import click
from click import shell_completion

from vnethook.cli import report


@click.command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    For bash: `source <(vnet completion bash)`.
    """
    kind = shell_completion.get_completion_class(shell)
    if kind is None:
        context.fail(f"no completion for {shell}")
    script = kind(context.find_root().command, {}, "vnet", "_VNET_COMPLETE")
    # BashComplete.source() starts bash to see how old it is, and complains on stderr; ours takes 4.4 or newer as given.
    report.line((script.source_template % script.source_vars()).rstrip())
