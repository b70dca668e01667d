"""What is found odd about candles, and what of it is left out."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tapeback.data.provider import DataRequest
from tapeback.data.quality import examine, inspect
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import Action, ActionBook
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import day_of, to_ns


@pytest.fixture(scope="module")
def week() -> Candles:
    """Monday 11 to Friday 15 March 2024 by the minute, without a fault."""
    request = DataRequest(
        symbol="INFY", exchange="NSE", start=date(2024, 3, 11), end=date(2024, 3, 15)
    )
    return SyntheticDataProvider(3).fetch(request)


def at(text: str) -> int:
    return to_ns(datetime.fromisoformat(text))


def without(candles: Candles, start: str, end: str) -> Candles:
    kept = (candles.ts < at(start)) | (candles.ts >= at(end))
    return Candles(candles.series, [c[kept] for c in candles.columns], candles.origin)


def with_bars(candles: Candles, start: str, count: int, *, moving: bool = False) -> Candles:
    """`count` minutes without volume from `start` on, at one price or up a rupee each."""
    first = datetime.fromisoformat(start)
    ts = [to_ns(first + timedelta(minutes=n)) for n in range(count)]
    price = np.full(count, 100.0) + np.arange(count) * float(moving)
    high = price + float(moving)
    extra = [np.array(ts), price, high, price, high, np.zeros(count), np.full(count, np.nan)]
    order = np.argsort(np.concatenate([candles.ts, extra[0]]))
    columns = [np.concatenate(pair)[order] for pair in zip(candles.columns, extra, strict=True)]
    return Candles(candles.series, columns, candles.origin)


def found(candles: Candles) -> dict[str, Finding]:
    return {finding.code: finding for finding in inspect(candles)}


def unchanged(candles: Candles) -> bool:
    examined = examine(candles, actions=ActionBook(()))
    return np.array_equal(examined.ts, candles.ts)


def test_faultless_bars_have_no_findings(week: Candles) -> None:
    for timeframe in ("1m", "5m", "1h", "4h", "1d", "1w"):
        assert inspect(week.resample(timeframe)) == ()
    assert inspect(week[:0]) == ()


def test_missing_sessions_are_named_up_to_twenty(week: Candles) -> None:
    gone = found(without(week, "2024-03-13 00:00", "2024-03-14 00:00"))["missing-session"]
    assert (gone.count, gone.severity, gone.where) == (1, "warning", "2024-03-13")
    ends = without(week, "2024-03-11 10:00", "2024-03-15 15:00")
    year = SyntheticDataProvider(1).fetch(
        DataRequest(symbol="INFY", exchange="NSE", timeframe="1d")
    )
    assert found(ends)["missing-session"].count == 3
    sparse = without(year, "2024-02-01 00:00", "2024-05-01 00:00")
    message = found(sparse)["missing-session"].message
    assert message.count("2024-") == 20
    assert message.endswith("and 40 more")


def test_bars_missing_inside_a_session_are_counted_by_hole(week: Candles) -> None:
    holed = without(week, "2024-03-12 11:00", "2024-03-12 11:10")
    holed = without(holed, "2024-03-14 15:00", "2024-03-14 15:05")
    missing = found(holed)["missing-bars"]
    assert missing.count == 15
    assert (missing.where, missing.of) == ("2024-03-12 11:00", 1875)
    assert missing.places == ("2024-03-12 11:00 to 11:10", "2024-03-14 15:00 to 15:05")
    assert "2 holes inside 2 sessions: 2024-03-12, 2024-03-14" in missing.message


def test_a_session_of_few_bars_is_short(week: Candles) -> None:
    short = found(without(week, "2024-03-12 11:00", "2024-03-12 15:30"))["short-session"]
    assert (short.count, short.of, short.where) == (1, 5, "2024-03-12")


def test_bars_outside_hours_are_kept_and_reported(week: Candles) -> None:
    odd = with_bars(week, "2024-03-12 16:00", 3, moving=True)
    late = found(odd)["post-close-bars"]
    assert (late.count, late.where, late.action) == (3, "2024-03-12 16:00", "kept")
    assert late.places == ("2024-03-12 16:00 to 16:02",)
    early = found(with_bars(week, "2024-03-12 09:07", 1))["pre-open-print"]
    assert (early.count, early.where, early.severity) == (1, "2024-03-12 09:07", "note")
    night = found(with_bars(week, "2024-03-12 20:00", 3, moving=True))["outside-hours"]
    assert (night.count, night.where) == (3, "2024-03-12 20:00")
    assert unchanged(odd)


def test_stamps_off_the_grid_are_counted(week: Candles) -> None:
    quarter = week.resample("15m")
    shifted = [quarter.ts + np.where(np.arange(len(quarter)) == 7, 60 * 10**9, 0)]
    odd = Candles(quarter.series, [*shifted, *quarter.columns[1:]], quarter.origin)
    assert found(odd)["off-grid"].count == 1


def days_of_march(first: int, last: int) -> Candles:
    request = DataRequest(
        symbol="INFY", exchange="NSE", start=date(2024, 3, first), end=date(2024, 3, last)
    )
    return SyntheticDataProvider(3).fetch(request)


def test_holidays_and_special_sessions_are_no_findings() -> None:
    """A drill in two parts on Saturday 2 March, Mahashivratri on Friday the 8th, Holi, Good
    Friday; and the Muhurat evening."""
    month = days_of_march(1, 31)
    for timeframe in ("1m", "5m", "15m", "1h", "4h", "1d"):
        assert inspect(month.resample(timeframe)) == ()
    diwali = DataRequest(
        symbol="INFY", exchange="NSE", start=date(2024, 10, 31), end=date(2024, 11, 4)
    )
    assert inspect(SyntheticDataProvider(3).fetch(diwali)) == ()


def test_bars_on_a_closed_day_are_named_with_what_the_day_is(week: Candles) -> None:
    saturday = found(with_bars(week, "2024-03-16 09:15", 375, moving=True))
    closed = saturday["closed-day"]
    assert (closed.count, closed.where, closed.severity) == (1, "2024-03-16", "warning")
    assert "NSE was closed: 2024-03-16 (Saturday)" in closed.message
    assert "missing-session" not in saturday
    holiday = found(with_bars(days_of_march(7, 11), "2024-03-08 09:15", 375, moving=True))
    assert "2024-03-08 (Mahashivratri)" in holiday["closed-day"].message


def test_a_hole_in_a_drill_is_counted_without_its_pause() -> None:
    drill = days_of_march(2, 2)
    holed = found(without(drill, "2024-03-02 09:50", "2024-03-02 11:35"))
    # Ten minutes before the pause and five after it.
    assert holed["missing-bars"].count == 15
    odd = with_bars(drill, "2024-03-02 10:30", 3, moving=True)
    assert found(odd)["outside-hours"].count == 3
    assert "missing-bars" not in found(odd)


def test_a_year_beyond_the_tables_blames_nobody() -> None:
    daily = SyntheticDataProvider(1).fetch(
        DataRequest(
            symbol="INFY",
            exchange="NSE",
            timeframe="1d",
            start=date(2029, 3, 5),
            end=date(2029, 3, 9),
        )
    )
    gone = found(without(daily, "2029-03-07 00:00", "2029-03-08 00:00"))["missing-session"]
    assert gone.severity == "note"
    assert "years whose holidays the calendar does not know: 2029-03-07" in gone.message


def test_a_split_is_a_jump_and_a_move_inside_a_session_is_none(week: Candles) -> None:
    halves = np.where(week.ts >= at("2024-03-13 00:00"), 0.5, 1.0)
    columns = [week.ts, *(c * halves for c in week.columns[1:5]), week.volume, week.oi]
    jump = found(Candles(week.series, columns, week.origin))["unadjusted-jump"]
    assert (jump.count, jump.where, jump.severity) == (1, "2024-03-13", "warning")
    inside = np.where(week.ts >= at("2024-03-13 12:00"), 0.5, 1.0)
    columns = [week.ts, *(c * inside for c in week.columns[1:5]), week.volume, week.oi]
    later = np.where(week.ts >= at("2024-03-14 00:00"), 1.0, inside)
    columns[1:5] = [c * later / inside for c in columns[1:5]]
    assert found(Candles(week.series, columns, week.origin))["unadjusted-jump"].where == (
        "2024-03-14"
    )


def halved(candles: Candles, day: str, exchange: str = "NSE") -> Candles:
    """The candles with prices cut in half from a date on, on another exchange if wanted."""
    half = np.where(candles.ts >= at(f"{day} 00:00"), 0.5, 1.0)
    columns = [candles.ts, *(c * half for c in candles.columns[1:5]), candles.volume, candles.oi]
    return Candles(Series("INFY", exchange, candles.timeframe), columns, candles.origin)


def split(symbol: str, day: str) -> ActionBook:
    ex_day = day_of(date.fromisoformat(day))
    return ActionBook([Action(symbol=symbol, exchange="", ex_day=ex_day, kind="split", new=2)])


def test_a_split_on_file_explains_the_jump_of_a_share(week: Candles) -> None:
    """The user's own actions count: with the split of his file the fall is no loss but a split."""
    cut = halved(week, "2024-03-13")
    (told,) = inspect(cut, split("INFY", "2024-03-13"))
    assert (told.code, told.severity, told.where) == ("raw-prices", "note", "2024-03-13")
    (unsplit,) = inspect(week, split("INFY", "2024-03-13"))
    assert unsplit.code == "adjusted-prices"
    (other,) = inspect(cut, split("TCS", "2024-03-13"))
    assert (other.code, other.severity) == ("unadjusted-jump", "warning")


