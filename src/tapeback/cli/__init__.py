"""The command `tapeback`: each of its commands is loaded when it is called."""

from __future__ import annotations

from typing import Any

import click

from tapeback.cli.failures import EXIT_CODES, exit_code_of, show_failure
from tapeback.cli.lazy import LazyGroup
from tapeback.cli.streams import make_streams_safe

_COMMANDS = {
    "run": "tapeback.cli.run",
    "data": "tapeback.cli.data",
    "strategies": "tapeback.cli.strategies",
    "config": "tapeback.cli.config",
    "doctor": "tapeback.cli.doctor",
    "calendar": "tapeback.cli.calendar",
    "charges": "tapeback.cli.charges",
    "init": "tapeback.cli.init",
}


class CommandLine(LazyGroup):
    """Turns every failure into a message and an exit code."""

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
    cls=CommandLine,
    modules=_COMMANDS,
    epilog=EXIT_CODES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(package_name="tapeback", prog_name="tapeback", message="%(prog)s %(version)s")
def main() -> None:
    """Run the trading bot that you trade live, unchanged, over market history."""
