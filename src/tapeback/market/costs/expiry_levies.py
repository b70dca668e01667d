"""Taxes that fall due when a contract ends: on the exercise of an option, and on delivery."""

from __future__ import annotations

import msgspec

from tapeback.market.costs.levies import ppb, sides
from tapeback.market.costs.rates import ChargeLines, nearest
from tapeback.market.costs.segments import traded_segment
from tapeback.market.dated import Row, rows
from tapeback.utils.money import PAISA

_BILLION = 1_000_000_000


class ExpiryCharges(msgspec.Struct, frozen=True):
    """Taxes at expiry by line, in money units to the paisa, and the rows they rest on."""

    charges: ChargeLines
    rows: tuple[Row, ...] = ()


def exercise_levy(
    day: int, exchange: str, segment: str, *, intrinsic: int, settlement: int
) -> ExpiryCharges:
    """The tax that the holder pays whose option is exercised on an Indian day number.

    `intrinsic` and `settlement` are what the whole quantity is worth by its intrinsic value and by
    the settlement price of the underlying, in money units; the day decides which of them is taxed.
    The writer pays nothing, and so does everybody in currency options. Raises ConfigError for a
    segment that the exchange does not trade.
    """
    known = traded_segment(exchange, segment)
    if known not in ("EQ_OPT", "COM_OPT") or intrinsic <= 0:
        return ExpiryCharges(ChargeLines())
    tax = "stt" if known == "EQ_OPT" else "ctt"
    row = rows("charges", tax, "EXERCISE").in_force(day)
    amount = _share(settlement if row["of"] == "settlement" else intrinsic, ppb(row["rate"]))
    lines = ChargeLines(stt=amount) if tax == "stt" else ChargeLines(ctt=amount)
    return ExpiryCharges(lines, (row,))


def delivery_levy(day: int, buy: bool, value: int) -> ExpiryCharges:
    """STT and stamp duty of one side when a stock future or option ends in delivery of shares.

    `value` is the quantity at the settlement price (futures) or the strike (options), in money
    units; `buy` is the side that receives the shares.
    """
    tax = rows("charges", "stt", "PHYSICAL").in_force(day)
    stamp = rows("charges", "stamp", "PHYSICAL").in_force(day)
    side = 0 if buy else 1
    lines = ChargeLines(
        stt=_share(value, sides(tax)[side]), stamp=_share(value, sides(stamp)[side])
    )
    return ExpiryCharges(lines, (tax, stamp))


def _share(value: int, rate: int) -> int:
    """That many billionths of a value, half up to the paisa."""
    return nearest(value * rate, _BILLION * PAISA) * PAISA
