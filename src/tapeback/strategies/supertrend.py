"""The Supertrend bot's adapter: the bot's own rules, its indicator kept up bar by bar."""

from __future__ import annotations

import inspect
import logging
import math
from typing import TYPE_CHECKING, Any

from tapeback.errors import StrategyLoadError
from tapeback.indicators.bot_supertrend import BotSupertrend
from tapeback.market.candles import Candles
from tapeback.models.candle import Candle
from tapeback.strategies.universal import UniversalStrategyAdapter
from tapeback.utils.clock import MINUTE_NS

if TYPE_CHECKING:
    import pandas as pd

_DIRECTION = "supertrend_direction"
_BANDS = ("final_upper", "final_lower")
_PROBE_BARS = 240
_logger = logging.getLogger(__name__)


class SupertrendStrategyAdapter(UniversalStrategyAdapter):
    """Runs a bot that reads its trend from `calculate_supertrend` over its candles.

    Before the run the bot's calculation is compared with `BotSupertrend` on bars made for that.
    Where they agree, the bot gets each bar's direction as `supertrend_direction` for its
    `current_direction()`, or as that column of `ohlc_data` when it has no such method. Where they
    differ, the bot's own calculation runs over all closed bars at each bar, in a time that grows
    with their square.
    """

    @staticmethod
    def serves(bot_class: type[Any]) -> bool:
        """Whether a bot is of this kind: it calculates a Supertrend of a period and a multiplier
        that its constructor takes."""
        if not callable(getattr(bot_class, "calculate_supertrend", None)):
            return False
        return {"atr_period", "atr_multiplier"} <= inspect.signature(bot_class).parameters.keys()

    def initialize(self, **params: Any) -> None:
        super().initialize(**params)
        bot = self.bot
        try:
            self._trend = BotSupertrend(bot.atr_period, bot.atr_multiplier)
        except AttributeError as error:
            raise StrategyLoadError(
                f"{type(bot).__name__} calculates a Supertrend but has no {error.name}."
            ) from error
        self._takes_direction = hasattr(bot, _DIRECTION) and hasattr(bot, "current_direction")
        self._own_rule = not _agrees(bot, BotSupertrend(bot.atr_period, bot.atr_multiplier))
        self._frame: pd.DataFrame | None = None
        if self._own_rule:
            _logger.warning(
                "%s calculates its Supertrend by a rule of its own: it is calculated anew over "
                "all bars at each bar.",
                type(bot).__name__,
            )

    def see(self, candle: Candle) -> None:
        direction = self._trend.update(candle.high, candle.low, candle.close)
        if self._takes_direction and not self._own_rule:
            self.bot.supertrend_direction = direction

    def _call(self, bot: Any, candle: Candle) -> None:
        if self._own_rule:
            bot.ohlc_data = _calculated(bot, self.get_historical_data())
        elif not self._takes_direction:
            bot.ohlc_data = self._closed_rows(candle.ts)
        super()._call(bot, candle)

    def _closed_rows(self, label: int) -> pd.DataFrame:
        """The bars up to the one with this label, each with the direction at its close."""
        candles = next(c for c in self.context.engine.series if c.series is self._series)
        if self._frame is None:
            self._frame = with_direction(
                candles, BotSupertrend(self._trend.period, self._trend.multiplier)
            )
        return self._frame.iloc[: int(candles.ts.searchsorted(label, side="right"))]


def with_direction(candles: Candles, trend: BotSupertrend) -> pd.DataFrame:
    """The candles as a frame with `supertrend` and `supertrend_direction` at each bar's close."""
    frame = candles.to_pandas()
    rows = [
        (trend.update(candle.high, candle.low, candle.close), trend.value) for candle in candles
    ]
    frame[_DIRECTION] = [direction for direction, _ in rows]
    frame["supertrend"] = [value for _, value in rows]
    return frame


def _calculated(bot: Any, frame: pd.DataFrame) -> pd.DataFrame:
    result = bot.calculate_supertrend(frame)
    return frame if result is None else result


def _agrees(bot: Any, trend: BotSupertrend) -> bool:
    """Whether the bot's calculation gives the same directions, and bands where it shows them."""
    candles = _probe()
    frame = _calculated(bot, candles.to_pandas())
    if _DIRECTION not in frame:
        return False
    bands: dict[str, list[float]] = {name: [] for name in _BANDS}
    directions = []
    for candle in candles:
        directions.append(trend.update(candle.high, candle.low, candle.close))
        for name in _BANDS:
            bands[name].append(getattr(trend, name))
    return frame[_DIRECTION].tolist() == directions and all(
        math.isclose(mine, own, rel_tol=1e-9)
        for name in _BANDS
        if name in frame
        for mine, own in zip(bands[name], frame[name].tolist(), strict=True)
    )


def _probe() -> Candles:
    """Bars that turn up and down at several speeds, with gaps between them."""
    closes = [
        100 + 12 * math.sin(i / 19) + 5 * math.sin(i / 3.7) + 2 * math.sin(i * 2.3)
        for i in range(_PROBE_BARS)
    ]
    opens = [close + math.sin(i * 5.1) for i, close in enumerate(closes)]
    reach = [0.3 + abs(math.sin(i * 0.9)) for i in range(_PROBE_BARS)]
    return Candles.from_arrays(
        symbol="PROBE",
        exchange="NSE",
        timeframe="1m",
        ts=[i * MINUTE_NS for i in range(_PROBE_BARS)],
        open=opens,
        high=[max(o, c) + r for o, c, r in zip(opens, closes, reach, strict=True)],
        low=[min(o, c) - r for o, c, r in zip(opens, closes, reach, strict=True)],
        close=closes,
        volume=[1000] * _PROBE_BARS,
    )
