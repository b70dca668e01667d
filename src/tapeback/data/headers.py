"""Which column of a file is which: names as exporters write them, and files without names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

import msgspec

from tapeback.errors import DataFormatError, did_you_mean

Label = Literal["open", "close"]

_NAMES: dict[str, tuple[str, ...]] = {
    "open": ("open", "o", "open_price", "opn"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price", "cls"),
    "volume": (
        "volume",
        "vol",
        "v",
        "qty",
        "traded_quantity",
        "total_traded_quantity",
        "tottrdqty",
        "shares_traded",
    ),
    "oi": ("oi", "open_interest", "openinterest", "open_int"),
    "symbol": (
        "symbol",
        "instrument",
        "stock_code",
        "ticker",
        "tradingsymbol",
        "trading_symbol",
        "scrip",
    ),
    "stamp": ("datetime", "date_time", "timestamp", "time_stamp", "ts", "epoch", "unix", "dt"),
    "date": ("date", "trade_date", "trading_date", "day"),
    "time": ("time", "trade_time"),
}
_ROLES = {name: role for role, names in _NAMES.items() for name in names}
# Names that tell on which end of a bar its stamp lies, by what follows `time`.
_TIMED = re.compile(
    r"(?:(open|start|begin|close|end)_)?time(?:_(?:label_)?(open|start|end|close))?"
)
_PRICES = ("open", "high", "low", "close")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_DATE = re.compile(
    r"\d{8}|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.](\d{1,2}|[A-Za-z]{3})[-/.]\d{2,4}"
)
_STAMP = re.compile(rf"(?:{_DATE.pattern})[T ].*\d:?\d{{2}}.*|\d{{10,19}}(?:\.\d*)?")
_CLOCK = re.compile(r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?|0\d{3}|0\d{5}")


class Header(msgspec.Struct, frozen=True):
    """The position of each column that is read, by role (`stamp` or `date` with or without
    `time`; `open high low close`; `volume`, `oi` and `symbol` where there), whether the first
    line holds names, and which label convention these state, if any."""

    columns: dict[str, int]
    named: bool
    label: Label | None = None


def read_header(fields: Sequence[str], *, where: str) -> Header:
    """The columns of a file whose first line has these fields: names, or the first row.

    Raises DataFormatError naming the column that is absent and those that are there.
    """
    named = not _looks_like_a_row(fields)
    if named:
        columns, label = _named_columns(fields)
        _name_stamp(columns, fields, where)
    else:
        columns, label = _row_layout([field.strip() for field in fields]), None
    absent = [name for name in _PRICES if name not in columns]
    if absent:
        hint = did_you_mean(absent[0], [field.strip().lower() for field in fields])
        raise DataFormatError(
            f"there is no column {absent[0]!r} among {', '.join(map(repr, fields))}{hint}.",
            where=where,
            remedy="Name the columns datetime (or date and time), open, high, low, close, volume.",
        )
    return Header(columns, named=named, label=label)


def _named_columns(fields: Sequence[str]) -> tuple[dict[str, int], Label | None]:
    """Positions by role, the first of several columns for one role, and the stated label."""
    columns: dict[str, int] = {}
    labels: dict[int, Label] = {}
    for position, field in enumerate(fields):
        name = re.sub(r"[\s.\-]+", "_", field.strip().strip("<>").lower())
        role = _ROLES.get(name)
        timed = _TIMED.fullmatch(name)
        edge = timed and (timed[1] or timed[2])
        if edge:
            role = "time"
            labels[position] = "close" if edge in ("close", "end") else "open"
            if labels[position] == "open":
                columns.pop("time", None)
        if role is not None:
            columns.setdefault(role, position)
    timed_by = columns.get("time", -1)
    return columns, None if "stamp" in columns else labels.get(timed_by)


def _name_stamp(columns: dict[str, int], fields: Sequence[str], where: str) -> None:
    """Settles which columns hold the stamp: one, or date and time."""
    if "stamp" in columns:
        columns.pop("date", None)
        columns.pop("time", None)
    elif "date" not in columns:
        position = columns.pop("time", None)
        if position is None and fields and not fields[0].strip():
            position = 0
        if position is None:
            raise DataFormatError(
                f"no column holds the time among {', '.join(map(repr, fields))}.",
                where=where,
                remedy="Name it datetime, timestamp, or date and time.",
            )
        columns["stamp"] = position


def _looks_like_a_row(fields: Sequence[str]) -> bool:
    numbers = sum(bool(_NUMBER.fullmatch(field.strip())) for field in fields)
    dated = any(_DATE.fullmatch(f.strip()) or _STAMP.fullmatch(f.strip()) for f in fields[:2])
    return dated and numbers >= len(_PRICES)


def _row_layout(fields: Sequence[str]) -> dict[str, int]:
    """[symbol], stamp or date and time, open, high, low, close, [volume], [oi]."""
    columns: dict[str, int] = {}
    position = 0
    if not (_DATE.fullmatch(fields[0]) or _STAMP.fullmatch(fields[0])):
        columns["symbol"] = 0
        position = 1
    if _DATE.fullmatch(fields[position]):
        columns["date"] = position
        if _CLOCK.fullmatch(fields[position + 1]):
            position += 1
            columns["time"] = position
    else:
        columns["stamp"] = position
    for name in (*_PRICES, "volume", "oi"):
        position += 1
        if position < len(fields):
            columns[name] = position
    return columns
