"""Trading days and session hours, against the exchanges' own announcements."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pandas_market_calendars
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.data.files import read_candles
from tapeback.errors import DataError
from tapeback.market.calendar import Calendar, Session, calendar_of, days_of
from tapeback.market.contracts.underlyings import has_derivatives
from tapeback.models.instrument import EXCHANGES
from tapeback.utils.clock import date_of_day, day_of, midnight, to_ist, to_ns

MUHURAT = {
    "2007-11-09": ("18:00", "19:00"),
    "2008-10-28": ("18:15", "19:15"),
    "2009-10-17": ("18:15", "19:15"),
    "2010-11-05": ("18:15", "19:15"),
    "2011-10-26": ("16:45", "18:00"),
    "2012-11-13": ("15:45", "17:00"),
    "2013-11-03": ("18:15", "19:30"),
    "2014-10-23": ("18:30", "19:30"),
    "2015-11-11": ("17:45", "18:45"),
    "2016-10-30": ("18:30", "19:30"),
    "2017-10-19": ("18:30", "19:30"),
    "2018-11-07": ("17:30", "18:30"),
    "2019-10-27": ("18:15", "19:15"),
    "2020-11-14": ("18:15", "19:15"),
    "2021-11-04": ("18:15", "19:15"),
    "2022-10-24": ("18:15", "19:15"),
    "2023-11-12": ("18:15", "19:15"),
    "2024-11-01": ("18:00", "19:00"),
    "2025-10-21": ("13:45", "14:45"),
    "2026-11-08": ("18:00", "19:00"),
}
WEEKEND_DAYS = ["2015-02-28", "2020-02-01", "2024-01-20", "2025-02-01", "2026-02-01"]
TESTS_ON_SATURDAY = [
    "2010-02-06",
    "2012-01-07",
    "2012-03-03",
    "2012-04-28",
    "2012-09-08",
    "2013-05-11",
    "2014-03-22",
]


def number(text: str) -> int:
    return day_of(date.fromisoformat(text))


def session(exchange: str, day: str, symbol: str = "") -> Session:
    found = calendar_of(exchange).session(number(day), symbol)
    assert found is not None, f"{exchange} is closed on {day}"
    return found


def clock(ts: int) -> str:
    return f"{to_ist(ts):%H:%M}"


def hours(exchange: str, day: str, symbol: str = "") -> list[tuple[str, str]]:
    """The segments of a day as clock times, none where the exchange is closed."""
    found = calendar_of(exchange).session(number(day), symbol)
    return [(clock(a), clock(b)) for a, b in found.segments] if found is not None else []


def closed(exchange: str, day: str, symbol: str = "") -> tuple[str, str]:
    found = calendar_of(exchange).closed_because(number(day), symbol)
    assert found is not None, f"{exchange} trades on {day}"
    assert calendar_of(exchange).session(number(day), symbol) is None
    return found.kind, found.note


@pytest.mark.parametrize(
    ("exchange", "day", "expected"),
    [
        # Cash and derivatives: 09:55 until 2009, 09:00 until the pre-open session began.
        ("NSE", "2009-12-31", ("09:55", "15:30")),
        ("NSE", "2010-01-04", ("09:00", "15:30")),
        ("NFO", "2010-01-04", ("09:00", "15:30")),
        ("BSE", "2010-10-15", ("09:00", "15:30")),
        ("BSE", "2010-10-18", ("09:15", "15:30")),
        ("NSE_INDEX", "2024-01-02", ("09:15", "15:30")),
        # Derivatives ten minutes longer with the closing auction.
        ("NFO", "2026-07-31", ("09:15", "15:30")),
        ("NFO", "2026-08-03", ("09:15", "15:40")),
        ("BFO", "2026-08-03", ("09:15", "15:40")),
        # Currency and its shorter days.
        ("CDS", "2020-04-03", ("09:00", "17:00")),
        ("CDS", "2020-04-07", ("10:00", "14:00")),
        ("BCD", "2020-11-06", ("10:00", "14:00")),
        ("CDS", "2020-11-09", ("10:00", "15:30")),
        ("CDS", "2022-04-13", ("10:00", "15:30")),
        ("CDS", "2022-04-18", ("09:00", "15:30")),
        ("CDS", "2022-12-09", ("09:00", "15:30")),
        ("CDS", "2022-12-12", ("09:00", "17:00")),
        # Commodities: an hour earlier from the end of 2018, the lockdown of 2020.
        ("MCX", "2018-12-28", ("10:00", "23:55")),
        ("MCX", "2018-12-31", ("09:00", "23:55")),
        ("MCX", "2020-03-27", ("09:00", "23:30")),
        ("MCX", "2020-03-30", ("09:00", "17:00")),
        ("MCX", "2020-04-22", ("09:00", "17:00")),
        ("MCX", "2020-04-23", ("09:00", "23:30")),
        ("NCDEX", "2024-01-02", ("09:00", "17:00")),
    ],
)
def test_hours_change_on_their_day(exchange: str, day: str, expected: tuple[str, str]) -> None:
    assert hours(exchange, day) == [expected]
    assert session(exchange, day).kind == "regular"


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        # From the Monday after the second Sunday of March to the Friday before the first Sunday
        # of November; in 2024 these Sundays were 10 March and 3 November.
        ("2024-03-07", "23:55"),
        ("2024-03-11", "23:30"),
        ("2024-10-31", "23:30"),
        ("2024-11-04", "23:55"),
        ("2025-03-07", "23:55"),
        ("2025-03-10", "23:30"),
        ("2026-03-06", "23:55"),
        ("2026-03-09", "23:30"),
        ("2026-10-30", "23:30"),
        ("2026-11-02", "23:55"),
    ],
)
def test_commodities_follow_the_daylight_saving_of_the_united_states(day: str, closes: str) -> None:
    assert hours("MCX", day, "CRUDEOIL19APR24FUT") == [("09:00", closes)]


def test_farm_goods_end_sooner_and_cross_currencies_later() -> None:
    assert hours("MCX", "2024-06-03", "CARDAMOM14JUN24FUT") == [("09:00", "17:00")]
    assert hours("MCX", "2024-06-03", "COTTONCNDY28JUN24FUT") == [("09:00", "21:00")]
    assert hours("MCX", "2020-05-04", "CPO29MAY20FUT") == [("09:00", "17:00")]
    assert hours("MCX", "2020-06-02", "CPO30JUN20FUT") == [("09:00", "21:00")]
    assert hours("CDS", "2024-06-03", "EURUSD26JUN24FUT") == [("09:00", "19:30")]
    assert hours("CDS", "2024-06-03", "USDINR26JUN24FUT") == [("09:00", "17:00")]
    assert any(row.confidence == "low" for row in session("CDS", "2024-06-03").rows)


class TestClosingAuction:
    @pytest.mark.parametrize(
        ("exchange", "symbol"),
        [("NSE", "RELIANCE"), ("BSE", "M&M"), ("NSE_INDEX", "NIFTY"), ("BSE_INDEX", "SENSEX")],
    )
    def test_shares_with_derivatives_and_indices_close_in_it(
        self, exchange: str, symbol: str
    ) -> None:
        before = session(exchange, "2026-07-31", symbol)
        assert (clock(before.closes), before.closing_auction) == ("15:30", None)
        first = session(exchange, "2026-08-03", symbol)
        assert hours(exchange, "2026-08-03", symbol) == [("09:15", "15:15")]
        assert first.closing_auction is not None
        assert [clock(end) for end in first.closing_auction] == ["15:15", "15:35"]
        assert (clock(first.continuous_ends), clock(first.closes)) == ("15:15", "15:35")

    @pytest.mark.parametrize("symbol", ["", "SMALLCAP", "BSE", "CDSL"])
    def test_other_shares_trade_to_half_past_three(self, symbol: str) -> None:
        found = session("NSE", "2026-08-03", symbol)
        assert (clock(found.closes), found.closing_auction) == ("15:30", None)
        assert "auction of 15:15 to 15:35" in found.note

    def test_a_run_that_relies_on_the_list_of_shares_can_say_so(self) -> None:
        rows = session("NSE", "2026-08-03", "RELIANCE").rows
        assert [row.rule for row in rows if row.confidence == "low"] == ["fno_stocks.stocks"]
        assert not [
            row for row in session("NSE", "2026-07-31", "RELIANCE").rows if "fno" in row.rule
        ]
        assert has_derivatives("BAJAJ-AUTO")
        assert not has_derivatives("NIFTY")

    def test_the_rows_tell_its_phases_and_the_new_pre_open(self) -> None:
        august, september = (session("NSE", d).rows[0] for d in ("2026-08-03", "2026-09-07"))
        assert august["auction_phases"]["market_and_limit"] == "15:20-15:25"
        assert august["auction_phases"]["match"] == "15:30-15:35"
        assert august["auction_band_percent"] == "3"
        assert august["post_close"] == "15:50-16:00"
        assert august.get("pre_open_phases") is None
        assert september["pre_open_phases"]["limit"] == "09:05-09:10"


class TestHolidays:
    @pytest.mark.parametrize(
        ("year", "weekdays"),
        [(2015, 14), (2018, 15), (2019, 17), (2023, 15), (2024, 16), (2026, 16)],
    )
    def test_a_year_closes_on_as_many_weekdays_as_its_list_has(
        self, year: int, weekdays: int
    ) -> None:
        first, last = number(f"{year}-01-01"), number(f"{year}-12-31")
        calendar = calendar_of("NSE")
        kinds = [calendar.closed_because(day) for day in range(first, last + 1)]
        assert sum(found is not None and found.kind == "holiday" for found in kinds) == weekdays

    @pytest.mark.parametrize(
        ("day", "name"),
        [
            ("2008-11-27", "Terror attacks in Mumbai"),
            ("2009-04-30", "General elections"),
            ("2013-11-15", "Muharram"),
            ("2019-10-21", "Assembly elections"),
            ("2024-01-22", "Consecration of the Ram temple"),
            ("2026-01-15", "Municipal elections"),
        ],
    )
    def test_days_announced_late_are_closed(self, day: str, name: str) -> None:
        for exchange in ("NSE", "BSE", "NFO", "BFO", "CDS", "NSE_INDEX"):
            assert closed(exchange, day) == ("holiday", name)

    def test_days_that_the_lists_of_their_years_called_holidays_but_which_traded(self) -> None:
        for day in ("2009-03-27", "2009-08-19", "2012-10-26", "2013-11-14"):
            assert session("NSE", day).kind == "regular"

    def test_a_weekend_is_no_holiday(self) -> None:
        assert closed("NSE", "2024-03-09") == ("weekend", "Saturday")
        assert closed("NSE", "2024-03-10") == ("weekend", "Sunday")

    def test_currency_is_closed_on_bank_holidays_too(self) -> None:
        for day in ("2026-02-19", "2026-03-19", "2026-04-01", "2026-08-26"):
            assert closed("CDS", day)[0] == closed("BCD", day)[0] == "holiday"
            assert session("NSE", day).kind == "regular"
        # Id-e-Milad of 2025 was moved from Friday the 5th to Monday the 8th.
        assert session("CDS", "2025-09-05").kind == "regular"
        assert closed("CDS", "2025-09-08") == ("holiday", "Id-e-Milad")

    def test_commodities_trade_in_the_evening_of_most_holidays(self) -> None:
        for day in ("2026-01-26", "2026-04-03", "2026-10-02", "2026-12-25"):
            assert closed("MCX", day)[0] == "holiday"
        evenings = {
            "2026-01-15": "23:55",
            "2026-03-03": "23:55",
            "2026-03-26": "23:30",
            "2026-03-31": "23:30",
            "2026-04-14": "23:30",
            "2026-05-01": "23:30",
            "2026-05-28": "23:30",
            "2026-06-26": "23:30",
            "2026-09-14": "23:30",
            "2026-10-20": "23:30",
            "2026-11-10": "23:55",
            "2026-11-24": "23:55",
        }
        for day, closes in evenings.items():
            assert hours("MCX", day) == [("17:00", closes)]
            assert hours("MCX", day, "CPO29MAY26FUT") == [("17:00", "21:00")]
            assert closed("MCX", day, "MENTHAOIL29MAY26FUT")[0] == "holiday"
        assert session("MCX", "2026-03-03").note == "Holi: evening session only"
        assert hours("MCX", "2026-01-01") == [("09:00", "17:00")]
        assert hours("MCX", "2025-11-05") == [("17:00", "23:55")]
        assert closed("NCDEX", "2026-03-03") == ("holiday", "Holi")


class TestSpecialSessions:
    @pytest.mark.parametrize(("day", "expected"), MUHURAT.items())
    def test_muhurat_evenings(self, day: str, expected: tuple[str, str]) -> None:
        for exchange in ("NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "NSE_INDEX"):
            assert session(exchange, day).kind == "muhurat"
            assert hours(exchange, day) == [expected]

    def test_every_year_of_the_tables_has_one(self) -> None:
        assert [day[:4] for day in MUHURAT] == [str(year) for year in range(2007, 2027)]

    def test_hours_that_were_not_announced_are_of_low_confidence(self) -> None:
        (row,) = (row for row in session("NSE", "2026-11-08").rows if row.confidence == "low")
        assert "assumed" in row.source

    @pytest.mark.parametrize("day", WEEKEND_DAYS)
    def test_full_sessions_at_weekends(self, day: str) -> None:
        for exchange in ("NSE", "BSE", "NFO", "NSE_INDEX"):
            assert session(exchange, day).kind == "special"
            assert hours(exchange, day) == [("09:15", "15:30")]
        assert closed("CDS", day)[0] == "weekend"

    def test_commodities_trade_on_the_budget_days_of_2025_and_2026(self) -> None:
        assert hours("MCX", "2025-02-01") == hours("MCX", "2026-02-01") == [("09:00", "17:00")]
        assert closed("MCX", "2024-01-20") == ("weekend", "Saturday")

    @pytest.mark.parametrize("day", TESTS_ON_SATURDAY)
    def test_live_tests_on_saturdays(self, day: str) -> None:
        assert hours("NSE", day) == [("11:15", "12:45")]

    def test_the_drills_have_two_parts(self) -> None:
        assert hours("NSE", "2024-03-02") == [("09:15", "10:00"), ("11:30", "12:30")]
        assert hours("BFO", "2024-05-18") == [("09:15", "10:00"), ("11:45", "12:40")]
        drill = session("NSE", "2024-03-02")
        assert (clock(drill.opens), clock(drill.closes)) == ("09:15", "12:30")
        assert drill.rows[1]["band_percent"] == "5"
        (pause,) = calendar_of("NSE").breaks(number("2024-03-01"), number("2024-03-31"))
        assert [clock(end) for end in pause] == ["10:00", "11:30"]

    def test_the_outage_of_nse_and_the_long_day_after_it(self) -> None:
        for exchange in ("NSE", "NFO", "NSE_INDEX"):
            assert hours(exchange, "2021-02-24") == [("09:15", "11:40"), ("15:45", "17:00")]
        for exchange in ("BSE", "BFO", "BSE_INDEX"):
            assert hours(exchange, "2021-02-24") == [("09:15", "17:00")]
        assert hours("MCX", "2021-02-24") == [("09:00", "23:55")]
        assert hours("NSE", "2021-02-25") == [("09:15", "15:30")]


class TestBeyondTheTables:
    def test_later_years_have_their_fixed_holidays_and_say_so(self) -> None:
        calendar = calendar_of("NSE")
        days = calendar.trading_days(number("2027-01-01"), number("2027-12-31"))
        # 261 weekdays; of 26 January, 1 May, 15 August, 2 October, 25 December only the first
        # is one of them in 2027.
        assert len(days) == 260
        assert closed("NSE", "2027-01-26") == ("holiday", "Republic Day")
        assert session("NSE", "2027-01-27").projected
        assert calendar.projected(number("2027-01-26"))
        assert not session("NSE", "2026-12-31").projected
        assert hours("MCX", "2030-05-01") == [("17:00", "23:30")]

    def test_earlier_days_too(self) -> None:
        assert session("NSE", "2006-12-29").projected
        assert not session("NSE", "2007-01-02").projected
        # Currency derivatives began on 29 August 2008.
        assert session("CDS", "2008-08-28").projected
        assert not session("CDS", "2008-08-29").projected

    def test_crypto_never_closes_and_foreign_indices_rest_at_weekends(self) -> None:
        sunday = session("CRYPTO", "2024-03-10")
        assert sunday.closes - sunday.opens == 24 * 3600 * 10**9
        assert closed("GLOBAL_INDEX", "2024-03-10")[0] == "weekend"


def test_the_next_session() -> None:
    calendar = calendar_of("NSE")

    def after(day: str) -> date:
        return date_of_day(calendar.next_session_day(number(day)))

    assert after("2024-01-19") == date(2024, 1, 20)
    assert after("2024-01-20") == date(2024, 1, 23)


def test_a_day_without_session_has_the_hours_of_a_regular_one() -> None:
    """A bar proves an open market (S2b)."""
    calendar = calendar_of("NSE")
    opens, closes = calendar.hours(number("2024-01-26"))
    assert opens == to_ns(datetime(2024, 1, 26, 9, 15))
    assert closes == to_ns(datetime(2024, 1, 26, 15, 30))
    evening = calendar.hours(number("2024-11-01"))
    assert [clock(end) for end in evening] == ["18:00", "19:00"]
    assert [clock(end) for end in calendar.hours(number("2026-08-03"), "INFY")] == [
        "09:15",
        "15:35",
    ]


def test_an_unknown_exchange_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"unknown exchange 'NSEE' \(did you mean 'NSE'\?\)"):
        calendar_of("NSEE")


def test_every_exchange_has_a_calendar() -> None:
    for exchange in EXCHANGES:
        assert session(exchange, "2024-06-03").segments
        assert calendar_of(exchange) is calendar_of(exchange)


def test_the_date_is_the_indian_one() -> None:
    start = to_ns(datetime(2024, 3, 5))
    stamps = np.array([start - 1, start, start + 86_399 * 10**9])
    day = day_of(date(2024, 3, 5))
    assert days_of(stamps).tolist() == [day - 1, day, day]


@st.composite
def markets(draw: st.DrawFn) -> tuple[Calendar, str]:
    exchange, symbol = draw(
        st.sampled_from(
            [
                ("NSE", ""),
                ("NSE", "RELIANCE"),
                ("NFO", ""),
                ("CDS", "EURUSD26JUN24FUT"),
                ("MCX", ""),
                ("MCX", "CPO28JUN24FUT"),
                ("MCX", "CARDAMOM14JUN24FUT"),
                ("CRYPTO", ""),
            ]
        )
    )
    return calendar_of(exchange), symbol


DAYS = st.integers(day_of(date(2005, 1, 1)), day_of(date(2029, 12, 31)))


@given(market=markets(), first=DAYS, length=st.integers(0, 60))
@settings(max_examples=150)
def test_the_ways_to_ask_agree(market: tuple[Calendar, str], first: int, length: int) -> None:
    calendar, symbol = market
    days = range(first, first + length + 1)
    sessions = {day: calendar.session(day, symbol) for day in days}
    is_open = [day for day in days if sessions[day] is not None]
    assert calendar.trading_days(first, first + length, symbol).tolist() == is_open
    clocks = calendar.clocks(np.array(days), symbol)
    for at, day in enumerate(days):
        found = sessions[day]
        assert (found is None) == (calendar.closed_because(day, symbol) is not None)
        opens, closes = calendar.hours(day, symbol)
        assert opens == midnight(day) + clocks.opens[at]
        assert closes == midnight(day) + clocks.closes[at]
        assert midnight(day) <= opens < closes <= midnight(day + 1)
        if found is not None:
            ends = [end for span in found.segments for end in span]
            assert ends == sorted(set(ends))
            assert (found.opens, found.closes) == (opens, closes)
            assert found.continuous_ends == midnight(day) + clocks.continuous[at]
            assert found.projected == calendar.projected(day, symbol)
            assert found.rows


@pytest.fixture(scope="module")
def others() -> pd.DataFrame:
    """The sessions of NSE as pandas_market_calendars has them."""
    return pandas_market_calendars.get_calendar("NSE").schedule("2007-01-01", "2026-12-31")


class TestAgainstPandasMarketCalendars:
    def test_all_weekdays_agree(self, others: pd.DataFrame) -> None:
        """From 2007 on; its known gap, sessions at weekends, is the next test's."""
        ours = [
            date_of_day(day)
            for day in calendar_of("NSE")
            .trading_days(number("2007-01-01"), number("2026-12-31"))
            .tolist()
        ]
        theirs = [stamp.date() for stamp in others.index]
        assert [day for day in ours if day.weekday() < 5] == theirs

    def test_it_lacks_the_sessions_at_weekends_and_no_others(self, others: pd.DataFrame) -> None:
        first, last = number("2015-01-01"), number("2026-12-31")
        ours = {str(date_of_day(d)) for d in calendar_of("NSE").trading_days(first, last).tolist()}
        muhurats = {d for d in MUHURAT if date.fromisoformat(d).weekday() >= 5 and d > "2015"}
        drills = {"2024-03-02", "2024-05-18"}
        assert ours - {str(stamp.date()) for stamp in others.index} == (
            muhurats | {*WEEKEND_DAYS} | drills
        )

    def test_the_hours_agree_until_the_closing_auction(self, others: pd.DataFrame) -> None:
        calendar = calendar_of("NSE")
        before = others[others.index < "2026-08-03"]
        for column, at in (("market_open", 0), ("market_close", 1)):
            stamps = before[column].dt.tz_convert("UTC").dt.tz_localize(None)
            theirs = stamps.to_numpy("datetime64[ns]").astype(np.int64)
            ours = [calendar.hours(day_of(stamp.date()))[at] for stamp in before.index]
            differing = before.index[theirs != np.array(ours)]
            assert [str(stamp.date()) for stamp in differing] == []


