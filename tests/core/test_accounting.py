"""Cash, charges, equity and trades: A1 to A3."""

from __future__ import annotations

import pickle
from fractions import Fraction

import numpy as np
import pytest

from tests.core.play import BARE, LIVE, Scripted, bars, flat, play

STILL = (100, 100, 100, 100)


def test_A1_a_fill_posts_cash_position_and_charges_at_once() -> None:
    """10 at 100.05 with 5 bps and 20 rupees: 1,000.50 + 0.50 + 20."""
    played = play(
        bars(*flat(100.05, 3)),
        {0: lambda s: s.buy(10), 1: lambda s: s.notes.append((s.cash, s.position(), s.equity))},
        costs="none", fee_bps=5, commission_per_trade=20, slippage="none",
    )  # fmt: skip
    assert played.fills[0].charges == 20.5
    assert played.strategy.notes == [(98_979.0, 10, 99_979.5)]


def test_A1_charges_are_whole_paise() -> None:
    played = play(
        bars(*flat(33.35, 3)), {0: lambda s: s.buy(7)}, costs="none", fee_bps=3.7, slippage="none"
    )
    assert played.fills[0].charges == 0.09  # 233.45 × 0.00037 = 0.0863765


def test_A1_the_default_plan_charges_what_the_broker_does() -> None:
    """An intraday round of 1,00,000 rupees at Zerodha in January 2024. Brokerage is the less of 20
    and 0.03 %; the exchange takes 3.25 with 0.10 for its investors' fund, SEBI 0.10, GST 18 % of
    those and the brokerage: 4.22 in exact figures, 4.20 as each is rounded. The buyer pays 3.00 of
    stamp duty, the seller 25.00 of STT."""
    played = play(
        bars(*flat(100, 4), volume=1e6),
        {0: lambda s: s.buy(1_000), 1: lambda s: s.sell(1_000)},
        slippage="none",
    )
    every = 20 + 3.25 + 0.10 + 0.10
    assert [fill.charges for fill in played.fills] == [
        pytest.approx(every + 4.20 + 3.00), pytest.approx(every + 4.20 + 25.00),
    ]  # fmt: skip
    assert played.result.metrics.total_fees == pytest.approx(83.30)
    assert played.result.metrics.net_pnl == pytest.approx(-83.30)


def test_A1_the_flat_plan_takes_five_basis_points_a_side() -> None:
    played = play(
        bars(*flat(100, 4)),
        {0: lambda s: s.buy(10), 1: lambda s: s.sell(10)},
        costs="flat",
        slippage="none",
    )
    assert [fill.charges for fill in played.fills] == [0.5, 0.5]
    assert played.result.metrics.total_fees == 1
    assert played.result.metrics.net_pnl == -1


def test_A1_equity_at_a_close_includes_the_fills_of_its_bar() -> None:
    candles = bars(STILL, (102, 104, 101, 103), (103, 110, 103, 108))
    played = play(candles, {0: lambda s: s.buy(10)}, **BARE)
    assert played.result.equity_curve.equity.tolist() == [100_000, 100_010, 100_060]


def test_A1_short_positions_gain_when_price_falls() -> None:
    candles = bars(STILL, (100, 101, 95, 96), (96, 96, 90, 92))
    played = play(candles, {0: lambda s: s.sell(10)}, **LIVE)
    assert played.result.equity_curve.equity.tolist() == [100_000, 100_040, 100_080]
    assert played.result.open_positions[0].quantity == -10


def test_A1_one_account_for_several_symbols() -> None:
    a, b = bars(STILL, STILL, (110,) * 4, symbol="A"), bars(*flat(50, 2), (45,) * 4, symbol="B")

    def both(s: Scripted) -> None:
        s.buy(10, symbol="A")
        s.sell(20, symbol="B")

    played = play([a, b], {("B", 0): both}, **LIVE)
    assert played.result.equity_curve.equity.tolist() == [100_000, 100_000, 100_200]
    assert played.strategy.cash == 100_000


