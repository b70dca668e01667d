"""The process that measures NautilusTrader: `python -m benchmarks.peers.nautilus JOB BARS`.

On bars it fills a market order at the close that it follows, and a limit that is marketable at
once, so that J2 and J4 have an oracle of their own and J3 comes out with other fills. Turning the
columns into its bar objects is not counted.
"""

from __future__ import annotations

from decimal import Decimal
from itertools import chain

import nautilus_trader
import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, RiskEngineConfig, StrategyConfig
from nautilus_trader.indicators import SimpleMovingAverage
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, InstrumentId, Symbol, TraderId, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.trading.strategy import Strategy

from benchmarks import generate
from benchmarks.generate import SESSION, Bars
from benchmarks.measure import Job, serve
from benchmarks.oracle import (
    CASH,
    FAST,
    FEE,
    GRID_STEP,
    QUANTITY,
    SLOW,
    Outcome,
    grid_levels,
)

_VENUE = Venue("NSE")
_MINUTE_NS = 60_000_000_000
_SIZE, _ONE = Quantity.from_int(QUANTITY), Quantity.from_int(1)


class Series(StrategyConfig, frozen=True):
    """What a strategy trades: instruments and their bars, in step."""

    ids: tuple[InstrumentId, ...] = ()
    types: tuple[BarType, ...] = ()


class NoOp(Strategy):
    def __init__(self, config: Series) -> None:
        super().__init__(config)
        self.fills = 0

    def on_start(self) -> None:
        for bar_type in self.config.types:
            self.subscribe_bars(bar_type)

    def on_bar(self, bar: Bar) -> None:
        pass

    def on_order_filled(self, event: OrderFilled) -> None:
        self.fills += 1


class _Averages:
    """Both averages of one symbol, their values at the bar before, and whether it is held."""

    def __init__(self, instrument_id: InstrumentId) -> None:
        self.id = instrument_id
        self.fast, self.slow = SimpleMovingAverage(FAST), SimpleMovingAverage(SLOW)
        self.before: tuple[float, float] | None = None
        self.held = False


class SmaCross(NoOp):
    def on_start(self) -> None:
        self.averages: dict[BarType, _Averages] = {}
        for instrument_id, bar_type in zip(self.config.ids, self.config.types, strict=True):
            averages = self.averages[bar_type] = _Averages(instrument_id)
            self.register_indicator_for_bars(bar_type, averages.fast)
            self.register_indicator_for_bars(bar_type, averages.slow)
        super().on_start()

    def on_bar(self, bar: Bar) -> None:
        averages = self.averages[bar.bar_type]
        if not averages.slow.initialized:
            return
        fast, slow = averages.fast.value, averages.slow.value
        before, averages.before = averages.before, (fast, slow)
        if before is None:
            return
        if fast > slow and before[0] <= before[1] and not averages.held:
            self.trade(averages, OrderSide.BUY)
        elif fast < slow and before[0] >= before[1] and averages.held:
            self.trade(averages, OrderSide.SELL)

    def trade(self, averages: _Averages, side: OrderSide) -> None:
        averages.held = not averages.held
        self.submit_order(self.order_factory.market(averages.id, side, _SIZE))


class Grid(NoOp):
    def on_start(self) -> None:
        self.bar = 0
        self.resting: dict[ClientOrderId, tuple[int, float]] = {}
        self.filled: list[tuple[int, float]] = []
        super().on_start()

    def on_order_filled(self, event: OrderFilled) -> None:
        super().on_order_filled(event)
        level = self.resting.pop(event.client_order_id, None)
        if level is not None:
            self.filled.append(level)

    def on_bar(self, bar: Bar) -> None:
        filled, self.filled = self.filled, []
        for side, price in filled:
            self.rest(-side, price + side * GRID_STEP)
        if self.bar % SESSION == 1:
            self.cancel_all_orders(self.config.ids[0])
            self.resting = {}
            for below, above in zip(*grid_levels(float(bar.close)), strict=True):
                self.rest(1, below)
                self.rest(-1, above)
        self.bar += 1

    def rest(self, side: int, price: float) -> None:
        action = OrderSide.BUY if side > 0 else OrderSide.SELL
        order = self.order_factory.limit(self.config.ids[0], action, _ONE, Price(price, 2))
        self.resting[order.client_order_id] = (side, price)
        self.submit_order(order)


STRATEGIES = {"J1": NoOp, "J2": SmaCross, "J3": Grid, "J4": SmaCross}


def prepare(name: str, bars: int) -> Job:
    walks = generate.several(bars) if name == "J4" else [generate.single(bars)]
    instruments = [instrument_of(f"S{k}") for k in range(len(walks))]
    series = [bars_of(*pair) for pair in zip(instruments, walks, strict=True)]
    types = tuple(one[0].bar_type for one in series)
    # The symbols share their stamps: taking turns puts all bars in the order of time.
    merged = list(chain.from_iterable(zip(*series, strict=True)))

    def play() -> Outcome:
        engine = engine_for(instruments)
        engine.add_data(merged, validate=False, sort=False)
        strategy = STRATEGIES[name](Series(ids=tuple(i.id for i in instruments), types=types))
        engine.add_strategy(strategy)
        engine.run()
        cache = engine.cache
        account = engine.portfolio.account(_VENUE)
        statistics = engine.portfolio.analyzer
        statistics.calculate_statistics(account, cache.positions())
        statistics.get_performance_stats_pnls(USD)
        last = {one.id: bars[-1].close for one, bars in zip(instruments, series, strict=True)}
        equity = account.balance_total(USD).as_double() + sum(
            position.unrealized_pnl(last[position.instrument_id]).as_double()
            for position in cache.positions_open()
        )
        trips = len(cache.position_snapshots()) + len(cache.positions_closed())
        fills = strategy.fills
        engine.dispose()
        return Outcome(fills, None if name == "J3" else trips, equity)

    return Job(bars=len(merged), play=play)


def engine_for(instruments: list[Equity]) -> BacktestEngine:
    """An engine without logging and risk checks, with one margin account."""
    engine = BacktestEngine(
        BacktestEngineConfig(
            trader_id=TraderId("T-1"),
            logging=LoggingConfig(bypass_logging=True),
            risk_engine=RiskEngineConfig(bypass=True),
        )
    )
    engine.add_venue(
        _VENUE,
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(CASH, USD)],
        base_currency=USD,
        default_leverage=Decimal(10),
    )
    for instrument in instruments:
        engine.add_instrument(instrument)
    return engine


def instrument_of(name: str) -> Equity:
    return Equity(
        instrument_id=InstrumentId(Symbol(name), _VENUE),
        raw_symbol=Symbol(name),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        ts_event=0,
        ts_init=0,
        maker_fee=Decimal(str(FEE)),
        taker_fee=Decimal(str(FEE)),
        margin_init=Decimal("0.01"),
        margin_maint=Decimal("0.01"),
    )


def bars_of(instrument: Equity, bars: Bars) -> list[Bar]:
    """NautilusTrader's bars, stamped with their ends; volume is raised so that none is short."""
    bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
    columns = bars._asdict()
    ends = (columns.pop("ts") + _MINUTE_NS).astype("datetime64[ns]")
    frame = pd.DataFrame(columns, index=pd.DatetimeIndex(ends, tz="UTC"))
    frame["volume"] *= 1000
    return BarDataWrangler(bar_type, instrument).process(frame)


if __name__ == "__main__":
    serve("NautilusTrader", nautilus_trader.__version__, prepare)
