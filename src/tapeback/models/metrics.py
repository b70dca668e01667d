"""What a run earned, risked and traded, in figures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import msgspec


class DayRow(msgspec.Struct, frozen=True, gc=False):
    """One session: equity at its close and what the day changed, in rupees and per cent."""

    date: date
    equity: float
    pnl: float
    return_pct: float | None


class MonthRow(msgspec.Struct, frozen=True, gc=False):
    """One calendar month, `month` as `2024-06`: rupees and compounded per cent."""

    month: str
    sessions: int
    pnl: float
    return_pct: float | None


class WeekdayRow(msgspec.Struct, frozen=True, gc=False):
    """All sessions of one weekday, by its English name: rupees in all, mean per cent a session."""

    weekday: str
    sessions: int
    pnl: float
    avg_return_pct: float | None


class PerformanceMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one run.

    Money is in rupees, `_pct` and the ratios named in `metrics.registry` as `%` are percent
    numbers (5.0 = 5 %), losses and drawdowns are negative, times are aware in Asia/Kolkata. None
    means that a figure is not defined for this run, never zero. Each figure's meaning and formula
    stand in `tapeback.metrics.registry.DEFINITIONS`.
    """

    bars: int
    sessions: int
    first_day: date | None
    last_day: date | None

    initial_capital: float
    final_capital: float
    peak_capital: float

    gross_pnl: float
    other_cash: float
    total_fees: float
    assumed_slippage: float
    net_pnl: float
    survivable_slippage_pct: float | None
    turnover_value: float
    turnover: float | None

    peak_margin: float | None
    peak_margin_time: datetime | None
    average_margin: float | None
    time_weighted_margin: float | None
    return_on_peak_margin_pct: float | None

    total_return: float
    total_return_pct: float
    annualized_return: float | None
    cagr: float | None
    buy_and_hold_return_pct: float | None
    alpha_pct: float | None
    beta: float | None

    max_drawdown: float
    max_drawdown_pct: float
    max_drawdown_peak: datetime | None
    max_drawdown_trough: datetime | None
    max_drawdown_recovery: datetime | None
    max_drawdown_days: float
    longest_drawdown_days: float
    ulcer_index: float | None

    volatility: float | None
    risk_free_pct: float
    sharpe_ratio: float | None
    sortino_ratio: float | None
    calmar_ratio: float | None
    var_historical_5pct: float | None
    cvar_historical_5pct: float | None

    worst_day: date | None
    worst_day_pct: float | None
    worst_day_pnl: float | None
    best_day: date | None
    best_day_pct: float | None
    best_day_pnl: float | None
    exposure_pct: float | None

    executions: int
    total_trades: int
    winning_trades: int
    losing_trades: int
    win_rate: float | None
    profit_factor: float | None
    avg_trade_pnl: float | None
    avg_win_pnl: float | None
    avg_loss_pnl: float | None
    largest_win: float | None
    largest_loss: float | None
    avg_trade_pct: float | None
    best_trade_pct: float | None
    worst_trade_pct: float | None
    expectancy: float | None
    sqn: float | None
    kelly_pct: float | None
    avg_trade_duration: float | None
    max_consecutive_wins: int
    max_consecutive_losses: int
    delivery_trades: int
    intraday_trades: int
    total_delivery_tax: float | None
    total_intraday_tax: float | None
    total_tax: float | None

    months: tuple[MonthRow, ...]
    weekdays: tuple[WeekdayRow, ...]
    days: tuple[DayRow, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, ready for JSON: dates as `2024-06-04`, times
        as ISO with +05:30, None where a figure is not defined."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain
