"""The live SupertrendTradingBot's own indicator, one bar at a time."""

from __future__ import annotations

from math import isnan

from tapeback.indicators.columns import NAN, check_multiplier, check_period


class BotSupertrend:
    """The incremental twin of the bot's `calculate_supertrend`.

    It differs from `Supertrend` on purpose: the bands lie around high and low instead of the
    bar's middle, the ATR starts with the first bar's high - low, and the trend turns where the
    close passes the previous bar's final band. `direction` is `up` or `down` (`down` at first);
    `value` is the lower band in an uptrend, the upper one in a downtrend, NaN at the first bar.
    """

    __slots__ = (
        "_close",
        "_keep",
        "_sum",
        "_take",
        "atr",
        "direction",
        "final_lower",
        "final_upper",
        "multiplier",
        "period",
        "value",
    )

    def __init__(self, period: int = 10, multiplier: float = 3.0) -> None:
        self.period = check_period("BotSupertrend", "period", period)
        self.multiplier = check_multiplier("BotSupertrend", multiplier)
        # The weights as pandas derives them from ewm(alpha=1/period, adjust=False), rounding
        # included, so that the average is the bot's own to the last bit.
        alpha = 1.0 / self.period
        self._take = 1.0 / (1.0 + (1.0 - alpha) / alpha)
        self._keep = 1.0 - self._take
        self._sum = self._keep + self._take
        self._close = NAN
        self.atr = self.value = self.final_upper = self.final_lower = NAN
        self.direction = "down"

    def update(self, high: float, low: float, close: float) -> str:
        """The direction with this bar as the newest."""
        before = self._close
        self._close = close
        if isnan(before):
            self.atr = high - low
            self.final_upper = high + self.multiplier * self.atr
            self.final_lower = low - self.multiplier * self.atr
            return self.direction
        reach = (high if high > before else before) - (low if low < before else before)
        if reach != self.atr:
            self.atr = (self._keep * self.atr + self._take * reach) / self._sum
        width = self.multiplier * self.atr
        last_upper = self.final_upper
        last_lower = self.final_lower
        if high + width < last_upper or before > last_upper:
            self.final_upper = high + width
        if low - width > last_lower or before < last_lower:
            self.final_lower = low - width
        if close > last_upper:
            self.direction = "up"
        elif close < last_lower:
            self.direction = "down"
        self.value = self.final_lower if self.direction == "up" else self.final_upper
        return self.direction
