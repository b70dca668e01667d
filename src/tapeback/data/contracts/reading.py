"""One file of an import: whose bars it holds, and these as candles.

Options that hardly trade have too few bars to show their timeframe and on which end of a bar its
stamp lies; they follow the habits of the files around them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import PurePath
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.data.contracts.names import Days, Style, common_style, contract_named
from tapeback.data.contracts.sheets import Part, parts_of
from tapeback.data.contracts.sources import Source
from tapeback.data.conventions import infer_timeframe, recognise_label
from tapeback.data.files import LabelOption, Rows
from tapeback.data.headers import Label
from tapeback.data.provider import DataRequest
from tapeback.data.quality import coarsened
from tapeback.data.stamps import NO_STAMP, Stamps
from tapeback.errors import DataError, DataFormatError, TapebackError
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.instruments import INDEX_UNDERLYINGS, instrument_of
from tapeback.models.data_file import check_symbol
from tapeback.models.instrument import DERIVATIVE_EXCHANGES, EXCHANGES, Instrument
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS

Ints = npt.NDArray[np.int64]

# Gaps of one length within sessions, and dates, from which on bars speak for themselves.
_CLEAR_GAPS, _CLEAR_DATES = 20, 5
_BSE_INDEXES = frozenset({"SENSEX", "BANKEX", "SENSEX50"})


class Habits(NamedTuple):
    """How most files of an import are made, where they agree."""

    timeframe: str | None = None
    label: Label | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A file to read, what the user said about all of them, the spelling of their names and,
    once they are known, their habits."""

    source: Source
    symbol: str | None = None
    exchange: str | None = None
    timeframe: str | None = None
    label: LabelOption = "auto"
    style: Style | None = None
    habits: Habits | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read: file, line (empty for all of it), reason, and what to do."""

    file: str
    row: str = ""
    reason: str
    remedy: str = ""


class Item(NamedTuple):
    """The bars of one instrument; the instrument where it is a contract."""

    candles: Candles
    contract: Instrument | None


class Reading(msgspec.Struct):
    """What a file gave. `habits` are those of its instruments with bars enough to show them;
    `unclear` says that others need the habits of other files."""

    source: Source
    items: list[Item] = []
    problems: list[Problem] = []
    habits: list[Habits] = []
    unclear: bool = False


class _Unclear(Exception):
    """A part with too few bars, while nothing is known about the files around it."""


def read_source(task: Task) -> Reading:
    """All instruments of a file. What cannot be read is among the problems; nothing is raised for
    it."""
    reading = Reading(task.source)
    try:
        parts = _asked(parts_of(task.source), task)
    except TapebackError as error:
        reading.problems.append(problem_of(error, task.source))
        return reading
    if task.symbol is None and (style := common_style(part.name for part in parts if part.name)):
        task = msgspec.structs.replace(task, style=style)
    waiting = []
    for part in parts:
        if not _read(part, task, reading, alone=len(parts) == 1, settled=False):
            waiting.append(part)
    if not waiting:
        return reading
    habits = habits_of(reading.habits) if reading.habits else task.habits
    if habits is None:
        reading.unclear = True
        return reading
    settled = msgspec.structs.replace(task, habits=habits)
    for part in waiting:
        _read(part, settled, reading, alone=len(parts) == 1, settled=True)
    return reading


def habits_of(seen: Iterable[Habits]) -> Habits:
    """What most files do, None where none shows it."""
    frames: Counter[str] = Counter()
    labels: Counter[Label] = Counter()
    for habits in seen:
        frames.update([habits.timeframe] if habits.timeframe else [])
        labels.update([habits.label] if habits.label else [])
    # Ties go to the finer timeframe and to open labels, whatever the order of the files.
    frame = min(frames, key=lambda name: (-frames[name], timeframes.duration(name)), default=None)
    label = min(labels, key=lambda name: (-labels[name], name == "close"), default=None)
    return Habits(frame, label)


def problem_of(error: TapebackError, source: Source) -> Problem:
    """An error about a file, with the line that it names."""
    line = re.search(r":(\d+)$", error.where or "")
    return Problem(
        file=source.label,
        row=line[1] if line else "",
        reason=error.what,
        remedy=error.remedy or "",
    )


def _asked(parts: list[Part], task: Task) -> list[Part]:
    """The parts of the symbol that the user named; a single part is taken at his word."""
    if task.symbol is None or len(parts) == 1:
        return parts
    named = [part for part in parts if part.name.upper() == task.symbol]
    if not named:
        raise DataFormatError(
            f"no row is of {task.symbol}; there are "
            f"{', '.join(sorted(part.name for part in parts)[:20])}.",
            remedy="Leave the symbol out to import all of them.",
        )
    return named


def _read(part: Part, task: Task, reading: Reading, *, alone: bool, settled: bool) -> bool:
    """Adds a part's bars, or its problem, to a reading; False where habits must be known first."""
    try:
        if part.error is not None:
            raise part.error
        symbol, exchange, contract = _identify(part, task, alone=alone)
        candles, habits = _candles(part, symbol, exchange, task, settled=settled)
    except _Unclear:
        return False
    except TapebackError as error:
        problem = problem_of(error, task.source)
        if part.name and not alone:
            problem = msgspec.structs.replace(problem, reason=f"{part.name}: {problem.reason}")
        reading.problems.append(problem)
        return True
    reading.items.append(Item(candles, contract))
    if habits is not None:
        reading.habits.append(habits)
    return True


