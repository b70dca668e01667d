"""Candles from the DuckDB file that OpenAlgo's Historify fills."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tapeback.data.historify.contracts import instruments_of
from tapeback.data.historify.database import Database, StoredSeries, opened
from tapeback.data.historify.labels import find_imports, mend_imports, mend_long
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, coarsened, examine, with_findings
from tapeback.errors import DataError, DataNotFoundError, did_you_mean
from tapeback.market import timeframes
from tapeback.market.calendar import days_of
from tapeback.market.candles import Candles
from tapeback.market.cleaning import clean
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.candle import Series
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import DERIVATIVE_EXCHANGES, Instrument
from tapeback.utils.clock import date_of_day
from tapeback.utils.wall_clock import SystemClock, WallClock

Ints = npt.NDArray[np.int64]

# What Historify downloads itself; all else was imported into it.
_DOWNLOADED = frozenset({"1m", "1d"})


class HistorifyDataProvider:
    """A `historify.duckdb` as a `DataProvider`, read-only, also while OpenAlgo writes to it.

    Minutes and hours are made of 1m bars, and on dates without any of finer imported ones that
    divide them; days come from D, else from intraday bars; weeks and months from these. A request
    without timeframe gets the finest stored. Stamps imported 5 h 30 min late and days stamped
    18:30 UTC are mended. Open interest 0 is none, but for derivatives. Jumps of shares are held
    against the corporate `actions` (the shipped ones), `policy` says what is done about bars that
    are odd (`quality.examine`). `clock` waits while the file is busy.

    Raises as `DataProvider` says, and DataSourceError for a file that is no Historify database,
    is damaged, too new or cannot be had from the program that writes to it.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        actions: ActionBook | None = None,
        policy: Policy = "repair",
        clock: WallClock | None = None,
    ) -> None:
        self.path = Path(path).expanduser()
        self.actions = actions
        self.policy: Policy = policy
        self.clock = clock or SystemClock()

    def describe(self) -> str:
        """`historify historify.duckdb`."""
        return f"historify {self.path.name}"

    def stored(self) -> list[StoredSeries]:
        """Every series in the file, in order of symbol, exchange and interval."""
        with opened(self.path, self.clock) as database:
            return database.series()

    def instruments(self) -> list[Instrument]:
        """Every instrument that the file describes or has bars of, expired ones included."""
        with opened(self.path, self.clock) as database:
            stored = [(each.symbol, each.exchange) for each in database.series()]
            return instruments_of(database.contracts(), stored)

    def fetch(self, request: DataRequest) -> Candles:
        """The stored bars of the requested symbol, dates and timeframe."""
        with opened(self.path, self.clock) as database:
            shelf = _Shelf(database, request)
            parts = shelf.parts()
            copied = database.copied
        if copied:
            parts[0] = with_findings(parts[0], (_COPIED,))
        if len(parts) == 1:
            return coarsened(self._examined(parts[0]), shelf.target)
        return self._examined(_merged([coarsened(part, shelf.target) for part in parts]))

    def _examined(self, candles: Candles) -> Candles:
        return examine(candles, policy=self.policy, actions=self.actions)


_COPIED = Finding(
    code="copied-database",
    severity="note",
    message="another program was writing to the Historify database, which was read from a copy; "
    "bars of that moment may be absent",
)


