"""A user's historify.duckdb as a source of candles, while OpenAlgo may be using it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import pytest

from tapeback.data.files import FileDataProvider
from tapeback.data.historify import HistorifyDataProvider
from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.errors import DataError, DataFormatError, DataNotFoundError, DataSourceError
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import SECOND_NS, date_of_day, day_of, midnight
from tests.data.conformance import DataProviderContract, dates_of, same_bars
from tests.data.historify_file import SHIFT_S, add, add_rows, flat, make

DAY_S = 86_400
WHOLE = DataRequest(symbol="INFY", exchange="NSE")
# 09:15 on 23 January 2024 in seconds UTC.
OPEN = 1_705_981_500


@pytest.fixture(scope="module")
def march() -> Candles:
    request = DataRequest(
        symbol="INFY", exchange="NSE", start=date(2024, 3, 1), end=date(2024, 3, 20)
    )
    return SyntheticDataProvider(5).fetch(request)


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return make(tmp_path / "historify.duckdb")


@pytest.fixture(scope="module")
def stored_march(march: Candles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = make(tmp_path_factory.mktemp("march") / "historify.duckdb")
    add(path, march)
    return path


@pytest.fixture(scope="module")
def imported_march(march: Candles, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Up to 8 March downloaded, from then on imported 5 h 30 min late."""
    path = make(tmp_path_factory.mktemp("imported") / "historify.duckdb")
    cut = midnight(day_of(date(2024, 3, 9)))
    add(path, march.between(None, cut))
    add(path, march.between(cut, None), shifted=True)
    return path


class TestContract(DataProviderContract):
    @pytest.fixture
    def provider(self, stored_march: Path) -> DataProvider:
        return HistorifyDataProvider(stored_march)

    @pytest.fixture
    def whole(self) -> DataRequest:
        return WHOLE


class TestContractWhereHalfWasImportedLate(DataProviderContract):
    @pytest.fixture
    def provider(self, imported_march: Path) -> DataProvider:
        return HistorifyDataProvider(imported_march)

    @pytest.fixture
    def whole(self) -> DataRequest:
        return WHOLE


def fetch(path: Path, symbol: str = "INFY", exchange: str = "NSE", **asked: object) -> Candles:
    request = DataRequest(symbol=symbol, exchange=exchange, **asked)
    return HistorifyDataProvider(path).fetch(request)


def codes(candles: Candles) -> list[str]:
    return [finding.code for finding in candles.findings]


def finding(candles: Candles, code: str) -> str:
    """The one finding of a code, as `count where action`."""
    (found,) = (each for each in candles.findings if each.code == code)
    return f"{found.count} {found.where} {found.action}"


def days(candles: Candles, first: date, last: date) -> Candles:
    return candles.between(midnight(day_of(first)), midnight(day_of(last) + 1))


