"""`lots: scale` and master contracts that count lots: the bot reads and writes its own quantities.

NIFTY28MAR24FUT has a lot of 50; the bot carries the latest one, 65. So n × 65 of the bot are
n × 50 of the contract, whose money and prices stay what they are.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback import BaseStrategy, Candle, Candles, Order, backtest
from tapeback.broker.client import MockOpenAlgoClient
from tests.broker.conftest import Played, bars, run_script

Play = Callable[..., Played]
FUTURE = {"symbol": "NIFTY28MAR24FUT", "exchange": "NFO"}
BUY = {**FUTURE, "action": "BUY", "product": "NRML"}
SELL = {**BUY, "action": "SELL"}
CLOSES = [100.0, 101.0, 102.0, 103.0, 104.0, 105.0]
SCALE: dict[str, Any] = {"lots": "scale"}
MASTER = """\
symbol,brsymbol,name,exchange,brexchange,token,expiry,strike,lotsize,instrumenttype,tick_size
CRUDEOIL19MAR24FUT,CRUDEOIL24MARFUT,CRUDEOIL,MCX,MCX,428812,19-MAR-24,0,1,FUTCOM,1
"""


def futures(closes: list[float] | None = None, **shape: Any) -> Candles:
    return bars(closes or CLOSES, **FUTURE, **shape)


def at_bars(**calls: Callable[[MockOpenAlgoClient], Any]) -> Callable[..., None]:
    """A script that calls `bar0`, `bar1` … at the close of those bars."""

    def script(client: MockOpenAlgoClient, bar: int, _: Candle) -> None:
        if f"bar{bar}" in calls:
            calls[f"bar{bar}"](client)

    return script


@pytest.mark.parametrize("fidelity", ["live", "sandbox"])
def test_every_book_counts_as_the_bot_does(play: Play, fidelity: str) -> None:
    """Two lots at 100, worth 10,000 rupees; at 105 they have gained 500."""
    script = at_bars(bar0=lambda client: client.placeorder(**BUY, quantity=130))
    run = play(script, futures(), fidelity=fidelity, **SCALE)
    client = run.client
    assert [(order.quantity, order.filled_quantity) for order in run.orders] == [(100, 100)]
    assert [fill.quantity for fill in run.fills] == [100]

    (order,) = client.orderbook()["data"]["orders"]
    assert (order["quantity"], order["filled_quantity"], order["pending_quantity"]) == (130, 130, 0)
    status = client.orderstatus(order_id=order["orderid"])["data"]
    assert (status["quantity"], status["filled_quantity"]) == (130, 130)
    plain = client.get_order_status(order["orderid"])
    assert (plain["quantity"], plain["filled_quantity"], plain["price"]) == (130, 130, 100.0)
    (trade,) = client.tradebook()["data"]
    assert (trade["quantity"], trade["average_price"], trade["trade_value"]) == (130, 100.0, 10_000)
    (position,) = client.positionbook()["data"]
    assert (position["quantity"], float(position["average_price"])) == (130, 100.0)
    assert position["pnl"] == 500.0
    held = client.openposition(**FUTURE, product="NRML")["quantity"]
    assert held == (130 if fidelity == "sandbox" else "130")
    assert client.symbol(**FUTURE)["data"]["lotsize"] == 65


def test_an_order_that_rests_is_pending_in_the_bots_units(play: Play) -> None:
    script = at_bars(
        bar0=lambda client: client.placeorder(**BUY, quantity=195, price_type="LIMIT", price=95)
    )
    run = play(script, futures(), **SCALE)
    (order,) = run.client.orderbook()["data"]["orders"]
    assert (order["quantity"], order["pending_quantity"]) == (195, 195)
    assert run.orders[0].quantity == 150


def test_an_order_that_is_no_multiple_of_the_bots_lot_is_shown_as_it_was_asked(play: Play) -> None:
    """100 would be two lots of the contract; the bot counts in 65, and sees what it sent."""
    script = at_bars(bar0=lambda client: client.placeorder(**BUY, quantity=100))
    (order,) = play(script, futures(), **SCALE).client.orderbook()["data"]["orders"]
    assert (order["order_status"], order["quantity"]) == ("rejected", 100)
    assert order["rejection_reason"] == "Quantity must be in multiples of lot size 65"


def test_an_order_with_a_wrong_word_is_shown_as_it_was_asked(play: Play) -> None:
    """The product is refused by OpenAlgo: the run's record has the bot's quantity, not a lot's."""
    order = {**BUY, "product": "CNC", "quantity": 65}
    script = at_bars(bar0=lambda client: client.placeorder(**order))
    (order,) = play(script, futures(), **SCALE).orders
    assert (order.status, order.quantity) == ("rejected", 65)


