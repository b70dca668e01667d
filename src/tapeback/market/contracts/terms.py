"""What an instrument is on a day: lot, tick, freeze quantity, multiplier, price band.

Quantities are counted in units of the quotation on every exchange, as OpenAlgo does with most
brokers: one lot of CRUDEOIL is 100 (barrels), one of GOLD 100 (tens of grams), one of USDINR 1000
(dollars), and the multiplier is 1. A master contract that counts lots instead (lot 1 on MCX or CDS:
Zerodha's, Fyers') has the value of a whole lot as its multiplier.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tapeback.market.contracts.expiries import expiry_kind, next_expiry
from tapeback.market.contracts.price_bands import LimitProtection, PriceBand, band_of, protection_of
from tapeback.market.dated import Row, Rows, rows, table
from tapeback.market.instruments import INDEX_UNDERLYINGS
from tapeback.models.instrument import CASH_EXCHANGES, Instrument
from tapeback.utils.clock import date_of_day, day_of

_CURRENCY = frozenset({"CDS", "BCD"})
_QUARTERS = frozenset({3, 6, 9, 12})
_PLAIN_TICK = 0.05


class ContractTerms(msgspec.Struct, frozen=True):
    """What holds for one instrument on one Indian day.

    Quantities are units, prices rupees. `largest_order` is the freeze quantity in whole lots; both
    are 0 where no limit is known. A move of one rupee is worth `multiplier` rupees a unit. `rows`
    are the rules that these figures rest on, `unknown` the figures that no table has: they are
    then 1 for the lot, 0.05 for the tick.
    """

    lot_size: int
    tick_size: float
    freeze_quantity: int
    largest_order: int
    multiplier: float
    band: PriceBand | None
    protection: LimitProtection | None
    rows: tuple[Row, ...]
    unknown: tuple[str, ...]


def terms_of(
    instrument: Instrument,
    day: int,
    close: float = 0.0,
    *,
    underlying_close: float = 0.0,
    derivatives: bool = False,
    band_percent: int | None = None,
    widest_band: int | None = None,
) -> ContractTerms:
    """The terms of an instrument on an Indian day number.

    `close` is its last close in rupees and `underlying_close` that of what it derives from, both
    0 where unknown: bands lie around the one, ticks and an index's freeze quantity go by the
    price of the other. The last three are `band_of`'s.
    """
    lot_row = lot_row_of(instrument, day)
    lot = _lot_size(instrument, lot_row)
    tick_row = _tick_row(instrument, day)
    price = underlying_close or (instrument.strike if instrument.kind == "option" else close)
    tick = _tick_size(instrument, tick_row, price)
    freeze_row, freeze = _freeze(instrument, day, lot, underlying_close)
    band = band_of(
        instrument,
        day,
        close,
        tick_size=tick,
        derivatives=derivatives,
        percent=band_percent,
        widest=widest_band,
    )
    protection = protection_of(instrument, day)
    used: list[Row | None] = [lot_row, tick_row, freeze_row]
    used += [each.row for each in (band, protection) if each is not None]
    return ContractTerms(
        lot_size=lot,
        tick_size=tick,
        freeze_quantity=freeze,
        largest_order=whole_lots(freeze, lot),
        multiplier=_multiplier(instrument, lot_row, lot),
        band=band,
        protection=protection,
        rows=tuple(dict.fromkeys(row for row in used if row is not None)),
        unknown=_unknown(instrument, lot_row, tick_row, price),
    )


def whole_lots(freeze_quantity: int, lot_size: int) -> int:
    """The largest order that a freeze quantity lets through, at least one lot; 0 for no limit."""
    return max(freeze_quantity // lot_size, 1) * lot_size if freeze_quantity else 0


def lot_of(instrument: Instrument, day: int) -> int:
    """The lot of an instrument on an Indian day number; its own where no table knows better."""
    return _lot_size(instrument, lot_row_of(instrument, day))


def lot_row_of(instrument: Instrument, day: int) -> Row | None:
    """The row of the lot that a contract has on a day; None for cash, or where none is tabled.

    A lot belongs to the contract: its expiry decides, and the day only while contracts that were
    listed before a change wait for it.
    """
    if instrument.kind not in ("future", "option"):
        return None
    sizes = _lot_rows(instrument.underlying, instrument.exchange)
    if sizes is None:
        return None
    if "lot" not in next(iter(sizes)).values:
        return sizes.on(day)
    contract = instrument if instrument.expiry is not None else _near_month(instrument, day)
    return None if contract is None else _row_of_contract(sizes, contract, day)


def _near_month(instrument: Instrument, day: int) -> Instrument | None:
    """The contract whose terms a continuous future has on a day: the month's next to expire."""
    near = next_expiry(
        instrument.underlying, instrument.exchange, day, lambda _: True, kind="monthly"
    )
    return None if near is None else msgspec.structs.replace(instrument, expiry=near.day)


def latest_lot(underlying: str, exchange: str) -> int | None:
    """The lot of the newest row; None where no table has the underlying."""
    sizes = _lot_rows(underlying, exchange)
    return None if sizes is None else _row_lot(list(sizes)[-1])


def freeze_by_level(day: int, level: float) -> int:
    """The freeze quantity of an NSE index by its level at the monthly review; 0 before the rule."""
    row = rows("contracts", "freeze_by_level").on(day)
    return 0 if row is None else int(_band(row["bands"], level)["quantity"])


