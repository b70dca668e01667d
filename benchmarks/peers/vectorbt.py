"""The process that measures vectorbt: `python -m benchmarks.peers.vectorbt JOB BARS`.

It has no book of resting orders and no strategy in Python: J2 and J4 are signals in arrays, played
by compiled code; J1 is a compiled callback that does nothing; J3 is not possible.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
from vectorbt.portfolio import nb

from benchmarks import generate
from benchmarks.measure import Job, serve
from benchmarks.oracle import CASH, FAST, FEE, QUANTITY, SLOW, Outcome


@njit
def order_nothing(context: Any) -> Any:
    return nb.order_nothing_nb()


def prepare(name: str, bars: int) -> Job:
    walks = generate.several(bars) if name == "J4" else [generate.single(bars)]
    index = pd.DatetimeIndex(walks[0].ts.astype("datetime64[ns]"))
    close = pd.DataFrame(np.column_stack([walk.close for walk in walks]), index)
    opened = pd.DataFrame(np.column_stack([walk.open for walk in walks]), index)

    def idle() -> Outcome:
        portfolio = vbt.Portfolio.from_order_func(
            close[0], order_nothing, init_cash=CASH, freq="1min"
        )
        return outcome_of(portfolio)

    def cross() -> Outcome:
        prices, fills_at = (close, opened) if name == "J4" else (close[0], opened[0])
        fast, slow = vbt.MA.run(prices, FAST), vbt.MA.run(prices, SLOW)
        entries, exits = fast.ma_crossed_above(slow), fast.ma_crossed_below(slow)
        if name == "J4":
            entries.columns = exits.columns = prices.columns
        portfolio = vbt.Portfolio.from_signals(
            prices,
            entries.vbt.signals.fshift(1),
            exits.vbt.signals.fshift(1),
            price=fills_at,
            size=QUANTITY,
            fees=FEE,
            init_cash=CASH,
            freq="1min",
            direction="longonly",
        )
        return outcome_of(portfolio)

    plays = {"J1": idle, "J2": cross, "J4": cross}
    return Job(bars=bars * len(walks), play=plays[name])


def outcome_of(portfolio: vbt.Portfolio) -> Outcome:
    """The outcome; the return, drawdown and Sharpe ratio are worked out as well, as statistics
    are part of every job."""
    portfolio.total_return()
    portfolio.max_drawdown()
    portfolio.sharpe_ratio()
    return Outcome(
        int(np.sum(portfolio.orders.count())),
        int(np.sum(portfolio.trades.closed.count())),
        CASH + float(np.sum(portfolio.final_value() - CASH)),
    )


if __name__ == "__main__":
    serve("vectorbt", vbt.__version__, prepare)
