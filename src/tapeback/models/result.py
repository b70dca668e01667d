"""Everything that a run leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import msgspec
import numpy as np
import numpy.typing as npt

from tapeback.models.charges import ChargesByLine
from tapeback.models.fill import Fill
from tapeback.models.finding import Finding, Origin
from tapeback.models.instrument import INDEX_EXCHANGES
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.order import Order
from tapeback.models.position import Position
from tapeback.models.posting import Posting
from tapeback.models.trade import Trade
from tapeback.models.verdict import Grade, Verdict, verdict_of
from tapeback.utils.clock import MINUTE_NS, to_ist

if TYPE_CHECKING:
    from tapeback.market.tax.statement import TaxStatement
    from tapeback.metrics.charges import ItemisedCharges


class EquityPoint(msgspec.Struct, frozen=True, gc=False):
    """Equity at a bar's close, its fills included. `drawdown` is rupees below the peak so far,
    `drawdown_pct` the same in per cent of the peak; both are zero or negative."""

    ts: int
    equity: float
    drawdown: float
    drawdown_pct: float

    @property
    def timestamp(self) -> datetime:
        """The close of the bar, aware, Asia/Kolkata."""
        return to_ist(self.ts)


class EquityCurve(Sequence[EquityPoint]):
    """Equity after each bar as columns: `ts` int64 ns UTC, `equity` float64 rupees."""

    def __init__(
        self, ts: npt.NDArray[np.int64], equity: npt.NDArray[np.float64], initial: float
    ) -> None:
        self.ts = ts
        self.equity = equity
        self.initial = initial

    @cached_property
    def drawdown(self) -> npt.NDArray[np.float64]:
        """Rupees below the highest equity so far; zero or negative."""
        return self.equity - self._peak()

    @cached_property
    def drawdown_pct(self) -> npt.NDArray[np.float64]:
        """Per cent below the highest equity so far; zero or negative."""
        return 100.0 * self.drawdown / self._peak()

    def _peak(self) -> npt.NDArray[np.float64]:
        if not len(self.equity):
            return self.equity
        return np.maximum.accumulate(np.maximum(self.equity, self.initial))

    def __len__(self) -> int:
        return len(self.ts)

    @overload
    def __getitem__(self, index: int) -> EquityPoint: ...
    @overload
    def __getitem__(self, index: slice) -> list[EquityPoint]: ...
    def __getitem__(self, index: int | slice) -> EquityPoint | list[EquityPoint]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return EquityPoint(
            int(self.ts[index]),
            float(self.equity[index]),
            float(self.drawdown[index]),
            float(self.drawdown_pct[index]),
        )

    def __iter__(self) -> Iterator[EquityPoint]:
        columns = (self.ts, self.equity, self.drawdown, self.drawdown_pct)
        return map(EquityPoint, *(column.tolist() for column in columns))


class AmbiguousBar(msgspec.Struct, frozen=True, gc=False):
    """A bar that could not tell which of several orders it would have filled (T3)."""

    ts: int
    symbol: str

    @property
    def timestamp(self) -> datetime:
        return to_ist(self.ts)


class Shortfall(msgspec.Struct, frozen=True, gc=False):
    """A date on which the account had less than its positions and orders block; `amount` is the
    worst of that date, in rupees."""

    date: str
    amount: float


class CarriedPosition(msgspec.Struct, frozen=True, gc=False):
    """An MIS position that a locked band kept from being squared off (S3)."""

    ts: int
    symbol: str

    @property
    def timestamp(self) -> datetime:
        return to_ist(self.ts)


class DoubtfulRule(msgspec.Struct, frozen=True, gc=False):
    """A dated rule of low confidence that the run relied on: its place in the tables, the date
    that it holds from, and where it comes from."""

    rule: str
    since: date
    source: str


class BrokerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What stood between the strategy and the exchange, and what it did.

    `name` is the broker's profile and `plan` what its charges went by; `borrowed` names figures of
    the profile that are another broker's. Of MIS positions `squared_off` were closed by the broker
    and `carried` could not be. `left_resting` counts MARKET orders whose price ran past the limit
    that the broker gives them, `margin_warnings` orders that went through short of margin,
    `lot_refusals` orders refused for their lot size.
    """

    name: str
    plan: str
    borrowed: tuple[str, ...]
    squared_off: int
    carried: tuple[CarriedPosition, ...]
    left_resting: int
    margin_warnings: int
    lot_refusals: int


class StrategyFault(msgspec.Struct, frozen=True, gc=False):
    """An exception that the strategy raised: when, in which callback, and its traceback."""

    ts: int
    callback: str
    error: str
    traceback: str

    @property
    def timestamp(self) -> datetime:
        return to_ist(self.ts)


class Bounds(msgspec.Struct, frozen=True, gc=False):
    """The net result, in rupees, under the kinder and the harsher reading of the bars.

    `favourable` fills first what helps, touches included; `adverse` fills first what hurts, limits
    only when price passes them, with harsh slippage.
    """

    adverse: float
    favourable: float