def test_no_action_explains_a_jump_of_a_contract_or_between_weeks(week: Candles) -> None:
    """Contracts have no ex-date of their own, and a week's gap hides it."""
    book = split("INFY", "2024-03-13")
    assert "unadjusted-jump" in {f.code for f in inspect(halved(week, "2024-03-13", "NFO"), book)}
    days = SyntheticDataProvider(3).fetch(
        DataRequest(symbol="INFY", exchange="NSE", timeframe="1d", start=date(2024, 3, 1))
    )
    weeks = halved(days, "2024-03-11").resample("1w")
    assert {f.code for f in inspect(weeks, split("INFY", "2024-03-11"))} == {"unadjusted-jump"}


def test_moves_without_volume_are_a_finding_where_there_is_volume(week: Candles) -> None:
    silent = np.where(np.arange(len(week)) % 375 == 0, 0.0, week.volume)
    bars = Candles(week.series, [*week.columns[:5], silent, week.oi], week.origin)
    moved = int(np.count_nonzero((silent == 0) & (week.high > week.low)))
    assert found(bars)["zero-volume"].count == moved
    none = Candles(week.series, [*week.columns[:5], silent * 0, week.oi], week.origin)
    assert "zero-volume" not in found(none)


class TestFrozenTails:
    def test_a_tail_after_the_close_is_dropped(self, week: Candles) -> None:
        mended = examine(with_bars(week, "2024-03-12 15:30", 100))
        assert np.array_equal(mended.ts, week.ts)
        (tail,) = mended.findings
        assert (tail.code, tail.count, tail.action) == ("frozen-tail", 100, "dropped")
        assert tail.where == "2024-03-12 15:30"
        assert tail.places == ("2024-03-12 15:30 to 17:09",)

    def test_a_closing_print_among_it_goes_with_it(self, week: Candles) -> None:
        odd = with_bars(with_bars(week, "2024-03-12 15:31", 1, moving=True), "2024-03-12 15:32", 90)
        assert np.array_equal(examine(odd).ts, week.ts)

    def test_an_extended_session_before_it_stays(self, week: Candles) -> None:
        longer = with_bars(week, "2024-03-12 15:45", 75, moving=True)
        mended = examine(with_bars(longer, "2024-03-12 17:00", 60))
        assert np.array_equal(mended.ts, longer.ts)
        assert mended.findings[0].count == 60

    def test_traded_bars_are_no_frozen_tail(self, week: Candles) -> None:
        odd = with_bars(week, "2024-03-12 15:30", 100)
        traded = np.where(odd.volume == 0, 1.0, odd.volume)
        assert unchanged(Candles(odd.series, [*odd.columns[:5], traded, odd.oi], odd.origin))

    def test_a_tail_inside_the_session_is_kept_and_reported(self, week: Candles) -> None:
        odd = with_bars(
            without(week, "2024-03-12 14:30", "2024-03-12 15:30"), "2024-03-12 14:30", 60
        )
        assert unchanged(odd)
        tail = found(odd)["frozen-tail"]
        assert (tail.count, tail.where, tail.action) == (60, "2024-03-12 14:30", "kept")

    def test_few_bars_and_evening_sessions_are_left_alone(self, week: Candles) -> None:
        assert unchanged(with_bars(week, "2024-03-12 15:30", 29))
        assert unchanged(with_bars(week, "2024-03-17 18:15", 60))