class TestWhatIsStored:
    def test_1m_bars_come_as_they_are(self, stored_march: Path, march: Candles) -> None:
        candles = fetch(stored_march)
        assert same_bars(candles, march)
        assert codes(candles) == codes(march)
        assert candles.origin.detail == "historify.duckdb, 1m"

    def test_a_symbol_may_be_asked_for_in_any_case(self, stored_march: Path) -> None:
        assert len(fetch(stored_march, "infy")) == len(fetch(stored_march))

    def test_rows_may_lie_in_any_order(self, database: Path, march: Candles) -> None:
        add(database, march[2000:])
        add(database, march[:2000])
        candles = fetch(database)
        assert same_bars(candles, march)
        assert "unsorted" not in codes(candles)

    def test_defect_83_a_symbol_of_two_exchanges_is_two_series(self, database: Path) -> None:
        opened = OPEN + 60 * np.arange(5)
        add_rows(database, "INFY", "NSE", "1m", opened, flat(1500.0, 5))
        add_rows(database, "INFY", "BSE", "1m", opened, flat(1501.0, 5))
        assert set(fetch(database, exchange="BSE", timeframe="1m").close) == {1501.0}
        assert set(fetch(database, timeframe="1m").close) == {1500.0}

    def test_defect_83_a_day_stamped_at_utc_midnight_is_that_indian_date(
        self, database: Path, march: Candles
    ) -> None:
        daily = march.resample("1d")
        add(database, daily, "D")
        candles = fetch(database, start=date(2024, 3, 4), end=date(2024, 3, 6))
        assert candles.timeframe == "1d"
        assert dates_of(candles) == [date(2024, 3, 4), date(2024, 3, 5), date(2024, 3, 6)]
        assert same_bars(candles, daily[2:5])
        assert "clock-ignored" not in codes(candles)

    def test_defect_83_volume_may_exceed_32_bits(self, database: Path) -> None:
        add_rows(database, "INFY", "NSE", "1m", [OPEN, OPEN + 60], flat(9.0, 2), volume=2**33)
        assert fetch(database, timeframe="1m").volume.tolist() == [2.0**33] * 2

    def test_defect_54_a_row_that_is_no_bar_is_left_out_and_reported(self, database: Path) -> None:
        prices = [[10.0, 10.0, 10.0], [9.0, 11.0, 11.0], [10.0, 10.0, 10.0], [10.0, None, 10.0]]
        add_rows(database, "INFY", "NSE", "1m", OPEN + 60 * np.arange(3), prices)
        candles = fetch(database, timeframe="1m")
        assert candles.ts.tolist() == [(OPEN + 120) * SECOND_NS]
        assert {"high-below-low", "missing-price"} <= set(codes(candles))

    def test_the_policy_says_what_becomes_of_such_a_row(self, database: Path) -> None:
        prices = [[10.0, 10.0], [9.0, 11.0], [10.0, 10.0], [10.0, 10.0]]
        add_rows(database, "INFY", "NSE", "1m", OPEN + 60 * np.arange(2), prices)
        with pytest.raises(DataError, match="high-below-low"):
            HistorifyDataProvider(database, policy="refuse").fetch(WHOLE)

    def test_defect_48_an_unknown_symbol_is_an_error_and_nothing_is_made_up(
        self, stored_march: Path
    ) -> None:
        with pytest.raises(DataNotFoundError, match=r"no bar of INFI \(did you mean 'INFY'"):
            fetch(stored_march, "INFI")
        with pytest.raises(DataNotFoundError, match=r"INFY on BSE, only on NSE"):
            fetch(stored_march, exchange="BSE")

    def test_bars_of_no_timeframe_are_told(self, database: Path) -> None:
        add_rows(database, "INFY", "NSE", "Q", [DAY_S * 19_814], flat(4000.0, 1))
        with pytest.raises(DataNotFoundError, match=r"there are Q bars alone"):
            fetch(database)

    def test_series_are_listed_with_their_counts_and_dates(self, imported_march: Path) -> None:
        add_rows(imported_march, "TCS", "NSE", "Q", [DAY_S * 19_814], flat(4000.0, 1))
        try:
            listed = HistorifyDataProvider(imported_march).stored()
        finally:
            with duckdb.connect(str(imported_march)) as connection:
                connection.execute("DELETE FROM market_data WHERE symbol = 'TCS'")
        assert [(s.symbol, s.exchange, s.interval, s.timeframe, s.bars) for s in listed] == [
            ("INFY", "NSE", "1m", "1m", 13 * 375 + 105),
            ("TCS", "NSE", "Q", None, 1),
        ]
        assert listed[0].first_day == day_of(date(2024, 3, 1))
        assert listed[0].last_day == day_of(date(2024, 3, 20))


