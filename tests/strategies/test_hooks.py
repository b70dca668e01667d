"""The ready-made hooks do what their names say, and defect 45 stays away."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from tapeback.models.order import Order
from tapeback.strategies.grid import GridStrategyAdapter
from tapeback.strategies.hooks import BufferHooks, OrderHooks, StrategyHooks, chain_hooks
from tapeback.strategies.universal import UniversalStrategyAdapter
from tests.strategies.running import candles_of, play

CANDLES = candles_of([100.0 + i for i in range(14)])


class Bot:
    def __init__(self, api_key: str = "", size: int = 0) -> None:
        self.size = size
        self.client: Any = None
        self.steps = 0
        self.saved: list[int] = []
        self.pending_orders: dict[str, Any] = {}

    def run_backtest(self, current_price: float) -> None:
        self.steps += 1
        if self.size and self.steps == 1:
            self.client.placeorder(
                symbol="ACME", exchange="NSE", action="BUY", quantity=self.size, product="CNC"
            )

    def save_state(self) -> None:
        self.saved.append(self.steps)

    def get_performance_summary(self) -> dict[str, Any]:
        return {"steps": self.steps}


def run(bot_class: Any = Bot, candles: Any = CANDLES, cash: float = 1e6, **hooks: Any) -> Any:
    params = hooks.pop("params", {})
    return play(UniversalStrategyAdapter(bot_class, **hooks), candles, params, cash=cash)


def test_defect_45_a_drawdown_of_ten_per_cent_of_equity_stops_the_bot() -> None:
    closes = [100.0, 100.0, 120.0, 110.0, 104.0, 90.0, 90.0]
    played = run(
        candles=candles_of(closes),
        cash=100_000.0,
        params={"size": 900},
        pre_bar_hook=StrategyHooks.risk_management_check,
    )
    # 900 shares at 100: equity peaks at 118,000 and is below nine tenths of it at 104.
    assert played.bot.is_active is False
    assert played.bot.steps == 4


def test_defect_45_a_loss_of_less_than_ten_per_cent_of_equity_stops_nothing() -> None:
    # A tenth of the bot's own profit and loss is gone at once; of the account it is nothing.
    closes = [100.0, 100.0, 99.0, 98.0, 97.0]
    played = run(
        candles=candles_of(closes),
        params={"size": 100},
        pre_bar_hook=StrategyHooks.risk_management_check,
    )
    assert played.bot.steps == 5


def test_defect_45_a_grid_has_the_universal_path_and_no_other() -> None:
    own = {name for name in vars(GridStrategyAdapter) if not name.startswith("__")}
    assert own == set()


def test_state_is_saved_every_so_many_bars() -> None:
    assert run(post_bar_hook=StrategyHooks.save_state_periodic(5)).bot.saved == [5, 10]


def test_hooks_in_a_chain_run_in_order_and_raise() -> None:
    calls: list[str] = []

    def note(name: str, bot: Any, candle: Any) -> None:
        calls.append(f"{name} {candle.close:.0f}")

    def broken(bot: Any, candle: Any) -> None:
        raise ValueError("in the chain")

    run(candles=CANDLES[:2], post_bar_hook=chain_hooks(partial(note, "a"), partial(note, "b")))
    assert calls == ["a 100", "b 100", "a 101", "b 101"]
    failed = run(post_bar_hook=chain_hooks(broken, partial(note, "never")))
    assert failed.record.status == "failed"
    assert "ValueError: in the chain" in failed.record.faults[0].error
    assert len(calls) == 4


def test_logging_hooks_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="tapeback.strategies.hooks")
    run(
        candles=CANDLES[:1],
        params={"size": 3},
        setup_hook=StrategyHooks.log_bot_state,
        post_bar_hook=chain_hooks(StrategyHooks.log_performance, OrderHooks.log_orders),
    )
    assert "Bot: {'size': 3}" in caplog.text
    assert "{'steps': 1}" in caplog.text
    assert "0 open orders" in caplog.text


def test_indicators_are_updated_where_the_bot_has_some() -> None:
    class Averaging(Bot):
        seen = 0.0

        def update_indicators(self, candle: Any) -> None:
            self.seen += candle.close

    assert run(pre_bar_hook=StrategyHooks.update_indicators).record.status == "completed"
    played = run(Averaging, pre_bar_hook=StrategyHooks.update_indicators)
    assert played.bot.seen == CANDLES.close.sum()


def test_a_bot_gets_the_closed_bars_as_its_frame() -> None:
    lengths: list[int] = []

    def feed(bot: Any, candle: Any) -> None:
        BufferHooks.update_dataframe_buffer(adapter, bot, candle)
        lengths.append(len(bot.ohlc_data))

    class Doubling(Bot):
        def calculate_supertrend(self, frame: Any) -> Any:
            return frame.assign(twice=2 * frame["close"])

    adapter = UniversalStrategyAdapter(
        Doubling, pre_bar_hook=chain_hooks(feed, StrategyHooks.calculate_supertrend)
    )
    played = play(adapter, CANDLES)
    assert lengths == list(range(1, 15))
    assert played.bot.ohlc_data["twice"].iloc[-1] == 226.0


def test_a_callback_comes_once_after_the_warm_up() -> None:
    ready: list[int] = []
    hook = BufferHooks.create_buffer_ready_callback(lambda bot: ready.append(bot.steps))
    run(params={"buffer_enabled": True, "buffer_bars": 4}, pre_bar_hook=hook)
    assert ready == [0]


def test_orders_are_cancelled_once_they_are_old() -> None:
    class Resting(Bot):
        def run_backtest(self, current_price: float) -> None:
            super().run_backtest(current_price)
            if self.steps == 1:
                reply = self.client.placeorder(
                    symbol="ACME", exchange="NSE", action="BUY", quantity=1, product="CNC",
                    price_type="LIMIT", price=50,
                )  # fmt: skip
                self.pending_orders[reply["orderid"]] = self.steps

        def cancel_order(self, order_id: str) -> None:
            self.client.cancelorder(order_id=order_id)
            del self.pending_orders[order_id]
            self.cancelled_at = self.steps

    played = run(Resting, post_bar_hook=OrderHooks.cancel_stale_orders(max_age_bars=3))
    order: Order = played.orders[0]
    assert order.status == "cancelled"
    assert played.bot.cancelled_at == 4
