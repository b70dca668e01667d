"""The grid bot over made-up bars: it trades, looks at no later bar, and every bar costs alike."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

import pytest

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules
from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.errors import StrategyLoadError
from tapeback.market.candles import Candles
from tapeback.strategies.opening import code_of, open_strategy
from tapeback.strategies.registry import resolve
from tests.conftest import REPO
from tests.strategies.running import Played, candles_of, made_up, play, rulebook_with

# Past the broker's square-off of index derivatives at 15:25.
LATE = {"last_entry": "15:29", "square_off": "15:29"}
PARAMS = {"grid_levels": 5, "grid_spacing_pct": 0.2, "order_amount": 50_000.0}


def minutes(bars: int) -> Candles:
    return _month()[:bars]


@cache
def _month() -> Candles:
    return made_up("NIFTY", "NSE_INDEX", "1m", date(2024, 1, 1), date(2024, 1, 31))


def play_grid(candles: Candles, params: dict[str, Any] = PARAMS, **rules: Any) -> Played:
    return play(resolve("grid", root=REPO), candles, params, **rules)


def test_the_live_bot_trades_unchanged() -> None:
    played = play_grid(minutes(3000))
    assert played.record.status == "completed"
    fills = played.record.simulator.fills
    assert len(fills) > 50
    summary = played.state["bot_performance"]
    held = sum(fill.quantity * (1 if fill.side == "BUY" else -1) for fill in fills)
    assert summary["current_position"] == held
    assert summary["symbol"] == "NIFTY"


def test_defect_46_the_bots_profit_is_that_of_its_fills() -> None:
    """Buying at market first, which once broke the bot's summary."""
    params = {**PARAMS, "initial_position_strategy": "buy_at_market"}
    played = play_grid(minutes(1500), params, slippage="none")
    summary = played.state["bot_performance"]
    fills = played.record.simulator.fills
    assert any(order.pricetype == "MARKET" for order in played.orders)
    paid = sum(f.price * f.quantity * (-1 if f.side == "BUY" else 1) for f in fills)
    marked = paid + summary["current_position"] * float(minutes(1500).close[-1])
    assert summary["total_pnl"] == pytest.approx(marked, abs=0.05)


def test_defect_38_a_cancelled_order_is_no_fill() -> None:
    """What the broker squared off was no order of the bot's: it notes the loss of the shares as an
    estimate of its own, with no order id. (The bot leaves later here than its broker.)"""
    played = play_grid(minutes(3000), {**PARAMS, "grid_spacing_pct": 0.05, **LATE})
    counts = Counter(order.status for order in played.orders)
    assert counts["cancelled"] > 10
    assert played.state["bot_performance"]["grid_resets"] > 0
    filled = {order.orderid for order in played.orders if order.filled_quantity}
    noted = played.bot.filled_orders
    assert {fill["order_id"] for fill in noted if not fill.get("estimated")} <= filled
    assert len(noted) >= counts["complete"]
    squared_off = [o.filled_quantity for o in played.orders if o.strategy == "AUTO_SQUARE_OFF"]
    assert len(squared_off) > 3
    assert [fill["quantity"] for fill in noted if fill.get("estimated")] == squared_off


def test_defect_41_without_auto_reset_a_breakout_ends_the_trading() -> None:
    closes = [1000.0] * 5 + [1010.0 + 10 * i for i in range(40)]
    params = {**PARAMS, "auto_reset": False, "order_amount": 5000.0}
    candles = candles_of(closes, timeframe="5m")
    played = play_grid(candles, params, fidelity="none")
    assert played.state["is_active"] is False
    assert played.bot.last_price < closes[-1]
    last = max(order.placed_ts for order in played.orders)
    assert last < int(candles.ends[10])


def test_defect_39_one_run_knows_nothing_of_another() -> None:
    first, second = (play_grid(minutes(1200)) for _ in range(2))
    assert first.orders == second.orders
    assert first.state == second.state
    fills = [list(played.record.simulator.fills) for played in (first, second)]
    assert fills[0] == fills[1]


@pytest.mark.parametrize("intrabar", ["adverse", "nearer"])
def test_defect_42_what_is_done_on_a_prefix_is_the_prefix_of_what_is_done_on_all(
    intrabar: str,
) -> None:
    sent = _requests(play_grid(minutes(1600), intrabar=intrabar))
    for bars in (1, 374, 376, 801):
        prefix = _requests(play_grid(minutes(bars), intrabar=intrabar))
        assert prefix == sent[: len(prefix)]
        later = int(minutes(1600).ends[bars - 1])
        assert all(placed >= later for placed, *_ in sent[len(prefix) :])


