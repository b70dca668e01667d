"""A stamp reads back as the moment that it was written from, in every form."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.data.stamps import NO_STAMP, parse_stamps, to_utc
from tapeback.errors import DataFormatError
from tapeback.utils.clock import IST, to_ns

MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)
FORMS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y%m%d %H:%M:%S",
    "%Y%m%d%H%M%S",
    "%d-%b-%Y %H:%M:%S",
    "%d %B %Y %H:%M:%S",
    "%Y-%m-%d %I:%M:%S %p",
)


def read(texts: list[str], clocks: list[str] | None = None) -> list[int]:
    return to_utc(parse_stamps(texts, clocks, place=str)).tolist()


@pytest.mark.parametrize("form", FORMS)
@given(moments=st.lists(MOMENTS, min_size=1, max_size=5))
def test_unzoned_stamps_are_indian_time(form: str, moments: list[datetime]) -> None:
    assert read([moment.strftime(form) for moment in moments]) == list(map(to_ns, moments))


@given(
    moments=st.lists(MOMENTS, min_size=1, max_size=5),
    offset=st.integers(-12 * 4, 14 * 4).map(lambda quarters: timedelta(minutes=15 * quarters)),
)
def test_offsets_are_obeyed(moments: list[datetime], offset: timedelta) -> None:
    zoned = [moment.replace(tzinfo=timezone(offset)) for moment in moments]
    assert read([moment.isoformat() for moment in zoned]) == list(map(to_ns, zoned))


@given(moments=st.lists(MOMENTS, min_size=1, max_size=5), power=st.sampled_from([0, 3, 6, 9]))
def test_epochs_are_told_apart_by_their_size(moments: list[datetime], power: int) -> None:
    seconds = [int(moment.replace(tzinfo=IST).timestamp()) for moment in moments]
    assert read([str(second * 10**power) for second in seconds]) == list(map(to_ns, moments))


@given(moments=st.lists(MOMENTS, min_size=1, max_size=5))
def test_dates_and_clocks_may_stand_apart(moments: list[datetime]) -> None:
    dates = [moment.strftime("%Y%m%d") for moment in moments]
    clocks = [moment.strftime("%H%M%S") for moment in moments]
    assert read(dates, clocks) == list(map(to_ns, moments))


def test_fractions_of_a_second_are_kept() -> None:
    (stamp,) = read(["2024-01-02 09:15:00.123456789"])
    assert stamp % 10**9 == 123456789


@pytest.mark.parametrize(
    "text", ["17040801", "1704080700x", "99999999", "99991231000000", "1" * 20]
)
def test_a_number_that_is_no_epoch_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(DataFormatError, match=f"bars.csv:3: '{text}' is no date and time"):
        parse_stamps(["1704080700", text], None, place=lambda row: f"bars.csv:{row + 2}")


def test_rows_without_a_stamp_keep_their_place() -> None:
    for texts in (["1704080700", "", "1704080760"], ["2024-01-01 09:15", "", "2024-01-01 09:16"]):
        stamps = parse_stamps(texts, None, place=str)
        assert [ts == NO_STAMP for ts in to_utc(stamps).tolist()] == [False, True, False]
