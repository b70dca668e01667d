"""Bans on stock derivatives from a user's CSV file of dates and symbols."""

from __future__ import annotations

from pathlib import Path

from tapeback.data.user_tables import UserTable, parse_day
from tapeback.market.contracts.bans import BanList


def read_bans(path: str | Path) -> BanList:
    """The bans of a CSV file with the columns `date` and `symbol`, one row a stock and day.

    Raises DataNotFoundError, and DataFormatError that names every row and column it cannot use.
    """
    table = UserTable(Path(path), ("date", "symbol"))
    bans = []
    for row in table:
        day = row.read("date", parse_day, 0)
        symbol = row.read("symbol", _stock, "")
        if row.sound:
            bans.append((day, symbol))
    table.check()
    return BanList(bans)


def _stock(text: str) -> str:
    if not text or any(sign.isspace() for sign in text):
        raise ValueError("is no symbol such as SAIL or M&M")
    return text.upper()
