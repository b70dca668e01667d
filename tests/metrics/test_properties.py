"""What holds for every equity curve, every set of trades and fills."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import ConfigError, DataError
from tapeback.metrics import DEFINITIONS, MetricsCalculator, drawdown
from tapeback.models.fill import Fill
from tapeback.models.metrics import PerformanceMetrics
from tapeback.models.trade import Trade
from tapeback.utils.clock import MINUTE_NS, to_ist
from tapeback.utils.money import to_units

START_NS = 1_717_386_300 * 10**9  # 2024-06-03 09:15 IST

paise = st.integers(-10_000_000, 10_000_000).map(lambda n: n / 100)
healthy = st.lists(st.floats(1.0, 1e9), min_size=1, max_size=60)
any_curve = st.lists(st.integers(-(10**14), 10**14).map(lambda n: n / 100), max_size=60)
gaps = st.lists(st.integers(1, 5_000), min_size=60, max_size=60)
parts = st.integers(0, 2_000).map(lambda n: n / 10_000)


@st.composite
def fills(draw: st.DrawFn) -> Fill:
    spread, slippage, impact, rounding = (draw(parts) for _ in range(4))
    price = draw(st.integers(1, 2_000_000)) / 20
    return Fill(
        ts=START_NS,
        order_id="1",
        symbol="NIFTY",
        exchange="NSE_INDEX",
        product="NRML",
        side=draw(st.sampled_from(["BUY", "SELL"])),
        quantity=draw(st.integers(1, 100_000)),
        price=price,
        rule="P1",
        reference=price,
        spread=spread,
        slippage=slippage,
        impact=impact,
        rounding=rounding,
        charges=draw(st.integers(0, 10_000_000)) / 100,
        thin=False,
    )


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    entry = START_NS + draw(st.integers(0, 10_000)) * MINUTE_NS
    return Trade(
        id="1",
        symbol="NIFTY",
        exchange="NSE_INDEX",
        product="NRML",
        entry_ts=entry,
        exit_ts=entry + draw(st.integers(0, 10_000)) * MINUTE_NS,
        entry_price=100.0,
        exit_price=100.0,
        quantity=1,
        side="BUY",
        pnl=draw(paise),
        pnl_pct=draw(st.floats(-100.0, 100.0)),
        fees=0.0,
        entry_order="1",
        exit_order="2",
    )


def run(curve: list[float], steps: list[int], **given: object) -> PerformanceMetrics:
    ends = START_NS + np.cumsum(np.array(steps[: len(curve)], dtype=np.int64)) * MINUTE_NS
    arguments: dict = {
        "equity": np.array(curve, dtype=np.float64),
        "ends": ends,
        "initial_capital": 100_000.0,
        "trades": [],
        "fills": [],
    }
    return MetricsCalculator().calculate(**(arguments | given))


@given(any_curve, gaps, st.lists(trades(), max_size=20), st.lists(fills(), max_size=20))
def test_every_result_is_json_without_nan(
    curve: list[float], steps: list[int], closed: list[Trade], filled: list[Fill]
) -> None:
    ours = run(
        curve,
        steps,
        trades=closed,
        fills=filled,
        benchmark_close=np.array(curve[::-1]),
        in_market=np.array(curve) > 0.0,
    )
    plain = json.loads(json.dumps(ours.to_dict(), allow_nan=False))
    assert set(plain) == set(DEFINITIONS)


@given(any_curve, gaps, st.lists(fills(), max_size=30))
def test_the_costs_add_up_to_the_unit(
    curve: list[float], steps: list[int], filled: list[Fill]
) -> None:
    ours = run([value / 10_000 for value in curve], steps, fills=filled)
    taken = to_units(ours.total_fees) + to_units(ours.assumed_slippage)
    assert to_units(ours.net_pnl) == to_units(ours.gross_pnl) - taken
    assert to_units(ours.total_fees) == sum(to_units(fill.charges) for fill in filled)
    assert ours.total_return == ours.net_pnl == pytest.approx(ours.final_capital - 1e5, abs=1e-6)


@given(healthy, gaps)
def test_drawdowns_lie_between_nothing_and_everything(curve: list[float], steps: list[int]) -> None:
    ours = run(curve, steps)
    falls = drawdown.drawdowns(np.array(curve), 100_000.0)
    assert ((falls >= -1.0) & (falls <= 0.0)).all()
    assert ours.max_drawdown_pct == pytest.approx(100.0 * falls.min())
    assert -100.0 <= ours.max_drawdown_pct <= 0.0
    assert ours.max_drawdown <= 0.0
    assert ours.longest_drawdown_days >= ours.max_drawdown_days >= 0.0


@given(healthy, gaps)
def test_the_drawdown_can_be_read_off_the_curve(curve: list[float], steps: list[int]) -> None:
    ours = run(curve, steps)
    if ours.max_drawdown_trough is None:
        assert min(curve) >= 100_000.0 or ours.max_drawdown_pct == 0.0
        return
    ends = START_NS + np.cumsum(np.array(steps[: len(curve)], dtype=np.int64)) * MINUTE_NS
    by_time = {to_ist(int(end)): value for end, value in zip(ends, curve, strict=True)}
    assert ours.max_drawdown_peak is not None
    low = by_time[ours.max_drawdown_trough]
    peak = max(100_000.0, *(by_time[t] for t in by_time if t <= ours.max_drawdown_trough))
    assert ours.max_drawdown_pct == pytest.approx(100.0 * (low / peak - 1.0))
    if ours.max_drawdown_recovery is not None:
        assert by_time[ours.max_drawdown_recovery] >= peak
        length = ours.max_drawdown_recovery - ours.max_drawdown_peak
        assert ours.max_drawdown_days == pytest.approx(length / timedelta(days=1))


@given(healthy, gaps, st.sampled_from([0.25, 2.0, 1024.0]))
def test_ratios_do_not_depend_on_the_size_of_the_account(
    curve: list[float], steps: list[int], scale: float
) -> None:
    ours = run(curve, steps).to_dict()
    scaled = run([value * scale for value in curve], steps, initial_capital=100_000.0 * scale)
    other = scaled.to_dict()
    money = {name for name, definition in DEFINITIONS.items() if definition.unit == "₹"}
    for name in DEFINITIONS.keys() - money - {"days", "months", "weekdays"}:
        assert other[name] == ours[name], name
    for name in ("max_drawdown", "final_capital", "peak_capital"):
        assert other[name] == ours[name] * scale


@given(healthy, gaps)
def test_the_tables_add_up_to_the_whole(curve: list[float], steps: list[int]) -> None:
    ours = run(curve, steps)
    size = max(*curve, 100_000.0)
    for rows in (ours.days, ours.months, ours.weekdays):
        assert sum(row.pnl for row in rows) == pytest.approx(ours.net_pnl, abs=1e-9 * size)
    for rows in (ours.months, ours.weekdays):
        assert sum(row.sessions for row in rows) == ours.sessions == len(ours.days)
    growth = np.prod([1.0 + (row.return_pct or 0.0) / 100.0 for row in ours.months])
    assert growth == pytest.approx(ours.final_capital / 100_000.0)


@given(st.lists(trades(), max_size=40))
def test_trade_figures_agree_with_each_other(closed: list[Trade]) -> None:
    ours = run([100_000.0], [1] * 60, trades=closed)
    assert ours.winning_trades + ours.losing_trades <= ours.total_trades == len(closed)
    assert ours.delivery_trades + ours.intraday_trades == len(closed)
    assert ours.max_consecutive_wins <= ours.winning_trades
    assert ours.max_consecutive_losses <= ours.losing_trades
    if closed:
        won = (ours.avg_win_pnl or 0.0) * ours.winning_trades
        lost = (ours.avg_loss_pnl or 0.0) * ours.losing_trades
        assert ours.expectancy == pytest.approx((won + lost) / len(closed), abs=1e-6)
        assert ours.avg_trade_duration is not None
        assert ours.avg_trade_duration >= 0.0
        same_date = [t for t in closed if t.entry_time.date() == t.exit_time.date()]
        assert ours.intraday_trades == len(same_date)


def test_every_figure_is_defined_and_nothing_else_is() -> None:
    assert tuple(DEFINITIONS) == PerformanceMetrics.__struct_fields__
    for name, definition in DEFINITIONS.items():
        assert all(definition), name


def test_columns_that_do_not_fit_are_refused() -> None:
    with pytest.raises(DataError, match="ends has 1 rows and equity has 2"):
        run([1.0, 2.0], [1])
    with pytest.raises(DataError, match="equity is nan in bar 1"):
        run([1.0, float("nan")], [1, 1])
    with pytest.raises(DataError, match="bar 1 ends before"):
        run([1.0, 2.0], [1, -1])
    with pytest.raises(ConfigError, match=r"initial capital is 0.0\. It must be"):
        run([1.0], [1], initial_capital=0.0)
