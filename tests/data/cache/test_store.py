"""Bars are stored once, merged by their stamps, and come back as they were."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.data.cache import CacheManager, Merge
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import MINUTE_NS, day_of, midnight, to_ns
from tests.data.cache.samples import SERIES, ClockAt, answer, bars, empty, same, some

FEBRUARY, MARCH = (date(2024, 2, 1), date(2024, 2, 29)), (date(2024, 3, 1), date(2024, 3, 28))
BOTH = (FEBRUARY[0], MARCH[1])


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[CacheManager]:
    with CacheManager(tmp_path / "cache", clock=ClockAt(2026, 1, 1, 8, 0)) as cache:
        yield cache


@pytest.fixture(scope="module")
def both() -> Candles:
    return bars(*BOTH)


def cut(candles: Candles, first: date, last: date) -> Candles:
    return candles.between(midnight(day_of(first)), midnight(day_of(last) + 1))


def test_what_is_stored_comes_back_bit_by_bit(cache: CacheManager, both: Candles) -> None:
    assert cache.store(both, answer(*BOTH)) == Merge(added=len(both))
    assert same(cache.read(SERIES), both)


def test_an_empty_cache_is_no_file_and_holds_nothing(cache: CacheManager) -> None:
    assert cache.read(SERIES) is None
    assert cache.answers(SERIES) == []
    assert cache.stored() == []
    assert cache.instruments() == []
    assert cache.books() == []
    assert cache.statistics().bars == 0
    assert cache.check().problems == ()
    assert cache.clear() == 0
    assert cache.dataset(SERIES, make=lambda candles: candles, recipe="as it is") is None
    assert not cache.path.exists()


def test_a_range_of_days_has_all_bars_of_both_ends(cache: CacheManager, both: Candles) -> None:
    cache.store(both, answer(*BOTH))
    first, last = date(2024, 2, 20), date(2024, 3, 4)
    part = cache.read(SERIES, day_of(first), day_of(last))
    assert same(part, cut(both, first, last))
    assert same(cache.read(SERIES, None, day_of(last)), cut(both, BOTH[0], last))
    assert cache.read(SERIES, day_of(date(2024, 3, 9)), day_of(date(2024, 3, 10))) is None


def test_overlapping_pieces_in_any_order_make_one_series(
    cache: CacheManager, both: Candles
) -> None:
    rng = np.random.default_rng(3)
    pieces = [some(both, rng.random(len(both)) < 0.4) for _ in range(4)]
    merges = [cache.store(piece, answer(*BOTH)) for piece in [*pieces, both]]
    assert sum(merge.added for merge in merges) == len(both)
    assert all(merge.revised == merge.removed == 0 for merge in merges)
    assert merges[-1].added + merges[-1].same == len(both)
    assert same(cache.read(SERIES), both)


def test_defect_52_a_changed_bar_is_noticed_and_replaced_on_request(
    cache: CacheManager, both: Candles
) -> None:
    cache.store(both, answer(*BOTH))
    columns = [column.copy() for column in both.columns]
    columns[4][100] += 0.05
    columns[2][100] += 0.05
    columns[5][9000] += 1
    changed = Candles(SERIES, columns, both.origin)
    expected = Merge(same=len(both) - 2, revised=2, first_revised=int(both.ts[100]))
    assert cache.store(changed, answer(*BOTH)) == expected
    assert same(cache.read(SERIES), both)
    assert cache.store(changed, answer(*BOTH), replace=True) == expected
    assert same(cache.read(SERIES), changed)


def test_a_replacing_answer_removes_what_it_no_longer_has(
    cache: CacheManager, both: Candles
) -> None:
    cache.store(both, answer(*BOTH))
    days = date(2024, 2, 27), date(2024, 3, 5)
    fewer = cut(both, *days)[::2]
    merge = cache.store(fewer, answer(*days), replace=True)
    assert merge == Merge(same=len(fewer), removed=len(cut(both, *days)) - len(fewer))
    assert same(cache.read(SERIES, *map(day_of, days)), fewer)
    assert len(cache.read(SERIES) or ()) == len(both) - merge.removed


def test_a_replacing_answer_without_bars_empties_its_days(
    cache: CacheManager, both: Candles
) -> None:
    cache.store(both, answer(*BOTH))
    assert cache.store(empty(), answer(*FEBRUARY), replace=True).removed == len(
        cut(both, *FEBRUARY)
    )
    assert same(cache.read(SERIES), cut(both, *MARCH))


def test_a_source_without_a_column_does_not_contradict_one_that_has_it(
    cache: CacheManager, both: Candles
) -> None:
    cache.store(both, answer(*BOTH))
    columns = [*both.columns[:6], np.full(len(both), 17.0)]
    with_oi = Candles(SERIES, columns, both.origin)
    assert cache.store(with_oi, answer(*BOTH)).revised == 0
    cache.store(with_oi, answer(*BOTH), replace=True)
    assert same(cache.read(SERIES), with_oi)


def test_defect_83_the_same_symbol_on_another_exchange_is_another_series(
    cache: CacheManager,
) -> None:
    nse, bse = bars(*MARCH), bars(*MARCH, exchange="BSE", seed=2)
    cache.store(nse, answer(*MARCH))
    cache.store(bse, answer(*MARCH))
    assert same(cache.read(nse.series), nse)
    assert same(cache.read(bse.series), bse)


def test_defect_83_daily_bars_keep_their_indian_date(cache: CacheManager) -> None:
    daily = bars(date(2008, 1, 1), date(2024, 3, 28), timeframe="1d")
    span = date(2008, 1, 1), date(2024, 3, 28)
    cache.store(daily, answer(*span))
    assert same(cache.read(daily.series), daily)
    one = cache.read(daily.series, *[day_of(date(2010, 1, 4))] * 2)
    assert one is not None
    assert [f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in one] == ["2010-01-04 00:00"]


def test_bars_before_1970_have_their_place_too(cache: CacheManager) -> None:
    ts = [midnight(day) for day in (-400, -1, 0, 1)]
    old = Candles.from_arrays(
        symbol="OLD", exchange="NSE", timeframe="1d", ts=ts, open=[1, 2, 3, 4], high=[1, 2, 3, 4],
        low=[1, 2, 3, 4], close=[1, 2, 3, 4],
    )  # fmt: skip
    cache.store(old, answer(date(1968, 1, 1), date(1970, 1, 2)))
    assert same(cache.read(old.series), old)


def test_answers_keep_what_was_asked_and_what_was_mended(
    cache: CacheManager, both: Candles
) -> None:
    mended = Finding(code="close-labels", severity="note", message="moved", action="shifted")
    first = msgspec.structs.replace(answer(*FEBRUARY, source="import", detail="a.csv"),
                                    findings=(mended,))  # fmt: skip
    second = answer(*MARCH)
    cache.store(cut(both, *FEBRUARY), first)
    cache.store(cut(both, *MARCH), second)
    assert cache.answers(SERIES) == [first, second]
    candles = cache.read(SERIES)
    assert candles is not None
    assert candles.origin.kind == "cache"
    assert candles.origin.detail == (
        "import a.csv 2024-02-01 to 2024-02-29, openalgo 127.0.0.1:5000 2024-03-01 to 2024-03-28"
    )
    assert [finding.code for finding in candles.findings] == ["close-labels", "several-sources"]
    alone = cache.read(SERIES, day_of(MARCH[0]))
    assert alone is not None
    assert alone.findings == ()


def test_many_files_of_one_source_are_counted_in_the_origin(
    cache: CacheManager, both: Candles
) -> None:
    for part, file in ((FEBRUARY, "2.csv"), (MARCH, "3.csv")):
        cache.store(cut(both, *part), answer(*part, source="import", detail=file))
    candles = cache.read(SERIES)
    assert candles is not None
    assert candles.origin.detail == "import 2.csv … (2) 2024-02-01 to 2024-03-28"
    assert candles.findings == ()


def test_a_replacing_answer_takes_the_place_of_what_was_known(
    cache: CacheManager, both: Candles
) -> None:
    cache.store(both, answer(*BOTH, source="import", detail="a.csv"))
    days = date(2024, 2, 20), date(2024, 3, 5)
    cache.store(cut(both, *days), answer(*days), replace=True)
    spans = [(one.source, one.first_day, one.last_day) for one in cache.answers(SERIES)]
    assert spans == [
        ("import", day_of(BOTH[0]), day_of(days[0]) - 1),
        ("import", day_of(days[1]) + 1, day_of(BOTH[1])),
        ("openalgo", *map(day_of, days)),
    ]


def test_a_known_empty_range_is_stored_without_bars(cache: CacheManager) -> None:
    cache.store(empty(), answer(*MARCH))
    span = (day_of(MARCH[0]), day_of(MARCH[1]))
    assert cache.missing(SERIES, *span, max_age_hours=0) == []
    assert cache.read(SERIES) is None
    assert cache.stored() == []


def test_stored_series_are_listed_with_their_range_and_sources(
    cache: CacheManager, both: Candles
) -> None:
    weekly = bars(*BOTH, symbol="INFY", timeframe="1d")
    cache.store(both, answer(*BOTH))
    cache.store(both, answer(*BOTH, source="import", detail="a.csv"))
    cache.store(weekly, answer(*BOTH))
    infy, reliance = cache.stored()
    assert infy.series == weekly.series
    assert (reliance.bars, reliance.first_ts, reliance.last_ts) == (
        len(both),
        both.ts[0],
        both.ts[-1],
    )
    assert reliance.sources == ("import", "openalgo")
    assert 0 < reliance.bytes < 25 * len(both)
    assert reliance.updated_at == to_ns(datetime(2026, 1, 1, 8, 0))
    assert cache.stored(symbol="INFY") == [infy]
    assert cache.stored(exchange="BSE") == []
    assert cache.stored(timeframe="1m") == [reliance]


def test_the_contracts_of_an_underlying_are_listed(cache: CacheManager, both: Candles) -> None:
    call = Instrument(
        symbol="RELIANCE28MAR242900CE", exchange="NFO", kind="option", underlying="RELIANCE"
    )
    contract = Candles(Series(call.symbol, "NFO", "1m"), both.columns, both.origin)
    cache.store(both, answer(*BOTH))
    cache.store(contract, answer(*BOTH))
    cache.store_instruments([call], source="import")
    assert [one.series for one in cache.stored(underlying="RELIANCE")] == [contract.series]


def test_defect_81_clearing_leaves_nothing_behind(cache: CacheManager, both: Candles) -> None:
    cache.store(both, answer(*BOTH))
    other = bars(*MARCH, symbol="INFY")
    cache.store(other, answer(*MARCH))
    before = cache.statistics().database_bytes
    assert cache.clear(symbol="RELIANCE") == len(both)
    assert cache.read(SERIES) is None
    assert cache.answers(SERIES) == []
    assert cache.missing(SERIES, day_of(MARCH[0]), day_of(MARCH[1]), max_age_hours=24)
    assert same(cache.read(other.series), other)
    assert cache.statistics().database_bytes < before / 2
    assert cache.clear() == len(other)
    assert cache.stored() == []
    assert cache.statistics().answers == 0
    assert cache.check().problems == ()


@pytest.mark.parametrize("day", [date(2024, 2, 20), date(2024, 3, 1), date(2024, 3, 12)])
def test_clearing_before_a_day_keeps_it_and_what_is_known_from_it_on(
    cache: CacheManager, both: Candles, day: date
) -> None:
    cache.store(both, answer(*BOTH))
    kept = both.between(midnight(day_of(day)), None)
    assert cache.clear(before_day=day_of(day)) == len(both) - len(kept)
    assert same(cache.read(SERIES), kept)
    left = cache.missing(SERIES, day_of(BOTH[0]), day_of(BOTH[1]), max_age_hours=0)
    assert [first for first, _ in left] == [day_of(BOTH[0])]
    assert left[-1][1] < day_of(day)


def test_statistics_count_what_is_there(cache: CacheManager, both: Candles) -> None:
    cache.store(both, answer(*BOTH))
    cache.store_book("orderbook", day_of(MARCH[0]), {"data": []})
    found = cache.statistics()
    assert (found.series, found.bars, found.answers, found.books) == (1, len(both), 1, 1)
    assert found.database_bytes > 0
    assert found.path == str(cache.path)
    assert cache.check().bars == len(both)


def test_a_ration_waits_for_its_slot(cache: CacheManager) -> None:
    clock = cache.clock
    assert isinstance(clock, ClockAt)
    begun = clock.ns
    for _ in range(4):
        cache.ration("127.0.0.1 history", interval_ns=350_000_000)
    assert clock.ns - begun == 3 * 350_000_000
    cache.ration("127.0.0.1 quotes", interval_ns=350_000_000)
    assert clock.ns - begun == 3 * 350_000_000


def test_a_clock_that_was_set_back_does_not_stop_a_ration(cache: CacheManager) -> None:
    clock = cache.clock
    assert isinstance(clock, ClockAt)
    cache.ration("history", interval_ns=1)
    clock.ns -= 600 * MINUTE_NS
    begun = clock.ns
    cache.ration("history", interval_ns=1)
    assert clock.ns == begun


_FIRST = day_of(date(2024, 2, 20))
_steps = st.tuples(
    st.sampled_from(["store", "replace", "clear"]), st.integers(0, 30), st.integers(0, 12)
)


@settings(max_examples=25)
@given(st.lists(_steps, max_size=6))
def test_any_sequence_of_stores_is_what_plain_sets_say(
    steps: list[tuple[str, int, int]],
) -> None:
    """Each step's answer has bars of a price of its own."""
    known: set[int] = set()
    prices: dict[int, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        CacheManager(Path(folder), clock=ClockAt(2026, 1, 1)) as cache,
    ):
        for step, (kind, begin, length) in enumerate(steps):
            days = range(_FIRST + begin, _FIRST + begin + length + 1)
            if kind == "clear":
                cache.clear(before_day=days[0])
                known = {day for day in known if day >= days[0]}
                prices = {day: price for day, price in prices.items() if day >= days[0]}
                continue
            price = 100.0 + step
            same_price = np.full(len(days), price)
            candles = Candles.from_arrays(
                symbol="RELIANCE", exchange="NSE", timeframe="1d",
                ts=[midnight(day) for day in days], open=same_price, high=same_price,
                low=same_price, close=same_price,
            )  # fmt: skip
            span = answer(date.fromordinal(1), date.fromordinal(1))
            span = msgspec.structs.replace(span, first_day=days[0], last_day=days[-1])
            cache.store(candles, span, replace=kind == "replace")
            known |= set(days)
            fresh = dict.fromkeys(days, price)
            prices = {**prices, **fresh} if kind == "replace" else {**fresh, **prices}
        series = Series("RELIANCE", "NSE", "1d")
        read = cache.read(series)
        found = {} if read is None else dict(zip(read.days.tolist(), read.close, strict=True))
        assert found == prices
        missing = cache.missing(series, _FIRST, _FIRST + 42, max_age_hours=0)
        asked = {day for first, last in missing for day in range(first, last + 1)}
        sessions = set(calendar_of("NSE").trading_days(_FIRST, _FIRST + 42).tolist())
        assert asked & sessions == sessions - known
