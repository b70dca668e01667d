"""A day's trades and what they cost, as a broker's contract note shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING

import msgspec

from tapeback.errors import ConfigError
from tapeback.report.rupees import grouped, rupees
from tapeback.utils.clock import day_number, day_of
from tapeback.utils.money import to_rupees

if TYPE_CHECKING:
    from tapeback.market.costs.contract_note import NoteLine
    from tapeback.models.result import BacktestResult

_FOUR_DECIMALS = frozenset({"CDS", "BCD"})
_LINES = {
    "brokerage": "brokerage",
    "stt": "STT",
    "ctt": "CTT",
    "exchange": "exchange charge",
    "ipft": "IPFT",
    "sebi": "SEBI fee",
    "stamp": "stamp duty",
    "gst": "GST",
    "other": "other",
}
_WIDTH = 86


def contract_note(result: BacktestResult, day: date | str) -> str:
    """The contract note of an Indian date: what was traded by contract, its charges by line, and
    what was posted beside it. Amounts are rupees. Raises ConfigError for a text that is no date."""
    number = day_of(_date(day))
    note = result.itemised.note(number)
    title = f"Contract note of {_date(day)}, plan {result.broker.plan}, in rupees"
    lines = [title, ""]
    if note.lines:
        lines += [_row("contract", "bought", "average", "sold", "average", "charges")]
        lines += [_contract(line) for line in note.lines]
        lines += ["", *_charges(msgspec.structs.asdict(note.charges), note.charges.total)]
        delivered = {
            (fill.symbol, fill.exchange)
            for fill in result.fills
            if fill.product == "CNC" and day_number(fill.ts) == number
        }
        lines += [
            f"{line.same_day} {line.symbol} bought and sold the same day: charged as intraday"
            for line in note.lines
            if line.same_day and (line.symbol, line.exchange) in delivered
        ]
    else:
        lines += ["nothing was traded"]
    beside = list(_beside(result, number))
    return "\n".join([*lines, "", "beside the note", *beside] if beside else lines)


def _date(day: date | str) -> date:
    if isinstance(day, datetime):
        return day.date()
    if isinstance(day, date):
        return day
    try:
        return date.fromisoformat(day)
    except (TypeError, ValueError):
        raise ConfigError(f"{day!r} is no date.", remedy="Write it as 2024-06-03.") from None


def _row(contract: str, *columns: str) -> str:
    bought, at, sold, for_, charges = columns
    return f"{contract:26}{bought:>10}{at:>14}{sold:>10}{for_:>14}{charges:>12}"


def _contract(line: NoteLine) -> str:
    return _row(
        line.symbol,
        grouped(line.bought) if line.bought else "",
        _average(line.bought_value, line.bought, line.exchange),
        grouped(line.sold) if line.sold else "",
        _average(line.sold_value, line.sold, line.exchange),
        _amount(to_rupees(line.charges.total)),
    )


def _average(value: int, quantity: int, exchange: str) -> str:
    if not quantity:
        return ""
    price = to_rupees(value) / quantity
    return f"{price:.4f}" if exchange in _FOUR_DECIMALS else _amount(price)


def _charges(paid: dict[str, int], total: int) -> Iterator[str]:
    for line, name in _LINES.items():
        if paid[line]:
            yield _item(name, to_rupees(paid[line]))
    yield _item("total", to_rupees(total))


def _beside(result: BacktestResult, day: int) -> Iterator[str]:
    """Contracts that expired and shares that actions brought, and the day's postings but for those
    that the note itself contains."""
    for fill in result.fills:
        if day_number(fill.ts) == day and fill.rule == "expiry":
            moved = "sold" if fill.side == "SELL" else "bought"
            price = _amount(fill.price)
            yield f"expiry: {grouped(fill.quantity)} {fill.symbol} {moved} at {price}"
        elif day_number(fill.ts) == day and fill.rule == "action":
            sign = "-" if fill.side == "SELL" else "+"
            yield f"corporate action: {sign}{grouped(fill.quantity)} {fill.symbol}"
    for posting in result.postings:
        if day_number(posting.ts) == day and posting.kind != "charges adjustment":
            yield _item(f"{posting.kind}, {posting.symbol}", posting.amount)


def _item(name: str, amount: float) -> str:
    return f"{name:<{_WIDTH - 14}}{_amount(amount):>14}"


def _amount(amount: float) -> str:
    return rupees(amount).replace("₹", "")
