"""How long a bot only watches before it trades."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tapeback.errors import StrategyLoadError
from tapeback.models.candle import Candle
from tapeback.utils.clock import day_number, to_ist

MODES = ("skip_initial", "fetch_additional")
PARAMETERS = ("buffer_enabled", "buffer_days", "buffer_bars", "buffer_mode")
_DAYS = 90


class WarmUp:
    """Bars without calls: as many `bars`, or sessions (dates that have bars), of the run's own
    first ones, or everything before the instant `trade_from` (ns UTC)."""

    def __init__(self, *, bars: int = 0, sessions: int = 0, trade_from: int | None = None) -> None:
        self.bars = bars
        self.sessions = sessions
        self.trade_from = trade_from
        self.bars_seen = 0
        self.sessions_seen = 0
        self.over = not (bars or sessions or trade_from is not None)
        self._day = -1

    @classmethod
    def read(cls, params: Mapping[str, Any], trade_from: int | None, first_bar: int) -> WarmUp:
        """The warm-up that a strategy's parameters ask for; `first_bar` is the label of the
        first bar there is.

        Raises StrategyLoadError when bars before the start are wanted and the run has none.
        """
        if not params.get("buffer_enabled", False):
            return cls(trade_from=trade_from)
        mode = params.get("buffer_mode", MODES[0])
        if mode not in MODES:
            raise StrategyLoadError(f"buffer_mode must be one of {', '.join(MODES)}; got {mode!r}.")
        if mode == "fetch_additional":
            if trade_from is None or first_bar >= trade_from:
                raise StrategyLoadError(
                    "buffer_mode fetch_additional warms the bot up on bars before the start, and "
                    "this run has none.",
                    remedy="Let data.start lie after the source's first date, or use skip_initial.",
                )
            return cls(trade_from=trade_from)
        bars = params.get("buffer_bars")
        if bars is not None:
            return cls(bars=int(bars), trade_from=trade_from)
        return cls(sessions=int(params.get("buffer_days", _DAYS)), trade_from=trade_from)

    def lets_trade(self, candle: Candle) -> bool:
        """Whether the bot may be called on this bar; it must be told of each bar until then."""
        if self.trade_from is not None and candle.ts < self.trade_from:
            return False
        day = day_number(candle.ts)
        if day != self._day:
            self._day = day
            self.sessions_seen += 1
        self.bars_seen += 1
        self.over = self.bars_seen > self.bars and self.sessions_seen > self.sessions
        return self.over

    def state(self) -> dict[str, Any]:
        """What was asked for and how far it is, for the result."""
        begins = None if self.trade_from is None else to_ist(self.trade_from).isoformat()
        return {
            "over": self.over,
            "bars": self.bars,
            "bars_seen": self.bars_seen,
            "sessions": self.sessions,
            "sessions_seen": self.sessions_seen,
            "trade_from": begins,
        }

    def __str__(self) -> str:
        if self.bars or self.sessions:
            wanted = f"{self.bars} bars" if self.bars else f"{self.sessions} sessions"
            return f"its warm-up takes {wanted}, and the run has no more than {self._seen()}"
        return f"the run has no bar from {self.state()['trade_from']} on"

    def _seen(self) -> int:
        return self.bars_seen if self.bars else self.sessions_seen
