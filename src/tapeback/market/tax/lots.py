"""Purchases and sales as income tax sees them: what was bought and sold on one day is intraday, the
rest meets the oldest lots of its symbol.

The unit of matching is the symbol, whichever exchange it traded on (the Act says: the ISIN in one
demat account). Derivatives need no matching here: their closed trades are taken as they are.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Literal, NamedTuple

import msgspec

from tapeback.models.fill import Fill
from tapeback.models.instrument import Instrument, InstrumentKind
from tapeback.models.trade import Trade
from tapeback.utils.clock import day_number, day_of
from tapeback.utils.money import RUPEE, to_units

HIGH_DAY = day_of(date(2018, 1, 31))


class ClosedTrade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What was bought and sold again, or sold and bought back (`short`).

    Days are Indian day numbers, money is in units; charges are without STT or CTT, which `stt`
    holds for both sides. `intraday` says that shares never reached the demat account. `fair_value`
    is what the quantity was worth at the highest price of 2018-01-31, None where not known.
    """

    symbol: str
    exchange: str
    kind: InstrumentKind
    product: str
    entry_day: int
    exit_day: int
    quantity: int
    buy_value: int
    sell_value: int
    buy_charges: int = 0
    sell_charges: int = 0
    stt: int = 0
    intraday: bool = False
    short: bool = False
    fair_value: int | None = None

    @property
    def gross(self) -> int:
        return self.sell_value - self.buy_value

    @property
    def net(self) -> int:
        """What the trade left after charges and STT, before income tax."""
        return self.gross - self.buy_charges - self.sell_charges - self.stt


