"""Faults of earlier simulators that must not come back, by their numbers in the catalogue."""

from __future__ import annotations

from typing import Any

import pytest

from tapeback import Candle, Candles, ConfigError, Order, StrategyFailedError, backtest
from tests.core.play import BARE, LIVE, Played, Scripted, bars, flat, play

STILL = (100, 100, 100, 100)
DEFAULT: dict[str, Any] = {"costs": "none"}


def test_defect_01_limits_are_not_filled_at_the_bars_extreme() -> None:
    candles = bars(*flat(110, 2), (110, 130, 80, 105), volume=1e6)

    def place(s: Scripted) -> None:
        s.buy(1, "LIMIT", price=100)
        s.sell(1, "LIMIT", price=120)

    assert sorted(play(candles, {0: place}, **DEFAULT).prices) == [100, 120]


def test_defect_02_slippage_never_moves_a_limit() -> None:
    candles = bars(*flat(110, 2), (110, 111, 90, 95), volume=1e6)
    played = play(
        candles, {0: lambda s: s.buy(500, "LIMIT", price=100)}, slippage="harsh", spread_bps=100,
        impact=1.0, **DEFAULT,
    )  # fmt: skip
    assert played.prices == [100]


@pytest.mark.parametrize("quantity", [100, 1000])
def test_defect_03_there_is_no_impact_that_nobody_asked_for(quantity: int) -> None:
    candles = bars(*flat(100, 3), volume=1e6)
    free = play(candles, {0: lambda s: s.buy(quantity)}, slippage_bps=0, **DEFAULT)
    assert free.prices == [100]
    assert free.fills[0].impact == 0


def test_defect_03_impact_depends_on_volume() -> None:
    def paid(volume: float) -> float:
        candles = bars(*flat(100, 3), volume=volume)
        return play(candles, {0: lambda s: s.buy(100)}, impact=1.0, **BARE).fills[0].impact

    assert paid(1e6) == pytest.approx(10 * paid(1e8))


def test_defect_04_market_orders_fill_at_the_next_open() -> None:
    candles = bars(STILL, (100, 150, 100, 150), (150,) * 4)
    assert play(candles, {0: lambda s: s.buy(1)}, **BARE).prices == [100]


def test_defect_05_equal_stamps_of_two_symbols_keep_their_order() -> None:
    """A decision at INFY's close must not meet the bar of SBIN that closed with it."""
    infy, sbin = (bars((100, 109, 91, 105), (105,) * 4, symbol=name) for name in ("INFY", "SBIN"))
    played = play(
        [infy, sbin], {("INFY", 0): lambda s: s.buy(1, "LIMIT", price=95, symbol="SBIN")}, **BARE
    )
    assert not played.fills
    market = play([infy, sbin], {("INFY", 0): lambda s: s.buy(1, symbol="SBIN")}, **BARE)
    assert market.rows == [("09:16:00", "BUY", 1, 105, "P1")]
    assert f"{market.orders[0].placed_at:%H:%M}" == "09:16"


def test_defect_05_repeated_rows_are_one_bar() -> None:
    labels = ["2024-01-02 09:15", "2024-01-02 09:16", "2024-01-02 09:16", "2024-01-02 09:17"]
    candles = bars(STILL, (101,) * 4, (150,) * 4, (102,) * 4, at=labels)
    played = play(candles, {0: lambda s: s.buy(1), 1: lambda s: s.sell(1)}, **BARE)
    assert played.prices == [101, 102]
    assert [finding.code for finding in played.result.findings] == ["duplicate-stamps"]


def test_defect_06_a_partial_fill_is_open_and_the_bot_is_told_what_it_got() -> None:
    candles = bars(*flat(100, 2), (100, 100, 94, 95, 400), *flat(100, 2))
    played = play(candles, {0: lambda s: s.buy(900, "LIMIT", price=95)}, **LIVE)
    order = played.orders[0]
    assert played.strategy.updates == [(order.orderid, "open", 100)]
    assert (order.status, order.pending_quantity) == ("open", 800)
    assert played.strategy.position() == 100


