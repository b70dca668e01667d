"""Charges of a finished run by line: of each fill, order and trade, and of all together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property

from msgspec.structs import astuple, replace

from tapeback.market.costs.contract_note import Execution, Note, NoteLine, contract_note
from tapeback.market.costs.rates import ChargeLines, Rates
from tapeback.market.costs.segments import segment_of
from tapeback.market.rulebook import Rulebook
from tapeback.models.charges import ChargesByLine
from tapeback.models.fill import Fill
from tapeback.models.posting import Posting
from tapeback.utils.clock import day_number
from tapeback.utils.money import to_rupees, to_units

_NOTHING = ChargeLines()
# Bookings that no exchange traded: they stand on no contract note.
_BOOKED = frozenset({"expiry", "action"})
# The line of a posting that is a charge; of any other kind it is `other`.
LINE_OF_POSTING = {
    "charges adjustment": "adjustments",
    "DP charge": "dp",
    "square-off penalty": "penalties",
    "STT on exercise": "stt",
    "STT on delivery": "stt",
    "CTT on exercise": "ctt",
    "stamp duty on delivery": "stamp",
}


class ItemisedCharges:
    """The charges of a run, worked out when they are asked for: a run that nobody looks at pays
    nothing for it.

    `shared_by_trades` says how charges of the fills, money units in their order, fall on the
    trades.
    """

    def __init__(
        self,
        fills: Sequence[Fill],
        postings: Sequence[Posting],
        rulebook: Rulebook,
        shared_by_trades: Callable[[Sequence[int]], list[int]],
    ) -> None:
        self._fills = fills
        self._postings = postings
        self._rulebook = rulebook
        self._shared_by_trades = shared_by_trades

    @cached_property
    def totals(self) -> ChargesByLine:
        """All charges of the run, those that no fill made included."""
        units = dict(zip(ChargesByLine.__struct_fields__, _sum(self.fill_lines), strict=False))
        for posting in self._postings:
            if posting.charge:
                line = LINE_OF_POSTING.get(posting.kind, "other")
                units[line] = units.get(line, 0) - posting.units
        return ChargesByLine(**{line: to_rupees(amount) for line, amount in units.items()})

    @cached_property
    def fills(self) -> tuple[ChargesByLine, ...]:
        """Of each fill, in the order of the fills."""
        return tuple(map(_in_rupees, self.fill_lines))

    @cached_property
    def orders(self) -> dict[str, ChargesByLine]:
        """Of each order that was filled, by order id."""
        lines: dict[str, ChargeLines] = {}
        for fill, more in zip(self._fills, self.fill_lines, strict=True):
            known = lines.get(fill.order_id)
            lines[fill.order_id] = more if known is None else known + more
        return {order_id: _in_rupees(paid) for order_id, paid in lines.items()}

    @cached_property
    def trades(self) -> tuple[ChargesByLine, ...]:
        """The share of each trade, in the order of the trades: they add up to its fees."""
        return tuple(map(_in_rupees, self.trade_lines))

    def note(self, day: int) -> Note:
        """What the day of an Indian day number cost once it was over: deliveries (with whole notes
        everything) as its contract note has them, all else as its executions were charged, which
        without exchange rules is everything."""
        schedule = self._rulebook.schedule
        settled = self._rulebook.fidelity != "none"
        whole = schedule.rounding == "contract-note"
        noted: list[Execution] = []
        plain: dict[tuple[str, str], NoteLine] = {}
        for fill, lines in zip(self._fills, self.fill_lines, strict=True):
            if day_number(fill.ts) != day or fill.rule in _BOOKED:
                continue
            if settled and (whole or fill.product == "CNC"):
                noted.append(self._execution(fill))
                continue
            key = fill.symbol, fill.exchange
            known = plain.get(key, NoteLine(*key, 0, 0, 0, 0, 0, _NOTHING))
            plain[key] = _with(known, fill, lines)
        note = contract_note(day, noted, schedule)
        return Note(day, (*plain.values(), *note.lines), note.dp)

    def _execution(self, fill: Fill) -> Execution:
        instrument = self._rulebook.instrument(fill.symbol, fill.exchange)
        return Execution(
            fill.order_id,
            fill.symbol,
            fill.exchange,
            segment_of(instrument, fill.product),
            fill.side == "BUY",
            fill.quantity,
            fill.quantity * to_units(fill.price),
        )

    @cached_property
    def fill_lines(self) -> list[ChargeLines]:
        """Of each fill, in money units: what its order adds to the lines of the day."""
        found: list[ChargeLines] = []
        rates: dict[tuple[str, str, str, int], Rates] = {}
        orders: dict[str, tuple[int, int]] = {}
        for fill in self._fills:
            charged, day = to_units(fill.charges), day_number(fill.ts)
            value = fill.quantity * to_units(fill.price)
            since, before = orders.get(fill.order_id, (day, 0))
            if since != day:
                before = 0
            orders[fill.order_id] = day, before + value
            if not charged:
                found.append(_NOTHING)
                continue
            key = fill.symbol, fill.exchange, fill.product, day
            if key not in rates:
                instrument = self._rulebook.instrument(fill.symbol, fill.exchange)
                rates[key] = self._rulebook.rates(instrument, fill.product, day)
            lines = rates[key].lines(fill.side == "BUY", value, before)
            found.append(lines if lines.total == charged else ChargeLines(other=charged))
        return found

    @cached_property
    def trade_lines(self) -> list[ChargeLines]:
        """Of each trade, in money units. What the split leaves over, which is a few units, is
        with its largest line."""
        columns = list(zip(*map(astuple, self.fill_lines), strict=True))
        fees = self._shared_by_trades([lines.total for lines in self.fill_lines])
        shares = [
            self._shared_by_trades(column) if any(column) else [0] * len(fees) for column in columns
        ]
        found: list[ChargeLines] = []
        for total, *units in zip(fees, *shares, strict=True):
            units[units.index(max(units))] += total - sum(units)
            found.append(ChargeLines(*units))
        return found


def _with(line: NoteLine, fill: Fill, charges: ChargeLines) -> NoteLine:
    """The line with one fill more."""
    value = fill.quantity * to_units(fill.price)
    buy = fill.side == "BUY"
    return replace(
        line,
        bought=line.bought + buy * fill.quantity,
        bought_value=line.bought_value + buy * value,
        sold=line.sold + (not buy) * fill.quantity,
        sold_value=line.sold_value + (not buy) * value,
        charges=line.charges + charges,
    )


def _sum(lines: Iterable[ChargeLines]) -> list[int]:
    return [sum(column) for column in zip(*map(astuple, lines), strict=True)]


def _in_rupees(lines: ChargeLines) -> ChargesByLine:
    return ChargesByLine(*map(to_rupees, astuple(lines)))
