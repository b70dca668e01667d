"""Instruments and books that are kept beside the candles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import msgspec
import pytest

from tapeback.data.cache import CacheManager
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of, to_ns
from tests.data.cache.samples import ClockAt

EXPIRY = day_of(date(2024, 3, 28))
CALL = Instrument(
    symbol="NIFTY28MAR2422000CE",
    exchange="NFO",
    kind="option",
    underlying="NIFTY",
    option_type="CE",
    strike=22000.0,
    expiry=EXPIRY,
)
FUTURE = Instrument(
    symbol="NIFTY25APR24FUT",
    exchange="NFO",
    kind="future",
    underlying="NIFTY",
    expiry=day_of(date(2024, 4, 25)),
    lot_size=50,
    listed=True,
)


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CacheManager]:
    with CacheManager(tmp_path, clock=ClockAt(2024, 3, 14, 16, 0)) as cache:
        yield cache


def test_instruments_are_found_by_what_they_are(cache: CacheManager) -> None:
    bank = msgspec.structs.replace(CALL, symbol="BANKNIFTY27MAR2447000CE", underlying="BANKNIFTY")
    assert cache.store_instruments([CALL, FUTURE, bank], source="openalgo") == 3
    assert cache.instruments() == [bank, FUTURE, CALL]
    assert cache.instruments(underlying="NIFTY") == [FUTURE, CALL]
    assert cache.instruments(underlying="NIFTY", kind="option") == [CALL]
    assert cache.instruments(expiry=EXPIRY, exchange="NFO") == [bank, CALL]
    assert cache.instruments(exchange="BFO") == []


def test_the_same_word_again_is_nothing_new(cache: CacheManager) -> None:
    cache.store_instruments([CALL], source="openalgo")
    assert cache.store_instruments([CALL, CALL], source="historify") == 0


def test_a_later_source_adds_what_it_knows_and_loses_nothing(cache: CacheManager) -> None:
    master = msgspec.structs.replace(CALL, lot_size=50, tick_size=0.1, listed=True)
    from_a_file_name = msgspec.structs.replace(CALL, strike=0.0, option_type="", expiry=None)
    cache.store_instruments([from_a_file_name], source="import")
    cache.store_instruments([CALL], source="import")
    assert cache.instruments() == [CALL]
    cache.store_instruments([master], source="openalgo")
    cache.store_instruments([from_a_file_name], source="import")
    assert cache.instruments() == [master]


def test_a_newer_master_contract_counts(cache: CacheManager) -> None:
    old = msgspec.structs.replace(FUTURE, lot_size=75)
    cache.store_instruments([old], source="openalgo")
    assert cache.store_instruments([FUTURE], source="openalgo") == 1
    assert cache.instruments() == [FUTURE]


def test_books_are_kept_by_day_and_the_newest_of_a_day_counts(cache: CacheManager) -> None:
    day = day_of(date(2024, 3, 14))
    orders = {"orders": [{"orderid": "1", "price": 100.05, "rejection_reason": None}]}
    cache.store_book("orderbook", day, {"orders": []})
    cache.store_book("orderbook", day, orders)
    cache.store_book("tradebook", day, [])
    cache.store_book("orderbook", day - 1, {"orders": []})
    yesterday, today, trades = cache.books()
    assert (yesterday.day, today.kind, trades.kind) == (day - 1, "orderbook", "tradebook")
    assert today.document == orders
    assert today.stored_at == to_ns(datetime(2024, 3, 14, 16, 0))
    assert cache.books(day=day, kind="tradebook") == [trades]
    assert cache.books(day=day + 1) == []