def test_smart_orders_compare_in_the_bots_units(play: Play) -> None:
    """From flat to +65, to -65, to flat: the contract trades 50, 100 and 50."""

    def to(size: int) -> Callable[[MockOpenAlgoClient], Any]:
        return lambda client: client.placesmartorder(**BUY, quantity=65, position_size=size)

    run = play(at_bars(bar0=to(65), bar1=to(65), bar2=to(-65), bar4=to(0)), futures(), **SCALE)
    assert [(fill.side, fill.quantity) for fill in run.fills] == [
        ("BUY", 50), ("SELL", 100), ("BUY", 50),
    ]  # fmt: skip
    assert run.client.openposition(**FUTURE, product="NRML")["quantity"] == "0"


def test_closing_everything_scales_once(play: Play) -> None:
    script = at_bars(
        bar0=lambda client: client.placeorder(**SELL, quantity=130),
        bar2=lambda client: client.closeposition(),
    )
    run = play(script, futures(), **SCALE)
    assert [(fill.side, fill.quantity) for fill in run.fills] == [("SELL", 100), ("BUY", 100)]


def test_baskets_and_splits_are_counted_by_the_bot(play: Play) -> None:
    replies: list[Any] = []
    row = {**FUTURE, "action": "BUY", "product": "NRML", "pricetype": "MARKET", "quantity": 65}
    script = at_bars(
        bar0=lambda client: replies.append(client.basketorder(orders=[row])),
        bar1=lambda client: replies.append(client.splitorder(**BUY, quantity=195, splitsize=130)),
    )
    run = play(script, futures(), **SCALE)
    assert [fill.quantity for fill in run.fills] == [50, 100, 50]
    assert [part["quantity"] for part in replies[1]["results"]] == [130, 65]
    assert replies[1]["total_quantity"] == 195


def test_a_modification_is_counted_by_the_bot(play: Play) -> None:
    said: list[Any] = []

    def modify(quantity: int) -> Callable[[MockOpenAlgoClient], Any]:
        order = {**BUY, "order_id": "24010100000001", "price_type": "LIMIT", "price": 95}
        return lambda client: said.append(client.modifyorder(**order, quantity=quantity))

    script = at_bars(
        bar0=lambda client: client.placeorder(**BUY, quantity=65, price_type="LIMIT", price=95),
        bar1=modify(130),
        bar2=modify(70),
    )
    run = play(script, futures(), **SCALE)
    assert said[0]["status"] == "success"
    assert "multiples of lot size 65" in said[1]["message"]
    assert run.client.orderbook()["data"]["orders"][0]["quantity"] == 130
    assert run.orders[0].quantity == 100


def test_the_freeze_quantity_is_told_in_the_bots_units(play: Play) -> None:
    """1,800 units freeze, 36 lots of 50: the bot may send 36 × 65 = 2,340 and is told so."""
    script = at_bars(bar0=lambda client: client.placeorder(**BUY, quantity=37 * 65))
    run = play(script, futures(), initial_cash=10_000_000, **SCALE)
    (order,) = run.client.orderbook()["data"]["orders"]
    assert order["rejection_reason"] == "Order quantity 2405 exceeds the freeze quantity 2340"
    assert run.client.symbol(**FUTURE)["data"]["freeze_qty"] == 2_340


def test_what_the_broker_closes_is_shown_in_the_bots_units(play: Play) -> None:
    """MIS is squared off at 15:25."""
    order = {**BUY, "product": "MIS", "quantity": 65}
    script = at_bars(bar0=lambda client: client.placeorder(**order))
    run = play(script, futures([100.0] * 375), **SCALE)
    rows = run.client.orderbook()["data"]["orders"]
    assert [(row["strategy"], row["action"], row["quantity"]) for row in rows] == [
        ("AUTO_SQUARE_OFF", "SELL", 65), ("Python", "BUY", 65),
    ]  # fmt: skip