def test_A1_a_position_keeps_its_last_close_while_its_symbol_does_not_trade() -> None:
    a = bars(STILL, STILL, symbol="A")
    b = bars(*flat(50, 5), symbol="B")
    played = play([a, b], {("B", 0): lambda s: s.buy(10, symbol="A")}, **BARE)
    assert played.result.equity_curve.equity.tolist() == [100_000] * 5


def test_A1_nothing_is_lost_in_a_hundred_thousand_rupees_of_odd_prices() -> None:
    """Cash is the sum of what was posted, exactly, however many fills there were."""
    prices = [33.35 + 0.05 * (i * 7 % 41) for i in range(300)]
    candles = bars(*[(p, p, p, p) for p in prices], volume=1e6)
    steps = {
        i: (lambda s, i=i: s.buy(3 + i % 5) if i % 2 else s.sell(2 + i % 7)) for i in range(298)
    }
    played = play(candles, steps, costs="none", fee_bps=3.3, commission_per_trade=0.07)
    paid = sum(
        (Fraction(round(f.price * 100), 100) * (f.quantity if f.side == "BUY" else -f.quantity))
        + Fraction(round(f.charges * 100), 100)
        for f in played.fills
    )
    assert len(played.fills) == 298
    assert played.strategy.cash == float(100_000 - paid)


def test_A2_a_trade_is_one_entry_order_with_one_exit_order() -> None:
    played = play(
        bars(STILL, *flat(100, 2), (110,) * 4, (110,) * 4),
        {0: lambda s: s.buy(10), 2: lambda s: s.sell(10)},
        costs="none", fee_bps=10, fidelity="live", slippage="none",
    )  # fmt: skip
    (trade,) = played.result.trades
    assert (trade.side, trade.quantity, trade.entry_price, trade.exit_price) == (
        "BUY",
        10,
        100,
        110,
    )
    assert trade.fees == pytest.approx(2.1)
    assert trade.pnl == pytest.approx(97.9)
    assert trade.pnl_pct == pytest.approx(9.79)
    assert f"{trade.entry_time:%H:%M} {trade.exit_time:%H:%M}" == "09:16 09:18"
    assert trade.duration_seconds == 120


def test_A2_first_in_first_out() -> None:
    candles = bars(STILL, *flat(101, 1), *flat(102, 1), *flat(110, 2))
    played = play(
        candles, {0: lambda s: s.buy(10), 1: lambda s: s.buy(10), 2: lambda s: s.sell(15)}, **BARE
    )
    assert [(t.quantity, t.entry_price, t.pnl) for t in played.result.trades] == [
        (10, 101, 90), (5, 102, 40),
    ]  # fmt: skip
    assert played.result.open_positions[0].quantity == 5


def test_A2_a_fill_split_by_volume_makes_no_extra_trade() -> None:
    candles = bars(*flat(100, 2), *[(100, 101, 94, 96, 40)] * 3, *flat(100, 3))
    played = play(
        candles,
        {0: lambda s: s.buy(30, "LIMIT", price=95), 6: lambda s: s.sell(30)},
        participation=0.25, **BARE,
    )  # fmt: skip
    assert len(played.fills) == 4
    (trade,) = played.result.trades
    assert (trade.quantity, trade.entry_price) == (30, 95)


def test_a_result_can_go_to_another_process() -> None:
    played = play(bars(*flat(100, 5)), {0: lambda s: s.buy(10), 2: lambda s: s.sell(10)}, **LIVE)
    copied = pickle.loads(pickle.dumps(played.result))
    assert list(copied.fills) == list(played.fills)
    assert copied.trades == played.result.trades != []
    assert copied.metrics == played.result.metrics


def test_A2_an_exit_split_by_volume_makes_no_extra_trade() -> None:
    candles = bars(*flat(100, 4), *[(100, 106, 100, 100, 40)] * 3)
    played = play(
        candles,
        {0: lambda s: s.buy(30), 2: lambda s: s.sell(30, "LIMIT", price=105)},
        participation=0.25, **BARE,
    )  # fmt: skip
    assert len(played.fills) == 4
    (trade,) = played.result.trades
    assert (trade.quantity, trade.exit_price, trade.pnl) == (30, 105, 150)


