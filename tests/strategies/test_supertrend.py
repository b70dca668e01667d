"""The Supertrend bot runs by its own rules, on its own indicator computed bar by bar."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tapeback.indicators.bot_supertrend import BotSupertrend
from tapeback.market.candles import Candles
from tapeback.strategies.loader import BotFile
from tapeback.strategies.registry import resolve
from tapeback.strategies.supertrend import SupertrendStrategyAdapter, with_direction
from tests.conftest import REPO
from tests.strategies.running import candles_of, made_up, play, write_bot

BOT_FILE = BotFile(REPO / "strats" / "supertrend_trading_bot.py", "SupertrendTradingBot")
PARAMS = {
    "atr_period": 10,
    "atr_multiplier": 2.0,
    "take_profit_pct": 1.5,
    "stop_loss_pct": 1.0,
    "max_order_amount": 50_000.0,
}


@pytest.fixture(scope="module")
def reliance(shared_data: Path) -> Candles:
    """RELIANCE in 15-minute bars."""
    (file,) = sorted((shared_data / "market").glob("RELIANCE_15m*.csv"))
    from tapeback.data.files import read_candles

    return read_candles(file, symbol="RELIANCE", exchange="NSE", timeframe="15m")


def waves(bars: int) -> Candles:
    """Synthetic bars of several weeks."""
    candles = made_up("INFY", "NSE", "15m", date(2024, 1, 1), date(2024, 6, 30))
    return candles[:bars]


class Watching(SupertrendStrategyAdapter):
    """Keeps what the bot was told at each bar."""

    def __init__(self, bot_class: Any, strategy_name: str | None = None) -> None:
        super().__init__(bot_class, strategy_name)
        self.told: list[str | None] = []
        self.bands: list[tuple[float, float]] = []

    def see(self, candle: Any) -> None:
        super().see(candle)
        self.told.append(self.bot.current_direction())
        self.bands.append((self._trend.final_upper, self._trend.final_lower))


def own_calculation(candles: Candles, params: dict[str, Any]) -> tuple[Any, pd.DataFrame]:
    """What the bot was told bar by bar, and its own calculation over all bars."""
    adapter = Watching(BOT_FILE)
    frames: list[pd.DataFrame] = []

    def calculate(strategy: Any) -> None:
        frames.append(strategy.bot.calculate_supertrend(candles.to_pandas()))

    play(adapter, candles, params, inside=calculate)
    return adapter, frames[0]


def check_equal(candles: Candles, params: dict[str, Any]) -> None:
    adapter, frame = own_calculation(candles, params)
    assert adapter.told == frame["supertrend_direction"].tolist()
    assert {"up", "down"} == set(adapter.told)
    upper, lower = np.array(adapter.bands).T
    np.testing.assert_allclose(upper, frame["final_upper"], rtol=1e-12)
    np.testing.assert_allclose(lower, frame["final_lower"], rtol=1e-12)


def test_defect_36_direction_and_bands_are_the_bots_own_over_real_bars(reliance: Candles) -> None:
    check_equal(reliance[:4000], PARAMS)


@pytest.mark.parametrize(("period", "multiplier"), [(1, 0.5), (7, 1.0), (14, 3.0)])
def test_defect_36_and_over_made_up_bars(period: int, multiplier: float) -> None:
    check_equal(waves(1500), {**PARAMS, "atr_period": period, "atr_multiplier": multiplier})


def test_defect_36_a_direction_never_depends_on_later_bars(reliance: Candles) -> None:
    adapter, _ = own_calculation(reliance[:600], PARAMS)
    for bars in (1, 2, 57, 311):
        shorter, frame = own_calculation(reliance[:bars], PARAMS)
        assert shorter.told == adapter.told[:bars] == frame["supertrend_direction"].tolist()


def test_the_bot_enters_on_the_trend_and_leaves_by_its_own_rules() -> None:
    up = [100.0 + i for i in range(30)]
    # 130 is 5 % above no entry here: the trend's end takes the bot out.
    closes = [100.0] * 12 + up + [129.0 - 3 * i for i in range(12)]
    played = play(
        resolve(str(BOT_FILE)),
        candles_of(closes, timeframe="1d", reach=0.2),
        {**PARAMS, "take_profit_pct": 0.0, "stop_loss_pct": 0.0, "product": "CNC"},
    )
    assert [(o.action, o.status) for o in played.orders] == [
        ("BUY", "complete"),
        ("SELL", "complete"),
    ]
    assert played.state["supertrend_direction"] == "down"
    assert played.state["bot_performance"]["position"] == 0


def test_defect_47_one_entry_a_trend_and_every_fill_recognised() -> None:
    """Those by which the broker squares off at 15:20 are seen as well, but are no trades of the
    bot's, which would leave later here."""
    late = {"last_entry": "15:29", "square_off": "15:29"}
    played = play(resolve("supertrend", root=REPO), waves(2000), {**PARAMS, **late})
    filled = [order for order in played.orders if order.filled_quantity]
    assert len(filled) > 20
    assert [order.action for order in filled[:-1:2]] == ["BUY"] * (len(filled) // 2)
    summary = played.state["bot_performance"]
    held = sum(o.filled_quantity * (1 if o.action == "BUY" else -1) for o in filled)
    assert summary["position"] == held
    own = [order for order in filled if order.strategy != "AUTO_SQUARE_OFF"]
    assert summary["num_trades"] == len(own) < len(filled)
    noted = [fill["quantity"] for fill in played.bot.filled_orders if fill.get("estimated")]
    assert noted == [order.quantity for order in filled if order not in own]


def test_the_same_run_twice_is_the_same() -> None:
    entry = resolve("supertrend", root=REPO)
    first, second = (play(entry, waves(800), PARAMS) for _ in range(2))
    assert first.orders == second.orders
    assert first.state == second.state


def test_defect_36_orders_are_those_of_the_bot_computing_its_own_trend() -> None:
    """The adapter against the plain adapter feeding the bot its frame, bar by bar."""
    from tapeback.strategies.hooks import StrategyHooks, chain_hooks
    from tapeback.strategies.universal import UniversalStrategyAdapter

    def feed(bot: Any, candle: Any) -> None:
        bot.ohlc_data = slow.get_historical_data()

    slow = UniversalStrategyAdapter(
        BOT_FILE, "supertrend", pre_bar_hook=chain_hooks(feed, StrategyHooks.calculate_supertrend)
    )
    candles = waves(400)
    orders = play(slow, candles, PARAMS).orders
    assert len(orders) > 4
    assert play(resolve("supertrend", root=REPO), candles, PARAMS).orders == orders


# Bots of other kinds ----------------------------------------------------------------------------

OWN_BOT = """
    import numpy as np

    class TrendBot:
        def __init__(self, symbol, atr_period=3, atr_multiplier=1.0):
            self.symbol = symbol
            self.atr_period = atr_period
            self.atr_multiplier = atr_multiplier
            self.ohlc_data = None
            self.seen = []

        def calculate_supertrend(self, df):
            before = df["close"].shift()
            df["tr"] = np.maximum(df["high"], before.fillna(df["high"])) - np.minimum(
                df["low"], before.fillna(df["low"])
            )
            atr = df["tr"].ewm(alpha=1 / self.atr_period, adjust=False).mean()
            {middle}
            upper = (middle_high + self.atr_multiplier * atr).tolist()
            lower = (middle_low - self.atr_multiplier * atr).tolist()
            close = df["close"].tolist()
            direction = ["down"] * len(df)
            for i in range(1, len(df)):
                if not (upper[i] < upper[i - 1] or close[i - 1] > upper[i - 1]):
                    upper[i] = upper[i - 1]
                if not (lower[i] > lower[i - 1] or close[i - 1] < lower[i - 1]):
                    lower[i] = lower[i - 1]
                if close[i] > upper[i - 1]:
                    direction[i] = "up"
                elif close[i] < lower[i - 1]:
                    direction[i] = "down"
                else:
                    direction[i] = direction[i - 1]
            df["supertrend_direction"] = direction
            return df

        def run_backtest(self, current_price):
            frame = self.ohlc_data
            assert frame["close"].iloc[-1] == current_price
            self.seen.append((len(frame), frame["supertrend_direction"].iloc[-1]))
"""
THE_BOTS_RULE = "middle_high, middle_low = df['high'], df['low']"
ANOTHER_RULE = "middle_high = middle_low = (df['high'] + df['low']) / 2"


@pytest.mark.parametrize(
    ("rule", "warned"), [(THE_BOTS_RULE, False), (ANOTHER_RULE, True)], ids=["known", "own"]
)
def test_a_bot_that_reads_its_frame_gets_its_own_calculation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, rule: str, warned: bool
) -> None:
    file = write_bot(tmp_path / "strats", OWN_BOT.replace("{middle}", rule))
    candles = waves(300)
    frames: list[pd.DataFrame] = []

    def calculate(strategy: Any) -> None:
        frames.append(strategy.bot.calculate_supertrend(candles.to_pandas()))

    played = play(resolve(str(file)), candles, {"buffer_enabled": True, "buffer_bars": 20},
                  inside=calculate)  # fmt: skip
    assert played.record.status == "completed"
    directions = frames[0]["supertrend_direction"].tolist()
    assert played.bot.seen == list(enumerate(directions, start=1))[20:]
    assert ("rule of its own" in caplog.text) is warned