class Native(BaseStrategy):
    """Buys two lots, and sells in its updates what it is told that it bought."""

    def on_start(self) -> None:
        self.seen: list[tuple[str, int, int]] = []
        self.held: list[int] = []

    def on_bar(self, candle: Candle) -> None:
        if not self.held:
            self.buy(130.0)
            self.seen += [("sent", order.quantity, 0) for order in self.get_orders()]
        self.held.append(self.position())

    def on_order_update(self, order: Order) -> None:
        self.seen.append((order.action, order.quantity, order.filled_quantity))
        if order.action == "BUY" and order.status == "complete":
            self.sell(order.filled_quantity - 65)


def test_a_native_strategy_is_told_its_own_quantities() -> None:
    strategy = Native()
    result = backtest(strategy, futures(), lots="scale", costs="none", slippage="none")
    assert strategy.seen == [("sent", 130, 0), ("BUY", 130, 130), ("SELL", 65, 65)]
    assert strategy.held[-1] == 65
    assert [fill.quantity for fill in result.fills] == [100, 50]


def test_a_master_contract_that_counts_lots_is_what_the_bot_counts_in(
    play: Play, tmp_path: Path
) -> None:
    """Two lots of crude oil at 6,000 are 200 barrels: ten rupees up are 2,000 rupees."""
    (tmp_path / "master.csv").write_text(MASTER)
    crude = {"symbol": "CRUDEOIL19MAR24FUT", "exchange": "MCX"}
    script = at_bars(
        bar0=lambda client: client.placeorder(**crude, action="BUY", product="NRML", quantity=2)
    )
    run = play(
        script,
        bars([6000.0, 6000.0, 6010.0], **crude, volume=1_000_000),
        master_contract=str(tmp_path / "master.csv"),
        initial_cash=10_000_000,
    )
    assert [fill.quantity for fill in run.fills] == [200]
    (position,) = run.client.positionbook()["data"]
    assert (position["quantity"], position["pnl"]) == (2, 2_000.0)
    data = run.client.symbol(**crude)["data"]
    assert (data["lotsize"], data["tick_size"]) == (1, 1.0)
    assert (data["token"], data["brsymbol"], data["name"], data["expiry"]) == (
        "428812", "CRUDEOIL24MARFUT", "CRUDEOIL", "19-MAR-24",
    )  # fmt: skip


def test_the_freeze_quantity_of_a_contract_that_is_listed_in_lots(
    play: Play, tmp_path: Path
) -> None:
    """10,000 lots of USDINR freeze, whether its broker lists a lot as 1 or as 1,000 dollars."""
    (tmp_path / "master.csv").write_text(
        MASTER.splitlines()[0]
        + "\nUSDINR26MAR24FUT,USDINR24MARFUT,USDINR,CDS,CDS,1,26-MAR-24,0,1,FUTCUR,0.0025\n"
    )
    dollars = {"symbol": "USDINR26MAR24FUT", "exchange": "CDS"}
    order = {**dollars, "action": "BUY", "product": "NRML"}
    script = at_bars(
        bar0=lambda client: client.placeorder(**order, quantity=10_001),
        bar1=lambda client: client.placeorder(**order, quantity=200),
    )
    run = play(
        script,
        bars([83.0, 83.0, 83.0], **dollars, width=0.0025, volume=100_000_000),
        master_contract=str(tmp_path / "master.csv"),
        initial_cash=10_000_000_000,
    )
    refused, filled = run.orders
    assert refused.rejection_reason == "Order quantity 10001 exceeds the freeze quantity 10000"
    assert filled.filled_quantity == 200_000
    assert run.client.symbol(**dollars)["data"]["freeze_qty"] == 10_000


@settings(max_examples=40, deadline=None)
@given(lots=st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=5))
def test_the_books_say_n_lots_whatever_was_traded(lots: list[int]) -> None:
    """What the bot sees of orders, trades and its position is 65 × its lots."""

    def script(client: MockOpenAlgoClient, bar: int, _: Candle) -> None:
        if bar < len(lots):
            side = BUY if lots[bar] > 0 else SELL
            client.placeorder(**side, quantity=abs(lots[bar]) * 65)

    run = run_script(script, futures([*CLOSES, 106.0]), lots="scale")
    asked = [abs(n) * 65 for n in lots]
    rows = run.client.orderbook()["data"]["orders"]
    assert [row["quantity"] for row in reversed(rows)] == asked
    assert [row["quantity"] for row in reversed(run.client.tradebook()["data"])] == asked
    assert run.client.openposition(**FUTURE, product="NRML")["quantity"] == str(sum(lots) * 65)
    assert sum(f.quantity * (1 if f.side == "BUY" else -1) for f in run.fills) == sum(lots) * 50