def test_A2_exits_that_take_turns_make_one_trade_each() -> None:
    """The limit is filled by tens; a market order takes five in between."""
    candles = bars(*flat(100, 4), *[(100, 106, 100, 100, 40)] * 3)
    played = play(
        candles,
        {
            0: lambda s: s.buy(25),
            2: lambda s: s.sell(20, "LIMIT", price=105),
            4: lambda s: s.sell(5),
        },
        participation=0.25,
        intrabar="ohlc",
        **BARE,
    )
    assert [row[1:4] for row in played.rows[1:]] == [
        ("SELL", 10, 105), ("SELL", 5, 100), ("SELL", 10, 105),
    ]  # fmt: skip
    assert sorted((t.quantity, t.exit_price) for t in played.result.trades) == [(5, 100), (20, 105)]


def test_A2_an_entry_that_is_filled_again_after_an_exit_is_still_one_trade_an_exit() -> None:
    """Ten in, ten out, ten in, ten out: one entry order and one exit order."""
    candles = bars(*flat(100, 4), *[(100, 106, 94, 100, 40)] * 4)
    played = play(
        candles,
        {
            1: lambda s: s.buy(20, "LIMIT", price=95),
            2: lambda s: s.sell(20, "LIMIT", price=105),
        },
        participation=0.25,
        intrabar="olhc",
        **BARE,
    )
    assert sum(row[2] for row in played.rows) == 40
    (trade,) = played.result.trades
    assert (trade.quantity, trade.entry_price, trade.exit_price, trade.pnl) == (20, 95, 105, 200)


def test_A2_a_reversal_closes_one_trade_and_opens_another() -> None:
    candles = bars(STILL, STILL, *flat(110, 2), *flat(104, 2))
    played = play(
        candles, {0: lambda s: s.buy(10), 1: lambda s: s.sell(25), 3: lambda s: s.buy(15)}, **BARE
    )
    assert [(t.side, t.quantity, t.pnl) for t in played.result.trades] == [
        ("BUY", 10, 100), ("SELL", 15, 90),
    ]  # fmt: skip


def test_A2_products_are_matched_apart() -> None:
    def enter(s: Scripted) -> None:
        s.buy(10, product="CNC")
        s.sell(10, product="MIS")

    played = play(bars(*flat(100, 4)), {0: enter}, **LIVE)
    assert not played.result.trades
    assert sorted(p.quantity for p in played.result.open_positions) == [-10, 10]
    assert played.strategy.position() == 0


def test_A2_profits_of_trades_add_up_to_the_account() -> None:
    rng = np.random.default_rng(3)
    prices = np.round(100 + rng.normal(0, 1, 200).cumsum() * 0.2, 1)
    steps = {i: (lambda s, i=i: s.buy(7) if i % 3 else s.sell(12)) for i in range(190)}
    steps[198] = lambda s: s.sell(s.position()) if s.position() > 0 else s.buy(-s.position())
    played = play(
        bars(*[(p, p, p, p) for p in prices.tolist()], volume=1e6), steps,
        costs="none", fee_bps=7, initial_cash=1_000_000,
    )  # fmt: skip
    assert played.strategy.position() == 0
    assert sum(t.pnl for t in played.result.trades) == pytest.approx(
        played.result.metrics.net_pnl, abs=1e-6
    )


def test_A3_figures_of_a_year_come_from_sessions_whatever_the_timeframe() -> None:
    """The same closes of three sessions as hours, as minutes and as days."""
    closes = [100.0, 103, 101]
    days = [f"2024-01-0{n}" for n in (2, 3, 4)]
    found = []
    for timeframe, clock in (("1m", "15:29"), ("1h", "15:15"), ("1d", "00:00")):
        rows = [(100.0,) * 4, *[(c, c, c, c) for c in closes]]
        candles = bars(
            *rows, timeframe=timeframe, at=[f"2024-01-01 {clock}", *[f"{d} {clock}" for d in days]]
        )
        metrics = play(candles, {0: lambda s: s.buy(100)}, **BARE).result.metrics
        found.append((metrics.volatility, metrics.sharpe_ratio, metrics.annualized_return))
    assert found[0][1] is not None
    assert found[1] == pytest.approx(found[0])
    assert found[2] == pytest.approx(found[0])
