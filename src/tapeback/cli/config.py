"""`tapeback config`: what the settings come to, and what is wrong with them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.cli.options import (
    catalogue,
    find_strategy,
    load_settings,
    settings_options,
    strategy_to_run,
)
from tapeback.errors import ConfigError, StrategyError

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

    from tapeback.models.config import AppConfig


@click.group("config")
def command() -> None:
    """Check and show the settings."""


@command.command("check")
@settings_options
def check(bot: str | None, config_path: str | None, settings: tuple[str, ...]) -> None:
    """Say what is wrong with the settings, all of it at once.

    Without BOT and --config, every strategy of the catalogue is checked.
    """
    names = [bot] if bot or config_path else _catalogue_ids()
    problems: list[str] = []
    for name in names:
        try:
            config = load_settings(name, config_path, settings)
            find_strategy(strategy_to_run(name, config_path, config))
        except ConfigError as error:
            problems += error.problems
        except StrategyError as error:
            problems.append(str(error))
        else:
            data = config.data
            series = f"{data.symbol}:{data.exchange}:{data.timeframe}"
            about = f"fine ({config.strategy.type} on {series})"
            click.echo(f"{config_path or name or 'defaults'}: {about}")
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))


def _catalogue_ids() -> list[str | None]:
    from tapeback.settings import CATALOGUE_PATH

    return [entry.id for entry in catalogue()] if Path(CATALOGUE_PATH).exists() else [None]


@command.command("show", short_help="Print all settings.")
@settings_options
def show(bot: str | None, config_path: str | None, settings: tuple[str, ...]) -> None:
    """Print all settings as YAML, each with the place that gave it; secrets as ***."""
    from ruamel.yaml import YAML

    config = load_settings(bot, config_path, settings)
    YAML().dump(_commented(config.public_dict(), config), sys.stdout)


def _commented(values: dict[str, Any], config: AppConfig, above: str = "") -> CommentedMap:
    from ruamel.yaml.comments import CommentedMap

    shown = CommentedMap()
    for key, value in values.items():
        path = f"{above}{key}"
        if isinstance(value, dict) and value:
            shown[key] = _commented(value, config, f"{path}.")
            continue
        shown[key] = value
        shown.yaml_add_eol_comment(config.where(path) or "default", key, column=44)
    return shown