@pytest.mark.parametrize(
    "order", [{"pricetype": "SL-M"}, {"pricetype": "SL", "price": 103}], ids=["SL-M", "SL"]
)
def test_defect_08_stops_are_triggered(order: dict[str, Any]) -> None:
    candles = bars(STILL, (100, 104, 99, 103), volume=1e6)
    played = play(candles, {0: lambda s: s.buy(1, trigger_price=102, **order)}, **LIVE)
    assert played.prices == [102]


def test_defect_09_cash_is_reserved_by_every_order() -> None:
    def greedy(s: Scripted) -> None:
        for _ in range(10):
            s.buy(600, product="CNC")

    played = play(bars(*flat(100, 3), volume=1e6), {0: greedy}, **LIVE)
    assert [order.status for order in played.orders] == ["complete", *["rejected"] * 9]


def test_defect_09_a_first_market_order_is_checked_at_the_real_price() -> None:
    played = play(bars(*flat(2_500, 3)), {0: lambda s: s.buy(100, product="CNC")}, **LIVE)
    assert played.orders[0].status == "rejected"
    assert "₹250000.00" in played.orders[0].rejection_reason


def test_defect_10_a_refusal_reaches_the_strategy_and_stays_in_the_result() -> None:
    played = play(
        bars(*flat(100, 3)),
        {0: lambda s: s.notes.append(s.submit_order(Order("SBIN", "BUY", 10**6)))},
        update=lambda s, o: s.notes.append((o.status, o.rejection_reason[:18], o.remedy != "")),
        **LIVE,
    )
    assert played.strategy.notes == [False, ("rejected", "Insufficient funds", True)]
    assert len(played.result.refused_orders) == 1


def test_defect_11_a_rejected_order_has_no_trace_of_a_fill() -> None:
    played = play(bars(*flat(100, 3)), {0: lambda s: s.buy(10**6)}, **LIVE)
    order = played.orders[0]
    assert (order.filled_quantity, order.average_price, order.filled_at) == (0, 0.0, None)
    assert order.reserved == 0


def test_defect_12_orders_may_be_sent_while_others_are_being_filled() -> None:
    def grow(s: Scripted, order: Order) -> None:
        if order.status == "complete" and len(s.updates) < 30:
            s.buy(1, "LIMIT", price=order.price - 0.5)
            s.buy(1, "LIMIT", price=order.price - 0.5)

    candles = bars(STILL, STILL, (100, 100, 90, 95))
    played = play(candles, {0: lambda s: s.buy(1, "LIMIT", price=99)}, update=grow, **BARE)
    assert len(played.fills) > 30
    assert min(played.prices) < 98


class TestDefect13:
    """Exceptions of a strategy are never swallowed."""

    @staticmethod
    def explode(s: Scripted) -> None:
        raise ValueError("the bot has a fault")

    def test_defect_13_the_run_stops_with_everything_so_far(self) -> None:
        steps = {0: lambda s: s.buy(1), 5: self.explode}
        with pytest.raises(StrategyFailedError, match=r"on_bar at 2024-01-02 09:21") as caught:
            play(bars(*flat(100, 30)), steps, **BARE)
        result = caught.value.result
        assert "the bot has a fault" in caught.value.traceback
        assert "in explode" in caught.value.traceback
        assert result.status == "failed"
        assert result.processed_candles == len(result.equity_curve) == 6
        assert len(result.fills) == 1

    def test_defect_13_in_an_update_too(self) -> None:
        with pytest.raises(StrategyFailedError, match="on_order_update"):
            play(
                bars(*flat(100, 5)),
                {0: lambda s: s.buy(1)},
                update=lambda s, o: self.explode(s),
                **BARE,
            )

    @pytest.mark.parametrize("symbols", [("SBIN",), ("SBIN", "INFY")])
    def test_defect_13_going_on_is_a_choice_and_counts_the_faults(
        self, symbols: tuple[str, ...]
    ) -> None:
        steps = {("SBIN", n): self.explode for n in (2, 4)} | {("SBIN", 5): lambda s: s.buy(1)}
        series = [bars(*flat(100, 8), symbol=symbol) for symbol in symbols]
        played = play(series, steps, on_error="continue", **BARE)
        assert played.result.status == "completed"
        assert [f"{fault.timestamp:%H:%M}" for fault in played.result.faults] == ["09:18", "09:20"]
        assert all("in explode" in fault.traceback for fault in played.result.faults)
        assert len(played.fills) == 1

    def test_defect_13_an_interrupt_keeps_what_was_computed(self) -> None:
        def stop(s: Scripted) -> None:
            raise KeyboardInterrupt

        played = play(bars(*flat(100, 30)), {0: lambda s: s.buy(1), 5: stop}, **BARE)
        assert played.result.status == "cancelled"
        assert len(played.result.equity_curve) == 6
        assert len(played.fills) == 1


