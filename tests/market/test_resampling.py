"""Coarser bars: nothing lost, nothing seen early, buckets on the session's grid (T1)."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import DataError
from tapeback.market.candles import Candles
from tapeback.market.resampling import resample
from tapeback.utils.clock import to_ns

NAN = float("nan")
MINUTE = 60 * 10**9
INTRADAY = ["2m", "3m", "5m", "10m", "15m", "30m", "1h", "2h", "3h", "4h"]


def build(
    stamps: list[str] | list[int],
    *,
    timeframe: str = "1m",
    exchange: str = "NSE",
    volume: object = None,
    seed: int = 1,
) -> Candles:
    ts = [to_ns(datetime.fromisoformat(s)) if isinstance(s, str) else s for s in stamps]
    random = np.random.Generator(np.random.PCG64(seed))
    opens, closes = 100 + random.integers(0, 20, (2, len(ts)))
    return Candles.from_arrays(
        symbol="INFY",
        exchange=exchange,
        timeframe=timeframe,
        ts=np.array(ts, np.int64),
        open=opens,
        high=np.maximum(opens, closes) + random.integers(0, 5, len(ts)),
        low=np.minimum(opens, closes) - random.integers(0, 5, len(ts)),
        close=closes,
        volume=random.integers(0, 1000, len(ts)) if volume is None else volume,
        oi=random.integers(0, 1000, len(ts)),
    )


def labels(candles: Candles) -> list[str]:
    return [f"{candle.timestamp:%H:%M}" for candle in candles]


def minutes_of(date: str, start: int, stop: int) -> list[int]:
    midnight = to_ns(datetime.fromisoformat(date))
    return [midnight + minute * MINUTE for minute in range(start, stop)]


DAY = minutes_of("2024-03-05", 555, 930)


def test_a_bucket_takes_first_highest_lowest_last_and_sums() -> None:
    candles = build(DAY[:6])
    first, second = candles.resample("3m")
    part = candles[:3]
    assert (first.open, first.close) == (part[0].open, part[2].close)
    assert (first.high, first.low) == (part.high.max(), part.low.min())
    assert (first.volume, first.oi) == (part.volume.sum(), part[2].oi)
    assert second.ts == first.ts + 3 * MINUTE


def test_buckets_count_from_the_open_and_the_last_is_shorter() -> None:
    hours = build(DAY).resample("1h")
    assert labels(hours) == ["09:15", "10:15", "11:15", "12:15", "13:15", "14:15", "15:15"]
    assert hours.ends[-1] == to_ns(datetime(2024, 3, 5, 15, 30))
    assert labels(build(DAY).resample("4h")) == ["09:15", "13:15"]


def test_a_late_start_keeps_the_grid() -> None:
    assert labels(build(DAY[40:]).resample("15m"))[:2] == ["09:45", "10:00"]


def test_buckets_run_on_through_breaks() -> None:
    two_blocks = DAY[:45] + DAY[135:195]
    assert labels(build(two_blocks).resample("1h")) == ["09:15", "11:15", "12:15"]


def test_bars_before_and_after_hours_stay_out_of_the_session_s_buckets() -> None:
    odd = minutes_of("2024-03-05", 547, 548) + DAY + minutes_of("2024-03-05", 960, 970)
    hours = build(odd).resample("1h")
    assert labels(hours)[0] == "08:15"
    assert labels(hours)[1] == "09:15"
    assert labels(hours)[-2:] == ["15:15", "15:30"]
    assert hours.volume[-2] == build(odd)[361:376].volume.sum()


def test_a_muhurat_counts_from_its_open_and_ends_with_its_hour() -> None:
    muhurat = build(minutes_of("2023-11-12", 18 * 60 + 10, 19 * 60 + 15))
    assert labels(muhurat.resample("30m")) == ["17:45", "18:15", "18:45"]
    whole = build(minutes_of("2023-11-12", 18 * 60 + 15, 19 * 60 + 15)).resample("45m")
    assert labels(whole) == ["18:15", "19:00"]
    assert whole.ends[-1] == to_ns(datetime(2023, 11, 12, 19, 15))


def test_an_evening_that_the_calendar_does_not_know_counts_from_its_first_bar() -> None:
    evening = minutes_of("2023-11-13", 18 * 60 + 10, 19 * 60 + 15)
    assert labels(build(evening).resample("30m")) == ["18:10", "18:40", "19:10"]


def test_old_hours_have_their_own_grid() -> None:
    old = build(minutes_of("2009-06-01", 595, 930))
    assert labels(old.resample("1h"))[:2] == ["09:55", "10:55"]


def test_a_drill_counts_on_through_its_pause_and_no_bar_ends_in_it() -> None:
    drill = minutes_of("2024-03-02", 555, 600) + minutes_of("2024-03-02", 690, 750)
    hours = build(drill).resample("1h")
    assert labels(hours) == ["09:15", "11:15", "12:15"]
    ends = [datetime(2024, 3, 2, *clock) for clock in ((10, 0), (12, 15), (12, 30))]
    assert hours.ends.tolist() == [to_ns(end) for end in ends]
    assert hours.findings == ()


def test_the_print_of_a_closing_auction_is_the_day_s_last_bar() -> None:
    day = build([*minutes_of("2026-08-03", 555, 915), *minutes_of("2026-08-03", 930, 931)])
    assert labels(day.resample("1h"))[-2:] == ["14:15", "15:15"]
    for timeframe in ("1h", "2h", "4h", "1d"):
        coarse = day.resample(timeframe)
        assert coarse.ends[-1] == to_ns(datetime(2026, 8, 3, 15, 35))
        assert coarse.close[-1] == day.close[-1]
    assert day.resample("1h").ends[-2] == to_ns(datetime(2026, 8, 3, 15, 15))


def test_an_open_soon_after_midnight_keeps_to_its_date() -> None:
    crypto = build(minutes_of("2024-03-05", 0, 1440), exchange="CRYPTO")
    assert len(crypto.resample("4h")) == 6
    early = build(minutes_of("2024-03-05", 10, 20) + DAY).resample("4h")
    assert len(set(early.days.tolist())) == 1


def test_days_weeks_and_months_are_labelled_by_their_first_date() -> None:
    stamps = [
        f"2024-{month:02}-{day:02} 09:15"
        for month, day in ((1, 30), (1, 31), (2, 1), (2, 2), (2, 3), (2, 5))
    ]
    candles = build(stamps)

    def dates(timeframe: str) -> list[str]:
        return [f"{c.timestamp:%Y-%m-%d %H:%M}" for c in candles.resample(timeframe)]

    assert dates("1d") == [f"{stamp[:10]} 00:00" for stamp in stamps]
    assert dates("1w") == ["2024-01-29 00:00", "2024-02-05 00:00"]
    assert dates("1M") == ["2024-01-01 00:00", "2024-02-01 00:00"]
    daily = candles.resample("1d")
    assert [c.close for c in daily.resample("1M")] == [c.close for c in candles.resample("1M")]


def test_a_week_or_month_is_not_known_before_its_last_bar() -> None:
    stamps = [f"2024-01-{day} 15:29" for day in (25, 26, 27, 30, 31)]
    candles = build(stamps)
    for timeframe in ("1w", "1M"):
        coarse = candles.resample(timeframe)
        bucket = np.searchsorted(coarse.ts, candles.ts, side="right") - 1
        assert (coarse.ends[bucket] >= candles.ends).all()


def test_volume_that_is_absent_stays_absent() -> None:
    candles = build(DAY[:6], volume=[NAN, NAN, NAN, 5.0, NAN, 7.0])
    first, second = candles.resample("3m").volume
    assert np.isnan(first)
    assert second == 12.0
    assert not build(DAY[:6], volume=[NAN] * 6).resample("1d").has_volume


def test_the_same_timeframe_is_the_same_candles() -> None:
    candles = build(DAY)
    assert resample(candles, "1m") is candles
    daily = candles.resample("D")
    assert resample(daily, "1d") is daily


def test_no_bars_make_no_bars() -> None:
    assert len(build(DAY)[:0].resample("1h")) == 0


def test_origin_and_findings_stay() -> None:
    twice = build([*DAY[:3], DAY[0]])
    assert twice.findings
    assert twice.resample("1h").origin == twice.origin


@pytest.mark.parametrize(
    ("own", "asked", "message"),
    [
        ("5m", "1m", "5m bars cannot be resampled to the finer 1m.*Ask for 5m or longer"),
        ("1d", "1h", "1d bars cannot be resampled to the finer 1h"),
        ("2m", "3m", "3m is no multiple of 2m"),
        ("45m", "1h", "1h is no multiple of 45m"),
        ("1w", "1M", "weeks run over the ends of months"),
        ("1m", "7m", "unknown timeframe '7m'"),
    ],
)
def test_what_cannot_be_made_is_refused(own: str, asked: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        build(DAY[:1], timeframe=own).resample(asked)


def test_bars_off_the_grid_are_refused_when_many_and_reported_when_few() -> None:
    hours = [f"2024-03-05 {hour}:00" for hour in range(10, 15)]
    with pytest.raises(DataError, match=r"run over the end of their 2h.*2024-03-05 11:00"):
        build(hours, timeframe="1h").resample("2h")
    quarters = [
        to_ns(datetime(2024, 3, day, 9, 15)) + k * 15 * MINUTE
        for day in (4, 5, 6, 7, 8)
        for k in range(24)
    ]
    quarters[31] += 6 * MINUTE
    half_hours = build([*quarters[:32], *quarters[33:]], timeframe="15m").resample("30m")
    (finding,) = half_hours.findings
    assert (finding.code, finding.count) == ("straddling-bars", 1)


@st.composite
def sessions(draw: st.DrawFn) -> Candles:
    """Some minutes of a few dates, in and out of hours, with and without volume."""
    stamps: list[int] = []
    for day in draw(st.lists(st.integers(1, 28), min_size=1, max_size=4, unique=True)):
        clocks = draw(st.lists(st.integers(500, 1200), min_size=1, max_size=40, unique=True))
        midnight = to_ns(datetime(2024, 2, day))
        stamps += [midnight + clock * MINUTE for clock in clocks]
    size = len(stamps)
    volume = draw(st.lists(st.sampled_from([NAN, 0.0, 1.0, 250.0]), min_size=size, max_size=size))
    return build(sorted(stamps), volume=volume, seed=draw(st.integers(0, 99)))


@given(candles=sessions(), timeframe=st.sampled_from([*INTRADAY, "1d", "1w", "1M"]))
def test_nothing_is_lost_and_nothing_made_up(candles: Candles, timeframe: str) -> None:
    coarse = candles.resample(timeframe)
    assert np.nansum(coarse.volume) == np.nansum(candles.volume)
    assert coarse.high.max() == candles.high.max()
    assert coarse.low.min() == candles.low.min()
    assert (coarse.open[0], coarse.close[-1]) == (candles.open[0], candles.close[-1])
    assert (np.diff(coarse.ts) > 0).all()
    assert ((coarse.high >= coarse.open) & (coarse.low <= coarse.close)).all()
    bucket = np.searchsorted(coarse.ts, candles.ts, side="right") - 1
    assert len(np.unique(bucket)) == len(coarse)
    if timeframe in INTRADAY:
        assert (coarse.days[bucket] == candles.days).all()
        assert (coarse.ends[bucket] >= candles.ends).all()


@given(candles=sessions(), timeframe=st.sampled_from([*INTRADAY, "1d"]))
def test_dates_resample_alone_as_they_do_together(candles: Candles, timeframe: str) -> None:
    together = candles.resample(timeframe)
    edges = [*candles.session_firsts.tolist(), len(candles)]
    parts = [candles[first:last].resample(timeframe) for first, last in pairwise(edges)]
    for index, column in enumerate(together.columns):
        alone = np.concatenate([part.columns[index] for part in parts])
        assert np.array_equal(column, alone, equal_nan=True)


@given(candles=sessions(), steps=st.sampled_from([("5m", "15m"), ("15m", "1h"), ("1h", "1d")]))
def test_two_steps_are_as_one(candles: Candles, steps: tuple[str, str]) -> None:
    first, last = steps
    regular = (candles.starts % (86400 * 10**9)) // MINUTE
    inside = (regular >= 225) & (regular < 600)
    kept = Candles(candles.series, [c[inside] for c in candles.columns], candles.origin)
    once = kept.resample(last)
    twice = kept.resample(first).resample(last)
    for one, other in zip(once.columns, twice.columns, strict=True):
        assert np.array_equal(one, other, equal_nan=True)