class Execution(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Shares that came or went on an Indian day; money in units, `charges` without `stt`.

    `allotted` shares came or went by other ways than a trade of that day and are never intraday: a
    bonus (value 0, the day of allotment), rights (the issue price), the delivery of a stock
    derivative (the settlement price), a lot held before the run (its purchase).
    """

    symbol: str
    exchange: str
    product: str
    side: Literal["BUY", "SELL"]
    day: int
    quantity: int
    value: int
    charges: int = 0
    stt: int = 0
    allotted: bool = False


class Split(msgspec.Struct, frozen=True, gc=False):
    """Every `old` shares held become `new` before the session of the Indian day `day`. Lots keep
    their dates and their cost."""

    symbol: str
    day: int
    new: int
    old: int


class Dividend(msgspec.Struct, frozen=True, gc=False):
    """A dividend before tax deducted at source, money units, on an Indian day."""

    symbol: str
    day: int
    amount: int


class Matched(NamedTuple):
    """What `match_shares` found: trades by the day of their exit, and what is still open, in a form
    that a later run can start from."""

    closed: list[ClosedTrade]
    open: list[Execution]


def closed_trade(trade: Trade, instrument: Instrument, *, stt: int = 0) -> ClosedTrade:
    """A run's trade for the tax statement; `stt` is the part of its fees that is STT or CTT, in
    units. The other charges are split by value. Right for derivatives and MIS; shares in delivery
    go through `match_shares`, which sees what is still held."""
    entry_day, exit_day = day_number(trade.entry_ts), day_number(trade.exit_ts)
    entered = round(trade.entry_price * trade.quantity * RUPEE)
    left = round(trade.exit_price * trade.quantity * RUPEE)
    long = trade.side == "BUY"
    bought, sold = (entered, left) if long else (left, entered)
    charges = to_units(trade.fees) - stt
    of_purchase = charges * bought // (bought + sold) if bought + sold else 0
    return ClosedTrade(
        symbol=trade.symbol,
        exchange=trade.exchange,
        kind=instrument.kind,
        product=trade.product,
        entry_day=entry_day,
        exit_day=exit_day,
        quantity=trade.quantity,
        buy_value=bought,
        sell_value=sold,
        buy_charges=of_purchase,
        sell_charges=charges - of_purchase,
        stt=stt,
        intraday=entry_day == exit_day,
        short=not long,
    )


def execution_of(fill: Fill, *, stt: int = 0) -> Execution:
    """A fill of shares; `stt` is the part of its charges that is STT, in units."""
    return Execution(
        symbol=fill.symbol,
        exchange=fill.exchange,
        product=fill.product,
        side="BUY" if fill.side == "BUY" else "SELL",
        day=day_number(fill.ts),
        quantity=fill.quantity,
        value=round(fill.price * fill.quantity * RUPEE),
        charges=to_units(fill.charges) - stt,
        stt=stt,
    )


def match_shares(
    executions: Iterable[Execution],
    splits: Iterable[Split] = (),
    highs: Mapping[str, int] | None = None,
) -> Matched:
    """Match share trades for income tax.

    Purchases and sales of a symbol and product on one day net first, at the day's average prices;
    the rest meets the lots of the symbol first in, first out. The order of executions within a day
    does not matter. `highs` are highest prices of 2018-01-31 in units a share, by symbol.
    """
    days: dict[str, dict[int, list[Execution]]] = defaultdict(lambda: defaultdict(list))
    for execution in executions:
        days[execution.symbol][execution.day].append(execution)
    ratios: dict[str, dict[int, list[Split]]] = defaultdict(lambda: defaultdict(list))
    for split in splits:
        ratios[split.symbol][split.day].append(split)
    closed: list[ClosedTrade] = []
    still_open: list[Execution] = []
    for symbol in sorted(days):
        holding = _Holding(symbol, (highs or {}).get(symbol))
        for day in sorted({*days[symbol], *ratios[symbol]}):
            holding.pass_day(day, days[symbol][day], ratios[symbol][day])
        closed += holding.closed
        still_open += map(holding.open_lot, holding.lots)
    closed.sort(key=lambda trade: trade.exit_day)
    return Matched(closed, still_open)


class _Lot:
    """Shares of one day and side, with what they cost or brought."""

    __slots__ = (
        "allotted", "charges", "day", "exchange", "fair_value", "long", "product", "quantity",
        "stt", "value",
    )  # fmt: skip

    def __init__(self, day: int, product: str, long: bool, allotted: bool) -> None:
        self.day = day
        self.exchange = ""
        self.product = product
        self.long = long
        self.allotted = allotted
        self.quantity = self.value = self.charges = self.stt = 0
        self.fair_value: int | None = None

    def add(self, execution: Execution) -> None:
        self.exchange = min(filter(None, (self.exchange, execution.exchange)))
        self.quantity += execution.quantity
        self.absorb(execution)

    def absorb(self, other: Execution | _Lot) -> None:
        """Add another's money, not its shares."""
        self.value += other.value
        self.charges += other.charges
        self.stt += other.stt

    def take(self, quantity: int) -> _Lot:
        """Cut `quantity` shares off, with their part of the money in whole units."""
        part = _Lot(self.day, self.product, self.long, self.allotted)
        part.exchange = self.exchange
        whole = self.quantity
        part.quantity = quantity
        part.value = self.value * quantity // whole
        part.charges = self.charges * quantity // whole
        part.stt = self.stt * quantity // whole
        self.quantity -= quantity
        self.value -= part.value
        self.charges -= part.charges
        self.stt -= part.stt
        if self.fair_value is not None:
            part.fair_value = self.fair_value * quantity // whole
            self.fair_value -= part.fair_value
        return part

    def take_intraday(self, quantity: int) -> _Lot:
        """Cut off what was squared off the same day. Its STT is a quarter of delivery's on a sale
        and nothing on a purchase, so the day's STT is not split by quantity."""
        whole, paid = self.quantity, self.stt
        part = self.take(quantity)
        if self.quantity:
            weight = 0 if self.long else quantity
            part.stt = paid * weight // (weight + 4 * (whole - quantity))
            self.stt = paid - part.stt
        return part


class _Holding:
    """The lots of one symbol while its days pass: all long or all short, oldest first."""

    def __init__(self, symbol: str, high: int | None) -> None:
        self.symbol = symbol
        self.lots: deque[_Lot] = deque()
        self.closed: list[ClosedTrade] = []
        self._high = high

    def pass_day(self, day: int, executions: Sequence[Execution], splits: Sequence[Split]) -> None:
        if self._high is not None and day > HIGH_DAY:
            for lot in self.lots:
                lot.fair_value = self._high * lot.quantity
            self._high = None
        for split in splits:
            self._split(split)
        for side in self._sides(day, executions):
            self._match(day, side)

    def open_lot(self, lot: _Lot) -> Execution:
        return Execution(
            symbol=self.symbol,
            exchange=lot.exchange,
            product=lot.product,
            side="BUY" if lot.long else "SELL",
            day=lot.day,
            quantity=lot.quantity,
            value=lot.value,
            charges=lot.charges,
            stt=lot.stt,
            allotted=True,
        )

    def _sides(self, day: int, executions: Sequence[Execution]) -> list[_Lot]:
        """What is left of the day once each product has netted: arrivals before departures."""
        sides: dict[tuple[bool, str, bool], _Lot] = {}
        for execution in executions:
            long = execution.side == "BUY"
            key = (not long, execution.product, execution.allotted)
            if key not in sides:
                sides[key] = _Lot(day, execution.product, long, execution.allotted)
            sides[key].add(execution)
        for sells, product, allotted in sorted(sides):
            bought, sold = sides[sells, product, allotted], sides.get((True, product, False))
            if sells or allotted or sold is None:
                continue
            quantity = min(bought.quantity, sold.quantity)
            parts = bought.take_intraday(quantity), sold.take_intraday(quantity)
            self._close(*parts, intraday=True, short=False)
        return [sides[key] for key in sorted(sides) if sides[key].quantity]

    def _match(self, day: int, side: _Lot) -> None:
        lots = self.lots
        while side.quantity and lots and lots[0].long is not side.long:
            oldest = lots[0]
            quantity = min(side.quantity, oldest.quantity)
            entry, leaving = oldest.take(quantity), side.take(quantity)
            intraday = entry.day == day and not (entry.allotted or leaving.allotted)
            bought, sold = (entry, leaving) if entry.long else (leaving, entry)
            self._close(bought, sold, intraday=intraday, short=not entry.long)
            if not oldest.quantity:
                lots.popleft()
        if side.quantity:
            lots.append(side)

    def _close(self, bought: _Lot, sold: _Lot, *, intraday: bool, short: bool) -> None:
        entry, leaving = (sold, bought) if short else (bought, sold)
        self.closed.append(
            ClosedTrade(
                symbol=self.symbol,
                exchange=leaving.exchange,
                kind="equity",
                product=leaving.product,
                entry_day=entry.day,
                exit_day=leaving.day,
                quantity=leaving.quantity,
                buy_value=bought.value,
                sell_value=sold.value,
                buy_charges=bought.charges,
                sell_charges=sold.charges,
                stt=bought.stt + sold.stt,
                intraday=intraday,
                short=short,
                fair_value=entry.fair_value,
            )
        )

    def _split(self, split: Split) -> None:
        """Quantities are rounded down over the whole holding, not lot by lot; a lot of which no
        share is left adds its cost to the next."""
        before = after = 0
        kept: deque[_Lot] = deque()
        rest: _Lot | None = None
        for lot in self.lots:
            before += lot.quantity
            lot.quantity = before * split.new // split.old - after
            after += lot.quantity
            if rest is not None:
                lot.absorb(rest)
            rest = None if lot.quantity else lot
            if lot.quantity:
                kept.append(lot)
        if rest is not None and kept:
            kept[-1].absorb(rest)
        self.lots = kept
