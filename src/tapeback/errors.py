"""Every error that Tapeback raises on purpose.

TapebackError                    anything below; never raised itself
├── ConfigError                  settings that cannot be used, all of them at once
├── DataError                    market data that cannot be used
│   ├── DataNotFoundError        no such file, symbol, range, or no data source at all
│   ├── DataFormatError          a row or a column that cannot be read
│   ├── DataSourceError          a server or a database that does not answer, or refuses to
│   └── CacheError               the candle cache cannot be read or written
├── StrategyError                a strategy or a bot
│   ├── StrategyNotFoundError    no such name, file or class
│   ├── StrategyLoadError        its file fails while being imported or constructed
│   └── StrategyFailedError      it raised while running; carries the partial result
├── MissingExtraError            an optional dependency is not installed
└── OutputError                  a result cannot be written where it was asked to go

A message says what is wrong, with the value, where it stands and what to do about it.
A refused order is no exception: it is a result, kept in the order book with its reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tapeback.models.result import BacktestResult

EXIT_OK = 0
EXIT_STRATEGY_FAILED = 1
EXIT_USAGE = 2
EXIT_DATA = 3
EXIT_STRATEGY = 4
EXIT_OUTPUT = 5
EXIT_INTERRUPTED = 130


class TapebackError(Exception):
    """Base of the tree: one sentence of what and which value, then where, then the remedy."""

    exit_code = EXIT_USAGE

    def __init__(self, what: str, *, where: str | None = None, remedy: str | None = None) -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} {self.remedy}" if self.remedy else text


class ConfigError(TapebackError):
    """Settings that cannot be used; `problems` holds one line for each of them."""

    def __init__(self, problems: str | Sequence[str], *, remedy: str | None = None) -> None:
        self.problems = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems), remedy=remedy)


class DataError(TapebackError):
    """Market data that cannot be used."""

    exit_code = EXIT_DATA


class DataNotFoundError(DataError):
    """No such file, symbol or range, or no data source was named at all."""


class DataFormatError(DataError):
    """A row or a column that cannot be read; `where` is `file:row`."""


class DataSourceError(DataError):
    """A server or a database of market data does not answer, or refuses to."""


class CacheError(DataError):
    """The candle cache cannot be opened, read or written; what it holds is left as it is."""


class StrategyError(TapebackError):
    """A strategy or a bot that cannot be found, loaded or run."""

    exit_code = EXIT_STRATEGY


class StrategyNotFoundError(StrategyError):
    """No strategy of that name, no such file, or no such class in it."""


class StrategyLoadError(StrategyError):
    """The strategy's file or its constructor raised."""


class StrategyFailedError(StrategyError):
    """The strategy raised while running.

    `result` holds everything computed up to that moment (status `failed`), `traceback` the
    strategy's own traceback as text.
    """

    exit_code = EXIT_STRATEGY_FAILED

    def __init__(self, what: str, *, result: BacktestResult, traceback: str) -> None:
        super().__init__(what)
        self.result = result
        self.traceback = traceback


class MissingExtraError(TapebackError):
    """An optional dependency is not installed; the remedy names the extra."""


class OutputError(TapebackError):
    """A result cannot be written where it was asked to go."""

    exit_code = EXIT_OUTPUT


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """`" (did you mean 'x'?)"` for the nearest known word, or an empty string."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f" (did you mean {near[0]!r}?)" if near else ""