class TestTimeframes:
    def test_days_come_from_d_and_not_from_minutes(self, database: Path, march: Candles) -> None:
        add(database, march)
        add_rows(database, "INFY", "NSE", "D", [day_of(date(2024, 3, 4)) * DAY_S], flat(7.0, 1))
        day = date(2024, 3, 4)
        assert fetch(database, timeframe="1d", start=day, end=day).close.tolist() == [7.0]
        assert fetch(database, timeframe="1w", start=day, end=day).close.tolist() == [7.0]

    def test_days_without_d_are_made_of_minutes(self, database: Path, march: Candles) -> None:
        add(database, march)
        add_rows(database, "INFY", "NSE", "D", [day_of(date(2024, 2, 1)) * DAY_S], flat(7.0, 1))
        day = date(2024, 3, 4)
        candles = fetch(database, timeframe="1d", start=day, end=day)
        assert same_bars(candles, days(march, day, day).resample("1d"))
        assert "resampled" in codes(candles)

    def test_imported_bars_are_used_on_the_dates_without_1m_alone(
        self, database: Path, march: Candles
    ) -> None:
        holes = [date(2024, 3, 1), date(2024, 3, 11)]
        kept = np.isin(march.days, [day_of(hole) for hole in holes], invert=True)
        minutes = Candles(march.series, [c[kept] for c in march.columns], march.origin)
        add(database, minutes)
        wrong = march.resample("5m")
        wrong = Candles(
            wrong.series, [wrong.ts, *(c + 1.0 for c in wrong.columns[1:])], wrong.origin
        )
        add(database, wrong, "5m")

        candles = fetch(database, timeframe="15m")
        expected = march.resample("15m")
        made_up = np.isin(expected.days, [day_of(hole) for hole in holes])
        assert candles.ts.tolist() == expected.ts.tolist()
        assert (
            candles.close.tolist() == np.where(made_up, expected.close + 1, expected.close).tolist()
        )
        assert finding(candles, "imported-bars") == "150 2024-03-01 kept"
        assert "missing-session" not in codes(candles)
        assert candles.origin.detail == "historify.duckdb, 1m and historify.duckdb, 5m"
        assert "several-sources" in codes(candles)

    def test_where_1m_is_whole_imported_bars_are_ignored(
        self, database: Path, march: Candles
    ) -> None:
        add(database, march)
        add(database, march.resample("5m"), "5m")
        assert "imported-bars" not in codes(fetch(database, timeframe="5m"))
        assert fetch(database).timeframe == "1m"

    def test_only_imported_bars_serve_what_they_divide(
        self, database: Path, march: Candles
    ) -> None:
        add(database, march.resample("5m"), "5m")
        assert fetch(database).timeframe == "5m"
        assert same_bars(fetch(database, timeframe="15m"), march.resample("15m"))
        with pytest.raises(DataError, match=r"5m bars are stored, and 3m bars cannot be made"):
            fetch(database, timeframe="3m")

    def test_from_days_alone_no_minutes_are_made(self, database: Path, march: Candles) -> None:
        add(database, march.resample("1d"), "D")
        with pytest.raises(DataError, match=r"1d bars are stored, .* Ask for 1d or longer"):
            fetch(database, timeframe="5m")

    def test_the_range_that_could_be_had_is_told(self, stored_march: Path) -> None:
        with pytest.raises(DataNotFoundError, match=r"1m bars run from 2024-03-01 to 2024-03-20"):
            fetch(stored_march, start=date(2023, 1, 2), end=date(2023, 1, 6))

    @pytest.mark.parametrize("interval", ["W", "M"])
    def test_weeks_and_months_at_1830_utc_belong_to_the_next_day(
        self, database: Path, march: Candles, interval: str
    ) -> None:
        coarse = march.resample(interval)
        add_rows(
            database,
            "INFY",
            "NSE",
            interval,
            coarse.ts // SECOND_NS,
            [coarse.open, coarse.high, coarse.low, coarse.close],
            volume=coarse.volume,
        )
        candles = fetch(database, timeframe=interval)
        assert same_bars(candles, coarse)
        assert finding(candles, "shifted-labels").endswith("shifted")
        assert "imported-bars" in codes(candles)

    def test_stored_weeks_yield_to_days(self, database: Path, march: Candles) -> None:
        add(database, march.resample("1d"), "D")
        add_rows(database, "INFY", "NSE", "W", [day_of(date(2024, 3, 4)) * DAY_S], flat(1.0, 1))
        assert same_bars(fetch(database, timeframe="W"), march.resample("1d").resample("1w"))