@dataclass(frozen=True, slots=True)
class RunInfo:
    """What differs between two identical runs."""

    run_id: str
    created_at: datetime
    execution_time: float
    host: str
    paths: dict[str, str]


@dataclass(frozen=True)
class BacktestResult:
    """The result of a run. Rows are objects with attributes, their times aware in Asia/Kolkata.

    `status` is `completed`, `failed` (the strategy raised) or `cancelled`; whatever was computed
    is here in each case. Everything but `run` is the same, to the byte, for the same settings,
    data and code. Equity and profit are before income tax: `tax` is its estimate, None where it
    was not asked for. `postings` are the entries in the account that no fill made.
    """

    status: str
    symbol: str
    exchange: str
    timeframe: str
    start_time: datetime | None
    end_time: datetime | None
    trades: Sequence[Trade]
    orders: tuple[Order, ...]
    fills: Sequence[Fill]
    postings: tuple[Posting, ...]
    itemised: ItemisedCharges
    tax: TaxStatement | None
    equity_curve: EquityCurve
    metrics: PerformanceMetrics
    open_positions: tuple[Position, ...]
    ambiguous_bars: tuple[AmbiguousBar, ...]
    touch_misses: int
    shortfalls: tuple[Shortfall, ...]
    broker: BrokerRecord
    doubtful_rules: tuple[DoubtfulRule, ...]
    faults: tuple[StrategyFault, ...]
    modifications: tuple[tuple[int, str, str], ...]
    origins: tuple[tuple[str, Origin], ...]
    strategy_state: dict[str, Any]
    total_candles: int
    processed_candles: int
    make_manifest: Callable[[], dict[str, Any]]
    run: RunInfo
    bounds: Bounds | None = None
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What the run was made of: settings, data with their digests, code, versions, seeds. The
        same manifest means the same result."""
        return self.make_manifest()

    @property
    def executions(self) -> Sequence[Fill]:
        """Every execution: the same as `fills`."""
        return self.fills

    @property
    def charges(self) -> ChargesByLine:
        """All charges by line, in rupees. Those of each fill, order and trade are in `itemised`."""
        return self.itemised.totals

    @cached_property
    def coarse_square_offs(self) -> int:
        """Positions that were squared off at the close of a bar which spans that time (S3)."""
        return sum(fill.rule == "S3 coarse" for fill in self.fills)

    @cached_property
    def naked_minutes(self) -> float:
        """Minutes in which positions had no stop, because the limit that the broker gave a stop
        was passed: from its trigger to its last fill, or to its end where it never filled whole."""
        last = int(self.equity_curve.ts[-1]) if len(self.equity_curve) else 0
        naked = 0
        for order in self.orders:
            if order.protection and order.triggered_ts:
                until = order.filled_ts if order.status == "complete" else order.ended_ts or last
                naked += max(until - order.triggered_ts, 0)
        return naked / MINUTE_NS

    @property
    def thin_fills(self) -> tuple[Fill, ...]:
        """Fills beyond their bar's share of volume."""
        return tuple(fill for fill in self.fills if fill.thin)

    @property
    def proxies(self) -> tuple[str, ...]:
        """Indices that were traded in place of their near futures (S2b), by symbol."""
        traded = {fill.symbol: None for fill in self.fills if fill.exchange in INDEX_EXCHANGES}
        return tuple(traded)

    @property
    def refused_orders(self) -> tuple[Order, ...]:
        """Orders that were rejected, with their reasons."""
        return tuple(order for order in self.orders if order.status == "rejected")

    @property
    def synthetic(self) -> bool:
        """Whether any of the candles were made up."""
        return any(origin.synthetic for _, origin in self.origins)

    @property
    def verdict(self) -> Grade:
        """How far the result can be trusted, by its data: `clean`, `usable` or `doubtful`, the
        worst of its series and of what the run itself adds."""
        return self._verdict.grade

    @property
    def verdict_reasons(self) -> tuple[str, ...]:
        """Why the verdict is no better, the weightiest reason first."""
        return self._verdict.reasons

    @cached_property
    def _verdict(self) -> Verdict:
        return verdict_of(origins=(origin for _, origin in self.origins), proxies=self.proxies)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was noticed about the data of all series."""
        return tuple(finding for _, origin in self.origins for finding in origin.findings)

    def contract_note(self, day: date | str) -> str:
        """The contract note of an Indian date (`2024-06-03`) as text: its trades by contract, the
        charges by line, and what was posted beside it."""
        from tapeback.report.contract_note import contract_note

        return contract_note(self, day)

    def to_dict(self) -> dict[str, Any]:
        """The whole result as JSON-able values, without NaN or infinity."""
        from tapeback.report.document import result_document

        return result_document(self)

    def save(self, directory: str | Path) -> dict[str, Path]:
        """Write `result.json`, the CSV files and `manifest.json` into a folder; their paths."""
        from tapeback.report.export import write_result

        return write_result(self, Path(directory))
