"""Makes `historify.duckdb` files with the schema that OpenAlgo documents."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from tapeback.market.candles import Candles
from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS

SCHEMA = """
CREATE TABLE market_data (
    symbol VARCHAR NOT NULL, exchange VARCHAR NOT NULL, interval VARCHAR NOT NULL,
    timestamp BIGINT NOT NULL, open DOUBLE, high DOUBLE, low DOUBLE, close DOUBLE,
    volume BIGINT, oi BIGINT DEFAULT 0, created_at TIMESTAMP DEFAULT current_timestamp,
    PRIMARY KEY (symbol, exchange, interval, timestamp));
CREATE TABLE symbol_metadata (
    symbol VARCHAR, exchange VARCHAR, name VARCHAR, expiry VARCHAR, strike DOUBLE,
    lotsize INTEGER, instrumenttype VARCHAR, tick_size DOUBLE, last_updated TIMESTAMP,
    PRIMARY KEY (symbol, exchange));
CREATE TABLE data_catalog (
    symbol VARCHAR, exchange VARCHAR, interval VARCHAR, first_timestamp BIGINT,
    last_timestamp BIGINT, record_count BIGINT, last_download_at TIMESTAMP);
CREATE TABLE watchlist (symbol VARCHAR, exchange VARCHAR);
"""
# How late naive Indian times are that were imported as UTC.
SHIFT_S = IST_OFFSET_NS // SECOND_NS


def make(path: Path) -> Path:
    """A file with the tables and no bars."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCHEMA)
    return path


def add(path: Path, candles: Candles, interval: str = "1m", *, shifted: bool = False) -> None:
    """Store candles as Historify does: seconds UTC, and days at UTC midnight of their date."""
    seconds = candles.ts // SECOND_NS + (SHIFT_S if shifted else 0)
    if interval in ("D", "W", "M"):
        seconds = seconds + SHIFT_S
    add_rows(
        path,
        candles.symbol,
        candles.exchange,
        interval,
        seconds,
        [candles.open, candles.high, candles.low, candles.close],
        volume=np.nan_to_num(candles.volume),
        oi=np.nan_to_num(candles.oi),
    )


def add_rows(
    path: Path,
    symbol: str,
    exchange: str,
    interval: str,
    seconds: Sequence[int],
    prices: Sequence[Sequence[float]],
    *,
    volume: Sequence[float] | float = 10,
    oi: Sequence[float] | float = 0,
) -> None:
    """Store rows as they are; a later one takes the place of one with the same stamp."""
    frame = pd.DataFrame({"timestamp": np.asarray(seconds, np.int64)})
    for name, column in zip(("open", "high", "low", "close"), prices, strict=True):
        frame[name] = column
    frame["volume"], frame["oi"] = volume, oi
    with duckdb.connect(str(path)) as connection:
        connection.register("frame", frame)
        connection.execute(
            "INSERT OR REPLACE INTO market_data SELECT ?, ?, ?, timestamp, open, high, low, "
            "close, volume, oi, current_timestamp FROM frame",
            [symbol, exchange, interval],
        )


def flat(price: float, count: int) -> list[list[float]]:
    """The prices of bars that stand still."""
    return [[price] * count] * 4
