"""What is left of rows when only bars may stay."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import DataFormatError
from tapeback.market.cleaning import clean

NAN, INF = float("nan"), float("inf")
MINUTE = 60 * 10**9
START = 1_704_166_500 * 10**9  # 2024-01-02 09:05 IST
Row = tuple[int, float, float, float, float, float, float]


def columns(rows: list[Row]) -> list[np.ndarray]:
    stamps = np.array([row[0] for row in rows], np.int64)
    values = np.array([row[1:] for row in rows], np.float64).reshape(-1, 6)
    return [stamps, *values.T]


def bar(minute: int, price: float = 100.0, **changes: float) -> Row:
    values = {"open": price, "high": price + 1, "low": price - 1, "close": price}
    values |= {"volume": 10.0, "oi": NAN} | changes
    return (START + minute * MINUTE, *values.values())


def test_clean_columns_come_back_uncopied() -> None:
    given_columns = columns([bar(0), bar(1), bar(5)])
    kept, findings = clean(given_columns, where="x")
    assert findings == ()
    assert all(one is other for one, other in zip(kept, given_columns, strict=True))


def test_no_rows_are_clean() -> None:
    kept, findings = clean(columns([]), where="x")
    assert findings == ()
    assert [len(column) for column in kept] == [0] * 7


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (bar(1, open=NAN), "missing-price"),
        (bar(1, high=INF), "missing-price"),
        (bar(1, low=-INF), "missing-price"),
        (bar(1, close=NAN), "missing-price"),
        (bar(1, low=0.0), "price-not-positive"),
        (bar(1, open=-5.0, low=-5.0), "price-not-positive"),
        (bar(1, high=98.0), "high-below-low"),
        (bar(1, open=102.0), "price-outside-range"),
        (bar(1, close=98.9), "price-outside-range"),
        (bar(1, volume=-1.0), "bad-volume"),
        (bar(1, volume=INF), "bad-volume"),
        (bar(1, oi=-1.0), "bad-oi"),
        ((np.iinfo(np.int64).min, *bar(1)[1:]), "missing-stamp"),
    ],
)
def test_defect_54_rows_that_are_no_bars_are_dropped_and_named(row: Row, code: str) -> None:
    kept, (finding,) = clean(columns([bar(0), row, bar(2)]), where="INFY")
    assert len(kept[0]) == 2
    assert (finding.code, finding.count, finding.action) == (code, 1, "dropped")
    assert finding.severity == "warning"
    assert finding.where == "INFY, row 2" if code == "missing-stamp" else "INFY, 2024-01-02 09:06"


def test_a_row_with_several_faults_is_counted_once() -> None:
    _, findings = clean(columns([bar(0), bar(1, open=NAN, high=1.0, volume=-1.0)]), where="x")
    assert sum(finding.count for finding in findings) == 1


def test_volume_and_open_interest_may_be_absent() -> None:
    _, findings = clean(columns([bar(0, volume=NAN), bar(1, volume=0.0, oi=5.0)]), where="x")
    assert findings == ()


def test_float_noise_outside_the_range_is_clamped_into_it() -> None:
    rows = [bar(0, close=101.00000001), bar(1, open=98.99999999), bar(2)]
    kept, (finding,) = clean(columns(rows), where="x")
    assert (finding.code, finding.count, finding.action) == ("clamped-prices", 2, "clamped")
    assert kept[4].tolist() == [101.0, 100.0, 100.0]
    assert kept[1].tolist() == [100.0, 99.0, 100.0]


def test_rows_out_of_order_are_sorted() -> None:
    kept, (finding,) = clean(columns([bar(3, 103), bar(1, 101), bar(2, 102)]), where="x")
    assert kept[1].tolist() == [101.0, 102.0, 103.0]
    assert (finding.code, finding.count, finding.action) == ("unsorted", 1, "sorted")
    assert finding.where == "x, 2024-01-02 09:06"


def test_the_first_row_of_a_stamp_stays_and_differing_ones_are_counted() -> None:
    rows = [bar(0, 100), bar(1, 101), bar(1, 101), bar(1, 105), bar(0, 100, volume=11.0)]
    kept, findings = clean(columns(rows), where="x")
    assert kept[1].tolist() == [100.0, 101.0]
    assert kept[5].tolist() == [10.0, 10.0]
    duplicates = findings[-1]
    assert (duplicates.code, duplicates.count, duplicates.severity) == (
        "duplicate-stamps",
        3,
        "warning",
    )
    assert "2 of them different" in duplicates.message


def test_equal_duplicates_are_a_note_only() -> None:
    _, (finding,) = clean(columns([bar(0), bar(0)]), where="x")
    assert finding.severity == "note"


def test_a_faulty_row_does_not_hide_the_good_one_with_its_stamp() -> None:
    kept, _ = clean(columns([bar(0, open=NAN), bar(0, 107)]), where="x")
    assert kept[4].tolist() == [107.0]


def test_places_are_those_of_the_source() -> None:
    rows = [bar(2), bar(0, open=NAN), bar(1), bar(1)]
    _, findings = clean(columns(rows), where="x", place=lambda row: f"x.csv:{row + 2}")
    assert {finding.code: finding.where for finding in findings} == {
        "missing-price": "x.csv:3",
        "unsorted": "x.csv:4",
        "duplicate-stamps": "x.csv:5",
    }


def test_columns_of_unequal_length_are_refused() -> None:
    broken = columns([bar(0), bar(1)])
    broken[4] = broken[4][:1]
    with pytest.raises(DataFormatError, match="INFY: column 'close' has 1 values where ts has 2"):
        clean(broken, where="INFY")


PRICES = st.sampled_from([NAN, INF, -INF, -1.0, 0.0, 99.0, 99.99999999, 100.0, 101.0])
ROWS = st.lists(
    st.tuples(
        st.integers(0, 6).map(lambda minute: START + minute * MINUTE),
        *[PRICES] * 4,
        *[st.sampled_from([NAN, -1.0, 0.0, 5.0])] * 2,
    ),
    max_size=12,
)


@given(ROWS)
def test_what_stays_is_clean_and_was_there(rows: list[Row]) -> None:
    before = columns(rows)
    kept, findings = clean(before, where="x")
    ts, opens, highs, lows, closes, volume, _ = kept
    assert (np.diff(ts) > 0).all()
    assert ((lows > 0) & (lows <= opens) & (lows <= closes)).all()
    assert ((highs >= opens) & (highs >= closes) & np.isfinite(highs)).all()
    assert not (volume < 0).any()
    assert set(ts.tolist()) <= {row[0] for row in rows}
    dropped = sum(finding.count for finding in findings if finding.action == "dropped")
    assert len(ts) + dropped == len(rows)
    assert clean(kept, where="x")[1] == ()
