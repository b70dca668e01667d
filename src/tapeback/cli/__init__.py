"""The command `tapeback`: each of its commands is loaded when it is called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from tapeback.cli.failures import EXIT_CODES, exit_code_of, show_failure
from tapeback.cli.streams import make_streams_safe

_COMMANDS = {
    "run": "tapeback.cli.run",
    "strategies": "tapeback.cli.strategies",
    "config": "tapeback.cli.config",
    "calendar": "tapeback.cli.calendar",
    "charges": "tapeback.cli.charges",
    "init": "tapeback.cli.init",
}


class LazyGroup(click.Group):
    """Loads a command's module on demand, and turns every failure into a message and a code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(_COMMANDS[cmd_name]).command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        make_streams_safe()
        ctx.obj = {"json": "--json" in args}
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (Exception, KeyboardInterrupt) as error:
            show_failure(error, as_json=ctx.obj["json"])
            if isinstance(error, click.ClickException):
                raise
            ctx.exit(exit_code_of(error))


@click.group(
    cls=LazyGroup, epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="tapeback", prog_name="tapeback", message="%(prog)s %(version)s")
def main() -> None:
    """Run the trading bot that you trade live, unchanged, over market history."""