def test_a_change_of_the_bots_rule_is_followed(tmp_path: Path) -> None:
    """A user who edits his bot's indicator gets what he wrote."""
    for name in ("trading_bot.py", "openalgo_bot.py", "supertrend_trading_bot.py"):
        source = (REPO / "strats" / name).read_text(encoding="utf-8")
        changed = source.replace("high + self.atr_multiplier", "close + self.atr_multiplier")
        write_bot(tmp_path / "strats", changed, name)
    assert "close + self" in changed
    candles = waves(300)
    adapter = Watching(BotFile(tmp_path / "strats" / name, "SupertrendTradingBot"))
    frames: list[pd.DataFrame] = []

    def calculate(strategy: Any) -> None:
        frames.append(strategy.bot.calculate_supertrend(candles.to_pandas()))

    play(adapter, candles, PARAMS, inside=calculate)
    told = adapter.bot.ohlc_data["supertrend_direction"].tolist()
    assert told == frames[0]["supertrend_direction"].tolist()
    assert told != with_direction(candles, BotSupertrend(10, 2.0))["supertrend_direction"].tolist()
    assert adapter.bot.supertrend_direction is None


@pytest.mark.parametrize("timeframe", ["1m", "5m", "15m", "1h"])
def test_the_bot_leaves_before_its_broker_does(timeframe: str) -> None:
    candles = made_up("INFY", "NSE", timeframe, date(2024, 1, 1), date(2024, 1, 31))
    played = play(resolve("supertrend", root=REPO), candles, PARAMS)
    assert [order.rejection_reason for order in played.orders if order.rejection_reason] == []
    assert played.record.simulator.squared_off == 0
    assert sum(order.action == "SELL" for order in played.orders) > 1
    assert played.bot.current_position == 0