class TestAgainstRealBars:
    def test_every_session_of_the_index_in_2024_is_one(self, shared_data: Path) -> None:
        candles = read_candles(
            shared_data / "market" / "NIFTY_1m_20240101_20240823.csv",
            symbol="NIFTY",
            exchange="NSE_INDEX",
        )
        calendar = calendar_of("NSE_INDEX")
        traded = [date_of_day(day) for day in np.unique(candles.days).tolist()]
        known = {
            date_of_day(day)
            for day in calendar.trading_days(number("2024-01-01"), number("2024-08-23")).tolist()
        }
        assert len(traded) == 156
        assert set(traded) <= known
        gone = next(f for f in candles.findings if f.code == "missing-session")
        assert gone.where == "2024-02-01"
        assert {str(day) for day in known - set(traded)} == {
            "2024-02-01",
            "2024-03-04",
            "2024-04-05",
            "2024-05-07",
            "2024-07-10",
        }
        spans = zip(candles.session_firsts.tolist(), traded, strict=True)
        for first, day in spans:
            assert clock(int(candles.ts[first])) == clock(calendar.hours(day_of(day))[0])

    @pytest.mark.parametrize("name", ["NIFTY", "RELIANCE"])
    def test_no_daily_bar_lies_on_a_closed_day(self, shared_data: Path, name: str) -> None:
        """15 years of them, with every special session at a weekend."""
        exchange = "NSE_INDEX" if name == "NIFTY" else "NSE"
        candles = read_candles(
            shared_data / "market" / f"{name}_1d_2007_2022.csv", symbol=name, exchange=exchange
        )
        assert "closed-day" not in {finding.code for finding in candles.findings}
        days = {date_of_day(day) for day in candles.days.tolist()}
        weekend = {str(day) for day in days if day.weekday() >= 5}
        muhurats = {d for d in MUHURAT if date.fromisoformat(d).weekday() >= 5 and d < "2022"}
        assert weekend == muhurats | {*TESTS_ON_SATURDAY, "2015-02-28", "2020-02-01"}

    def test_the_minutes_of_2009_begin_at_the_old_open(self, shared_data: Path) -> None:
        candles = read_candles(
            shared_data / "market" / "NIFTY_1m_2009.csv", symbol="NIFTY", exchange="NSE_INDEX"
        )
        assert "closed-day" not in {finding.code for finding in candles.findings}
        firsts = [clock(int(ts)) for ts in candles.ts[candles.session_firsts].tolist()]
        assert min(firsts) == "09:55"
