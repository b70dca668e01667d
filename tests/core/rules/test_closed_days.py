"""Bars on a day that the calendar calls closed prove an open market, and are reported (S2)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeback import Candles, read_candles
from tests.core.play import LIVE, play


def written(folder: Path, day: str) -> Candles:
    """Bars of a session of its own around one of a day before, read from a file."""
    head = "timestamp,open,high,low,close,volume\n"
    rows = [
        f"{date} {time}:00,100,101,99,100,1000\n"
        for date in ("2024-01-24", "2024-01-25", day)
        for time in ("09:15", "09:16", "09:17", "15:19", "15:20", "15:29")
    ]
    path = folder / "SBIN.csv"
    path.write_text(head + "".join(rows), encoding="utf-8")
    return read_candles(path, symbol="SBIN", exchange="NSE", label="open")


@pytest.mark.parametrize(
    ("day", "closed"),
    [("2024-01-26", "Republic Day"), ("2024-01-27", "Saturday"), ("2024-01-29", "")],
)
def test_orders_are_taken_as_on_any_day_and_the_date_is_a_finding(
    tmp_path: Path, day: str, closed: str
) -> None:
    candles = written(tmp_path, day)
    steps = {12: lambda s: s.buy(10), 13: lambda s: s.buy(5, product="CNC")}
    played = play(candles, steps, **LIVE)
    assert [(f"{f.time:%m-%d %H:%M}", f.rule) for f in played.fills] == [
        (f"{day[5:]} 09:16", "P1"),
        (f"{day[5:]} 09:17", "P1"),
        (f"{day[5:]} 15:20", "S3"),
    ]
    found = [f for f in played.result.findings if f.code == "closed-day"]
    assert [day in f.message and closed in f.message for f in found] == [True] * bool(closed)
