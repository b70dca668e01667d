"""Rows of an answer become closed bars with the labels of this program."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from tapeback.data.openalgo.history import candles_of, columns_of
from tapeback.data.openalgo.limits import COMMON_TIMEFRAMES, days_per_request, native_timeframe
from tapeback.data.openalgo.listings import Listing, parse_expiry, parse_listing
from tapeback.data.openalgo.revisions import compare
from tapeback.errors import DataError, DataFormatError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import IST, date_of, day_of, to_ns
from tests.openalgo_server import minutes_of

NINE = int(datetime(2024, 3, 11, 9, 15, tzinfo=IST).timestamp())
LATER = to_ns(datetime(2024, 4, 8))


def row(timestamp: object = NINE, **values: object) -> dict[str, object]:
    bar = {"open": 100.0, "high": 101.0, "low": 99.0, "close": 100.5, "volume": 10, "oi": 0}
    return {"timestamp": timestamp, **bar, **values}


def closed(
    rows: list[dict[str, object]], timeframe: str, *, exchange: str = "NSE", now: int = LATER
) -> Candles:
    series = Series("RELIANCE", exchange, timeframe)
    days = day_of(date(2024, 3, 1)), day_of(date(2024, 4, 5))
    columns = columns_of(rows, where=series.name)
    return candles_of(series, columns, first_day=days[0], last_day=days[1], now=now)


def test_rows_may_name_their_values_in_any_order_and_as_text() -> None:
    candles = closed([dict(reversed(row(open="100.05").items()))], "1m")
    assert candles.open.tolist() == [100.05]
    assert f"{candles[0].timestamp:%Y-%m-%d %H:%M}" == "2024-03-11 09:15"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("none", "'data' is str and no list"),
        (None, "'data' is NoneType and no list"),
        ([row(), [1, 2]], r"row 2 is no record but \[1, 2\]"),
        ([row(), {"timestamp": NINE}], "row 2 has no 'open', only timestamp"),
        ([row(), row(close="n/a")], "row 2 has 'n/a' as 'close', which is no number"),
        ([row(volume={})], "row 1 has {} as 'volume', which is no number"),
        ([row(NINE * 1000)], f"row 1 has the timestamp {NINE * 1000}, which is no epoch"),
        ([row("2024-03-11")], "row 1 has '2024-03-11' as 'timestamp'"),
        ([row(None)], "row 1 has the timestamp None"),
    ],
)
def test_what_is_no_row_is_told_with_its_number(rows: object, words: str) -> None:
    with pytest.raises(DataFormatError, match=words):
        columns_of(rows, where="RELIANCE:NSE:1m")


def test_defect_54_rows_that_cannot_be_bars_are_left_out_and_said() -> None:
    rows = [row(), row(NINE + 60, high=1.0), row(NINE + 120, close=None), row(), row(NINE - 60)]
    candles = closed(rows, "1m")
    assert [f"{bar.timestamp:%H:%M}" for bar in candles] == ["09:14", "09:15"]
    assert {finding.code for finding in candles.findings} == {
        "high-below-low",
        "missing-price",
        "duplicate-stamps",
        "unsorted",
    }


@pytest.mark.parametrize("hours", [5.5, 0, 24])
def test_defect_83_a_day_keeps_its_date_whatever_midnight_it_is_labelled_by(hours: float) -> None:
    """UTC midnight, Indian midnight, and a day later for comparison."""
    indian_midnight = int(datetime(2024, 3, 11, tzinfo=IST).timestamp())
    (bar,) = closed([row(indian_midnight + int(hours * 3600))], "1d")
    assert f"{bar.timestamp:%Y-%m-%d %H:%M}" == f"2024-03-{12 if hours == 24 else 11} 00:00"


@pytest.mark.parametrize(
    ("stamp", "timeframe", "label", "said"),
    [
        (datetime(2024, 3, 11, 5, 30, tzinfo=IST), "1w", "03-11", 0),
        (datetime(2024, 3, 11, tzinfo=IST), "1w", "03-11", 1),
        (datetime(2024, 3, 13, 5, 30, tzinfo=IST), "1w", "03-11", 1),
        (datetime(2024, 3, 1, tzinfo=IST), "1M", "03-01", 1),
        (datetime(2024, 3, 4, 5, 30, tzinfo=IST), "1M", "03-01", 1),
    ],
)
def test_weeks_and_months_are_labelled_by_their_first_day(
    stamp: datetime, timeframe: str, label: str, said: int
) -> None:
    candles = closed([row(int(stamp.timestamp()))], timeframe)
    assert f"{candles[0].timestamp:%m-%d %H:%M}" == f"{label} 00:00"
    assert [finding.code for finding in candles.findings] == ["period-labels"] * said


@pytest.mark.parametrize(
    ("timeframe", "now", "bars"),
    [
        ("1m", datetime(2024, 3, 11, 9, 15, 59), 0),
        ("1m", datetime(2024, 3, 11, 9, 16), 1),
        ("1h", datetime(2024, 3, 11, 10, 14, 59), 0),
        ("1d", datetime(2024, 3, 11, 15, 29, 59), 0),
        ("1d", datetime(2024, 3, 11, 15, 30), 1),
        ("1w", datetime(2024, 3, 15, 15, 29, 59), 0),
    ],
)
def test_a_bar_that_is_not_over_is_left_out(timeframe: str, now: datetime, bars: int) -> None:
    assert len(closed([row()], timeframe, now=to_ns(now))) == bars


def test_what_an_instrument_has_not_is_no_zero() -> None:
    share = closed([row(oi=0, volume=0)], "1m")
    assert (share.volume[0], str(share.oi[0])) == (0.0, "nan")
    index = closed([row(oi=0, volume=0)], "1m", exchange="NSE_INDEX")
    assert (str(index.volume[0]), str(index.oi[0])) == ("nan", "nan")
    future = closed([row(oi=0)], "1m", exchange="NFO")
    assert future.oi[0] == 0.0


def test_no_rows_are_no_bars() -> None:
    assert len(closed([], "1d")) == 0


@pytest.mark.parametrize(
    ("wanted", "offered", "native"),
    [
        (None, ("5s", "1m", "1d"), "1m"),
        (None, ("5m", "1d"), "5m"),
        ("5m", COMMON_TIMEFRAMES, "5m"),
        ("4h", COMMON_TIMEFRAMES, "1m"),
        ("2m", ("5s", "1m"), "1m"),
        ("10s", ("5s", "1m"), "5s"),
        ("D", COMMON_TIMEFRAMES, "1d"),
        ("1d", ("5m",), "5m"),
        ("W", ("1m", "1d", "1w"), "1d"),
        ("1M", ("1m", "1M"), "1M"),
        ("1w", ("5m",), "5m"),
    ],
)
def test_defect_50_a_timeframe_is_fetched_or_made_of_the_finest_that_divides_it(
    wanted: str | None, offered: tuple[str, ...], native: str
) -> None:
    assert native_timeframe(wanted, offered) == native


@pytest.mark.parametrize(
    ("wanted", "offered"), [("1m", ("5m", "1d")), ("4h", ("1d",)), ("10m", ("3m",))]
)
def test_what_cannot_be_made_of_the_offered_is_refused(
    wanted: str, offered: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=rf"{wanted} are not offered.*{offered[0]}"):
        native_timeframe(wanted, offered)


@pytest.mark.parametrize(
    ("broker", "timeframe", "days"),
    [
        ("zerodha", "1m", 60),
        ("angel", "1h", 30),
        ("upstox", "15m", 28),
        ("upstox", "30m", 89),
        ("fyers", "1d", 300),
        ("unheard-of", "1m", 28),
        ("", "1d", 365),
        ("fyers", "5s", 5),
    ],
)
def test_defect_53_a_request_keeps_to_the_broker_s_limit(
    broker: str, timeframe: str, days: int
) -> None:
    assert days_per_request(timeframe, broker) == days


@pytest.mark.parametrize("text", ["28-MAR-24", "28MAR24", "28-mar-2024", " 28-Mar-24 "])
def test_expiries_are_read_in_every_spelling(text: str) -> None:
    assert parse_expiry(text) == day_of(date(2024, 3, 28))


@pytest.mark.parametrize("text", ["", None, "31-FEB-24", "28-XXX-24", "2024-03-28"])
def test_what_is_no_expiry_is_none(text: str | None) -> None:
    assert parse_expiry(text) is None


def test_a_listing_becomes_an_instrument() -> None:
    listed = parse_listing(
        {
            "symbol": "NIFTY28MAR2422000CE",
            "exchange": "NFO",
            "name": "NIFTY",
            "instrumenttype": "CE",
            "expiry": "28-MAR-24",
            "strike": "22000",
            "lotsize": "50",
            "tick_size": 5,
        }
    )
    assert isinstance(listed, Listing)
    option = listed.instrument()
    assert (option.kind, option.option_type, option.underlying) == ("option", "CE", "NIFTY")
    assert (option.strike, option.lot_size, option.tick_size) == (22000.0, 50, 0.05)
    assert option.expiry == day_of(date(2024, 3, 28))
    assert parse_listing({"symbol": "", "exchange": "NSE"}) is None


def test_an_adjustment_is_told_from_a_correction() -> None:
    stored = minutes_of("RELIANCE", "NSE")[:375]
    halved = [np.round(column / 2, 2) for column in stored.columns[1:5]]
    adjusted = Candles(stored.series, [stored.ts, *halved, *stored.columns[5:]], stored.origin)
    revision = compare(stored, adjusted)
    assert revision is not None
    assert (revision.bars, revision.ratio) == (375, pytest.approx(0.5, rel=1e-3))
    close = stored.close.copy()
    close[7] += 0.05
    columns = [*stored.columns[:4], close, *stored.columns[5:]]
    revision = compare(stored, Candles(stored.series, columns, stored.origin))
    assert revision is not None
    assert (revision.bars, revision.ratio) == (1, None)
    assert date_of(revision.first) == date(2024, 3, 1)
    assert compare(stored, stored) is None
    shorter = compare(stored, stored[:-1])
    assert shorter is not None
    assert (shorter.bars, shorter.first) == (1, int(stored.ts[-1]))