def _requests(played: Played) -> list[tuple[Any, ...]]:
    return [
        (o.placed_ts, o.orderid, o.action, o.quantity, o.pricetype, o.price) for o in played.orders
    ]


@pytest.mark.parametrize("name", ["grid", "supertrend"])
def test_defect_72_and_73_the_cost_of_a_bar_does_not_grow_with_the_bars_before(name: str) -> None:
    params = PARAMS if name == "grid" else {"take_profit_pct": 1.0, "stop_loss_pct": 0.5}
    day = [20_000 + 60 * math.sin(i / 11) + 25 * math.sin(i / 2.3) for i in range(375)]
    costs = []
    for days in (2, 6, 24):
        candles = candles_of(
            day * days, symbol="NIFTY", exchange="NSE_INDEX", timeframe="1m", reach=2.0
        )
        costs.append(_calls(name, candles, params) / len(candles))
    # The first run also loads what the others find loaded.
    assert costs[2] == pytest.approx(costs[1], rel=0.02)
    assert costs[2] < 200


def _calls(name: str, candles: Candles, params: dict[str, Any]) -> int:
    """Function calls, of Python and C, while the bars are played."""
    engine = BacktestEngine(
        [candles],
        ExecutionRules(),
        Portfolio(1e6, margined=True),
        rulebook_with(),
    )
    count = 0

    def tally(frame: Any, event: str, argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before: Callable[..., Any] | None = sys.getprofile()
    with open_strategy(resolve(name, root=REPO), BrokerService(engine), params) as strategy:
        sys.setprofile(tally)
        try:
            engine.run(strategy)
        finally:
            sys.setprofile(before)
    return count


def test_the_code_of_a_bot_is_every_file_of_its_folder_that_it_uses() -> None:
    found: list[dict[str, str]] = []
    play(
        resolve("grid", root=REPO),
        minutes(5),
        PARAMS,
        inside=lambda strategy: found.append(code_of(strategy)),
    )
    assert sorted(found[0]) == ["grid_trading_bot.py", "openalgo_bot.py", "trading_bot.py"]
    assert all(len(digest) == 64 for digest in found[0].values())


def test_defect_44_a_wrong_parameter_is_refused_by_name() -> None:
    with pytest.raises(StrategyLoadError, match="did you mean 'grid_levels'"):
        play_grid(minutes(5), {"grid_level": 3})
    with pytest.raises(StrategyLoadError, match=r"grid_type must be one of.*'round'"):
        play_grid(minutes(5), {**PARAMS, "grid_type": "round"})


@pytest.mark.parametrize("mode", ["wait_for_buy", "buy_at_market", "place_all"])
@pytest.mark.parametrize(
    ("exchange", "symbol", "amount"),
    [("NSE", "INFY", 50_000.0), ("MCX", "CRUDEOIL19FEB24FUT", 1_300_000.0)],
)
def test_the_grid_leaves_before_its_broker_does(
    exchange: str, symbol: str, amount: float, mode: str
) -> None:
    """Over six sessions nothing is refused for the hour, nothing squared off by the broker, and
    every night is flat."""
    request = DataRequest(
        symbol=symbol,
        exchange=exchange,
        timeframe="1m",
        start=date(2024, 1, 2),  # of New Year's Day MCX has the morning alone
        end=date(2024, 1, 9),
    )
    candles = SyntheticDataProvider(7, initial_price=6_000.0).fetch(request)
    params = {**PARAMS, "order_amount": amount, "initial_position_strategy": mode}
    played = play_grid(candles, params, cash=50_000_000.0)
    hours = [o.rejection_reason for o in played.orders if "MIS" in o.rejection_reason]
    assert hours == []
    assert played.record.simulator.squared_off == 0
    assert sum(order.filled_quantity > 0 for order in played.orders) > 20
    nights: Counter[str] = Counter()
    for fill in played.record.simulator.fills:
        sign = 1 if fill.side == "BUY" else -1
        nights[f"{fill.time:%d}"] += sign * fill.quantity
    assert set(nights.values()) == {0}
    assert played.bot.current_position == 0