def _identify(part: Part, task: Task, *, alone: bool) -> tuple[str, str, Instrument | None]:
    """Symbol, exchange and, for a contract, the instrument that a part is of."""
    if part.contract is not None:
        return part.contract.symbol, part.contract.exchange, part.contract
    exchange = task.exchange or part.exchange
    days = _days(part.table.stamps)
    if task.symbol is not None:
        contract = contract_named(task.symbol, exchange, style="openalgo")
        name = task.symbol
    else:
        name = part.name
        contract = contract_named(name, exchange, days=days, style=task.style) if name else None
        if contract is None and alone:
            contract = contract_named(task.source.name, exchange, days=days, style=task.style)
            if contract and name and contract.underlying != name.upper():
                contract = None
    if contract is not None:
        return contract.symbol, contract.exchange, contract
    symbol = _plain_symbol(name or _first_word(task.source.name), task)
    return symbol, _plain_exchange(symbol, exchange, task), None


def _days(stamps: Stamps) -> Days | None:
    known = stamps.ts[stamps.ts != NO_STAMP]
    if not len(known):
        return None
    offset = IST_OFFSET_NS if stamps.zone == "known" else 0
    return int(known.min() + offset) // DAY_NS, int(known.max() + offset) // DAY_NS


def _first_word(name: str) -> str:
    return re.split(r"[_\s.]", PurePath(name).name)[0]


def _plain_symbol(name: str, task: Task) -> str:
    try:
        return check_symbol(name)
    except ValueError as error:
        raise DataFormatError(
            f"its symbol {error}.", remedy="Name it with --symbol.", where=task.source.label
        ) from None


def _plain_exchange(symbol: str, exchange: str | None, task: Task) -> str:
    words = set(re.split(r"[\s.:]+|_(?!INDEX)", task.source.name.upper()))
    named = exchange or next((each for each in EXCHANGES if each in words), None)
    if named is None and symbol in INDEX_UNDERLYINGS:
        return "BSE_INDEX" if symbol in _BSE_INDEXES else "NSE_INDEX"
    if named is None:
        raise DataFormatError(
            f"nothing tells which exchange {symbol} is of, and its name is no contract.",
            remedy="Name the exchange with --exchange, or the contract in the file's name.",
        )
    if named in DERIVATIVE_EXCHANGES and instrument_of(symbol, named).expiry is None:
        raise DataFormatError(
            f"{symbol!r} names no contract on {named}.",
            remedy="Write the contract in the file's name or in a column, e.g. "
            "NIFTY25SEP2525000CE.",
        )
    return named


def _candles(
    part: Part, symbol: str, exchange: str, task: Task, *, settled: bool
) -> tuple[Candles, Habits | None]:
    """The bars of a part in their own timeframe, or the coarser one that is asked for."""
    request = DataRequest(symbol=symbol, exchange=exchange, timeframe=task.timeframe)
    rows = Rows([part.table], request)
    known = rows.ts[rows.ts != NO_STAMP]
    native, clear = _timeframe(known, rows, task, settled=settled)
    option = task.label
    if option == "auto" and part.table.label is None and timeframes.is_intraday(native):
        own, doubt = recognise_label(known, native, exchange, symbol)
        if doubt is None:
            option = own
        elif not settled:
            raise _Unclear
        elif task.habits is not None and task.habits.label is not None:
            option, clear = task.habits.label, False
    label = rows.settle_stamps(native, option)
    candles = rows.candles(native, label, task.source.label)
    habits = Habits(native, label) if clear and timeframes.is_intraday(native) else None
    asked = task.timeframe and timeframes.normalise(task.timeframe)
    if asked and timeframes.duration(asked) > timeframes.duration(native):
        candles = coarsened(candles, asked)
    return candles, habits


def _timeframe(known: Ints, rows: Rows, task: Task, *, settled: bool) -> tuple[str, bool]:
    """The timeframe of stamps, and whether they show it by themselves."""
    own: str | None = None
    doubt: DataError | None = None
    try:
        own = infer_timeframe(known, where=rows.where)
    except DataFormatError as error:
        doubt = error
    if _is_clear(known, own):
        return rows.native_timeframe(), True
    if _is_daily(known):
        return own or "1d", False
    if not settled:
        raise _Unclear
    asked = task.timeframe and timeframes.normalise(task.timeframe)
    frame = (task.habits and task.habits.timeframe) or asked or own
    if frame is None:
        raise doubt or DataError(
            f"too few bars to tell their timeframe ({len(known)}).",
            remedy="Name it with --timeframe, e.g. 1m.",
        )
    return frame, False


def _is_clear(known: Ints, own: str | None) -> bool:
    if own is None:
        return False
    if not timeframes.is_intraday(own):
        return len(known) >= _CLEAR_DATES
    spacings = np.diff(np.unique(known))
    return int(np.count_nonzero(spacings == timeframes.duration(own))) >= _CLEAR_GAPS


def _is_daily(known: Ints) -> bool:
    """Whether stamps are dates: all at midnight, Indian or UTC."""
    clocks = np.unique((known + IST_OFFSET_NS) % DAY_NS)
    return len(clocks) == 1 and int(clocks[0]) in (0, IST_OFFSET_NS)
