"""Runs that the tests of the exchange's rules share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tapeback import AppConfig, Candles
from tapeback.models.config import DataConfig
from tests.core.play import Played, Step, Update, bars, flat, play

# The exchange and the broker with all their charges, but fills at the very prices of the bars.
CHARGED: dict[str, Any] = {"fidelity": "live", "slippage": "none"}


def still(price: float, at: Sequence[str], **named: Any) -> Candles:
    """Bars of one price, labelled by `at`."""
    return bars(*flat(price, len(at)), at=at, **named)


def clocks(day: str, *times: str) -> list[str]:
    """Labels of one date from times of the day."""
    return [f"{day} {time}" for time in times]


def both_loops(
    candles: Candles, steps: dict[int, Step], *, update: Update | None = None, **settings: Any
) -> Played:
    """Play one instrument alone and beside another on which nothing trades: the engine has a loop
    for each, and they have to agree. The run of it alone is returned."""
    silent = still(50, [f"{c.timestamp:%Y-%m-%d %H:%M}" for c in candles], symbol="QUIET",
                   timeframe=candles.timeframe)  # fmt: skip
    alone = play(candles, steps, update=update, **settings)
    named = {(candles.symbol, n): step for n, step in steps.items()}
    together = play([candles, silent], named, update=update, **settings)
    assert list(together.fills) == list(alone.fills)
    assert together.orders == alone.orders
    assert together.result.postings == alone.result.postings
    assert together.strategy.updates == alone.strategy.updates
    assert together.result.shortfalls == alone.result.shortfalls
    return alone


def postings(played: Played) -> list[tuple[str, str, float]]:
    """(date and time, kind, rupees) of what was booked without an execution."""
    return [(f"{p.time:%m-%d %H:%M:%S}", p.kind, p.amount) for p in played.result.postings]


def with_files(folder: Path, **tables: str) -> AppConfig:
    """Settings with files of the user's own; each text is a CSV."""
    names = {}
    for name, text in tables.items():
        path = folder / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        names[name] = str(path)
    return AppConfig(data=DataConfig(**names))


def reasons(played: Played) -> list[str]:
    """Why orders were refused or cancelled, in the order of sending; empty for the others."""
    return [order.rejection_reason for order in played.orders]
