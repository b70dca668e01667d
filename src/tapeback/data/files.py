"""Candles from CSV and Parquet files."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from glob import glob
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tapeback.data.conventions import (
    infer_timeframe,
    is_utc,
    open_labels,
    recognise_label,
    restore_float32,
)
from tapeback.data.headers import Label
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, coarsened, examine
from tapeback.data.stamps import NO_STAMP, to_utc
from tapeback.data.tables import Table, read_table
from tapeback.errors import DataError, DataFormatError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.calendar import days_of
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.models.finding import Finding, Origin
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, to_ist

Ints = npt.NDArray[np.int64]
LabelOption = Literal["auto", "open", "close"]
PathLike = str | Path

_LAST = np.iinfo(np.int64).max
_LABELS = ("auto", "open", "close")


def read_candles(
    path: PathLike | Sequence[PathLike],
    *,
    symbol: str,
    exchange: str,
    timeframe: str | None = None,
    label: LabelOption = "auto",
) -> Candles:
    """All bars of one instrument in a file, or in several as if they were one.

    `timeframe` may be coarser than the files' own, which is the default. `label` overrides which
    end of a bar its stamp marks. What was noticed and mended is in `.findings`. Raises as
    `DataProvider` says.
    """
    request = DataRequest(symbol=symbol, exchange=exchange, timeframe=timeframe)
    return FileDataProvider(path, label=label).fetch(request)


class FileDataProvider:
    """Files of one instrument as a `DataProvider`.

    `paths` are files or globs, CSV (plain or gzip) or Parquet; their rows are merged in time. A
    request for another symbol than `symbol` finds nothing; `None` takes the request at its word,
    and a column of symbols picks the rows where there is one. Jumps of shares are held against
    the corporate `actions` (the shipped ones). `policy` says what is done about bars that are odd
    (`quality.examine`). Each fetch reads the files anew.
    """

    def __init__(
        self,
        paths: PathLike | Sequence[PathLike],
        *,
        symbol: str | None = None,
        label: LabelOption = "auto",
        actions: ActionBook | None = None,
        policy: Policy = "repair",
    ) -> None:
        self.paths = (paths,) if isinstance(paths, str | Path) else tuple(paths)
        self.symbol = symbol
        self.label = label
        self.actions = actions
        self.policy: Policy = policy
        if label not in _LABELS:
            raise DataError(
                f"unknown label {label!r}{did_you_mean(label, _LABELS)}.",
                remedy=f"Use one of {', '.join(_LABELS)}.",
            )

    def describe(self) -> str:
        """`file NIFTY.csv`, or the first of several."""
        names = [Path(path).name for path in self.paths]
        return f"file {names[0]}" if len(names) == 1 else f"{len(names)} files, {names[0]} …"

    def fetch(self, request: DataRequest) -> Candles:
        """The files' bars of the requested symbol, dates and timeframe."""
        if self.symbol is not None and request.symbol != self.symbol:
            raise DataNotFoundError(
                f"{self.describe()} holds {self.symbol}, not {request.symbol}.",
                remedy="Name a file for each symbol: SYMBOL:EXCHANGE:TIMEFRAME=FILE.",
            )
        rows = Rows([read_table(path) for path in _resolve(self.paths)], request)
        native = rows.native_timeframe()
        label = rows.settle_stamps(native, self.label)
        names = ", ".join(Path(path).name for path in self.paths)
        candles = rows.candles(native, label, names)
        candles = examine(candles, policy=self.policy, actions=self.actions)
        return coarsened(candles, request.series(native).timeframe)