@pytest.mark.parametrize("symbols", [("SBIN",), ("SBIN", "INFY")], ids=["one", "two"])
def test_cancelling_returns_the_partial_result(symbols: tuple[str, ...]) -> None:
    series = [bars(*flat(100, 500), symbol=symbol) for symbol in symbols]
    steps = {("SBIN", 0): lambda s: s.buy(1), ("SBIN", 5): lambda s: s.context.engine.cancel()}
    result = play(series, steps, **BARE).result
    assert result.status == "cancelled"
    assert len(result.fills) == 1
    assert 6 <= len(result.equity_curve) < 500


def test_an_interrupted_progress_callback_keeps_the_partial_result() -> None:
    told: list[int] = []

    def progress(done: int, total: int) -> None:
        told.append(done)
        if len(told) == 3:
            raise KeyboardInterrupt

    played = play(bars(*flat(100, 500)), {0: lambda s: s.buy(1)}, progress=progress, **BARE)
    assert played.result.status == "cancelled"
    assert len(played.fills) == 1


def test_defect_16_one_path_serves_all_orders_of_a_bar() -> None:
    """Bought on the way down, its opposite is sold on the way up at its own price; a sell that
    the path passed before it was sent is not."""
    candles = bars(STILL, STILL, (100, 104, 96, 97))

    def answer(s: Scripted, order: Order) -> None:
        if order.action == "BUY":
            s.sell(1, "LIMIT", price=98)
        elif len(s.updates) == 2:
            s.sell(1, "LIMIT", price=103)
            s.buy(1, "LIMIT", price=96.5)

    played = play(
        candles, {0: lambda s: s.buy(1, "LIMIT", price=97)}, update=answer, intrabar="olhc", **BARE
    )
    assert [row[1:4] for row in played.rows] == [("BUY", 1, 97), ("SELL", 1, 98), ("SELL", 1, 103)]


def test_defect_17_a_setting_without_effect_is_refused() -> None:
    with pytest.raises(ConfigError, match="candle_execution"):
        play(bars(*flat(100, 3)), {}, candle_execution="open")


def test_defect_18_a_bar_without_trades_fills_nothing() -> None:
    dead = (100, 100, 100, 100, 0)
    played = play(bars(STILL, dead, STILL), {0: lambda s: s.buy(100)}, **BARE)
    assert [row[0] for row in played.rows] == ["09:17:00"]


def test_defect_18_a_large_order_does_not_pass_the_cap() -> None:
    candles = bars(*flat(100, 2), (100, 100, 90, 95, 400))
    played = play(
        candles, {0: lambda s: s.buy(50_000, "LIMIT", price=95)}, initial_cash=10**7, **LIVE
    )
    assert [row[2] for row in played.rows] == [100]


def test_defect_18_a_close_of_zero_is_no_bar() -> None:
    candles = bars(STILL, (100, 100, 0, 0), STILL)
    played = play(candles, {0: lambda s: s.buy(1)}, **BARE)
    assert [row[0] for row in played.rows] == ["09:17:00"]
    assert [finding.code for finding in played.result.findings] == ["price-not-positive"]


