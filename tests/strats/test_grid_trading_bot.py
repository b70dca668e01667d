"""The grid bot, live: the real SDK against a small OpenAlgo server."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.strats.conftest import Broker

Grid = Callable[..., Any]


def state_of(bot: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(Path(bot.state_file).read_text(encoding="utf-8"))
    return content


def step(bot: Any, price: float) -> None:
    bot.run_backtest(price)


def covered(broker: Broker) -> int:
    return sum(quantity for quantity, _ in broker.placed("SELL"))


def test_levels_bounds_and_first_orders(grid: Grid, broker: Broker) -> None:
    bot = grid()
    assert bot.setup_grid()
    assert broker.placed("BUY") == [(10, 99.0), (10, 98.0), (10, 97.0)]
    assert broker.placed("SELL") == []
    assert bot.sell_levels == [101.0, 102.0, 103.0]
    assert bot.grid_upper_bound == pytest.approx(103 * 1.01)
    assert bot.grid_lower_bound == pytest.approx(97 * 0.99)
    assert list(bot.buy_orders) == [99.0, 98.0, 97.0]


def test_geometric_levels_and_the_lower_bound_of_a_wide_grid(grid: Grid, broker: Broker) -> None:
    bot = grid(grid_type="geometric", grid_spacing_pct=10, order_amount=5000)
    bot.setup_grid()
    assert bot.buy_levels == [90.9, 82.65, 75.15]
    assert bot.sell_levels == [110.0, 121.0, 133.1]
    assert bot.grid_lower_bound == 80.0
    assert [price for _, price in broker.placed("BUY")] == [90.9, 82.65]


def test_a_fill_is_answered_one_step_away_and_profit_is_first_in_first_out(
    grid: Grid, broker: Broker
) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(98.5))
    assert bot.current_position == 10
    assert broker.placed("SELL") == [(10, 100.0)]
    fills = bot.filled_orders
    assert [(fill["type"], fill["quantity"], fill["fill_price"]) for fill in fills] == [
        ("BUY", 10, 99.0)
    ]
    step(bot, broker.move(100.2))
    assert bot.current_position == 0
    assert (10, 99.0) in broker.placed("BUY")
    summary = bot.get_performance_summary()
    assert summary["realized_pnl"] == 10.0
    assert summary["total_trades"] == 2
    assert summary["active_buy_orders"] == 3
    assert summary["active_sell_orders"] == 0


def test_new_fills_are_told_once(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    broker.move(98)
    assert [fill["fill_price"] for fill in bot.check_filled_orders()] == [99.0, 98.0]
    assert bot.check_filled_orders() == []


def test_one_look_at_the_book_a_step_and_none_without_orders(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    broker.calls.clear()
    step(bot, 100.0)
    assert broker.calls == ["orderbook"]
    idle = grid(order_amount=1, state_file="unused.json")
    idle.setup_grid()
    broker.calls.clear()
    step(idle, 100.0)
    assert broker.calls == []


def test_defect_46_a_market_buy_is_confirmed_not_assumed(grid: Grid, broker: Broker) -> None:
    broker.hang = True
    bot = grid(initial_position_strategy="buy_at_market")
    bot.setup_grid()
    assert broker.placed("BUY")[-1] == (30, 0.0)
    assert bot.current_position == 0
    assert broker.placed("SELL") == []
    assert bot.get_performance_summary()["realized_pnl"] == 0
    broker.hang = False
    step(bot, broker.move(100.3))
    assert bot.current_position == 30
    assert bot.filled_orders[0]["fill_price"] == 100.3
    assert broker.placed("SELL") == [(10, 101.0), (10, 102.0), (10, 103.0)]
    assert bot.get_performance_summary()["unrealized_pnl"] == 0
    assert bot.get_trading_data_for_export()["filled_orders"][0]["fill_price"] == 100.3


def test_a_market_buy_that_is_filled_at_once_brings_the_sells_at_once(
    grid: Grid, broker: Broker
) -> None:
    bot = grid(initial_position_strategy="buy_at_market")
    bot.setup_grid()
    assert bot.current_position == 30
    assert broker.placed("SELL") == [(10, 101.0), (10, 102.0), (10, 103.0)]


def test_place_all_offers_every_level_and_goes_short(grid: Grid, broker: Broker) -> None:
    bot = grid(initial_position_strategy="place_all")
    bot.setup_grid()
    assert broker.placed("SELL") == [(10, 101.0), (10, 102.0), (10, 103.0)]
    step(bot, broker.move(101.5))
    assert bot.current_position == -10
    step(bot, broker.move(99.9))
    assert bot.current_position == 0
    assert bot.get_performance_summary()["realized_pnl"] == pytest.approx(10.0)


def test_defect_46_no_share_is_offered_twice(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    for price in (98.9, 97.5, 96.9, 98.0, 97.2, 99.3, 96.8, 100.5, 98.2, 101.9):
        step(bot, broker.move(price))
        assert 0 <= covered(broker) <= bot.current_position
        assert bot.current_position == broker.positions.get("MIS", 0)


def test_defect_46_several_orders_at_one_price_are_all_followed(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    bot.place_limit_order("BUY", 5, 99.0)
    assert len(bot.pending_orders) == 4
    assert bot.get_performance_summary()["active_buy_orders"] == 4
    step(bot, broker.move(98.9))
    assert bot.current_position == 15
    assert sorted(broker.placed("SELL")) == [(5, 100.0), (10, 100.0)]


def test_defect_46_every_price_is_on_the_tick_also_at_the_bounds(
    grid: Grid, broker: Broker
) -> None:
    broker.ltp = 1234.57
    bot = grid(grid_spacing_pct=0.37, order_amount=13000, initial_position_strategy="buy_at_market")
    bot.setup_grid()
    for price in (1230, 1227, 1221, 1229, 1236, 1241, 1248, 1256, 1251, 1243):
        step(bot, broker.move(price))
    sent = [order["price"] for order in broker.orders.values() if order["price"]]
    assert len(sent) > 10
    assert all(abs(price / 0.05 - round(price / 0.05)) < 1e-6 for price in sent)
    assert all(bot.grid_lower_bound <= price <= bot.grid_upper_bound for price in sent)


def test_answers_beyond_the_bounds_stay_within_them_on_the_tick(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    bot.place_limit_order("BUY", 5, 103.55)
    step(bot, broker.move(100.0))
    assert bot.grid_upper_bound == pytest.approx(104.03)
    assert broker.placed("SELL") == [(5, 104.0)]
    bot.place_limit_order("SELL", 5, 96.5)
    step(bot, broker.move(100.0))
    assert bot.grid_lower_bound == pytest.approx(96.03)
    assert broker.placed("BUY")[-1] == (5, 96.05)


def test_a_tick_in_paise_and_a_lot_size_are_understood(grid: Grid, broker: Broker) -> None:
    broker.tick_size, broker.lot_size = "10", 25
    bot = grid(order_amount=5000)
    bot.setup_grid(99.87)
    assert broker.placed("BUY") == [(50, 98.9), (50, 97.9), (50, 96.9)]


def test_a_server_that_knows_no_tick_gets_five_paise(grid: Grid, broker: Broker) -> None:
    broker.down = {"symbol"}
    bot = grid()
    bot.setup_grid(99.87)
    assert broker.placed("BUY")[0] == (10, 98.85)


def test_a_book_of_text_without_fills_is_completed_from_the_trade_book(
    grid: Grid, broker: Broker
) -> None:
    broker.ltp = 2000.0
    broker.terse = True
    bot = grid(order_amount=20600)
    bot.setup_grid()
    order_id = next(iter(broker.orders))
    broker.fill(order_id, 10, 1979.5)
    step(bot, 1980.0)
    assert bot.filled_orders[0]["fill_price"] == 1979.5
    assert broker.placed("SELL") == [(10, 1999.3)]


def test_a_partly_filled_order_is_booked_as_it_comes_and_answered_at_its_end(
    grid: Grid, broker: Broker
) -> None:
    bot = grid()
    bot.setup_grid()
    first = next(iter(broker.orders))
    broker.fill(first, 4, 99.0)
    step(bot, 99.2)
    assert bot.current_position == 4
    assert broker.placed("SELL") == []
    broker.fill(first, 6, 99.0)
    step(bot, 99.2)
    assert bot.current_position == 10
    assert bot.total_trades == 1
    assert broker.placed("SELL") == [(10, 100.0)]


def test_rejected_in_the_book_is_said_with_the_reason_and_dropped(
    grid: Grid, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.reject = "RMS: margin exceeds"
    bot = grid()
    assert bot.setup_grid()
    step(bot, 100.0)
    assert bot.pending_orders == {}
    assert caplog.text.count("RMS: margin exceeds") == 3
    broker.calls.clear()
    step(bot, 100.0)
    assert broker.calls == []


def test_a_rejected_sell_is_not_sent_again_at_every_step(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    broker.move(98.9)
    broker.reject = "price band"
    for _ in range(4):
        step(bot, 98.9)
    assert len(broker.placed("SELL", "rejected")) <= 2


def test_refused_orders_leave_nothing_behind(
    grid: Grid, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.refuse = "Insufficient funds"
    bot = grid()
    assert not bot.setup_grid()
    assert bot.pending_orders == {}
    assert "Insufficient funds" in caplog.text


def test_it_waits_where_openalgo_asks_to_slow_down(grid: Grid, broker: Broker) -> None:
    broker.busy = 2
    bot = grid()
    assert bot.setup_grid()
    assert len(broker.placed("BUY")) == 3


def test_an_amount_below_the_price_is_said_once_with_what_is_needed(
    grid: Grid, broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    broker.ltp = 22000.0
    bot = grid(order_amount=1000)
    assert not bot.setup_grid()
    for price in (22000.0, 30000.0, 22000.0):
        step(bot, price)
    said = [record.message for record in caplog.records if "order_amount" in record.message]
    assert said == [
        "order_amount 1000.00 is too small for RELIANCE: 22660.00 is needed to trade on every level"
    ]
    assert "placeorder" not in broker.calls


def test_breakout_lays_the_grid_anew_and_keeps_the_shares(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(95.0))
    assert bot.grid_resets == 1
    assert bot.grid_center_price == 95.0
    assert bot.current_position == 30
    assert broker.placed("SELL") == [(10, 95.95), (10, 96.9), (10, 97.85)]


def test_without_auto_reset_a_breakout_cancels_and_stops(grid: Grid, broker: Broker) -> None:
    bot = grid(auto_reset=False)
    bot.setup_grid()
    step(bot, broker.move(110.0))
    assert not bot.is_active
    assert broker.placed("BUY") == []
    placed = len(broker.orders)
    for price in (95.0, 100.0, 120.0):
        step(bot, broker.move(price))
    assert len(broker.orders) == placed
    assert bot.filled_orders == []


def test_a_cancel_that_shows_late_loses_no_fill(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(98.9))
    broker.late_cancels = True
    step(bot, broker.move(105.0))  # above the upper bound; the sell at 100 was filled
    assert bot.grid_center_price == 105.0
    old = next(order for order in broker.orders if broker.orders[order]["price"] == 98.0)
    broker.fill(old, 10, 98.0)
    broker.confirm_cancels()
    step(bot, broker.move(105.0))
    assert bot.current_position == broker.positions["MIS"] == 10
    assert broker.placed("SELL") == [(9, 106.05)]  # a level of the new grid, no answer at 98.98


def test_other_bots_orders_are_left_alone(grid: Grid, broker: Broker) -> None:
    _, reply = broker.answer(
        "placeorder",
        {
            "quantity": "1",
            "price": "50",
            "action": "BUY",
            "pricetype": "LIMIT",
            "product": "MIS",
            "symbol": "SBIN",
        },
    )
    bot = grid()
    bot.setup_grid()
    bot.cancel_all_orders()
    assert broker.orders[reply["orderid"]]["order_status"] == "open"
    assert bot.pending_orders == {}


def test_defect_46_a_restart_takes_up_the_grid_with_its_prices(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(98.9))
    bot.save_state()
    broker.move(97.9)  # filled while nobody looks
    again = grid()
    assert again.buy_orders == {98.0: "24010200000002", 97.0: "24010200000003"}
    assert all(isinstance(price, float) for price in again.sell_orders)
    assert again.total_profit == bot.total_profit
    placed = len(broker.orders)
    step(again, 97.9)
    assert again.current_position == 20
    assert len(broker.orders) == placed + 1  # the answer to that fill, and no second grid
    assert covered(broker) == 20


def test_a_restart_in_the_middle_of_the_market_buy_still_brings_the_sells(
    grid: Grid, broker: Broker
) -> None:
    broker.hang = True
    bot = grid(initial_position_strategy="buy_at_market")
    bot.setup_grid()
    bot.save_state()
    broker.hang = False
    again = grid(initial_position_strategy="buy_at_market")
    step(again, broker.move(100.2))
    assert broker.placed("SELL") == [(10, 101.0), (10, 102.0), (10, 103.0)]


def test_a_state_file_of_the_older_format_is_taken_up(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(98.9))
    bot.save_state()
    old = state_of(bot)
    for name in ("symbol", "exchange", "session_date", "tick_size", "lot_size", "sell_levels"):
        del old[name]
    for order in old["pending_orders"].values():
        del order["filled"], order["value"]
    del old["filled_orders"][0]["fill_price"]
    Path(bot.state_file).write_text(json.dumps(old), encoding="utf-8")
    again = grid()
    step(again, broker.move(98.9))
    assert again.current_position == 10
    assert covered(broker) == 10
    assert len(broker.placed("BUY")) == 3


def test_the_state_file_has_the_names_that_tools_read(grid: Grid) -> None:
    bot = grid()
    bot.setup_grid()
    bot.save_state()
    names = """
        grid_center_price grid_upper_bound grid_lower_bound buy_orders sell_orders filled_orders
        pending_orders total_trades total_profit grid_resets current_position is_active last_update
    """
    assert set(names.split()) <= set(state_of(bot))


def test_a_state_file_of_another_instrument_or_damaged_is_refused(grid: Grid) -> None:
    bot = grid()
    bot.save_state()
    with pytest.raises(ValueError, match="belongs to NSE:RELIANCE, not NSE:SBIN"):
        grid(symbol="SBIN")
    Path(bot.state_file).write_text('{"symbol": ', encoding="utf-8")
    with pytest.raises(ValueError, match="damaged"):
        grid()


def test_a_new_date_lays_the_grid_anew_around_the_price(grid: Grid, broker: Broker) -> None:
    bot = grid(product="CNC")
    bot.setup_grid()
    step(bot, broker.move(97.9))
    assert bot.current_position == 20
    price = broker.next_day(102.0)
    step(bot, price)
    assert bot.grid_center_price == 102.0
    assert bot.current_position == 20
    assert broker.placed("BUY") == [(10, 101.0), (10, 99.95), (10, 98.95)]
    assert broker.placed("SELL") == [(10, 103.0), (10, 104.05)]
    assert len(bot.pending_orders) == 5
    assert bot.grid_resets == 0


def test_a_square_off_overnight_is_noticed_before_anything_is_sold(
    grid: Grid, broker: Broker
) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, broker.move(97.9))
    step(bot, broker.next_day(102.0))
    assert bot.current_position == 0
    assert broker.placed("SELL") == []
    last = bot.filled_orders[-1]
    assert (last["type"], last["quantity"], last["fill_price"]) == ("SELL", 20, 97.9)
    assert last["estimated"]


def test_delivery_shares_that_moved_to_the_holdings_still_count(grid: Grid, broker: Broker) -> None:
    bot = grid(product="CNC")
    bot.setup_grid()
    step(bot, broker.move(98.9))
    price = broker.next_day(100.0)
    broker.holdings_quantity = broker.positions.pop("CNC")
    step(bot, price)
    assert bot.current_position == 10
    assert broker.placed("SELL") == [(10, 101.0)]


def test_an_unreadable_book_on_a_new_date_is_asked_again(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    price = broker.next_day(102.0)
    broker.down = {"orderbook"}
    step(bot, price)
    assert broker.placed("BUY") == []
    broker.down = set()
    step(bot, price)
    assert len(broker.placed("BUY")) == 3


def test_defect_46_without_a_price_at_first_it_sets_up_later(grid: Grid, broker: Broker) -> None:
    broker.down = {"quotes"}
    bot = grid()
    assert not bot.setup_grid()
    step(bot, 100.0)
    assert len(broker.placed("BUY")) == 3


def test_live_loop_trades_in_market_hours_reads_the_last_fills_and_saves(
    grid: Grid, broker: Broker, sleeping: Callable[..., None]
) -> None:
    bot = grid(product="CNC")
    script = [("15:29", 98.9), ("15:30", 97.9), ("15:31", 97.9)]

    def sleep(seconds: float) -> None:
        assert seconds == 7
        assert list(state_of(bot)["pending_orders"]) == list(bot.pending_orders)
        if not script:
            bot.is_active = False
            return
        clock, price = script.pop(0)
        hour, minute = map(int, clock.split(":"))
        broker.moment = broker.moment.replace(hour=hour, minute=minute - 1)
        broker.move(price)

    sleeping(sleep)
    bot.run_strategy(check_interval=7)
    assert bot.current_position == 20
    assert broker.placed("SELL") == [(10, 100.0)]  # the fill of 15:30 came after the close
    assert state_of(bot)["current_position"] == 20


def test_live_loop_ends_by_hand_with_its_state_saved(
    grid: Grid, broker: Broker, sleeping: Callable[..., None]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    sleeping(interrupt)
    bot = grid()
    bot.run_strategy()
    assert len(state_of(bot)["pending_orders"]) == 3
    assert bot.is_active


def test_defect_85_the_exported_profit_is_that_of_the_fills(grid: Grid, broker: Broker) -> None:
    bot = grid()
    bot.setup_grid()
    for price in (98.9, 100.1, 97.9, 99.0):
        step(bot, broker.move(price))
    data = bot.get_trading_data_for_export()
    assert set(data) == {
        "summary",
        "price_history",
        "filled_orders",
        "grid_levels",
        "performance_timeline",
        "risk_metrics",
        "configuration",
    }
    assert data["performance_timeline"][-1]["realized_pnl"] == data["summary"]["realized_pnl"]
    assert data["performance_timeline"][-1]["position"] == bot.current_position
    assert [row["price"] for row in data["price_history"]] == [98.9, 100.1, 97.9, 99.0]
    json.dumps(data)
    assert "key" not in json.dumps(data["configuration"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"grid_levels": 0},
        {"grid_spacing_pct": 0},
        {"order_amount": -1},
        {"grid_type": "fibonacci"},
        {"initial_position_strategy": "wait_for_by"},
    ],
)
def test_defect_78_wrong_parameters_are_refused(grid: Grid, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        grid(**wrong)


def test_stop_loss_and_take_profit_are_said_to_have_no_effect(
    grid: Grid, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        grid()
    assert caplog.text.count("does not trade on stop_loss_pct and take_profit_pct") == 1


def at(broker: Broker, clock: str, price: float) -> float:
    """Let the price be there at a time of the day."""
    hour, minute = map(int, clock.split(":"))
    broker.moment = broker.moment.replace(hour=hour, minute=minute)
    return broker.move(price, minutes=0)


def test_an_intraday_grid_keeps_its_exits_alone_and_then_leaves(grid: Grid, broker: Broker) -> None:
    """At 15:00 the buy orders go, what was bought is still offered; at 15:10 the rest is sold."""
    bot = grid()
    bot.setup_grid()
    step(bot, at(broker, "14:59", 97.9))
    assert (bot.current_position, len(broker.placed("BUY")), covered(broker)) == (20, 1, 20)
    step(bot, at(broker, "15:00", 98.0))
    assert (broker.placed("BUY"), covered(broker)) == ([], 20)
    sent = len(broker.orders)
    step(bot, at(broker, "15:05", 100.0))
    assert len(broker.orders) == sent  # a sale is not answered by an order to buy any more
    assert (bot.current_position, broker.placed("BUY"), covered(broker)) == (10, [], 10)
    step(bot, at(broker, "15:10", 99.1))
    step(bot, at(broker, "15:11", 99.1))
    assert (bot.current_position, broker.positions) == (0, {"MIS": 0})
    assert [order for order in broker.orders.values() if order["order_status"] == "open"] == []
    step(bot, broker.next_day(99.0))
    assert [price for _, price in broker.placed("BUY")] == [98.0, 97.0, 96.05]


def test_an_intraday_grid_sells_nothing_that_the_broker_has_closed(
    grid: Grid, broker: Broker
) -> None:
    bot = grid()
    bot.setup_grid()
    step(bot, at(broker, "14:59", 98.9))
    assert bot.current_position == 10
    broker.positions["MIS"] = 0
    step(bot, at(broker, "15:10", 98.9))
    assert (bot.current_position, broker.placed("SELL", "complete")) == (0, [])


def test_an_intraday_grid_that_goes_short_keeps_nothing_after_its_last_entry(
    grid: Grid, broker: Broker
) -> None:
    bot = grid(initial_position_strategy="place_all", order_amount=1100)
    bot.setup_grid()
    step(bot, at(broker, "14:59", 101.2))
    assert bot.current_position < 0
    step(bot, at(broker, "15:00", 101.2))
    assert (broker.placed("BUY"), broker.placed("SELL")) == ([], [])
    step(bot, at(broker, "15:10", 101.2))
    step(bot, at(broker, "15:11", 101.2))
    assert (bot.current_position, broker.positions) == (0, {"MIS": 0})


def test_an_intraday_grid_is_not_laid_anew_after_its_last_entry(grid: Grid, broker: Broker) -> None:
    """Neither for a breakout nor by a bot that was started late."""
    bot = grid()
    at(broker, "15:01", 100.0)
    assert not bot.setup_grid()
    step(bot, 100.0)
    assert broker.orders == {}
    other = grid(last_entry="15:05")
    other.setup_grid()
    step(other, at(broker, "15:06", 120.0))
    assert (other.grid_resets, broker.placed("BUY")) == (0, [])


def test_a_grid_of_delivery_knows_no_end_of_the_day(grid: Grid, broker: Broker) -> None:
    bot = grid(product="CNC")
    bot.setup_grid()
    for clock in ("14:59", "15:00", "15:10", "15:29"):
        step(bot, at(broker, clock, 97.9))
    assert (bot.current_position, len(broker.placed("BUY")), covered(broker)) == (20, 1, 20)


def test_the_times_of_an_intraday_grid_can_be_set(grid: Grid, broker: Broker) -> None:
    bot = grid(last_entry="14:00", square_off="14:30")
    bot.setup_grid()
    step(bot, at(broker, "14:00", 98.9))
    assert (bot.current_position, broker.placed("BUY")) == (10, [])
    step(bot, at(broker, "14:30", 98.9))
    step(bot, at(broker, "14:31", 98.9))
    assert bot.current_position == 0
    assert bot.get_trading_data_for_export()["configuration"]["square_off"] == "14:30"
