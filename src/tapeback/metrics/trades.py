"""Statistics of closed trades: one entry matched with one exit, net of charges."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from tapeback.metrics.returns import finite, percent
from tapeback.utils.clock import DAY_NS, IST_OFFSET_NS, SECOND_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tapeback.models.trade import TradeColumns

HOUR_NS = 3600 * SECOND_NS


def win_rate(pnl: NDArray[np.float64]) -> float | None:
    """Share of trades with a profit; those that break even count as trades, not as wins."""
    return float((pnl > 0.0).mean()) if len(pnl) else None


def profit_factor(pnl: NDArray[np.float64]) -> float | None:
    """Sum of the profits over the sum of the losses; None without a loss."""
    lost = -float(pnl[pnl < 0.0].sum())
    return finite(float(pnl[pnl > 0.0].sum()) / lost) if lost else None


def expectancy(pnl: NDArray[np.float64]) -> float | None:
    """Win rate x average win + loss rate x average loss: what one more trade may bring."""
    return _mean(pnl)


def system_quality(pnl: NDArray[np.float64]) -> float | None:
    """Van Tharp's SQN: sqrt(number of trades) x mean / standard deviation (ddof 1)."""
    if len(pnl) < 2:
        return None
    spread = float(pnl.std(ddof=1))
    return finite(sqrt(len(pnl)) * float(pnl.mean()) / spread) if spread else None


def kelly_fraction(pnl: NDArray[np.float64]) -> float | None:
    """Kelly's share of capital: W - (1 - W) / (average win / average loss), W the win rate."""
    won = pnl[pnl > 0.0]
    lost = pnl[pnl < 0.0]
    if not len(won) or not len(lost):
        return None
    share = len(won) / len(pnl)
    return finite(share - (1.0 - share) * float(-lost.mean()) / float(won.mean()))


def longest_run(hits: NDArray[np.bool_]) -> int:
    """The greatest number of consecutive true rows."""
    misses = np.flatnonzero(~hits)
    return int(np.diff(np.concatenate(([-1], misses, [len(hits)]))).max()) - 1


def trade_figures(trades: TradeColumns) -> dict[str, Any]:
    """The trade fields of `PerformanceMetrics`; averages are None where there is no such trade.

    Consecutive wins and losses are counted in the order of the exits.
    """
    order = np.argsort(trades.exit_ts, kind="stable")
    pnl, pnl_pct = trades.pnl[order], trades.pnl_pct[order]
    entered, left = trades.entry_ts[order], trades.exit_ts[order]
    won = pnl > 0.0
    lost = pnl < 0.0
    same_day = (entered + IST_OFFSET_NS) // DAY_NS == (left + IST_OFFSET_NS) // DAY_NS
    return {
        "total_trades": len(pnl),
        "winning_trades": int(won.sum()),
        "losing_trades": int(lost.sum()),
        "win_rate": percent(win_rate(pnl)),
        "profit_factor": profit_factor(pnl),
        "avg_trade_pnl": _mean(pnl),
        "avg_win_pnl": _mean(pnl[won]),
        "avg_loss_pnl": _mean(pnl[lost]),
        "largest_win": float(pnl[won].max()) if won.any() else None,
        "largest_loss": float(pnl[lost].min()) if lost.any() else None,
        "avg_trade_pct": _mean(pnl_pct),
        "best_trade_pct": float(pnl_pct.max()) if len(pnl) else None,
        "worst_trade_pct": float(pnl_pct.min()) if len(pnl) else None,
        "expectancy": expectancy(pnl),
        "sqn": system_quality(pnl),
        "kelly_pct": percent(kelly_fraction(pnl)),
        "avg_trade_duration": _mean((left - entered) / HOUR_NS),
        "max_consecutive_wins": longest_run(won),
        "max_consecutive_losses": longest_run(lost),
        "delivery_trades": int((~same_day).sum()),
        "intraday_trades": int(same_day.sum()),
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    return float(values.mean()) if len(values) else None
