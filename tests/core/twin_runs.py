"""Plays runs of many kinds and prints all that they leave behind: `python -m tests.core.twin_runs`.

The plain sources and their compiled twin must print the same.
"""

from __future__ import annotations

import pickle
import sys
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

import numpy as np

import tapeback.core.book
from benchmarks import generate
from benchmarks.jobs.strategies import Flips, Grid, SmaCross, SmaCrossOfMany
from benchmarks.jobs.tapeback import ORACLE_SETTINGS, candles_of
from tapeback import BacktestResult, BaseStrategy, Candle, Candles, backtest
from tapeback.broker.account import Account
from tapeback.broker.client import MockOpenAlgoClient
from tapeback.utils.clock import SECOND_NS
from tests.core.taping import Taped, taped

CASH = 100_000_000.0
SETTINGS: tuple[dict[str, Any], ...] = (
    {},
    ORACLE_SETTINGS,
    {"fidelity": "sandbox"},
    {"slippage": "harsh", "intrabar": "nearer", "limit_fill": "touch"},
    {"latency": 500, "market_fill": "ltp"},
    {"leverage": 3.0, "costs": "zerodha", "close_at_end": True},
)


class Everything(BaseStrategy):
    """Sends orders of every kind, changes some, lets some be refused."""

    def on_start(self) -> None:
        self.bar = 0
        self.last = ""

    def on_bar(self, candle: Candle) -> None:
        self.bar += 1
        close, step = candle.close, self.bar % 12
        if step == 1:
            self.buy(10, stop_loss=close - 3.0, target=close + 4.0)
        elif step == 3:
            self.last = self.sell(5, "LIMIT", price=round(close) + 2)
        elif step == 5:
            self.modify(self.last, price=close + 1.0, quantity=7)
        elif step == 6:
            self.buy(3, "SL", price=close + 2.0, trigger_price=close + 1.5)
        elif step == 8:
            pair = (
                self.buy(4, "LIMIT", price=close - 1.0),
                self.sell(4, "LIMIT", price=close + 1.0),
            )
            if {order.orderid for order in self.get_orders()} >= set(pair):
                self.oco(*pair)
        elif step == 9:
            self.sell(2, "SL-M", trigger_price=close - 1.0)
            self.buy(-1)
            self.buy(1, "LIMIT", price=close * 3)
        elif step == 11:
            self.cancel(self.last)


def results() -> Iterator[tuple[str, BacktestResult]]:
    bars = generate.single(3_000)
    one = [candles_of(bars, "RELIANCE")]
    columns = bars._asdict()
    index = [_candles("NIFTY", "NSE_INDEX", columns)]
    thin = [_candles("TCS", "NSE", {**columns, "volume": np.arange(3_000) % 7.0})]
    many = [candles_of(walk, f"BENCH{k}") for k, walk in enumerate(generate.several(700)[:3])]
    for settings in SETTINGS:
        yield "sma", _play(SmaCross, one, settings, series=one)
        yield "grid", _play(Grid, one, settings)
        yield "grid of an index", _play(Grid, index, settings)
        yield "grid in thin bars", _play(Grid, thin, settings)
        yield "flips", _play(Flips, one, settings, every=1)
        yield "everything", _play(Everything, one, settings)
        yield "everything of an index", _play(Everything, index, settings)
        yield "several", _play(SmaCrossOfMany, many, settings, series=many)
        yield "everything, several", _play(Everything, many, settings)


def scripts() -> Iterator[tuple[str, Taped]]:
    """Runs on a tape, as a script that wakes up every 50 seconds plays them."""
    bars = generate.single(450)
    one = [candles_of(bars, "RELIANCE")]
    many = [candles_of(walk, f"BENCH{k}") for k, walk in enumerate(generate.several(250)[:3])]
    for settings in SETTINGS:
        yield "script", _awake(one, settings)
        yield "script over several", _awake(many, settings)


def _awake(series: list[Candles], settings: dict[str, Any]) -> Taped:
    fresh = [candles[:] for candles in series]
    run = taped(fresh, **{"initial_cash": CASH, **settings})
    tape, account = run.tape, Account(run.service, tape=run.tape)
    client = MockOpenAlgoClient(run.service, account=account)
    tape.subscribe(fresh[-1].symbol, fresh[-1].exchange)
    for count, ts in enumerate(range(int(fresh[0].starts[0]), tape.end, 50 * SECOND_NS)):
        run.to_ts(ts)
        for candles in fresh:
            _ask(run, client, count, {"symbol": candles.symbol, "exchange": candles.exchange})
    run.notes.append(tape.finish().equity.equity.tobytes().hex())
    return run


def _ask(run: Taped, client: MockOpenAlgoClient, count: int, of: dict[str, str]) -> None:
    price = run.tape.ltp(of["symbol"], of["exchange"])
    run.notes += [price, run.tape.next_instant(), run.tape.forming(**of, timeframe="5m")]
    below, above = round(price * 0.999, 1), round(price * 1.001, 1)
    step = count % 15
    if step == 1:
        client.placegttorder(
            **of, action="SELL", quantity=2, trigger_type="OCO", product="CNC",
            triggerprice_sl=below, stoploss=below, triggerprice_tg=above, target=above,
        )  # fmt: skip
    elif step == 2:
        client.placegttorder(**of, action="BUY", quantity=3, triggerprice_sl=below, product="MIS")
    elif step == 4:
        client.placeorder(**of, action="BUY", quantity=5, price_type="MARKET", product="CNC")
    elif step == 6:
        client.placeorder(
            **of, action="SELL", quantity=4, price_type="LIMIT", price=above, product="MIS"
        )
    elif step == 9:
        client.placeorder(
            **of, action="BUY", quantity=4, price_type="SL-M", trigger_price=above, product="MIS"
        )
    elif step == 12:
        run.notes.append(client.gttorderbook())
    elif step == 13 and count % 4 == 0:
        client.cancelallorder()


def _candles(symbol: str, exchange: str, columns: dict[str, Any]) -> Candles:
    return Candles.from_arrays(symbol=symbol, exchange=exchange, timeframe="1m", **columns)


def _play(
    strategy: type[BaseStrategy],
    bars: Sequence[Candles],
    settings: dict[str, Any],
    /,
    **params: Any,
) -> BacktestResult:
    fresh = [candles[:] for candles in bars]
    return backtest(strategy, fresh, params=params, initial_cash=CASH, **settings)


def main() -> None:
    print(tapeback.core.book.__file__, file=sys.stderr)
    for name, played in results():
        result = pickle.loads(pickle.dumps(played))
        print(name, result.metrics, result.broker, result.touch_misses, result.modifications)
        for rows in (result.orders, result.fills, result.trades, result.postings):
            print(*rows, sep="\n")
        print(
            result.open_positions, result.ambiguous_bars, result.shortfalls, result.itemised.totals
        )
        print(sha256(result.equity_curve.equity.tobytes()).hexdigest())
    for name, run in scripts():
        print(name, *run.notes, sep="\n")
        print(*run.service.simulator.orders.values(), sep="\n")
        print(*run.fills, *run.tape.ticks, *run.service.simulator.ledger.postings, sep="\n")


if __name__ == "__main__":
    main()