def test_defect_22_a_buy_in_the_last_bar_is_valued_at_its_close() -> None:
    played = play(bars(STILL, STILL), {0: lambda s: s.buy(15)}, **BARE)
    assert played.result.metrics.final_capital == 100_000
    assert played.result.open_positions[0].last_price == 100


def test_defect_23_the_last_equity_point_is_the_final_capital() -> None:
    played = play(
        bars(STILL, (100, 104, 99, 103)), {0: lambda s: s.buy(10)}, fee_bps=10, costs="none",
        slippage="none",
    )  # fmt: skip
    assert played.result.equity_curve[-1].equity == played.result.metrics.final_capital == 100_029


def test_defect_24_trades_are_round_trips() -> None:
    rows = [(100.0 + i,) * 4 for i in range(12)]
    steps = {
        i: (lambda s: s.sell(10)) if s_ else (lambda s: s.buy(10))
        for i, s_ in enumerate([0, 1] * 5)
    }
    metrics = play(bars(*rows), steps, **BARE).result.metrics
    assert (metrics.executions, metrics.total_trades) == (10, 5)
    assert metrics.win_rate == 100
    assert metrics.max_consecutive_wins == 5
    assert metrics.avg_trade_pnl == 10


def test_defect_26_a_trade_lasts_from_its_entry_to_its_exit() -> None:
    """The order rested for an hour before; the trade itself took thirty minutes."""
    candles = bars(*flat(100, 61), (100, 101, 94, 95), *flat(96, 60))
    played = play(
        candles, {0: lambda s: s.buy(1, "LIMIT", price=95), 90: lambda s: s.sell(1)}, **BARE
    )
    (trade,) = played.result.trades
    assert f"{trade.entry_time:%H:%M} {trade.exit_time:%H:%M}" == "10:16 10:46"
    assert played.result.metrics.avg_trade_duration == pytest.approx(0.5, abs=0.02)


def test_defect_27_open_positions_and_all_orders_are_in_the_result() -> None:
    def send(s: Scripted) -> None:
        s.buy(1)
        s.keep(s.buy(1, "LIMIT", price=50))
        s.buy(1, "LIMIT", price=60)
        s.buy(10**6)
        s.cancel(s.ids[0])

    played = play(bars(*flat(100, 3)), {0: send}, **LIVE)
    assert [order.status for order in played.orders] == [
        "complete",
        "cancelled",
        "open",
        "rejected",
    ]
    assert [position.quantity for position in played.result.open_positions] == [1]


def test_ids_have_openalgos_shape_in_any_year() -> None:
    """Fourteen digits, the Indian date first, so that they sort as they were sent."""

    def send(s: Scripted) -> None:
        for price in (50, 51, 52):
            s.keep(s.buy(1, "LIMIT", price=price))

    labels = ["2009-12-31 15:28", "2009-12-31 15:29", "2010-01-04 09:15", "2010-01-04 09:16"]
    played = play(bars(*flat(100, 4), at=labels), {0: send, 2: send}, **BARE)
    assert [order.orderid for order in played.orders] == [
        *[f"0912310000000{n}" for n in (1, 2, 3)], *[f"1001040000000{n}" for n in (4, 5, 6)],
    ]  # fmt: skip
    assert [o.orderid for o in played.strategy.get_orders()] == played.strategy.ids


@pytest.mark.parametrize("count", [1, 63, 64, 65, 300])
def test_every_bar_is_shown_once_and_in_order(count: int) -> None:
    candles = bars(*[(100.0 + i % 7,) * 4 for i in range(count)])
    shown = play(candles, {}, **BARE).strategy.shown
    assert [candle.ts for candle in shown] == candles.ts.tolist()
    assert all(isinstance(candle, Candle) for candle in shown)


def test_a_strategy_may_be_given_as_a_class_or_an_object() -> None:
    class Still(Scripted):
        def __init__(self) -> None:
            super().__init__({})

    candles: Candles = bars(*flat(100, 3))
    assert backtest(Still, candles).status == "completed"
    assert Played(backtest(Still(), candles), Still()).rows == []
