"""What a bot does on the first part of the data cannot depend on the rest of it."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tapeback import BaseStrategy, Candle, Candles, backtest
from tapeback.core.path import MILLISECOND_NS
from tests.property.audit import run
from tests.property.worlds import INTRABAR, PLANS, Plan, markets, settings_of_runs


def quiet_moments(series: list[Candles]) -> list[int]:
    """Instants at which bars end and none is under way."""
    ends = sorted({int(end) for candles in series for end in candles.ends})
    return [
        end
        for end in ends[:-1]
        if not any(((c.starts < end) & (c.ends > end)).any() for c in series)
        and all((c.ends <= end).any() for c in series)
    ]


@given(series=markets(), plan=PLANS, chosen=settings_of_runs(), data=st.data())
@settings(max_examples=400, report_multiple_bugs=False)
def test_a_prefix_of_the_data_gives_the_prefix_of_the_run(
    series: list[Candles], plan: Plan, chosen: dict[str, Any], data: st.DataObject
) -> None:
    cuts = quiet_moments(series)
    assume(cuts)
    cut = data.draw(st.sampled_from(cuts))
    whole = run(series, plan, chosen)
    part = run([candles.between(None, cut) for candles in series], plan, chosen)

    events, early = whole.bot.diary.events, part.bot.diary.events
    assert early == events[: len(early)]
    assert all(event[0] >= cut for event in events[len(early) :])
    fills, first = list(whole.result.fills), list(part.result.fills)
    assert first == fills[: len(first)]
    # A fill at the deciding close is dated a millisecond before it.
    assert all(fill.ts >= cut - MILLISECOND_NS for fill in fills[len(first) :])
    placed = [(order.orderid, order.placed_ts) for order in whole.result.orders]
    sent = [(order.orderid, order.placed_ts) for order in part.result.orders]
    assert sent == placed[: len(sent)]


class Historian(BaseStrategy):
    """Notes at each close what history shows of each timeframe."""

    def __init__(self) -> None:
        self.pages: list[tuple[int, str, list[tuple[int, float, float]]]] = []

    def on_bar(self, candle: Candle) -> None:
        now = self.context.engine.now
        for timeframe in ("1m", "3m", "5m", "1d"):
            seen = self.history(50, candle.symbol, timeframe)
            rows = list(zip(seen.ts.tolist(), seen.high.tolist(), seen.close.tolist(), strict=True))
            assert not len(seen) or int(seen.ends[-1]) <= now
            self.pages.append((now, timeframe, rows))


@given(series=markets(), data=st.data())
@settings(max_examples=60, report_multiple_bugs=False)
def test_history_shows_what_was_closed(series: list[Candles], data: st.DataObject) -> None:
    only = [candles for candles in series if candles.timeframe == "1m"]
    cuts = quiet_moments(only)
    assume(cuts)
    cut = data.draw(st.sampled_from(cuts))
    whole, part = Historian(), Historian()
    backtest(whole, only)
    backtest(part, [candles.between(None, cut) for candles in only])
    assert part.pages == whole.pages[: len(part.pages)]


@given(plan=PLANS, series=markets(), mode=st.sampled_from(INTRABAR))
@settings(max_examples=60, report_multiple_bugs=False)
def test_a_decision_at_a_close_never_meets_that_bar(
    plan: Plan, series: list[Candles], mode: str
) -> None:
    audit = run(series, plan, dict(DEFAULTS, intrabar=mode))
    for fill in audit.result.fills:
        order = audit.orders[fill.order_id]
        candles, index = audit.finest[fill.symbol], audit.bar_of(fill)
        if order.placed_ts in candles.ends.tolist():
            assert candles.starts[index] >= order.placed_ts


DEFAULTS: dict[str, Any] = {
    "fidelity": "none", "market_fill": "next_open", "participation": None, "latency": None,
    "initial_cash": 100_000, "costs": "none",
}  # fmt: skip
