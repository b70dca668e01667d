"""All figures of a run, from its equity curve, its trades and its fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.errors import ConfigError, DataError
from tapeback.metrics import drawdown, returns, risk, tables
from tapeback.metrics.costs import cost_figures
from tapeback.metrics.margin import MarginChanges, margin_figures
from tapeback.metrics.trades import trade_figures
from tapeback.models.fill import FillColumns
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.trade import TradeColumns
from tapeback.utils.clock import DAY_NS, date_of_day, to_ist
from tapeback.utils.money import to_rupees

if TYPE_CHECKING:
    from datetime import datetime

    from numpy.typing import NDArray

    from tapeback.market.tax.statement import TaxStatement
    from tapeback.models.fill import Fill
    from tapeback.models.posting import Posting
    from tapeback.models.trade import Trade


class _Curve:
    """The equity curve by bar and by session."""

    def __init__(
        self, equity: NDArray[np.float64], ends: NDArray[np.int64], initial_capital: float
    ) -> None:
        self.equity = equity
        self.ends = ends
        self.initial = initial_capital
        self.final = float(equity[-1]) if len(equity) else initial_capital
        self.closes, self.days = returns.session_closes(ends)
        self.daily_equity = equity[self.closes]
        self.daily_pnl = np.diff(self.daily_equity, prepend=initial_capital)
        self.daily = returns.simple_returns(self.daily_equity, initial_capital)
        self.annual_return = (
            returns.growth_rate(
                self.final / initial_capital, len(self.days) / returns.SESSIONS_PER_YEAR
            )
            if len(self.days) >= 2
            else None
        )


class MetricsCalculator:
    """Turns the columns of a finished run into `PerformanceMetrics`."""

    def calculate(
        self,
        *,
        equity: NDArray[np.float64],
        ends: NDArray[np.int64],
        initial_capital: float,
        trades: Sequence[Trade] | TradeColumns,
        fills: Sequence[Fill] | FillColumns,
        postings: Sequence[Posting] = (),
        margin: MarginChanges | None = None,
        tax: TaxStatement | None = None,
        benchmark_close: NDArray[np.float64] | None = None,
        in_market: NDArray[np.bool_] | None = None,
        risk_free_pct: float = 0.0,
    ) -> PerformanceMetrics:
        """The figures of one run.

        `equity` (rupees, marked at the bar's close, its fills included) has one row a bar and
        `ends` that bar's end, ns UTC, in order. `benchmark_close` is the close of what buying and
        holding would have held, NaN where it did not trade yet; `in_market` says in which bars a
        position was open. `postings` are the entries in the account that no fill made, which
        `equity` contains; `margin` is None for an account without any, `tax` where income tax is
        not computed. `risk_free_pct` is a yearly rate in per cent. Raises ConfigError for a
        capital that is not above zero, DataError for columns that do not fit together.
        """
        _check(equity, ends, initial_capital, benchmark_close, in_market)
        curve = _Curve(equity, ends, float(initial_capital))
        average = float(equity.mean()) if len(equity) else curve.initial
        closed = trades if isinstance(trades, TradeColumns) else TradeColumns.of(trades)
        columns = fills if isinstance(fills, FillColumns) else FillColumns.of(fills)
        costs = cost_figures(columns, postings, curve.final - curve.initial, average)
        fraction = risk_free_pct / 100.0
        exposed = None if in_market is None or not len(in_market) else float(in_market.mean())
        return PerformanceMetrics(
            **_span(curve),
            **costs,
            **margin_figures(margin, costs["net_pnl"]),
            total_return=costs["net_pnl"],
            **_growth(curve),
            **_benchmark(curve, benchmark_close, fraction),
            **_drawdown(curve),
            **_ratios(curve, fraction),
            risk_free_pct=risk_free_pct,
            **tables.extreme_days(curve.days, curve.daily_pnl, curve.daily),
            exposure_pct=returns.percent(exposed),
            **trade_figures(closed),
            **_tax(tax),
            months=tables.month_rows(curve.days, curve.daily_pnl, curve.daily),
            weekdays=tables.weekday_rows(curve.days, curve.daily_pnl, curve.daily),
            days=tables.day_rows(curve.days, curve.daily_equity, curve.daily_pnl, curve.daily),
        )


def _span(curve: _Curve) -> dict[str, Any]:
    known = len(curve.ends) > 0
    return {
        "bars": len(curve.ends),
        "sessions": len(curve.days),
        "first_day": date_of_day(int(curve.days[0])) if known else None,
        "last_day": date_of_day(int(curve.days[-1])) if known else None,
        "initial_capital": curve.initial,
        "final_capital": curve.final,
        "peak_capital": max(curve.initial, float(curve.equity.max())) if known else curve.initial,
    }


def _growth(curve: _Curve) -> dict[str, Any]:
    ratio = curve.final / curve.initial
    days = float(curve.ends[-1] - curve.ends[0]) / DAY_NS if len(curve.ends) else 0.0
    return {
        "total_return_pct": 100.0 * (ratio - 1.0),
        "annualized_return": returns.percent(curve.annual_return),
        "cagr": returns.percent(returns.cagr(ratio, days)),
    }


def _benchmark(
    curve: _Curve, close: NDArray[np.float64] | None, risk_free: float
) -> dict[str, Any]:
    figures: dict[str, Any] = {"buy_and_hold_return_pct": None, "alpha_pct": None, "beta": None}
    if close is None:
        return figures
    traded = close[np.isfinite(close)]
    if len(traded) and traded[0] > 0.0:
        figures["buy_and_hold_return_pct"] = 100.0 * float(traded[-1] / traded[0] - 1.0)
    daily_close = close[curve.closes]
    with np.errstate(divide="ignore", invalid="ignore"):
        benchmark = daily_close[1:] / daily_close[:-1] - 1.0
    known = np.isfinite(benchmark)
    pair = curve.daily[1:][known], benchmark[known]
    figures["alpha_pct"] = returns.percent(risk.alpha(*pair, risk_free))
    figures["beta"] = risk.beta(*pair)
    return figures


def _drawdown(curve: _Curve) -> dict[str, Any]:
    deepest = drawdown.deepest(curve.equity, curve.ends, curve.initial)
    return {
        "max_drawdown": deepest.amount,
        "max_drawdown_pct": 100.0 * deepest.fraction,
        "max_drawdown_peak": _moment(deepest.peak),
        "max_drawdown_trough": _moment(deepest.trough),
        "max_drawdown_recovery": _moment(deepest.recovery),
        "max_drawdown_days": deepest.days,
        "longest_drawdown_days": deepest.longest_days,
        "ulcer_index": returns.percent(drawdown.ulcer_index(curve.daily_equity, curve.initial)),
        "calmar_ratio": risk.calmar_ratio(curve.annual_return, deepest.fraction),
    }


def _ratios(curve: _Curve, risk_free: float) -> dict[str, Any]:
    return {
        "volatility": returns.percent(returns.annual_volatility(curve.daily)),
        "sharpe_ratio": returns.sharpe_ratio(curve.daily, risk_free),
        "sortino_ratio": returns.sortino_ratio(curve.daily, risk_free),
        "var_historical_5pct": returns.percent(risk.value_at_risk(curve.daily)),
        "cvar_historical_5pct": returns.percent(risk.expected_shortfall(curve.daily)),
    }


def _tax(statement: TaxStatement | None) -> dict[str, Any]:
    if statement is None:
        return dict.fromkeys(("total_delivery_tax", "total_intraday_tax", "total_tax"))
    return {
        "total_delivery_tax": to_rupees(statement.total_delivery_tax),
        "total_intraday_tax": to_rupees(statement.total_intraday_tax),
        "total_tax": to_rupees(statement.total_tax),
    }


def _moment(ts: int | None) -> datetime | None:
    return None if ts is None else to_ist(ts)


def _check(
    equity: NDArray[np.float64],
    ends: NDArray[np.int64],
    initial_capital: float,
    benchmark_close: NDArray[np.float64] | None,
    in_market: NDArray[np.bool_] | None,
) -> None:
    if not 0.0 < initial_capital < float("inf"):
        raise ConfigError(
            f"initial capital is {initial_capital!r}.", remedy="It must be an amount above 0."
        )
    columns = {"ends": ends, "benchmark_close": benchmark_close, "in_market": in_market}
    for name, column in columns.items():
        if column is not None and len(column) != len(equity):
            raise DataError(
                f"{name} has {len(column)} rows and equity has {len(equity)}.",
                remedy="Give one row a bar.",
            )
    known = np.isfinite(equity)
    if not known.all():
        row = int(known.argmin())
        raise DataError(
            f"equity is {equity[row]} in bar {row}.", remedy="Mark every position at a price."
        )
    backwards = np.flatnonzero(ends[1:] < ends[:-1])
    if len(backwards):
        raise DataError(
            f"bar {int(backwards[0]) + 1} ends before the bar in front of it.",
            remedy="Give the bars in order of time.",
        )