class Rows:
    """The rows of all files that belong to a request, in the files' order, and what was noticed
    on the way to candles."""

    def __init__(self, tables: list[Table], request: DataRequest) -> None:
        self.request = request
        self.where = tables[0].path.name if len(tables) == 1 else request.symbol
        self.findings: list[Finding] = []
        picked = []
        for table, rows in zip(tables, self._pick_symbol(tables), strict=True):
            if len(rows):
                picked.append((self._utc(table)[rows], table, rows))
        # Files may be named in any order; rows out of order within one are a finding.
        picked.sort(key=lambda part: int(part[0][part[0] != NO_STAMP].min(initial=_LAST)))
        self.tables = [table for _, table, _ in picked]
        self.picks = [rows for _, _, rows in picked]
        self.offsets = np.cumsum([0, *map(len, self.picks)]).tolist()
        self.ts: Ints = np.concatenate([ts for ts, _, _ in picked])
        values = [
            np.concatenate([t.values[i][p] for t, p in zip(self.tables, self.picks, strict=True)])
            for i in range(6)
        ]
        prices, noise = restore_float32(values[:4])
        self.values = [*prices, *values[4:]]
        self._note(noise)

    def native_timeframe(self) -> str:
        """The timeframe of the files' bars, which may be no coarser than the one asked for."""
        known = self.ts[self.ts != NO_STAMP]
        own = infer_timeframe(known, where=self.where)
        asked = self.request.timeframe and timeframes.normalise(self.request.timeframe)
        if own is None:
            if asked is None:
                raise DataError(
                    f"too few bars to tell their timeframe ({len(known)}).",
                    where=self.where,
                    remedy="Name it, e.g. timeframe 1m.",
                )
            return asked
        if asked and timeframes.duration(asked) < timeframes.duration(own):
            raise DataError(
                f"the bars are {own}, and finer {asked} bars cannot be made of them.",
                where=self.where,
                remedy=f"Ask for {own} or longer, or name a file of {asked} bars.",
            )
        return own

    def settle_stamps(self, timeframe: str, option: LabelOption) -> Label:
        """Turns the stamps into open times, or dates for bars of a day or longer; the label
        convention that they followed."""
        known = self.ts != NO_STAMP
        if not timeframes.is_intraday(timeframe):
            dates = days_of(self.ts) * DAY_NS - IST_OFFSET_NS
            clocked = int(np.count_nonzero(known & (dates != self.ts)))
            if clocked:
                self._note(
                    Finding(
                        code="clock-ignored",
                        severity="note",
                        message=f"{clocked} bars of {timeframe} carry a time of day, which is "
                        "ignored",
                        count=clocked,
                        where=self.place(int(np.argmax(known & (dates != self.ts)))),
                        action="rounded",
                    )
                )
            self.ts = np.where(known, dates, NO_STAMP)
            return "open"
        label = self._label(timeframe, option, self.ts[known])
        if label == "close":
            self.ts[known] = open_labels(
                self.ts[known], timeframe, self.request.exchange, self.request.symbol
            )
            self._note(
                Finding(
                    code="close-labels",
                    severity="note",
                    message="stamps mark the close of their bars and are moved to the open",
                    count=int(np.count_nonzero(known)),
                    where=self.place(0),
                    action="shifted",
                )
            )
        return label

    def candles(self, timeframe: str, label: Label, detail: str) -> Candles:
        """The bars among the rows of the requested dates."""
        wanted = self._wanted()
        columns = [column[wanted] for column in (self.ts, *self.values)]
        columns, faults = clean(
            columns, where=self.where, place=lambda row: self.place(int(wanted[row]))
        )
        if not len(columns[0]):
            raise DataFormatError(
                f"no row is a bar: {faults[0].message}.", where=faults[0].where or self.where
            )
        digests = [table.sha256 for table in self.tables]
        origin = Origin(
            kind="file",
            detail=detail,
            label=label,
            sha256=digests[0]
            if len(digests) == 1
            else sha256("".join(digests).encode()).hexdigest(),
            findings=(*self.findings, *faults),
        )
        return Candles(
            Series(self.request.symbol, self.request.exchange, timeframe), columns, origin
        )

    def place(self, row: int) -> str:
        """The file and line of a row."""
        file = bisect_right(self.offsets, row) - 1
        return self.tables[file].place(int(self.picks[file][row - self.offsets[file]]))

    def _wanted(self) -> npt.NDArray[np.intp]:
        """Indices of the rows on the requested dates; rows without a stamp come along."""
        first, last = self.request.first_day, self.request.last_day
        days = days_of(self.ts)
        known = self.ts != NO_STAMP
        wanted = np.ones(len(days), np.bool_)
        if first is not None:
            wanted &= ~known | (days >= first)
        if last is not None:
            wanted &= ~known | (days <= last)
        if not (wanted & known).any():
            stamps = self.ts[known]
            raise DataNotFoundError(
                f"no bar of {self.request.symbol} from {self.request.start or 'the first date'} "
                f"to {self.request.end or 'the last date'}; the data runs from "
                f"{to_ist(int(stamps.min())):%Y-%m-%d} to {to_ist(int(stamps.max())):%Y-%m-%d}.",
                where=self.where,
                remedy="Choose dates in that range, or leave them out for all of it.",
            )
        return np.flatnonzero(wanted)

    def _pick_symbol(self, tables: list[Table]) -> list[npt.NDArray[np.intp]]:
        """The rows of each file that are of the requested symbol."""
        asked = self.request.symbol.upper()
        upper = [None if t.symbols is None else _upper(t.symbols) for t in tables]
        named = sorted({str(name) for names in upper if names is not None for name in set(names)})
        if named and asked not in named:
            if len(named) > 1:
                raise DataNotFoundError(
                    f"no row is of {asked}{did_you_mean(asked, named)}; there are "
                    f"{', '.join(named[:20])}.",
                    where=self.where,
                )
            self._note(
                Finding(
                    code="symbol-mismatch",
                    severity="warning",
                    message=f"the rows are named {named[0]} and read as {asked}",
                    where=self.where,
                )
            )
            asked = named[0]
        return [
            np.arange(len(table.lines)) if names is None else np.flatnonzero(names == asked)
            for table, names in zip(tables, upper, strict=True)
        ]

    def _utc(self, table: Table) -> Ints:
        stamps = table.stamps
        known = stamps.ts[stamps.ts != NO_STAMP]
        if not len(known):
            raise DataFormatError("no row has a time.", where=table.place(0))
        if stamps.zone == "known" or not is_utc(known, self.request.exchange):
            return to_utc(stamps)
        self._note(
            Finding(
                code="read-as-utc",
                severity="warning",
                message="the stamps name no zone, lie outside session hours as Indian time and "
                "inside as UTC, and are read as UTC",
                count=len(known),
                where=table.place(0),
                action="shifted",
            )
        )
        return to_utc(stamps, read_as_utc=True)

    def _label(self, timeframe: str, option: LabelOption, ts: Ints) -> Label:
        if option != "auto":
            return option
        stated = {table.label for table in self.tables}
        if len(stated) == 1 and (label := stated.pop()) is not None:
            return label
        request = self.request
        label, finding = recognise_label(ts, timeframe, request.exchange, request.symbol)
        self._note(finding)
        return label

    def _note(self, finding: Finding | None) -> None:
        if finding is not None:
            self.findings.append(finding)


def _upper(symbols: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.char.upper(symbols.astype("U"))


def _resolve(paths: Sequence[PathLike]) -> list[Path]:
    """The files that paths and globs name, each once."""
    if not paths:
        raise DataNotFoundError(
            "no file is named.", remedy="Name at least one CSV or Parquet file."
        )
    files: dict[Path, None] = {}
    for path in paths:
        plain = Path(path).expanduser()
        if plain.exists() or not any(sign in str(path) for sign in "*?["):
            files[plain] = None
            continue
        found = sorted(glob(str(plain), recursive=True))
        if not found:
            raise DataNotFoundError(
                f"no file matches {str(path)!r}.", remedy="Check the folder and the pattern."
            )
        files |= dict.fromkeys(map(Path, found))
    return list(files)
