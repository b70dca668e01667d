"""From the command line's words to the settings of a run."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tapeback.errors import ConfigError

if TYPE_CHECKING:
    from tapeback.models.config import AppConfig
    from tapeback.settings import CatalogueEntry
    from tapeback.strategies.registry import StrategyEntry

_SERIES = ("symbol", "exchange", "timeframe")


class OneOf(click.Choice[str]):
    """One of some words in capitals, however they are typed."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        return super().convert(str(value).upper(), param, ctx)


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what chooses the settings: BOT, `--config` and `--set`."""
    for option in (
        click.option(
            "--set",
            "settings",
            multiple=True,
            metavar="KEY=VALUE",
            help="A setting, such as backtest.initial_cash=500000. Repeatable.",
        ),
        click.option(
            "-c", "--config", "config_path", metavar="FILE", help="A YAML file of settings."
        ),
        click.argument("bot", required=False),
    ):
        command = option(command)
    return command


def data_overrides(data: Sequence[str], named: Mapping[str, str | None]) -> list[str]:
    """The settings that `--data` (each one of `data`) and `--symbol`, `--start` and so on
    (`named`) stand for, as `data.key=value`. Raises ConfigError for what `--data` cannot mean."""
    given = {key: value for key, value in named.items() if value is not None}
    if data:
        given |= _sources(data, given)
    return [f"data.{key}={json.dumps(value, ensure_ascii=False)}" for key, value in given.items()]


def _sources(data: Sequence[str], given: Mapping[str, str]) -> dict[str, Any]:
    from tapeback.data.arguments import parse_data_argument

    arguments = [parse_data_argument(text) for text in data]
    synthetic = any(argument.synthetic for argument in arguments)
    if synthetic and len(arguments) > 1:
        raise ConfigError(
            f"--data: synthetic stands beside {len(arguments) - 1} other(s).",
            remedy="Synthetic data is one series: give --data once.",
        )
    first = {name: getattr(arguments[0], name) for name in _SERIES}
    series = {name: value for name, value in first.items() if value is not None}
    for name, value in series.items():
        if given.get(name, value).upper() != value.upper():
            raise ConfigError(f"--data says {name} {value} and --{name} {given[name]}: drop one.")
    alone = [argument.source is None for argument in arguments]
    return {
        "use_synthetic": synthetic,
        "files": [text for text, one in zip(data, alone, strict=True) if not (one or synthetic)],
        "series": [text for text, one in zip(data, alone, strict=True) if one],
        **series,
    }


def load_settings(
    bot: str | None,
    config_path: str | None,
    settings: Sequence[str],
    overrides: Sequence[str] = (),
) -> AppConfig:
    """The settings for a bot: those of FILE, else those of its row in the catalogue; a bot that no
    row names takes the base file alone. `overrides` win over `settings`.

    Raises StrategyNotFoundError for an unknown bot, and ConfigError, which names the option that a
    refused value was given by.
    """
    from tapeback.settings import BASE_PATH, load_config

    row = bot
    if bot is not None and _row(bot) is None:
        find_strategy(bot)
        row = None
        if config_path is None and Path(BASE_PATH).exists():
            config_path = BASE_PATH
    try:
        return load_config(config_path, strategy=row, overrides=[*settings, *overrides])
    except ConfigError as error:
        keys = {override.partition("=")[0] for override in overrides}
        problems = [_in_own_words(problem, keys) for problem in error.problems]
        raise ConfigError(problems, remedy=error.remedy) from None


def strategy_to_run(bot: str | None, config_path: str | None, config: AppConfig) -> str:
    """What to run: BOT, unless it is a row of the catalogue that leaves this to its settings."""
    row = None if bot is None else _row(bot)
    by_row = row is not None and row.bot is None and config_path is None
    return config.strategy.type if bot is None or by_row else bot


def _row(bot: str) -> CatalogueEntry | None:
    wanted = bot.strip().lower()
    return next((entry for entry in catalogue() if entry.id == wanted), None)


def catalogue() -> list[CatalogueEntry]:
    """The rows of this folder's catalogue."""
    from tapeback.settings import CATALOGUE_PATH, load_catalogue

    return load_catalogue(CATALOGUE_PATH)


def find_strategy(name: str) -> StrategyEntry:
    """What a name, or a bot file, leads to from this folder. Raises StrategyError."""
    from tapeback.strategies.registry import resolve

    return resolve(name, bots=bots_of(catalogue()))


def bots_of(entries: Iterable[CatalogueEntry]) -> dict[str, str]:
    """The bot files that the catalogue's rows name, by id."""
    return {entry.id: entry.bot for entry in entries if entry.bot is not None}


def _in_own_words(problem: str, keys: Collection[str]) -> str:
    """The problem with the option that was given, in place of the `--set` that it stands for."""
    place, colon, reason = problem.partition(":")
    key = place.removeprefix("--set ")
    if place == key or key not in keys:
        return problem
    name = key.removeprefix("data.")
    return f"--{'data' if name in ('files', 'use_synthetic') else name}{colon}{reason}"