class _Shelf:
    """What the file holds of one symbol, and what of it serves a request."""

    def __init__(self, database: Database, request: DataRequest) -> None:
        self._database = database
        self._request = request
        self._symbol, self._exchange = request.symbol.upper(), request.exchange.upper()
        self._where = f"{database.path.name} {request.symbol}:{request.exchange}"
        self._stored: dict[str, list[StoredSeries]] = {}
        found = database.series(self._symbol, self._exchange)
        for each in found:
            if each.timeframe is not None:
                self._stored.setdefault(each.timeframe, []).append(each)
        if not self._stored:
            raise self._unknown([each.interval for each in found])
        self.target = request.series(min(self._stored, key=timeframes.duration)).timeframe

    def parts(self) -> list[Candles]:
        """The candles that the request is made of: one series, or several intraday ones that
        have no date in common."""
        long = [name for name in self._stored if not timeframes.is_intraday(name)]
        if "1d" in long and self.target in ("1d", "1w", "1M"):
            days = self._candles("1d")
            if days is not None:
                return [days]
        parts = self._intraday()
        if parts:
            return parts
        if self.target in long and self.target != "1d":
            own = self._candles(self.target)
            if own is not None:
                return [own]
        raise self._no_bars()

    def _intraday(self) -> list[Candles]:
        """A part of each stored intraday timeframe that has dates which the finer ones lack."""
        parts: list[Candles] = []
        for name in sorted(self._stored, key=timeframes.duration):
            if timeframes.is_intraday(name) and self._serves(name):
                candles = self._candles(name, without=[part.days for part in parts])
                if candles is not None:
                    parts.append(candles)
        return parts

    def _candles(self, timeframe: str, without: Iterable[Ints] = ()) -> Candles | None:
        """The stored bars of one timeframe on the requested dates but those in `without`."""
        request = self._request
        intervals = [each.interval for each in self._stored[timeframe]]
        first, last = request.first_day, request.last_day
        columns = self._database.bars(self._symbol, self._exchange, intervals, first, last)
        if timeframes.is_intraday(timeframe):
            stamps = self._database.stamps(self._symbol, self._exchange, intervals)
            imports = find_imports(stamps, self._exchange, self._symbol)
            ts, rows, mended = mend_imports(columns[0], imports, self._exchange, self._symbol)
            columns = [ts, *(column[rows] for column in columns[1:])]
        else:
            columns[0], mended = mend_long(columns[0], timeframe)
        days = days_of(columns[0])
        wanted = np.isin(days, np.concatenate([np.empty(0, np.int64), *without]), invert=True)
        if first is not None:
            wanted &= days >= first
        if last is not None:
            wanted &= days <= last
        columns = [column[wanted] for column in columns]
        if not len(columns[0]):
            return None
        columns, faults = clean(columns, where=f"{self._where}:{timeframe}")
        if not len(columns[0]):
            return None
        columns[6], silent = self._open_interest(columns[6], columns[0])
        origin = Origin(
            kind="historify",
            detail=f"{self._database.path.name}, {' and '.join(intervals)}",
            findings=(*mended, *faults, *silent, *_imported(timeframe, columns[0])),
        )
        return Candles(Series(request.symbol, request.exchange, timeframe), columns, origin)

    def _open_interest(
        self, oi: npt.NDArray[np.float64], ts: Ints
    ) -> tuple[npt.NDArray[np.float64], tuple[Finding, ...]]:
        """Historify writes 0 where the broker gave none."""
        if self._exchange not in DERIVATIVE_EXCHANGES:
            return np.where(oi == 0, np.nan, oi), ()
        if oi.any():
            return oi, ()
        finding = Finding(
            code="zero-oi",
            severity="note",
            message=f"open interest is 0 in all {len(oi)} bars; the broker may have given none",
            count=len(oi),
            of=len(oi),
            where=f"{date_of_day(int(days_of(ts[:1])[0]))}",
        )
        return oi, (finding,)

    def _unknown(self, intervals: list[str]) -> DataNotFoundError:
        symbol, where = self._request.symbol, str(self._database.path)
        if intervals:
            return DataNotFoundError(
                f"of {symbol} there are {', '.join(intervals)} bars alone, which is no timeframe.",
                where=where,
                remedy="Download 1m or D bars of it in Historify.",
            )
        stored = self._database.series()
        same = sorted({each.exchange for each in stored if each.symbol == self._symbol})
        if same:
            return DataNotFoundError(
                f"there is no bar of {symbol} on {self._request.exchange}, only on "
                f"{', '.join(same)}.",
                where=where,
                remedy="Name that exchange, or download the symbol in Historify.",
            )
        names = sorted({each.symbol for each in stored})
        return DataNotFoundError(
            f"there is no bar of {symbol}{did_you_mean(self._symbol, names)} among "
            f"{len(names)} symbols.",
            where=where,
            remedy="Download or import it in Historify.",
        )

    def _no_bars(self) -> DataError:
        """Why nothing that is stored serves the request."""
        own = sorted(self._stored, key=timeframes.duration)
        usable = [name for name in own if self._serves(name)]
        if not usable:
            held = ", ".join(own)
            return DataError(
                f"{held} bars are stored, and {self.target} bars cannot be made of them.",
                where=self._where,
                remedy=f"Ask for {own[0]} or longer, or download finer bars in Historify.",
            )
        spans = [each for name in usable for each in self._stored[name]]
        first = date_of_day(min(each.first_day for each in spans))
        last = date_of_day(max(each.last_day for each in spans))
        return DataNotFoundError(
            f"no bar of {self._request.symbol} from {self._request.start or 'the first date'} to "
            f"{self._request.end or 'the last date'}; the {', '.join(usable)} bars run from "
            f"{first} to {last}.",
            where=self._where,
            remedy="Choose dates in that range, or leave them out for all of it.",
        )

    def _serves(self, name: str) -> bool:
        return name == self.target or timeframes.makes(name, self.target)


def _imported(timeframe: str, ts: Ints) -> tuple[Finding, ...]:
    if timeframe in _DOWNLOADED:
        return ()
    days = np.unique(days_of(ts))
    finding = Finding(
        code="imported-bars",
        severity="note",
        message=f"{len(ts)} imported bars of {timeframe} on {len(days)} dates for which the file "
        f"has no {'1m' if timeframes.is_intraday(timeframe) else '1d or 1m'} bars",
        count=len(ts),
        where=f"{date_of_day(int(days[0]))}",
    )
    return (finding,)


def _merged(parts: list[Candles]) -> Candles:
    """One series of parts that have no date in common."""
    order = np.argsort(np.concatenate([part.ts for part in parts]), kind="stable")
    columns = [
        np.concatenate(pieces)[order]
        for pieces in zip(*(part.columns for part in parts), strict=True)
    ]
    names = " and ".join(part.origin.detail for part in parts)
    finding = Finding(
        code="several-sources",
        severity="warning",
        message=f"the bars come from {names}",
        count=len(parts),
        where=f"{parts[0][0].timestamp:%Y-%m-%d}",
    )
    origin = Origin(
        kind="historify",
        detail=names,
        findings=(*(each for part in parts for each in part.findings), finding),
    )
    return Candles(parts[0].series, columns, origin)
