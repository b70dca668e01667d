"""An old cache of one row a bar is taken over, with what it did not say."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.errors import DataFormatError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import day_of
from tests.data.cache.samples import SERIES, ClockAt, bars, same

SPAN = (date(2024, 3, 11), date(2024, 3, 15))
AFTER = "2024-03-16 10:00:00.123456"


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CacheManager]:
    with CacheManager(tmp_path / "new", clock=ClockAt(2026, 1, 1)) as cache:
        yield cache


def old_cache(folder: Path, *series: Candles, name: str | None = None, cached: str = AFTER) -> Path:
    """A database as the old program wrote it: naive Indian stamps."""
    path = folder / "market_data.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(
            "CREATE TABLE candles (symbol TEXT, exchange TEXT, timeframe TEXT, "
            "timestamp TIMESTAMP, open REAL, high REAL, low REAL, close REAL, volume REAL, "
            "PRIMARY KEY (symbol, exchange, timeframe, timestamp))"
        )
        file.execute("CREATE TABLE requests (request_key TEXT PRIMARY KEY, cached_at TIMESTAMP)")
        file.execute(
            "INSERT INTO requests VALUES ('9e107d9d372bb6826bd81d3542a419d6', ?)", (cached,)
        )
        for candles in series:
            rows = [
                (candles.symbol, candles.exchange, name or candles.timeframe,
                 f"{bar.timestamp:%Y-%m-%d %H:%M:%S}", bar.open, bar.high, bar.low, bar.close,
                 bar.volume)
                for bar in candles
            ]  # fmt: skip
            file.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return path


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(statement)


def test_minutes_and_days_are_taken_over_as_indian_time(
    cache: CacheManager, tmp_path: Path
) -> None:
    minutes, days = bars(*SPAN), bars(date(2023, 1, 2), SPAN[1], timeframe="1d")
    path = old_cache(tmp_path, minutes, days)
    before = path.read_bytes()
    report = cache.import_legacy(path)
    assert path.read_bytes() == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["market_data.db", "new"]
    assert report.added == len(minutes) + len(days)
    assert [one.skipped for one in report.series] == ["", ""]
    assert same(cache.read(minutes.series), minutes)
    assert same(cache.read(days.series), days)
    assert cache.missing(SERIES, *map(day_of, SPAN), max_age_hours=0) == []
    read = cache.read(SERIES)
    assert read is not None
    assert read.origin.detail == "import market_data.db 2024-03-11 to 2024-03-15"


def test_defect_52_a_session_with_a_hole_has_its_bars_and_stays_missing(
    cache: CacheManager, tmp_path: Path
) -> None:
    path = old_cache(tmp_path, bars(*SPAN))
    change(path, "DELETE FROM candles WHERE timestamp LIKE '2024-03-13 11:%'")
    report = cache.import_legacy(path)
    assert report.added == len(bars(*SPAN)) - 60
    wednesday = day_of(date(2024, 3, 13))
    assert cache.missing(SERIES, *map(day_of, SPAN), max_age_hours=24) == [(wednesday, wednesday)]


@pytest.mark.parametrize(("timeframe", "lost"), [("1m", "2024-03-15 11:30"), ("1d", "2024-03-15")])
def test_defect_52_a_bar_that_was_still_forming_is_left_out(
    cache: CacheManager, tmp_path: Path, timeframe: str, lost: str
) -> None:
    candles = bars(*SPAN, timeframe=timeframe)
    candles = candles.between(None, candles.ts[-1].item() + 1 if timeframe == "1d" else
                              int(candles.ts[-1]) - 239 * 60 * 10**9 + 60 * 10**9)  # fmt: skip
    path = old_cache(tmp_path, candles, cached="2024-03-15 11:30:20")
    (one,) = cache.import_legacy(path).series
    assert [(f.code, f.count) for f in one.findings] == [("forming-bar", 1)]
    assert one.findings[0].where.startswith(lost)
    assert same(cache.read(candles.series), candles[:-1])
    friday = day_of(SPAN[1])
    assert cache.missing(candles.series, friday, friday, max_age_hours=24) == [(friday, friday)]


def test_defect_50_hours_under_the_name_of_four_hours_are_skipped(
    cache: CacheManager, tmp_path: Path
) -> None:
    path = old_cache(tmp_path, bars(*SPAN, timeframe="1h"), name="4h")
    (one,) = cache.import_legacy(path).series
    assert one.skipped == "its bars are 1h, not 4h"
    assert cache.stored() == []


def test_defect_54_rows_that_are_no_bars_are_left_out_and_counted(
    cache: CacheManager, tmp_path: Path
) -> None:
    path = old_cache(tmp_path, bars(*SPAN))
    change(path, "UPDATE candles SET high = low - 1 WHERE timestamp = '2024-03-11 10:00:00'")
    change(path, "UPDATE candles SET close = NULL WHERE timestamp = '2024-03-11 10:01:00'")
    change(path, "UPDATE candles SET open = 'x' WHERE timestamp = '2024-03-11 10:02:00'")
    change(path, "UPDATE candles SET timestamp = 'noon' WHERE timestamp = '2024-03-11 10:03:00'")
    (one,) = cache.import_legacy(path).series
    assert one.merge.added == len(bars(*SPAN)) - 4
    assert {(f.code, f.count) for f in one.findings} == {
        ("high-below-low", 1),
        ("missing-price", 2),
        ("missing-stamp", 1),
    }
    read = cache.read(SERIES)
    assert read is not None
    assert set(read.findings) == set(one.findings)


def test_what_is_stored_already_stands(cache: CacheManager, tmp_path: Path) -> None:
    path = old_cache(tmp_path, bars(*SPAN))
    cache.import_legacy(path)
    again = cache.import_legacy(path)
    assert again.added == 0
    assert again.series[0].merge.same == len(bars(*SPAN))


def test_an_unknown_exchange_is_skipped(cache: CacheManager, tmp_path: Path) -> None:
    path = old_cache(tmp_path, bars(*SPAN))
    change(path, "UPDATE candles SET exchange = 'NSEX'")
    (one,) = cache.import_legacy(path).series
    assert "NSEX" in one.skipped
    assert one.series == Series("RELIANCE", "NSEX", "1m")


def test_stamps_with_fractions_and_zones_are_read(cache: CacheManager, tmp_path: Path) -> None:
    path = old_cache(tmp_path, bars(*SPAN))
    with closing(sqlite3.connect(path)) as file, file:
        first = datetime(2024, 3, 11, 9, 15)
        for minute, text in enumerate(("{0:%FT%T}", "{0:%F %T}.000000", "{0:%F %T}+05:30")):
            stamp = first + timedelta(minutes=minute)
            file.execute(
                "UPDATE candles SET timestamp = ? WHERE timestamp = ?",
                (text.format(stamp), f"{stamp:%F %T}"),
            )
    cache.import_legacy(path)
    assert same(cache.read(SERIES), bars(*SPAN))


def test_a_file_that_is_no_old_cache_is_refused(cache: CacheManager, tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="no such file"):
        cache.import_legacy(tmp_path / "nothing.db")
    (tmp_path / "text.db").write_text("no database at all, but long enough" * 100)
    with pytest.raises(DataFormatError, match="no old candle cache"):
        cache.import_legacy(tmp_path / "text.db")
    with closing(sqlite3.connect(tmp_path / "other.db")) as file, file:
        file.execute("CREATE TABLE orders (id INTEGER)")
    with pytest.raises(DataFormatError, match="no old candle cache"):
        cache.import_legacy(tmp_path / "other.db")