class TestLateImports:
    """A CSV of naive Indian times is stored as if they were UTC: 5 h 30 min late."""

    def test_all_of_a_series(self, database: Path, march: Candles) -> None:
        add(database, march, shifted=True)
        candles = fetch(database)
        assert same_bars(candles, march)
        assert finding(candles, "shifted-import") == f"{len(march)} 2024-03-01 shifted"

    def test_part_of_a_series(self, imported_march: Path, march: Candles) -> None:
        candles = fetch(imported_march)
        assert same_bars(candles, march)
        late = len(march.between(midnight(day_of(date(2024, 3, 9))), None))
        assert finding(candles, "shifted-import") == f"{late} 2024-03-11 shifted"

    @pytest.mark.parametrize("late_first", [True, False])
    def test_a_session_that_is_stored_both_ways_counts_once(
        self, database: Path, march: Candles, late_first: bool
    ) -> None:
        day = date(2024, 3, 5)
        twice = days(march, day, day)
        for shifted in (True, False) if late_first else (False, True):
            add(database, march if not shifted else twice, shifted=shifted)
        candles = fetch(database)
        assert same_bars(candles, march)
        # 45 of the bars overwrite each other: 14:45 is 09:15 imported late.
        assert finding(candles, "stored-twice") == "330 2024-03-05 10:00 dropped"

    @pytest.mark.parametrize("timeframe", ["15m", "1h", "2h"])
    def test_imported_hours_are_told_like_minutes(
        self, database: Path, march: Candles, timeframe: str
    ) -> None:
        bars = march.resample(timeframe)
        add(database, bars[: len(bars) // 2], timeframe)
        add(database, bars[len(bars) // 2 :], timeframe, shifted=True)
        candles = fetch(database)
        assert same_bars(candles, bars)
        assert "shifted-import" in codes(candles)

    def test_a_print_before_the_open_moves_with_its_session(
        self, database: Path, march: Candles
    ) -> None:
        """09:08 imported late reads 14:38, as if that one bar were stored as it should be."""
        day = date(2024, 3, 5)
        add(database, days(march, day, day), shifted=True)
        preopen = midnight(day_of(day)) // SECOND_NS + 548 * 60
        add_rows(database, "INFY", "NSE", "1m", [preopen + SHIFT_S], flat(1500.0, 1))
        candles = fetch(database)
        assert candles.ts[0] == preopen * SECOND_NS
        assert same_bars(candles[1:], days(march, day, day))

    def test_single_trades_go_with_the_days_around_them(self, database: Path) -> None:
        """An option that trades at 14:50, or at 09:20 imported late, is told by its neighbours."""
        sessions = calendar_of("NFO").trading_days(19_783, 19_790).tolist()
        assert len(sessions) >= 5
        clocks = {day: list(range(555, 925, 5)) for day in sessions}
        for late, thin, symbol in (
            (0, [890, 895], "NIFTY28MAR2422000CE"),
            (330, [560, 565], "NIFTY28MAR2422000PE"),
        ):
            clocks[sessions[2]] = thin
            stamps = [
                midnight(day) // SECOND_NS + (clock + late) * 60
                for day in sessions
                for clock in clocks[day]
            ]
            add_rows(database, symbol, "NFO", "1m", stamps, flat(50.0, len(stamps)))
            candles = fetch(database, symbol, "NFO", timeframe="1m")
            on_day = candles.ts[candles.days == sessions[2]]
            told = [(int(ts) - midnight(sessions[2])) // (60 * SECOND_NS) for ts in on_day]
            assert told == thin

    def test_an_evening_market_is_told_too(self, database: Path) -> None:
        sessions = calendar_of("MCX").trading_days(19_783, 19_786)
        clocks = np.arange(540, 1410)
        ts = np.concatenate([midnight(int(day)) // SECOND_NS + clocks * 60 for day in sessions])
        for symbol, late in (("CRUDEOIL19MAR24FUT", 0), ("GOLD05APR24FUT", SHIFT_S)):
            add_rows(database, symbol, "MCX", "1m", ts + late, flat(6500.0, len(ts)))
            candles = fetch(database, symbol, "MCX", timeframe="1m")
            assert candles.ts.tolist() == (ts * SECOND_NS).tolist()
            assert ("shifted-import" in codes(candles)) == bool(late)
            day = date_of_day(int(sessions[1]))
            one = fetch(database, symbol, "MCX", timeframe="1m", start=day, end=day)
            assert same_bars(one, candles[len(clocks) : 2 * len(clocks)])

    def test_a_market_that_never_closes_is_left_alone(self, database: Path) -> None:
        ts = 19_783 * DAY_S + 60 * np.arange(3000)
        add_rows(database, "BTCUSD", "CRYPTO", "1m", ts, flat(60_000.0, len(ts)))
        candles = fetch(database, "BTCUSD", "CRYPTO")
        assert candles.ts.tolist() == (ts * SECOND_NS).tolist()
        assert "shifted-import" not in codes(candles)

    @pytest.mark.parametrize(
        ("name", "symbol", "exchange", "label"),
        [
            ("NIFTY_1m_20240101_20240823.csv", "NIFTY", "NSE_INDEX", "1m"),
            ("NIFTY_1m_2009.csv", "NIFTY", "NSE_INDEX", "1m"),
            ("RELIANCE_15m_vol_2019_2023.csv", "RELIANCE", "NSE", "15m"),
        ],
    )
    def test_real_bars_are_told_right_with_all_their_odd_hours(
        self, database: Path, shared_data: Path, name: str, symbol: str, exchange: str, label: str
    ) -> None:
        """Frozen tails, evening sessions and prints after the close are no late imports."""
        request = DataRequest(symbol=symbol, exchange=exchange)
        real = FileDataProvider(shared_data / "market" / name).fetch(request)
        add(database, real, label)
        candles = fetch(database, symbol, exchange)
        assert candles.ts.tolist() == real.ts.tolist()
        assert "shifted-import" not in codes(candles)
        with duckdb.connect(str(database)) as connection:
            connection.execute("DELETE FROM market_data")
        add(database, real, label, shifted=True)
        candles = fetch(database, symbol, exchange)
        assert candles.ts.tolist() == real.ts.tolist()


class TestOpenInterest:
    def test_zeros_of_shares_and_indices_are_none(self, stored_march: Path) -> None:
        assert np.isnan(fetch(stored_march).oi).all()

    def test_a_contract_keeps_them_and_all_zeros_are_reported(self, database: Path) -> None:
        stamps = OPEN + 60 * np.arange(3)
        add_rows(database, "NIFTY25JAN24FUT", "NFO", "1m", stamps, flat(21_500.0, 3), oi=[0, 9, 9])
        add_rows(database, "NIFTY29FEB24FUT", "NFO", "1m", stamps, flat(21_600.0, 3), oi=0)
        known = fetch(database, "NIFTY25JAN24FUT", "NFO", timeframe="1m")
        silent = fetch(database, "NIFTY29FEB24FUT", "NFO", timeframe="1m")
        assert known.oi.tolist() == [0.0, 9.0, 9.0]
        assert silent.oi.tolist() == [0.0, 0.0, 0.0]
        assert "zero-oi" not in codes(known)
        assert finding(silent, "zero-oi") == "3 2024-01-23 kept"


def describe(path: Path, *rows: tuple[object, ...]) -> list[Instrument]:
    with duckdb.connect(str(path)) as connection:
        connection.executemany(
            "INSERT INTO symbol_metadata VALUES (?, ?, ?, ?, ?, ?, ?, ?, now())", rows
        )
    return HistorifyDataProvider(path).instruments()


class TestInstruments:
    def test_lot_expiry_strike_and_tick_of_contracts_long_expired(self, database: Path) -> None:
        option, future, share = describe(
            database,
            ("NIFTY25JAN24FUT", "NFO", "NIFTY", "25-JAN-24", -0.01, 50, "FUT", 0.05),
            ("BANKNIFTY24JAN2446000PE", "NFO", "BANKNIFTY", "24-JAN-24", 46000, 15, "PE", 0.05),
            ("INFY", "NSE", "INFOSYS", "", -1, 1, "EQ", 0.05),
        )
        assert option == Instrument(
            "BANKNIFTY24JAN2446000PE", "NFO", "option", 15, 0.05, "BANKNIFTY", "PE", 46000.0,
            day_of(date(2024, 1, 24)), listed=True,
        )  # fmt: skip
        assert (future.kind, future.lot_size, future.strike) == ("future", 50, 0.0)
        assert future.expiry == day_of(date(2024, 1, 25))
        assert (share.kind, share.expiry, share.underlying) == ("equity", None, "INFY")

    def test_ticks_in_paise_become_rupees(self, database: Path) -> None:
        share, option = describe(
            database,
            ("BANKNIFTY24JAN2446000PE", "NFO", "BANKNIFTY", "24-JAN-24", 46000, 15, "PE", 5),
            ("A", "BSE", "A", "", -1, 1, "EQ", 10),
        )
        assert (share.tick_size, option.tick_size) == (0.1, 0.05)

    def test_a_contract_with_bars_and_no_row_is_read_from_its_symbol(self, database: Path) -> None:
        add_rows(database, "NIFTY25JAN24FUT", "NFO", "1m", [OPEN], flat(21_500.0, 1))
        (future,) = HistorifyDataProvider(database).instruments()
        assert (future.kind, future.expiry) == ("future", day_of(date(2024, 1, 25)))
        assert not future.listed

    def test_a_row_without_lot_or_tick_leaves_them_to_the_tables(self, database: Path) -> None:
        (future,) = describe(
            database, ("NIFTY25JAN24FUT", "NFO", "NIFTY", None, None, None, None, None)
        )
        assert (future.listed, future.lot_size) == (False, 1)
        assert future.expiry == day_of(date(2024, 1, 25))

    def test_a_symbol_that_names_nothing_is_read_from_its_row(self, database: Path) -> None:
        (option,) = describe(
            database, ("ODD1", "NFO", "NIFTY", "25-JAN-24", 21_000, 50, "CE", 0.05)
        )
        assert option == Instrument(
            "ODD1", "NFO", "option", 50, 0.05, "NIFTY", "CE", 21_000.0,
            day_of(date(2024, 1, 25)), listed=True,
        )  # fmt: skip

    def test_a_file_without_the_table_says_so(self, database: Path) -> None:
        with duckdb.connect(str(database)) as connection:
            connection.execute("DROP TABLE symbol_metadata")
        with pytest.raises(DataSourceError, match="no table symbol_metadata"):
            HistorifyDataProvider(database).instruments()


WRITER = """
import duckdb, os, sys
connection = duckdb.connect(sys.argv[1])
connection.execute("INSERT INTO market_data (symbol, exchange, interval, timestamp, open, high, "
    "low, close, volume) VALUES ('TCS', 'NSE', '1m', 1705981500, 9, 9, 9, 9, 1)")
print("holds it", flush=True)
sys.stdin.readline()
if sys.argv[2] == "killed":
    os._exit(9)
connection.close()
"""


class Writer:
    """Another program that has the database open for writing."""

    def __init__(self, path: Path, end: str = "closed") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), end],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "holds it\n"

    def release(self) -> None:
        self._process.communicate("\n")


@pytest.fixture
def write(stored_march: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[Path, Writer]]]:
    started: list[Writer] = []

    def write(end: str = "closed") -> tuple[Path, Writer]:
        path = tmp_path / "historify.duckdb"
        shutil.copyfile(stored_march, path)
        started.append(Writer(path, end))
        return path, started[-1]

    yield write
    for writer in started:
        if writer._process.poll() is None:
            writer.release()


class Waiting:
    """A clock whose third sleep outlasts the other program."""

    def __init__(self, writer: Writer | None) -> None:
        self.slept: list[float] = []
        self._writer = writer

    def now(self) -> int:
        return 0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if self._writer is not None and len(self.slept) == 3:
            self._writer.release()


Write = Callable[..., tuple[Path, Writer]]


class TestWhileOpenAlgoWrites:
    def test_a_short_write_is_waited_for(self, write: Write, march: Candles) -> None:
        path, writer = write()
        clock = Waiting(writer)
        candles = HistorifyDataProvider(path, clock=clock).fetch(WHOLE)
        assert same_bars(candles, march)
        assert len(clock.slept) == 3
        assert clock.slept == sorted(clock.slept)
        assert "copied-database" not in codes(candles)

    @pytest.mark.skipif(os.name == "nt", reason="Windows lets nobody copy a file that is held")
    def test_a_long_write_is_read_from_a_copy(self, write: Write, march: Candles) -> None:
        path, _ = write()
        clock = Waiting(None)
        provider = HistorifyDataProvider(path, clock=clock)
        candles = provider.fetch(WHOLE)
        assert same_bars(candles, march)
        assert 3 <= sum(clock.slept) <= 5
        assert "copied-database" in codes(candles)
        assert {"INFY", "TCS"} == {each.symbol for each in provider.stored()}

    @pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
    def test_a_copy_that_has_no_room_is_an_error(self, write: Write) -> None:
        path, _ = write()
        code = (
            "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
            "from tapeback.data.historify import HistorifyDataProvider\n"
            "from tapeback.errors import DataSourceError\n"
            "class Clock:\n"
            "    def sleep(self, seconds): pass\n"
            f"try: HistorifyDataProvider({str(path)!r}, clock=Clock()).stored()\n"
            "except DataSourceError as error: print(error)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert "another program is writing to the database" in run.stdout
        assert "File too large" in run.stdout
        assert "Try again when" in run.stdout

    def test_what_a_killed_writer_left_is_read_and_left(self, write: Write) -> None:
        path, writer = write("killed")
        writer.release()
        left = {each.name: each.read_bytes() for each in path.parent.iterdir()}
        assert set(left) == {"historify.duckdb", "historify.duckdb.wal"}
        provider = HistorifyDataProvider(path)
        assert {"INFY", "TCS"} == {each.symbol for each in provider.stored()}
        assert {each.name: each.read_bytes() for each in path.parent.iterdir()} == left

    def test_reading_changes_no_byte_and_leaves_no_file(self, stored_march: Path) -> None:
        before = stored_march.read_bytes()
        provider = HistorifyDataProvider(stored_march)
        provider.fetch(WHOLE)
        provider.instruments()
        assert stored_march.read_bytes() == before
        assert [each.name for each in stored_march.parent.iterdir()] == ["historify.duckdb"]

    def test_a_connection_of_this_very_process_is_told_and_keeps_its_lock(
        self, stored_march: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "historify.duckdb"
        shutil.copyfile(stored_march, path)
        with duckdb.connect(str(path)):
            with pytest.raises(DataSourceError, match=r"open in another way\. Close that conn"):
                HistorifyDataProvider(path, clock=Waiting(None)).fetch(WHOLE)
            code = f"import duckdb; duckdb.connect({str(path)!r})"
            other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
            assert other.returncode != 0


class TestWhatIsNoHistorifyFile:
    def test_a_file_that_is_not_there(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.duckdb", tmp_path):
            with pytest.raises(DataNotFoundError, match=r"there is no file"):
                fetch(path)

    @pytest.mark.parametrize("content", [b"", b"datetime,open,high,low,close\n" * 1000])
    def test_a_file_of_another_kind(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "bars.duckdb"
        path.write_bytes(content)
        with pytest.raises(DataSourceError, match=r"bars\.duckdb: the file is no DuckDB"):
            fetch(path)

    def test_a_file_of_a_newer_duckdb(self, database: Path) -> None:
        content = bytearray(database.read_bytes())
        content[12:20] = struct.pack("<Q", 998)
        words = np.frombuffer(bytes(content[8:4096]), "<u8") * np.uint64(0xBF58476D1CE4E5B9)
        content[:8] = struct.pack("<Q", int(np.bitwise_xor.reduce(words)) ^ 5381)
        database.write_bytes(content)
        with pytest.raises(DataSourceError, match=r"written by a newer DuckDB .* --upgrade duckdb"):
            fetch(database)

    def test_a_file_that_is_cut_off(self, stored_march: Path, tmp_path: Path) -> None:
        path = tmp_path / "historify.duckdb"
        content = stored_march.read_bytes()
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(DataSourceError, match=r"cannot be read: .*it was not changed"):
            fetch(path)
        assert path.read_bytes() == content[: len(content) // 2]

    def test_a_database_of_something_else(self, tmp_path: Path) -> None:
        path = tmp_path / "other.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE trades (id INTEGER)")
        with pytest.raises(DataSourceError, match=r"no table market_data; its tables: trades"):
            fetch(path)

    def test_a_table_without_a_column(self, database: Path) -> None:
        with duckdb.connect(str(database)) as connection:
            connection.execute("ALTER TABLE market_data DROP COLUMN oi")
        with pytest.raises(DataSourceError, match=r"market_data has no column oi"):
            fetch(database)

    def test_stamps_that_are_no_seconds(self, database: Path) -> None:
        add_rows(database, "INFY", "NSE", "1m", [OPEN * 1000], flat(9.0, 1))
        with pytest.raises(DataFormatError, match=r"timestamp 1705981500000 of 1 bars counts no"):
            fetch(database)

    def test_without_duckdb_the_extra_is_named(self, stored_march: Path) -> None:
        code = (
            "import sys; sys.modules['duckdb'] = None\n"
            "from tapeback.data.historify import HistorifyDataProvider\n"
            "from tapeback.errors import MissingExtraError\n"
            f"try: HistorifyDataProvider({str(stored_march)!r}).stored()\n"
            "except MissingExtraError as error: print(error)\n"
        )
        run = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        assert 'pip install "tapeback[data]"' in run.stdout


@pytest.mark.parametrize(("timeframe", "bars"), [("1w", 5), ("1M", 2)])
def test_weeks_and_months_are_made_of_days_where_minutes_are_fewer(
    database: Path, march: Candles, timeframe: str, bars: int
) -> None:
    """Days of six weeks, and minutes of the last of them alone."""
    begin, until = date(2024, 2, 19), date(2024, 3, 20)
    days = DataRequest(symbol="INFY", exchange="NSE", timeframe="1d", start=begin, end=until)
    add(database, SyntheticDataProvider(5).fetch(days), "D")
    add(database, march.between(midnight(day_of(date(2024, 3, 18))), None))
    made = HistorifyDataProvider(database).fetch(
        DataRequest(symbol="INFY", exchange="NSE", timeframe=timeframe)
    )
    assert (len(made), made.origin.detail) == (bars, "historify.duckdb, D")
