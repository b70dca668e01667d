"""The Supertrend bot, live: the real SDK against a small OpenAlgo server."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tapeback.indicators.bot_supertrend import BotSupertrend
from tests.strats.conftest import IST, Broker

Supertrend = Callable[..., Any]


def step(bot: Any, price: float, direction: str | None) -> None:
    bot.supertrend_direction = direction
    bot.run_backtest(price)


def completed(broker: Broker, action: str) -> list[int]:
    return [quantity for quantity, _ in broker.placed(action, "complete")]


def test_enters_once_and_leaves_when_the_trend_turns(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), None)
    step(bot, broker.move(100.0), "down")
    assert broker.orders == {}
    for price in (100.0, 101.0, 102.0):
        step(bot, broker.move(price), "up")
    assert completed(broker, "BUY") == [10]
    assert bot.state["position"] == 10
    step(bot, broker.move(103.0), "down")
    step(bot, broker.move(103.0), "down")
    assert completed(broker, "SELL") == [10]
    summary = bot.get_performance_summary()
    assert (summary["position"], summary["realized_pnl"], summary["num_trades"]) == (0, 30.0, 2)


def test_a_share_is_bought_even_when_the_amount_is_below_its_price(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend(max_order_amount=10)
    step(bot, broker.move(100.0), "up")
    assert completed(broker, "BUY") == [1]


def test_defect_47_fills_are_recognised_and_no_second_order_is_sent_meanwhile(
    supertrend: Supertrend, broker: Broker
) -> None:
    broker.hang = True
    bot = supertrend()
    for _ in range(3):
        broker.moment += timedelta(seconds=15)
        step(bot, 100.0, "up")
    assert len(broker.orders) == 1
    assert bot.state["position"] == 0
    broker.hang = False
    step(bot, broker.move(100.5, minutes=0), "up")
    assert len(broker.orders) == 1
    assert bot.state["position"] == 10
    assert bot.entry_price == 100.5


def test_defect_47_the_entry_price_is_the_entry_s_not_the_last_trade_s(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend(stop_loss_pct=3, take_profit_pct=50)
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(120.0), "down")
    step(bot, broker.move(120.0), "down")
    step(bot, broker.move(200.0), "up")
    step(bot, broker.move(198.0), "up")
    assert bot.entry_price == 200.0
    assert bot.state["position"] == 5
    step(bot, broker.move(193.9), "up")
    step(bot, broker.move(193.9), "up")
    assert bot.state["position"] == 0


@pytest.mark.parametrize(
    ("price", "sold"), [(97.01, False), (97.0, True), (104.99, False), (105.0, True)]
)
def test_stop_loss_and_take_profit(
    supertrend: Supertrend, broker: Broker, price: float, sold: bool
) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(price), "up")
    assert bool(completed(broker, "SELL")) is sold


def test_a_percentage_of_zero_switches_an_exit_off(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend(stop_loss_pct=0, take_profit_pct=0)
    for price in (100.0, 100.0, 50.0, 200.0):
        step(bot, broker.move(price), "up")
    assert completed(broker, "SELL") == []


def test_defect_47_no_churn_after_take_profit_within_one_trend(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    for price in (100.0, 100.0, 106.0, 106.0, 107.0, 108.0):
        step(bot, broker.move(price), "up")
    assert (completed(broker, "BUY"), completed(broker, "SELL")) == ([10], [10])
    step(bot, broker.move(104.0), "down")
    step(bot, broker.move(105.0), "up")
    assert completed(broker, "BUY") == [10, 9]


def test_defect_47_profit_is_profit_not_cash_flow(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend(take_profit_pct=0)
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(104.0), "up")
    summary = bot.get_performance_summary()
    assert (summary["realized_pnl"], summary["unrealized_pnl"]) == (0.0, 40.0)
    assert summary["total_pnl"] == 40.0


def test_a_rejected_entry_is_not_repeated_before_the_next_date(
    supertrend: Supertrend, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.reject = "RMS: margin exceeds"
    bot = supertrend()
    for _ in range(4):
        step(bot, broker.move(100.0), "up")
    assert len(broker.orders) == 1
    assert "RMS: margin exceeds" in caplog.text
    broker.reject = None
    step(bot, broker.next_day(100.0), "up")
    assert completed(broker, "BUY") == [10]


def test_a_refused_exit_is_tried_again(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    broker.refuse = "An unexpected error occurred"
    step(bot, broker.move(99.0), "down")
    assert bot.state["position"] == 10
    broker.refuse = None
    step(bot, broker.move(99.0), "down")
    step(bot, broker.move(99.0), "down")
    assert bot.state["position"] == 0
    assert completed(broker, "SELL") == [10]


def test_a_market_exit_that_hangs_is_cancelled_and_sent_again_for_the_rest(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    broker.hang = True
    step(bot, broker.move(99.0), "down")
    exit_id = list(broker.orders)[-1]
    broker.fill(exit_id, 4, 99.0)
    step(bot, broker.move(98.0), "down")
    assert bot.state["position"] == 6
    step(bot, broker.move(98.0), "down")
    assert broker.orders[exit_id]["order_status"] == "cancelled"
    broker.hang = False
    step(bot, broker.move(98.0), "down")
    step(bot, broker.move(98.0), "down")
    assert bot.state["position"] == 0
    assert broker.positions["MIS"] == 0


def test_shares_sold_by_someone_else_are_not_sold_again(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(101.0), "up")
    broker.positions["MIS"] = 0
    step(bot, broker.move(99.0), "down")
    assert broker.placed("SELL", "complete") == []
    assert bot.state["position"] == 0
    assert bot.state["trades"][-1]["estimated"]


def test_a_restart_takes_up_position_orders_and_entry_price(
    supertrend: Supertrend, broker: Broker
) -> None:
    broker.hang = True
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    bot.save_state()
    broker.hang = False
    broker.move(100.4, minutes=0)
    again = supertrend()
    assert len(again.state["orders"]) == 1
    step(again, 100.4, "up")
    assert (again.state["position"], again.entry_price) == (10, 100.4)
    again.save_state()
    third = supertrend()
    assert (third.state["position"], third.entry_price) == (10, 100.4)
    assert len(broker.orders) == 1


def test_after_a_night_the_account_is_right(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    step(bot, broker.move(101.0), "up")
    bot.save_state()
    again = supertrend()
    step(again, broker.next_day(102.0), "down")
    assert again.state["position"] == 0
    assert broker.orders == {}


def test_an_order_of_yesterday_that_no_book_knows_is_dropped(
    supertrend: Supertrend, broker: Broker
) -> None:
    broker.hang = True
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    step(bot, broker.next_day(100.0), "down")
    assert bot.state["orders"] == []


def frame(closes: np.ndarray, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    spread = rng.uniform(0, 1.5, (2, len(closes)))
    return pd.DataFrame({"high": closes + spread[0], "low": closes - spread[1], "close": closes})


def test_the_indicator_equals_its_definition_bar_by_bar(supertrend: Supertrend) -> None:
    closes = 100 + np.cumsum(np.random.default_rng(7).normal(0, 1.2, 600))
    data = supertrend(atr_period=14, atr_multiplier=2.0).calculate_supertrend(frame(closes))
    twin = BotSupertrend(14, 2.0)
    for row in data.itertuples():
        twin.update(row.high, row.low, row.close)
        assert row.supertrend_direction == twin.direction
        assert (row.atr, row.final_upper, row.final_lower) == (
            twin.atr,
            twin.final_upper,
            twin.final_lower,
        )
    assert set(data["supertrend_direction"]) == {"up", "down"}
    assert np.isnan(data["supertrend"].iloc[0])


def test_the_bands_lie_around_high_and_low_by_hand(supertrend: Supertrend) -> None:
    data = pd.DataFrame(
        {"high": [10.0, 11.0, 16.0], "low": [8.0, 9.0, 12.0], "close": [9.0, 10.0, 15.0]}
    )
    supertrend(atr_period=2, atr_multiplier=1.0).calculate_supertrend(data)
    assert data["tr"].tolist() == [2.0, 2.0, 6.0]
    assert data["atr"].tolist() == [2.0, 2.0, 4.0]
    assert data["basic_upper"].tolist() == [12.0, 13.0, 20.0]
    assert data["final_upper"].tolist() == [12.0, 12.0, 12.0]
    assert data["final_lower"].tolist() == [6.0, 7.0, 8.0]
    assert data["supertrend_direction"].tolist() == ["down", "down", "up"]
    assert data["supertrend"].tolist()[1:] == [12.0, 8.0]


def test_later_bars_change_no_earlier_direction(supertrend: Supertrend) -> None:
    closes = 100 + np.cumsum(np.random.default_rng(3).normal(0, 1, 200))
    bot = supertrend()
    whole = bot.calculate_supertrend(frame(closes))
    part = bot.calculate_supertrend(frame(closes).iloc[:120].copy())
    pd.testing.assert_frame_equal(whole.iloc[:120], part)


def test_direction_from_ohlc_data_that_someone_else_prepared(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    assert bot.current_direction() is None
    bot.ohlc_data = frame(np.linspace(100, 160, 60))
    assert bot.current_direction() == "up"
    bot.run_backtest(broker.move(100.0))
    assert completed(broker, "BUY") == [10]


def candles(start: datetime, closes: list[float]) -> list[dict[str, Any]]:
    return [
        {
            "timestamp": int((start + i * timedelta(minutes=5)).timestamp()),
            "open": close,
            "high": close + 0.5,
            "low": close - 0.5,
            "close": close,
            "volume": 10,
            "oi": 0,
        }
        for i, close in enumerate(closes)
    ]


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # the SDK's own use of pandas
def test_live_loop_drops_the_forming_candle_and_reads_history_once_a_candle(
    supertrend: Supertrend, broker: Broker, sleeping: Callable[..., None]
) -> None:
    start = datetime(2024, 1, 2, 9, 15, tzinfo=IST)
    broker.candles = candles(start, [100.0] * 12 + [130.0])  # the jump is still forming
    broker.moment = start + timedelta(minutes=62)
    bot = supertrend()
    seen: list[tuple[int, str | None, int]] = []

    def sleep(_: float) -> None:
        asked = broker.calls.count("history")
        seen.append((len(bot.ohlc_data), bot.current_direction(), asked))
        broker.moment += timedelta(minutes=2)
        bot.is_running = len(seen) < 3

    sleeping(sleep)
    bot.run_strategy(check_interval=120)
    assert seen == [(12, "down", 1), (12, "down", 1), (13, "up", 2)]
    assert completed(broker, "BUY") == [10]
    content = json.loads(Path(bot.state_file).read_text(encoding="utf-8"))
    assert [order["type"] for order in content["orders"]] == ["BUY"]


def test_a_history_that_fails_leaves_the_position_watched(
    supertrend: Supertrend, broker: Broker, sleeping: Callable[..., None]
) -> None:
    bot = supertrend()
    step(bot, broker.move(100.0), "up")
    broker.down = {"history"}
    broker.move(90.0)

    def sleep(_: float) -> None:
        bot.is_running = False

    sleeping(sleep)
    bot.run_strategy()
    assert completed(broker, "SELL") == [10]


@pytest.mark.parametrize(
    "wrong",
    [
        {"atr_period": 0},
        {"atr_multiplier": 0},
        {"max_order_amount": 0},
        {"stop_loss_pct": -1},
        {"interval": "5x"},
    ],
)
def test_defect_78_wrong_parameters_are_refused(
    supertrend: Supertrend, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        supertrend(**wrong)


def at(broker: Broker, clock: str) -> float:
    """Let a time of the day come at 100 rupees."""
    hour, minute = map(int, clock.split(":"))
    broker.moment = broker.moment.replace(hour=hour, minute=minute)
    return broker.move(100.0, minutes=0)


def test_an_intraday_position_ends_before_the_broker_ends_it(
    supertrend: Supertrend, broker: Broker
) -> None:
    """It is sold at 15:10, and the trend that goes on is bought again the next morning."""
    bot = supertrend()
    step(bot, at(broker, "14:59"), "up")
    step(bot, at(broker, "15:09"), "up")
    assert (completed(broker, "BUY"), completed(broker, "SELL")) == ([10], [])
    for clock in ("15:10", "15:11", "15:12"):
        step(bot, at(broker, clock), "up")
    assert (completed(broker, "SELL"), bot.state["position"]) == ([10], 0)
    step(bot, broker.next_day(100.0), "up")
    assert completed(broker, "BUY") == [10]


def test_nothing_is_entered_from_the_last_entry_on(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend()
    for clock in ("15:00", "15:05", "15:10", "15:20"):
        step(bot, at(broker, clock), "up")
    assert broker.orders == {}
    late = supertrend(last_entry="15:06")
    step(late, at(broker, "15:05"), "up")
    assert completed(broker, "BUY") == [10]


def test_a_turn_of_the_trend_is_obeyed_after_the_last_entry(
    supertrend: Supertrend, broker: Broker
) -> None:
    bot = supertrend()
    step(bot, at(broker, "14:59"), "up")
    step(bot, at(broker, "15:05"), "up")
    step(bot, at(broker, "15:06"), "down")
    assert completed(broker, "SELL") == [10]


def test_delivery_is_held_overnight(supertrend: Supertrend, broker: Broker) -> None:
    bot = supertrend(product="CNC")
    for clock in ("15:05", "15:10", "15:29"):
        step(bot, at(broker, clock), "up")
    assert (completed(broker, "BUY"), completed(broker, "SELL")) == ([10], [])
