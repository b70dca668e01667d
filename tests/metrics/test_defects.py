"""What other back-testers got wrong about accounts, trades and ratios."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tapeback.metrics import returns
from tapeback.models.fill import Fill
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.trade import Trade
from tapeback.utils.clock import IST, MINUTE_NS, to_ns

Calculate = Callable[..., PerformanceMetrics]
MakeTrade = Callable[..., Trade]
MakeFill = Callable[..., Fill]


def spread_over_bars(daily: list[float], bars: int) -> tuple[np.ndarray, np.ndarray]:
    """The same account seen in `bars` bars a day: flat within the day up to its close."""
    equity, ends = [], []
    for i, close in enumerate(daily):
        evening = to_ns(datetime(2024, 6, 3, 15, 30) + timedelta(days=i))
        for bar in range(bars):
            last = bar == bars - 1
            equity.append(close if last or i == 0 else daily[i - 1])
            ends.append(evening - (bars - 1 - bar) * MINUTE_NS)
    return np.array(equity), np.array(ends, dtype=np.int64)


def test_defect_23_final_capital_is_the_last_equity(calculate: Calculate) -> None:
    ours = calculate([100_000.0, 98_493.0])
    assert ours.final_capital == ours.days[-1].equity == 98_493.0
    assert ours.net_pnl == ours.total_return == -1_507.0


def test_defect_24_executions_are_not_trades(
    calculate: Calculate, trade: MakeTrade, fill: MakeFill
) -> None:
    ours = calculate([1e5, 1e5], trades=[trade(50.0)] * 3, fills=[fill()] * 8)
    assert (ours.total_trades, ours.executions) == (3, 8)
    assert ours.win_rate == 100.0
    assert ours.max_consecutive_wins == 3
    assert ours.avg_trade_pnl == 50.0


def test_defect_25_a_trade_that_only_costs_turn_into_a_loss_is_a_loss(
    calculate: Calculate, trade: MakeTrade
) -> None:
    ours = calculate([1e5, 1e5], trades=[trade(-5.0, fees=15.0), trade(20.0, fees=15.0)])
    assert (ours.winning_trades, ours.losing_trades) == (1, 1)
    assert ours.profit_factor == 4.0
    assert ours.largest_loss == -5.0


def test_defect_26_duration_is_from_entry_to_exit(calculate: Calculate, trade: MakeTrade) -> None:
    ours = calculate(
        [1e5, 1e5],
        trades=[
            trade(1.0, "2024-06-03 09:20", "2024-06-03 10:50"),
            trade(1.0, "2024-06-03 15:00", "2024-06-04 15:30"),
        ],
    )
    assert ours.avg_trade_duration == 13.0
    assert (ours.intraday_trades, ours.delivery_trades) == (1, 1)


def test_defect_28_a_trade_that_breaks_even_is_neither_won_nor_lost(
    calculate: Calculate, trade: MakeTrade
) -> None:
    ours = calculate([1e5, 1e5], trades=[trade(10.0), trade(0.0), trade(10.0), trade(-5.0)])
    assert (ours.total_trades, ours.winning_trades, ours.losing_trades) == (4, 2, 1)
    assert ours.win_rate == 50.0
    assert ours.max_consecutive_wins == 1


def test_defect_28_streaks_follow_the_exits_not_the_order_of_rows(
    calculate: Calculate, trade: MakeTrade
) -> None:
    rows = [
        trade(10.0, exit="2024-06-03 12:00"),
        trade(-10.0, exit="2024-06-03 14:00"),
        trade(10.0, exit="2024-06-03 11:00"),
    ]
    assert calculate([1e5, 1e5], trades=rows).max_consecutive_wins == 2


@pytest.mark.parametrize("bars", [1, 25, 75, 375])
def test_defect_30_annualisation_does_not_depend_on_the_timeframe(
    calculate: Calculate, bars: int
) -> None:
    daily = [100_000.0, 101_000.0, 100_400.0, 102_000.0, 101_100.0, 103_000.0]
    equity, ends = spread_over_bars(daily, bars)
    ours = calculate(equity, ends=ends, initial_capital=100_000.0)
    by_day = calculate(daily)
    assert ours.sessions == 6
    for name in ("volatility", "sharpe_ratio", "sortino_ratio", "annualized_return"):
        assert getattr(ours, name) == getattr(by_day, name)


def test_defect_30_the_ratios_by_hand(calculate: Calculate) -> None:
    ours = calculate([102_000.0, 100_980.0, 104_009.4], initial_capital=100_000.0)
    daily = np.array([0.02, -0.01, 0.03])
    assert ours.volatility == pytest.approx(daily.std(ddof=1) * np.sqrt(252) * 100)
    assert ours.sharpe_ratio == pytest.approx(daily.mean() / daily.std(ddof=1) * np.sqrt(252))
    assert ours.annualized_return == pytest.approx((1.040094**84 - 1) * 100)


def test_defect_30_a_rate_too_great_for_a_number_is_not_defined(calculate: Calculate) -> None:
    ours = calculate([1.0, 1e9], initial_capital=1.0)
    assert ours.annualized_return is None
    assert ours.cagr is None
    json.dumps(ours.to_dict(), allow_nan=False)


def test_defect_31_sortino_takes_the_root_mean_square_of_all_sessions(
    calculate: Calculate,
) -> None:
    ours = calculate([99_000.0, 100_980.0, 99_970.2], initial_capital=100_000.0)
    downside = np.sqrt((0.01**2 + 0.0 + 0.01**2) / 3)
    assert ours.sortino_ratio == pytest.approx(0.0 / downside, abs=1e-9)
    equal = calculate([99_000.0, 98_010.0], initial_capital=100_000.0)
    assert equal.sortino_ratio == pytest.approx(-np.sqrt(252))


def test_defect_31_the_risk_free_rate_is_0_unless_set_and_spread_over_252_sessions(
    calculate: Calculate,
) -> None:
    equity = [100_500.0, 101_200.0, 100_900.0, 101_700.0]
    free = calculate(equity, initial_capital=100_000.0)
    charged = calculate(equity, initial_capital=100_000.0, risk_free_pct=6.3)
    assert free.risk_free_pct == 0.0
    assert free.sharpe_ratio is not None
    assert charged.sharpe_ratio is not None
    assert free.volatility is not None
    assert free.sharpe_ratio - charged.sharpe_ratio == pytest.approx(6.3 / free.volatility)
    assert charged.risk_free_pct == 6.3
    assert free.sortino_ratio is not None
    assert charged.sortino_ratio is not None
    assert charged.sortino_ratio < free.sortino_ratio


def test_defect_32_days_keep_their_fraction(calculate: Calculate) -> None:
    ends = np.array(
        [to_ns(datetime(2024, 6, 3, 9, 16)), to_ns(datetime(2024, 6, 4, 15, 16))], dtype=np.int64
    )
    ours = calculate([100_000.0, 100_100.0], ends=ends)
    assert ours.cagr == pytest.approx((1.001 ** (365.25 / 1.25) - 1) * 100)


def test_defect_32_a_run_of_less_than_a_day_has_no_yearly_figure(calculate: Calculate) -> None:
    equity, ends = spread_over_bars([100_000.0], 375)
    equity[-1] = 101_000.0
    ours = calculate(equity, ends=ends)
    assert ours.total_return_pct == pytest.approx(1.0)
    assert ours.sessions == 1
    for name in ("cagr", "annualized_return", "volatility", "sharpe_ratio", "calmar_ratio"):
        assert getattr(ours, name) is None


@pytest.mark.parametrize("last", [0.0, -25_000.0])
def test_defect_32_an_account_that_is_lost_has_lost_all(calculate: Calculate, last: float) -> None:
    ours = calculate([100_000.0, 50_000.0, last])
    assert ours.cagr == -100.0
    assert ours.annualized_return == -100.0
    assert ours.max_drawdown == last - 100_000.0
    json.dumps(ours.to_dict(), allow_nan=False)


def test_defect_32_no_ratio_is_made_of_what_came_after_ruin(calculate: Calculate) -> None:
    ours = calculate([100_000.0, -10_000.0, 20_000.0, 30_000.0])
    assert ours.sharpe_ratio is None
    assert ours.volatility is None
    assert ours.days[2].return_pct is None
    assert ours.days[2].pnl == 30_000.0
    assert ours.worst_day == date(2024, 6, 4)
    json.dumps(ours.to_dict(), allow_nan=False)


def test_defect_33_what_is_not_defined_is_none_and_what_is_zero_is_zero(
    calculate: Calculate, trade: MakeTrade
) -> None:
    idle = calculate([100_000.0] * 5)
    for name in ("win_rate", "profit_factor", "avg_trade_pnl", "sharpe_ratio", "sqn"):
        assert getattr(idle, name) is None
    assert idle.turnover == 0.0
    assert idle.total_trades == 0
    assert idle.volatility == 0.0
    assert idle.max_drawdown_pct == 0.0
    assert idle.max_drawdown_peak is None
    assert idle.survivable_slippage_pct is None
    loser = calculate([100_000.0, 99_000.0], trades=[trade(-1_000.0)])
    assert loser.win_rate == 0.0
    assert loser.profit_factor == 0.0
    assert loser.largest_win is None
    even = calculate([101_000.0, 99_990.0], initial_capital=100_000.0)
    assert even.sharpe_ratio == pytest.approx(0.0, abs=1e-9)


def test_defect_33_equal_returns_have_no_sharpe_ratio(calculate: Calculate) -> None:
    equity = 100_000.0 * np.cumprod(np.full(250, 1.0013))
    assert calculate(equity, initial_capital=100_000.0).sharpe_ratio is None


def test_net_is_gross_less_charges_less_assumed_slippage(
    calculate: Calculate, fill: MakeFill
) -> None:
    fills = [
        fill(100.1, 30, charges=2.37, spread=0.05, slippage=0.03, rounding=0.02),
        fill(101.2, 30, charges=3.61, slippage=0.1, impact=0.04, rounding=0.01),
    ]
    ours = calculate([100_000.0, 100_027.02], fills=fills)
    assert ours.total_fees == 5.98
    assert ours.assumed_slippage == 7.5
    assert ours.net_pnl == 27.02
    assert ours.gross_pnl == 40.5
    assert ours.turnover_value == pytest.approx(6_039.0)
    assert ours.turnover == pytest.approx(6_039.0 / 100_013.51)
    assert ours.survivable_slippage_pct == pytest.approx((27.02 + 7.5) / 6_039.0 * 100)


def test_survivable_slippage_is_the_slippage_a_side_that_leaves_nothing(
    calculate: Calculate, fill: MakeFill
) -> None:
    fills = [fill(100.0, 1_000), fill(101.0, 1_000)]
    ours = calculate([100_000.0, 101_000.0], fills=fills)
    assert ours.survivable_slippage_pct is not None
    bearable = ours.survivable_slippage_pct / 100 * ours.turnover_value
    assert bearable == pytest.approx(ours.net_pnl)
    losing = calculate([100_000.0, 99_000.0], fills=fills)
    assert losing.survivable_slippage_pct is not None
    assert losing.survivable_slippage_pct < 0.0


def test_the_drawdown_and_its_dates(calculate: Calculate) -> None:
    ours = calculate([100.0, 110.0, 99.0, 104.5, 110.0, 108.0], initial_capital=100.0)
    assert ours.max_drawdown_pct == pytest.approx(-10.0)
    assert ours.max_drawdown == pytest.approx(-11.0)
    assert ours.max_drawdown_peak == datetime(2024, 6, 4, 15, 30, tzinfo=IST)
    assert ours.max_drawdown_trough == datetime(2024, 6, 5, 15, 30, tzinfo=IST)
    assert ours.max_drawdown_recovery == datetime(2024, 6, 7, 15, 30, tzinfo=IST)
    assert ours.max_drawdown_days == ours.longest_drawdown_days == 3.0


def test_a_drawdown_that_never_ended_lasts_to_the_end(calculate: Calculate) -> None:
    ours = calculate([95.0, 97.0, 90.0, 94.0], initial_capital=100.0)
    assert ours.max_drawdown_pct == pytest.approx(-10.0)
    assert ours.max_drawdown_peak == datetime(2024, 6, 3, 15, 30, tzinfo=IST)
    assert ours.max_drawdown_recovery is None
    assert ours.max_drawdown_days == ours.longest_drawdown_days == 3.0


def test_nights_at_the_peak_are_no_drawdown(calculate: Calculate) -> None:
    assert calculate([100.0, 101.0, 102.0, 103.0]).longest_drawdown_days == 0.0


def test_the_worst_fall_inside_a_day_counts(calculate: Calculate) -> None:
    equity, ends = spread_over_bars([100_000.0, 101_000.0], 75)
    equity[100] = 92_000.0
    ours = calculate(equity, ends=ends)
    assert ours.max_drawdown_pct == pytest.approx(-8.0)
    assert ours.worst_day_pct == 0.0


def test_days_months_and_weekdays(calculate: Calculate, daily_ends: Callable) -> None:
    ends = daily_ends(4, "2024-06-28 15:30")[[0, 3]]
    ours = calculate([101_000.0, 99_990.0], initial_capital=100_000.0, ends=ends)
    assert [row.date for row in ours.days] == [date(2024, 6, 28), date(2024, 7, 1)]
    assert [row.pnl for row in ours.days] == [1_000.0, -1_010.0]
    assert [(row.month, row.sessions, row.pnl) for row in ours.months] == [
        ("2024-06", 1, 1_000.0),
        ("2024-07", 1, -1_010.0),
    ]
    assert [row.weekday for row in ours.weekdays] == ["Monday", "Friday"]
    assert ours.weekdays[0].avg_return_pct == pytest.approx(-1.0)
    assert (ours.worst_day, ours.worst_day_pnl) == (date(2024, 7, 1), -1_010.0)
    assert (ours.best_day, ours.best_day_pct) == (date(2024, 6, 28), pytest.approx(1.0))
    assert (ours.first_day, ours.last_day) == (date(2024, 6, 28), date(2024, 7, 1))


def test_a_bar_that_ends_at_midnight_belongs_to_the_day_it_covers() -> None:
    ends = np.array(
        [to_ns(datetime(2024, 6, 3, 23, 55)), to_ns(datetime(2024, 6, 4, 0, 0))], dtype=np.int64
    )
    rows, days = returns.session_closes(ends)
    assert rows.tolist() == [1]
    assert len(days) == 1


def test_the_benchmark_starts_when_it_first_traded(calculate: Calculate) -> None:
    close = np.array([np.nan, 50.0, 55.0, 53.0, 60.0])
    equity = 2.0 * np.array([49.0, 50.0, 55.0, 53.0, 60.0])
    ours = calculate(equity, benchmark_close=close)
    assert ours.buy_and_hold_return_pct == pytest.approx(20.0)
    assert ours.beta == pytest.approx(1.0)
    assert ours.alpha_pct == pytest.approx(0.0)
    assert calculate(equity).beta is None


def test_alpha_is_measured_against_the_risk_free_rate(calculate: Calculate) -> None:
    idle = calculate(
        [100.0] * 4, benchmark_close=np.array([50.0, 51.0, 50.5, 52.0]), risk_free_pct=6.3
    )
    assert idle.beta == 0.0
    assert idle.alpha_pct == pytest.approx(((1 - 0.063 / 252) ** 252 - 1) * 100)


def test_exposure_is_the_share_of_bars_in_the_market(calculate: Calculate) -> None:
    held = np.array([False, True, True, False])
    assert calculate([1.0] * 4, in_market=held).exposure_pct == 50.0
    assert calculate([1.0] * 4).exposure_pct is None


def test_a_run_without_bars_has_its_capital_and_nothing_else(calculate: Calculate) -> None:
    ours = calculate([], initial_capital=100_000.0)
    assert ours.final_capital == ours.peak_capital == 100_000.0
    assert (ours.bars, ours.sessions, ours.days, ours.months) == (0, 0, (), ())
    assert ours.net_pnl == 0.0
    json.dumps(ours.to_dict(), allow_nan=False)
