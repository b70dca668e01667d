"""The income tax statement of a finished run: its fills, trades and postings as tax sees them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import msgspec

from tapeback.core.corporate import RULE as ACTION_RULE
from tapeback.core.expiring import RULE as EXPIRY_RULE
from tapeback.market.costs import contract_note as notes
from tapeback.market.costs.rates import ChargeLines
from tapeback.market.costs.segments import segment_of
from tapeback.market.rulebook import Rulebook
from tapeback.market.tax.calculator import TaxCalculator, TaxSettings
from tapeback.market.tax.lots import (
    ClosedTrade,
    Dividend,
    Execution,
    Split,
    closed_trade,
    execution_of,
    match_shares,
)
from tapeback.market.tax.statement import CarriedLoss, TaxStatement
from tapeback.metrics.charges import ItemisedCharges
from tapeback.models.config import TaxConfig
from tapeback.models.fill import Fill
from tapeback.models.instrument import Instrument
from tapeback.models.posting import Posting
from tapeback.models.trade import Trade
from tapeback.utils.clock import day_number
from tapeback.utils.money import to_rupees, to_units

_TRANSACTION_TAXES = ("STT on exercise", "STT on delivery", "CTT on exercise")

# A symbol, its exchange and an Indian day number.
_DayKey = tuple[str, str, int]
_Traded = tuple[Fill, ChargeLines]


def tax_statement(
    settings: TaxConfig,
    fills: Sequence[Fill],
    trades: Sequence[Trade],
    postings: Sequence[Posting],
    charges: ItemisedCharges,
    rulebook: Rulebook,
) -> TaxStatement:
    """The estimated tax of a run by financial year and head.

    Shares are matched from their fills, by day and then first in, first out, with the charges that
    the day's contract note left; of everything else the closed trades count.
    """
    traded = {(fill.symbol, fill.exchange) for fill in fills}
    traded.update((posting.symbol, posting.exchange) for posting in postings)
    instruments = {key: rulebook.instrument(*key) for key in traded}
    shares = _Shares(rulebook, instruments)
    for fill, lines in zip(fills, charges.fill_lines, strict=True):
        if instruments[fill.symbol, fill.exchange].kind == "equity":
            shares.add(fill, lines)
    derivatives = _Derivatives()
    for trade, lines in zip(trades, charges.trade_lines, strict=True):
        instrument = instruments[trade.symbol, trade.exchange]
        if instrument.kind != "equity":
            derivatives.add(closed_trade(trade, instrument, stt=lines.stt + lines.ctt))
    dividends: list[Dividend] = []
    for posting in postings:
        if not posting.charge:
            if "dividend" in posting.kind:
                received = max(posting.units, 0)
                dividends.append(Dividend(posting.symbol, day_number(posting.ts), received))
            else:
                shares.untaxed += posting.units
        elif instruments[posting.symbol, posting.exchange].kind == "equity":
            shares.charge(posting)
        else:
            derivatives.charge(posting)
    highs = {symbol: to_units(price) for symbol, price in settings.highs_2018.items()}
    matched = match_shares(shares.executions, shares.splits, highs)
    calculator = TaxCalculator(_settings(settings))
    statement = calculator.statement((*matched.closed, *derivatives.closed), dividends)
    more = _notes(shares.untaxed, shares.left_out + derivatives.left_out, shares.children)
    return msgspec.structs.replace(statement, notes=(*statement.notes, *more))


def _settings(config: TaxConfig) -> TaxSettings:
    return TaxSettings(
        slab_pct=config.slab_pct,
        surcharge_pct=config.surcharge_pct,
        other_income=config.other_income,
        regime=config.regime,
        brought_forward=tuple(
            CarriedLoss(loss.head, loss.year, to_units(loss.amount))
            for loss in config.brought_forward
        ),
    )


def _notes(untaxed: int, left_out: int, children: Iterable[str]) -> Iterator[str]:
    yield "What is still open at the end of the run is not taxed."
    if untaxed:
        yield (
            f"₹{to_rupees(untaxed):,.2f} for fractions of shares, rights and demergers is left out."
        )
    if left_out:
        yield (
            f"₹{to_rupees(left_out):,.2f} of charges of positions that were not closed is left out."
        )
    for child in children:
        yield f"{child} of a demerger is taken as free: the whole cost stays with the parent."


class _Derivatives:
    """Closed trades of all that is no share."""

    def __init__(self) -> None:
        self.closed: list[ClosedTrade] = []
        self.left_out = 0
        self._entered: dict[_DayKey, int] = {}
        self._left: dict[_DayKey, int] = {}

    def add(self, trade: ClosedTrade) -> None:
        self._entered[trade.symbol, trade.exchange, trade.entry_day] = len(self.closed)
        self._left[trade.symbol, trade.exchange, trade.exit_day] = len(self.closed)
        self.closed.append(trade)

    def charge(self, posting: Posting) -> None:
        """Let the trade that ended, or else began, on the day of a posting pay it."""
        key = posting.symbol, posting.exchange, day_number(posting.ts)
        at = self._left.get(key, self._entered.get(key))
        if at is None:
            self.left_out -= posting.units
            return
        trade, paid = self.closed[at], -posting.units
        if posting.kind in _TRANSACTION_TAXES:
            self.closed[at] = msgspec.structs.replace(trade, stt=trade.stt + paid)
        else:
            charges = trade.sell_charges + paid
            self.closed[at] = msgspec.structs.replace(trade, sell_charges=charges)


class _Shares:
    """What came and went of shares. Charges that a day's end posts become executions of no shares,
    which the day's lots take up."""

    def __init__(self, rulebook: Rulebook, instruments: dict[tuple[str, str], Instrument]) -> None:
        self.executions: list[Execution] = []
        self.splits: list[Split] = []
        self.children: dict[str, None] = {}
        self.untaxed = 0
        self.left_out = 0
        self._rulebook = rulebook
        self._instruments = instruments
        self._held: defaultdict[tuple[str, str, str], int] = defaultdict(int)
        self._traded: defaultdict[_DayKey, list[_Traded]] = defaultdict(list)

    def add(self, fill: Fill, lines: ChargeLines) -> None:
        """Take up a fill, or a booking of shares that a corporate action or a delivery made."""
        signed = fill.quantity if fill.side == "BUY" else -fill.quantity
        before = self._held[fill.symbol, fill.exchange, fill.product]
        self._held[fill.symbol, fill.exchange, fill.product] = before + signed
        if fill.rule == ACTION_RULE:
            self._act(fill, before, signed)
            return
        execution = execution_of(fill, stt=lines.stt)
        if fill.rule == EXPIRY_RULE:
            execution = msgspec.structs.replace(execution, allotted=True)
        else:
            self._traded[fill.symbol, fill.exchange, execution.day].append((fill, lines))
        self.executions.append(execution)

    def charge(self, posting: Posting) -> None:
        """Let the shares traded on the day of a posting pay it."""
        traded = self._traded[posting.symbol, posting.exchange, day_number(posting.ts)]
        if posting.kind == "charges adjustment" and traded:
            self._adjust(posting, traded)
            return
        sales = [fill for fill, _ in traded if fill.side == "SELL"]
        if posting.kind == "DP charge" and sales:
            self._pay(sales[-1], charges=-posting.units)
        elif traded:
            self._pay(traded[-1][0], charges=-posting.units)
        else:
            self.left_out -= posting.units

    def _pay(self, fill: Fill, *, charges: int, stt: int = 0) -> None:
        free = msgspec.structs.replace(execution_of(fill), quantity=0, value=0)
        self.executions.append(msgspec.structs.replace(free, charges=charges, stt=stt))

    def _act(self, fill: Fill, before: int, signed: int) -> None:
        """Split shares keep the days of their lots; all else is new on the day, at no cost."""
        booked = day_number(fill.ts)
        known = self._rulebook.actions.of(fill.symbol, fill.exchange)
        due = [each for each in known if int(before * each.share_factor) == before + signed]
        action = min(due, key=lambda each: abs(each.day - booked), default=None)
        day, given = booked, signed
        if action is None:
            self.children[fill.symbol] = None
        else:
            day, ratio = max(booked, action.day), action.split_factor
            given -= int(before * ratio) - before
            split = Split(fill.symbol, day, ratio.numerator, ratio.denominator)
            if ratio != 1 and split not in self.splits:
                self.splits.append(split)
        if given:
            side: Literal["BUY", "SELL"] = "BUY" if given > 0 else "SELL"
            self.executions.append(
                Execution(
                    symbol=fill.symbol,
                    exchange=fill.exchange,
                    product=fill.product,
                    side=side,
                    day=day,
                    quantity=abs(given),
                    value=0,
                    allotted=True,
                )
            )

    def _adjust(self, posting: Posting, traded: list[_Traded]) -> None:
        """Charge what was traded on a day as its contract note says: STT by side, the rest by
        value."""
        schedule = self._rulebook.schedule
        if schedule.rounding != "contract-note":
            traded = [(fill, lines) for fill, lines in traded if fill.product == "CNC"]
        day = day_number(posting.ts)
        line = notes.contract_note(day, map(self._noted, traded), schedule).lines[0]
        stt = dict(zip(("BUY", "SELL"), self._stt_by_side(line, day), strict=True))
        more = -posting.units - line.charges.stt + sum(lines.stt for _, lines in traded)
        on_sales = more * line.sold_value // (line.bought_value + line.sold_value)
        rest = {"BUY": more - on_sales, "SELL": on_sales}
        for side, due in stt.items():
            mine = [(fill, lines) for fill, lines in traded if fill.side == side]
            if mine:
                paid = sum(lines.stt for _, lines in mine)
                self._pay(mine[-1][0], charges=rest[side], stt=due - paid)

    def _stt_by_side(self, line: notes.NoteLine, day: int) -> tuple[int, int]:
        """The STT of a contract note on purchases and on sales, money units: what was bought and
        sold on one day pays with the sale."""
        rates = self._rulebook.schedule.rates
        intraday = rates("EQ_INTRADAY", line.exchange, day, line.symbol)
        delivery = rates("EQ_DELIVERY", line.exchange, day, line.symbol)
        within = line.same_day * (intraday.tax_buy + intraday.tax_sell)
        kept = max(line.bought - line.sold, 0) * delivery.tax_buy
        on_purchases = line.charges.stt * kept // (within + kept) if kept else 0
        return on_purchases, line.charges.stt - on_purchases

    def _noted(self, traded: _Traded) -> notes.Execution:
        fill, _ = traded
        instrument = self._instruments[fill.symbol, fill.exchange]
        return notes.Execution(
            fill.order_id,
            fill.symbol,
            fill.exchange,
            segment_of(instrument, fill.product),
            fill.side == "BUY",
            fill.quantity,
            fill.quantity * to_units(fill.price),
        )
