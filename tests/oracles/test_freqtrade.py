"""Tables of four to six hourly bars with a stop, a target and an exit signal, from another engine.

It acts on a signal at the next bar's open, holds stop and target as ratios of the entry price and
lets the stop come first inside a bar; here that is `adverse`. `SKIPPED` names every case whose
convention is not ours to set.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tapeback import BaseStrategy, Candle, Order, backtest
from tests.core.play import BARE, bars

QUANTITY = 10
CASES = ("tc0", "tc2", "tc4", "tc6", "tc14", "tc18", "tc26", "tc28", "tc30", "tc50")
TRAILING = "trailing stop: not an order type of an exchange"
OWN_ENTRY = "an own entry price is filled at that price though the bar opens better"
SKIPPED = {
    "tc8": TRAILING,
    "tc10": TRAILING,
    "tc12": TRAILING,
    "tc16": "a target below the entry that comes due inside a bar",
    "tc20": "a target lowered inside a bar is filled at its price, not where price stands then",
    "tc22": TRAILING,
    "tc24": TRAILING,
    "tc32": TRAILING,
    "tc34": TRAILING,
    "tc36": TRAILING,
    "tc38": TRAILING,
    "tc40": "an own entry price above the bar is moved to its high",
    "tc42": "a target is not looked at in the bar of an entry below the open",
    "tc44": "an own exit price below the bar is moved to its low",
    "tc46": "an own exit price that times out and is forced",
    "tc48": OWN_ENTRY,
    "tc52": OWN_ENTRY,
}


class Signals(BaseStrategy):
    """Trades one case: enters on its signal, protects where it was filled, leaves on its signal."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.case = case
        self.bar = -1
        self.entry: Order | None = None
        self.exits: list[str] = []
        self.held = 0

    def on_bar(self, candle: Candle) -> None:
        self.bar = bar = self.bar + 1
        signals = [*self.case["data"][bar][6:10], 0, 0][:4]
        if self.bar == 1 and self.entry is None:
            self.cancel_all_orders()
        if signals[0]:
            self._enter("BUY")
        elif signals[2]:
            self._enter("SELL")
        elif self.held and (signals[1] or signals[3]):
            self.cancel_all_orders()
            self._send(self._other(), QUANTITY)
        elif self.held:
            self._lower_target()

    def on_order_update(self, order: Order) -> None:
        if order.status != "complete":
            return
        if self.entry is not None:
            self.held = 0
            return
        self.entry, self.held = order, QUANTITY
        sign = 1 if order.action == "BUY" else -1
        stop = order.average_price * (1 + sign * self.case["stop_loss"])
        target = order.average_price * (1 + sign * self.case["roi"]["0"])
        ids = [
            self._send(self._other(), QUANTITY, pricetype="SL-M", trigger_price=round(stop, 2)),
            self._send(
                self._other(), QUANTITY, pricetype="LIMIT", price=max(0.05, round(target, 2))
            ),
        ]
        self.exits = ids
        self.oco(*ids)

    def _enter(self, side: str) -> None:
        limit = self.case.get("custom_entry_price")
        if limit is None:
            self._send(side, QUANTITY)
        else:
            self._send(side, QUANTITY, pricetype="LIMIT", price=limit)

    def _lower_target(self) -> None:
        """From the bar on that begins when a later target is due, it is the one that counts."""
        due = str(60 * self.bar)
        if self.entry is not None and due != "0" and due in self.case["roi"]:
            price = self.entry.average_price * (1 + self.case["roi"][due])
            assert self.modify(self.exits[1], price=round(price, 2))

    def _other(self) -> str:
        assert self.entry is not None
        return "SELL" if self.entry.action == "BUY" else "BUY"

    def _send(self, side: str, quantity: int, **order: Any) -> str:
        return self.buy(quantity, **order) if side == "BUY" else self.sell(quantity, **order)


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> dict[str, dict[str, Any]]:
    text = (shared_data / "oracles" / "freqtrade" / "intrabar_cases.json").read_text()
    listed: dict[str, dict[str, Any]] = json.loads(text)["cases"]
    return listed


def test_every_case_is_run_or_skipped_by_name(cases: dict[str, Any]) -> None:
    assert sorted(cases) == sorted((*CASES, *SKIPPED))


@pytest.mark.parametrize("name", CASES)
def test_case(cases: dict[str, dict[str, Any]], name: str) -> None:
    case = cases[name]
    candles = bars(*(row[1:6] for row in case["data"]), timeframe="1h", start="2024-01-02 09:15")
    result = backtest(Signals(case), candles, intrabar="adverse", initial_cash=1_000_000, **BARE)
    starts = candles.starts.tolist()
    assert len(result.trades) == len(case["trades"])
    for trade, expected in zip(result.trades, case["trades"], strict=True):
        within = [
            sum(start <= ts for start in starts) - 1 for ts in (trade.entry_ts, trade.exit_ts)
        ]
        assert within == [expected["open_tick"], expected["close_tick"]]
        assert trade.side == ("SELL" if expected.get("is_short") else "BUY")
        order = next(order for order in result.orders if order.orderid == trade.exit_order)
        reasons = {"SL-M": "STOP_LOSS", "LIMIT": "ROI", "MARKET": "EXIT_SIGNAL"}
        assert reasons[order.pricetype] == expected["exit_reason"]
    # Theirs is leveraged, ours is of the position's value, so `0.002 * 5.0` counts once.
    profit = float(str(case["profit_perc"]).partition("*")[0])
    assert sum(trade.pnl_pct for trade in result.trades) / 100 == pytest.approx(profit, abs=5e-4)