def _lot_rows(underlying: str, exchange: str) -> Rows | None:
    contracts = table("contracts")
    if underlying in contracts["lots"].get(exchange, {}):
        return rows("contracts", "lots", exchange, underlying)
    name = _unit_table(exchange)
    return rows("contracts", name, underlying) if underlying in contracts.get(name, {}) else None


def _unit_table(exchange: str) -> str:
    """The table that gives lots by what they hold."""
    return "currencies" if exchange in _CURRENCY else "commodities" if exchange == "MCX" else ""


def _row_of_contract(sizes: Rows, instrument: Instrument, day: int) -> Row | None:
    """The newest row whose first expiry is not after the contract's, or the one before it while
    the contract still waits for the change."""
    expiry = instrument.expiry
    assert expiry is not None
    weekly = expiry_kind(instrument.underlying, instrument.exchange, expiry) == "weekly"
    held: Row | None = None
    for row in sizes:
        first = day_of(row["weekly"]) if weekly and "weekly" in row.values else row.since
        if expiry < first:
            break
        if held is not None and _waits(row, expiry, weekly, day):
            break
        held = row
    return held


def _waits(row: Row, expiry: int, weekly: bool, day: int) -> bool:
    """Whether a contract still has the lot of the row before."""
    until = row.get("old_until")
    if until is None or day > day_of(until):
        return False
    return row["changed"] == "all" or (not weekly and date_of_day(expiry).month in _QUARTERS)


def _row_lot(row: Row) -> int:
    lot: int = row["lot"] if "lot" in row.values else row["units"]
    return lot


def _lot_size(instrument: Instrument, row: Row | None) -> int:
    if instrument.listed or row is None:
        return instrument.lot_size
    return _row_lot(row)


def _multiplier(instrument: Instrument, row: Row | None, lot: int) -> float:
    """Rupees that a unit gains by a rupee of price: a master's lot may be counted in lots."""
    if not instrument.listed or row is None or "units" not in row.values:
        return 1
    units: int = row["units"]
    return units / lot if units % lot else units // lot


def _tick_row(instrument: Instrument, day: int) -> Row | None:
    """The row of an instrument's tick; None where no table has it or its own master says it."""
    name = _unit_table(instrument.exchange)
    if instrument.kind == "index":
        return rows("contracts", "ticks", "index").on(day)
    if instrument.kind == "equity":
        if instrument.exchange not in CASH_EXCHANGES:
            return None
        fund = instrument.symbol.endswith(tuple(table("contracts")["fund_endings"]))
        market = "fund" if fund else f"cash_{instrument.exchange.lower()}"
        return rows("contracts", "ticks", market).on(day)
    if instrument.listed:
        return None
    if name:
        if name == "commodities" and instrument.kind == "option":
            name = "commodity_option_ticks"
        known = instrument.underlying in table("contracts")[name]
        return rows("contracts", name, instrument.underlying).on(day) if known else None
    if instrument.exchange not in ("NFO", "BFO"):
        return None
    name = "index" if instrument.underlying in INDEX_UNDERLYINGS else "stock"
    name = f"{name}_{instrument.kind}"
    if name == "index_future" and instrument.exchange == "BFO":
        name = "index_future_bse"
    return rows("contracts", "ticks", name).on(day)


def _tick_size(instrument: Instrument, row: Row | None, price: float) -> float:
    if row is None:
        return instrument.tick_size
    if "tick" in row.values:
        return float(row["tick"])
    bands = row["bands"]
    if len(bands) > 1 and price <= 0:
        return _PLAIN_TICK
    return float(_band(bands, price)["tick"])


def _freeze(
    instrument: Instrument, day: int, lot: int, underlying_close: float
) -> tuple[Row | None, int]:
    """The row and the units of the largest order; 0 where no limit is known."""
    if instrument.kind not in ("future", "option"):
        return None, 0
    contracts = table("contracts")
    underlying, exchange = instrument.underlying, instrument.exchange
    if underlying in contracts["freeze"].get(exchange, {}):
        row = rows("contracts", "freeze", exchange, underlying).on(day)
        return row, row["quantity"] if row else 0
    if exchange in _CURRENCY:
        row = lot_row_of(instrument, day)
        return row, row["freeze"] * lot if row else 0
    if exchange != "NFO":
        return None, 0
    if underlying in INDEX_UNDERLYINGS:
        row = rows("contracts", "freeze_by_level").on(day) if underlying_close > 0 else None
        return row, freeze_by_level(day, underlying_close) if row else 0
    row = rows("contracts", "freeze_of_stocks").on(day)
    quantity = row["quantities"].get(underlying, 0) if row else 0
    return (row, quantity) if quantity else (None, 0)


def _unknown(
    instrument: Instrument, lot_row: Row | None, tick_row: Row | None, price: float
) -> tuple[str, ...]:
    found = []
    contract = instrument.kind in ("future", "option")
    if contract and not instrument.listed and lot_row is None:
        found.append("lot_size")
    banded = tick_row is not None and len(tick_row.get("bands", ())) > 1
    if (tick_row is None and not instrument.listed) or (banded and price <= 0):
        found.append("tick_size")
    return tuple(found)


def _band(bands: list[dict[str, Any]], level: float) -> dict[str, Any]:
    """The first band whose upper bound is not below a level."""
    return next(band for band in bands if level <= band.get("upto", level))
