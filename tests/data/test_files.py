"""Files in the forms that traders have them, and what is said when one cannot be read."""

from __future__ import annotations

import gzip
import subprocess
import sys
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tapeback.data.files import FileDataProvider, read_candles
from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.errors import DataError, DataFormatError, DataNotFoundError
from tapeback.market.candles import Candles
from tests.data.conformance import DataProviderContract, dates_of, same_bars

Write = Callable[..., Path]

# 09:15 to 09:19 on 23 January 2024; the close is 100 to 104.
CLOSES = [100.0, 101.0, 102.0, 103.0, 104.0]
OPEN_EPOCH = 1705981500


def bars(stamps: Sequence[str], separator: str = ",") -> str:
    """A row for each stamp: its close is that of CLOSES, volume 10."""
    rows = [
        separator.join([stamp, *map(str, (close, close + 1, close - 1, close, 10))])
        for stamp, close in zip(stamps, CLOSES, strict=False)
    ]
    return "\n".join(rows) + "\n"


CLOCKS = [f"09:{minute}" for minute in range(15, 20)]
ISO = [f"2024-01-23 {clock}" for clock in CLOCKS]
NAMES = "datetime,open,high,low,close,volume\n"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "bars.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def read(path: Path | Sequence[Path], **settings: object) -> Candles:
    return read_candles(path, **{"symbol": "INFY", "exchange": "NSE", **settings})


def codes(candles: Candles) -> list[str]:
    return [finding.code for finding in candles.findings]


def to_csv(candles: Candles, path: Path) -> Path:
    frame = candles.to_pandas()
    frame.index = frame.index.tz_localize(None)
    frame.drop(columns="oi").to_csv(path)
    return path


@pytest.fixture(scope="module")
def march() -> Candles:
    request = DataRequest(
        symbol="INFY", exchange="NSE", start=date(2024, 3, 1), end=date(2024, 3, 20)
    )
    return SyntheticDataProvider(5).fetch(request)


class TestContract(DataProviderContract):
    @pytest.fixture
    def provider(self, march: Candles, tmp_path: Path) -> DataProvider:
        return FileDataProvider(to_csv(march, tmp_path / "march.csv"))

    @pytest.fixture
    def whole(self) -> DataRequest:
        return DataRequest(symbol="INFY", exchange="NSE")


class TestContractOverSeveralFiles(DataProviderContract):
    @pytest.fixture
    def provider(self, march: Candles, tmp_path: Path) -> DataProvider:
        middle = 375 * 4 + 100
        to_csv(march[middle:], tmp_path / "march-a.csv")
        to_csv(march[:middle], tmp_path / "march-b.csv")
        return FileDataProvider(tmp_path / "march-*.csv")

    @pytest.fixture
    def whole(self) -> DataRequest:
        return DataRequest(symbol="INFY", exchange="NSE")


@pytest.mark.parametrize(
    "content",
    [
        NAMES + bars(ISO),
        "\ufeff" + NAMES + bars(ISO),
        NAMES.upper() + bars(ISO),
        (NAMES + bars(ISO)).replace("\n", "\r\n"),
        (NAMES + bars(ISO)).replace("\n", "\r"),
        NAMES + bars(ISO).replace("\n", "\n\n"),
        NAMES + bars(ISO).replace("\n", ",\n"),
        (NAMES + bars(ISO)).replace(",", ";"),
        (NAMES + bars(ISO)).replace(",", "\t"),
        (NAMES + bars(ISO)).replace(",", "|"),
        (NAMES + bars(ISO)).replace(",", ", "),
        "Date Time,Open,High,Low,Close,Adj Close,Volume\n"
        + "".join(f"{s},{c},{c + 1},{c - 1},{c},1,10\n" for s, c in zip(ISO, CLOSES, strict=True)),
        "timestamp,o,h,l,c,v\n" + bars(ISO),
        ",open,high,low,close,vol\n" + bars([f"{stamp}:00+05:30" for stamp in ISO]),
        "<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>\n"
        + bars([f"2024.01.23,{clock}" for clock in CLOCKS]),
        "Ticker,Date,Time,Open,High,Low,Close,Volume\n"
        + bars([f"INFY,20240123,{clock}" for clock in CLOCKS]),
        "date,time,open,high,low,close,volume\n"
        + bars([f"2024-01-23,{clock.replace(':', '').lstrip('0')}" for clock in CLOCKS]),
        "datetime,open,high,low,close,volume\n"
        + bars([f"2024-01-23T{clock}:00" for clock in CLOCKS]),
        NAMES + bars([f"2024-01-23T{clock}:00.000+0530" for clock in CLOCKS]),
        NAMES + bars([f"2024-01-23T03:{45 + n}:00Z" for n in range(5)]),
        NAMES + bars([f"23-01-2024 {clock}:00" for clock in CLOCKS]),
        NAMES + bars([f"23/01/2024 {clock}" for clock in CLOCKS]),
        NAMES + bars([f"01/23/2024 {clock}:00 AM" for clock in CLOCKS]),
        NAMES + bars([f"23-Jan-2024 {clock}" for clock in CLOCKS]),
        NAMES + bars([f"23 Jan 2024 {clock}" for clock in CLOCKS]),
        NAMES + bars([f"20240123 {clock}" for clock in CLOCKS]),
        NAMES + bars([f"20240123{clock.replace(':', '')}00" for clock in CLOCKS]),
        "time,open,high,low,close,volume\n" + bars([str(OPEN_EPOCH + 60 * n) for n in range(5)]),
        NAMES + bars([f"{OPEN_EPOCH + 60 * n}.0" for n in range(5)]),
        NAMES + bars([str((OPEN_EPOCH + 60 * n) * 10**3) for n in range(5)]),
        NAMES + bars([str((OPEN_EPOCH + 60 * n) * 10**6) for n in range(5)]),
        NAMES + bars([str((OPEN_EPOCH + 60 * n) * 10**9) for n in range(5)]),
        bars([f"20240123,{clock}" for clock in CLOCKS]),
        bars([f"INFY,20240123,{clock}" for clock in CLOCKS]),
        bars([f"2024-01-23,{clock.replace(':', '')}" for clock in CLOCKS]),
        bars(ISO),
        bars([str(OPEN_EPOCH + 60 * n) for n in range(5)]),
    ],
)
def test_the_same_bars_are_read_from_every_form(write: Write, content: str) -> None:
    candles = read(write(content))
    assert candles.timeframe == "1m"
    assert [f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in candles] == ISO
    assert candles.close.tolist() == CLOSES
    assert candles.high.tolist() == [close + 1 for close in CLOSES]
    assert candles.volume.tolist() == [10.0] * 5
    assert set(codes(candles)) <= {"short-session"}


def test_gzip_and_parquet_hold_the_same_bars(march: Candles, tmp_path: Path) -> None:
    plain = to_csv(march, tmp_path / "march.csv")
    packed = tmp_path / "march.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    march.to_pandas().to_parquet(tmp_path / "indexed.parquet")
    frame = march.to_pandas().reset_index(names="Date Time")
    frame.to_parquet(tmp_path / "columns.parquet")
    for name in ("march.csv.gz", "indexed.parquet", "columns.parquet"):
        assert same_bars(read(tmp_path / name), march), name


def test_parquet_without_pyarrow_names_the_extra(march: Candles, tmp_path: Path) -> None:
    path = tmp_path / "march.parquet"
    march.to_pandas().to_parquet(path)
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from tapeback.data.files import read_candles\n"
        "from tapeback.errors import MissingExtraError\n"
        f"try: read_candles({str(path)!r}, symbol='INFY', exchange='NSE')\n"
        "except MissingExtraError as error: print(error)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 'pip install "tapeback[data]"' in run.stdout


def test_numbers_may_be_grouped_as_exchanges_write_them(write: Write) -> None:
    content = (
        "Date,Open Price,High Price,Low Price,Close Price,Total Traded Quantity\n"
        '01-Jan-2024,"1,23,456.50","1,23,500.00","1,23,000.00","1,23,400.00","12,34,567"\n'
        '02-Jan-2024,"1,23,400.00","1,23,500.00","1,23,000.00","1,23,450.05","1,234"\n'
    )
    candles = read(write(content))
    assert candles.timeframe == "1d"
    assert candles.close.tolist() == [123400.0, 123450.05]
    assert candles.volume.tolist() == [1234567.0, 1234.0]


def test_a_decimal_comma_is_refused_and_never_taken_for_a_group(write: Write) -> None:
    content = "datetime;open;high;low;close\n2024-01-23 09:15;826,600;827,5;826,5;827,0\n"
    with pytest.raises(DataFormatError, match=r"bars\.csv:2: open is '826,600', .* no number"):
        read(write(content))


def test_open_interest_is_read(write: Write) -> None:
    content = "datetime,open,high,low,close,volume,Open Interest\n"
    content += "2024-01-23 09:15,1,1,1,1,5,700\n2024-01-23 09:16,1,1,1,1,5,\n"
    candles = read(write(content), exchange="NFO")
    assert candles.oi[0] == 700
    assert np.isnan(candles.oi[1])


class TestStamps:
    def test_unzoned_utc_is_recognised_by_the_session_and_reported(self, write: Write) -> None:
        stamps = [f"2024-01-23 03:{45 + n}" for n in range(5)]
        candles = read(write(NAMES + bars(stamps)))
        assert f"{candles[0].timestamp:%H:%M}" == "09:15"
        finding = next(f for f in candles.findings if f.code == "read-as-utc")
        assert (finding.severity, finding.action, finding.where) == (
            "warning",
            "shifted",
            "bars.csv:2",
        )

    def test_an_evening_session_is_not_taken_for_utc(self, write: Write) -> None:
        candles = read(write(NAMES + bars([f"2023-11-12 18:{15 + n}" for n in range(5)])))
        assert f"{candles[0].timestamp:%H:%M}" == "18:15"
        assert "read-as-utc" not in codes(candles)

    def test_day_and_month_are_told_apart_by_all_rows(self, write: Write) -> None:
        stamps = [f"{day:02}/02/2024" for day in (5, 6, 7, 8, 13)]
        assert dates_of(read(write(NAMES + bars(stamps))))[0] == date(2024, 2, 5)
        swapped = [f"02/{day:02}/2024" for day in (5, 6, 7, 8, 13)]
        assert dates_of(read(write(NAMES + bars(swapped))))[0] == date(2024, 2, 5)

    def test_day_and_month_that_cannot_be_told_apart_are_an_error(self, write: Write) -> None:
        stamps = [f"0{day}/02/2024" for day in (5, 6, 7, 8, 9)]
        with pytest.raises(DataFormatError, match=r"'05/02/2024' and all.*Write the dates as YYYY"):
            read(write(NAMES + bars(stamps)))
        with pytest.raises(DataFormatError, match="mix day first and month first"):
            read(write(NAMES + bars(["13/02/2024", "02/14/2024"])))

    def test_days_are_labelled_by_date_whatever_their_clock_says(self, write: Write) -> None:
        stamps = [f"2024-01-{day} 12:0{day % 10}:00" for day in (22, 23, 24, 25, 29)]
        candles = read(write(NAMES + bars(stamps)))
        assert candles.timeframe == "1d"
        assert {f"{candle.timestamp:%H:%M}" for candle in candles} == {"00:00"}
        assert "clock-ignored" in codes(candles)

    @pytest.mark.parametrize(
        ("stamp", "line"), [("2024-13-02 09:15", 3), ("yesterday", 3), ("2024-01-23 25:00", 3)]
    )
    def test_an_unreadable_stamp_is_named_with_its_line(
        self, write: Write, stamp: str, line: int
    ) -> None:
        with pytest.raises(DataFormatError, match=rf"bars\.csv:{line}: '.*' is no date and time"):
            read(write(NAMES + bars([ISO[0], stamp])))

    def test_offsets_on_some_rows_only_are_an_error(self, write: Write) -> None:
        with pytest.raises(DataFormatError, match=r"bars\.csv:3: .*no offset"):
            read(write(NAMES + bars([f"{ISO[0]}+05:30", ISO[1]])))


class TestLabels:
    def session(self, timeframe: str, shift_minutes: int) -> str:
        request = DataRequest(
            symbol="INFY",
            exchange="NSE",
            timeframe=timeframe,
            start=date(2024, 3, 4),
            end=date(2024, 3, 8),
        )
        frame = SyntheticDataProvider(1).fetch(request).to_pandas().drop(columns="oi")
        ends = frame.index + pd.Timedelta(minutes=shift_minutes)
        close = ends.normalize() + pd.Timedelta(hours=15, minutes=30)
        frame.index = ends.where(ends < close, close).tz_localize(None)
        return frame.to_csv()

    @pytest.mark.parametrize(
        ("timeframe", "minutes"), [("1m", 1), ("15m", 15), ("1h", 60), ("2h", 120)]
    )
    def test_close_labels_are_recognised_and_moved_to_the_open(
        self, write: Write, timeframe: str, minutes: int
    ) -> None:
        opened = read(write(self.session(timeframe, 0)))
        closed = read(write(self.session(timeframe, minutes)))
        assert (opened.origin.label, closed.origin.label) == ("open", "close")
        assert same_bars(opened, closed)
        assert opened.timeframe == timeframe
        finding = next(f for f in closed.findings if f.code == "close-labels")
        assert finding.action == "shifted"
        assert opened.findings == ()

    def test_the_label_can_be_overridden(self, write: Write) -> None:
        path = write(self.session("15m", 15))
        assert f"{read(path, label='open')[0].timestamp:%H:%M}" == "09:30"
        assert read(path, label="open").origin.label == "open"
        path = write(self.session("15m", 0))
        assert f"{read(path, label='close')[0].timestamp:%H:%M}" == "09:00"

    def test_labels_that_fit_neither_end_are_taken_as_open_and_reported(self, write: Write) -> None:
        candles = read(write(NAMES + bars([f"2024-01-23 10:0{n}" for n in range(5)])))
        assert candles.origin.label == "open"
        assert "label-unclear" in codes(candles)

    def test_a_header_may_say_which_end_it_is(self, write: Write) -> None:
        text = bars([f"2024-01-23,10:0{n}" for n in range(5)])
        candles = read(write("date,time_label_end,open,high,low,close,volume\n" + text))
        assert candles.origin.label == "close"
        assert f"{candles[0].timestamp:%H:%M}" == "09:59"

    def test_an_unknown_label_is_refused(self, write: Write) -> None:
        with pytest.raises(DataError, match=r"unknown label 'opening' \(did you mean 'open'\?\)"):
            read(write(NAMES + bars(ISO)), label="opening")


class TestTimeframes:
    def test_finer_files_are_resampled_and_it_is_said(self, write: Write) -> None:
        candles = read(write(NAMES + bars(ISO)), timeframe="5m")
        assert candles.timeframe == "5m"
        assert (candles.open[0], candles.close[0], candles.volume[0]) == (100.0, 104.0, 50.0)
        assert "resampled" in codes(candles)

    def test_thinly_traded_minutes_are_still_minutes(self, write: Write) -> None:
        stamps = [f"2024-01-23 {clock}" for clock in ("09:15", "09:16", "09:19", "09:24", "09:25")]
        assert read(write(NAMES + bars(stamps))).timeframe == "1m"

    def test_hours_with_a_short_last_bar_are_hours(self, write: Write) -> None:
        clocks = ("12:15", "13:15", "14:15", "15:15", "15:30")
        candles = read(write(NAMES + bars([f"2024-01-23 {clock}" for clock in clocks])))
        assert candles.timeframe == "1h"

    def test_weeks_and_months_are_told_by_their_dates(self, write: Write) -> None:
        weeks = [f"2024-01-{day:02}" for day in (1, 8, 15, 22, 29)]
        months = [f"2024-{month:02}-01" for month in range(1, 6)]
        assert read(write(NAMES + bars(weeks))).timeframe == "1w"
        assert read(write(NAMES + bars(months))).timeframe == "1M"

    def test_a_spacing_that_is_no_timeframe_is_an_error(self, write: Write) -> None:
        stamps = ["2024-01-23 09:15", "2024-01-23 09:22"]
        with pytest.raises(DataFormatError, match="the bars are 7 minutes apart"):
            read(write(NAMES + bars(stamps)))

    def test_one_bar_needs_a_named_timeframe(self, write: Write) -> None:
        path = write(NAMES + bars(ISO[:1]))
        with pytest.raises(DataError, match="too few bars"):
            read(path)
        assert len(read(path, timeframe="1m")) == 1


class TestSymbols:
    def two(self, write: Write) -> Path:
        rows = [f"{name},{stamp}" for stamp in ISO[:2] for name in ("INFY", "TCS")]
        return write("symbol,datetime,open,high,low,close,volume\n" + bars(rows))

    def test_a_column_of_symbols_picks_the_rows(self, write: Write) -> None:
        path = self.two(write)
        assert read(path, symbol="TCS").close.tolist() == [101.0, 103.0]
        assert read(path, symbol="INFY").close.tolist() == [100.0, 102.0]

    def test_an_absent_symbol_is_an_error_with_those_there_are(self, write: Write) -> None:
        with pytest.raises(DataNotFoundError, match=r"no row is of INFI \(did you.*INFY, TCS"):
            read(self.two(write), symbol="INFI")

    def test_a_file_of_one_other_name_is_read_with_a_warning(self, write: Write) -> None:
        content = "stock_code,datetime,open,high,low,close,volume\n"
        candles = read(write(content + bars([f"INFTEC,{stamp}" for stamp in ISO])))
        assert candles.symbol == "INFY"
        finding = next(f for f in candles.findings if f.code == "symbol-mismatch")
        assert "INFTEC" in finding.message

    def test_a_folder_of_symbols_gives_the_one_asked_for(self, write: Write) -> None:
        for name, stamps in (("INFY", ISO[:2]), ("TCS", ISO[2:])):
            rows = bars([f"{name},{stamp}" for stamp in stamps])
            path = write("symbol,datetime,open,high,low,close,volume\n" + rows, f"{name}.csv")
        assert len(read(path.parent / "*.csv", symbol="TCS")) == 3

    def test_a_provider_of_one_symbol_has_no_other(self, write: Write) -> None:
        provider = FileDataProvider(write(NAMES + bars(ISO)), symbol="INFY")
        assert len(provider.fetch(DataRequest(symbol="INFY", exchange="NSE"))) == 5
        with pytest.raises(DataNotFoundError, match="holds INFY, not TCS"):
            provider.fetch(DataRequest(symbol="TCS", exchange="NSE"))


class TestSeveralFiles:
    def test_files_are_merged_in_time(self, march: Candles, tmp_path: Path) -> None:
        parts = [
            to_csv(march[start : start + 2000], tmp_path / f"{9 - start // 2000}.csv")
            for start in range(0, len(march), 2000)
        ]
        merged = read(parts)
        assert same_bars(merged, march)
        assert merged.findings == ()
        assert merged.origin.sha256 != read(parts[:1]).origin.sha256

    def test_overlaps_are_reported_and_the_line_is_in_the_right_file(
        self, march: Candles, tmp_path: Path
    ) -> None:
        first = to_csv(march[:400], tmp_path / "a.csv")
        second = to_csv(march[300:], tmp_path / "b.csv")
        merged = read([second, first])
        assert same_bars(merged, march)
        finding = next(f for f in merged.findings if f.code == "duplicate-stamps")
        assert (finding.count, finding.where) == (100, "b.csv:2")
        assert "0 of them different" in finding.message


class TestRefusals:
    def test_the_range_of_the_file_is_told_when_the_dates_miss_it(self, write: Write) -> None:
        provider = FileDataProvider(write(NAMES + bars(ISO)))
        request = DataRequest(symbol="INFY", exchange="NSE", start=date(2025, 1, 1))
        with pytest.raises(DataNotFoundError, match="the data runs from 2024-01-23 to 2024-01-23"):
            provider.fetch(request)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "the file is empty"),
            (NAMES, "the file holds no rows"),
            ("a,b\n1,2\n", "no column holds the time among 'a', 'b'"),
            ("date,open,high,low,clos\n", r"no column 'close' among .*did you mean 'clos'"),
            (NAMES + "2024-01-23 09:15,1,2,x,1,5\n", r"bars.csv:2: low is 'x', .*no number"),
            (
                NAMES + bars(ISO[:1]) + "2024-01-23 09:16,1,1,1,1,5,6,7\n",
                r"bars.csv:3: the row has 8",
            ),
            (
                NAMES + "2024-01-23 09:15,1,1,1,1,5,6,7\n",
                r"bars.csv:2: the row has 8 fields where 6",
            ),
            (NAMES + '"2024-01-23 09:15,1,1,1,1,5\n', "the rows cannot be read"),
            (NAMES + ",1,1,1,1,5\n", r"bars.csv:2: no row has a time"),
            (NAMES + "2024-01-23 09:15,0,0,0,0,5\n", r"no row is a bar: 1 row .* not above zero"),
            (bars(["20240123,0915"]).replace(",100.0,10\n", "\n"), "no column 'close'"),
            (bytes(range(256)), "is no UTF-8 text"),
            (gzip.compress(NAMES.encode())[:20], "gzip data is damaged"),
        ],
    )
    def test_a_bad_file_is_a_message_with_its_place(
        self, write: Write, content: str | bytes, message: str
    ) -> None:
        with pytest.raises(DataFormatError, match=message) as refusal:
            read(write(content), timeframe="1m")
        assert "bars.csv" in str(refusal.value)

    def test_damaged_parquet_and_foreign_types_are_refused(self, write: Write) -> None:
        with pytest.raises(DataFormatError, match="Parquet data is damaged"):
            read(write("no parquet", "x.parquet"))
        with pytest.raises(DataFormatError, match=r"\.xlsx are not read.*Export"):
            read(write("x", "x.xlsx"))

    def test_a_path_that_leads_nowhere_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(DataNotFoundError, match="there is no file"):
            read(tmp_path / "none.csv")
        with pytest.raises(DataNotFoundError, match="no file matches"):
            read(tmp_path / "*.csv")
        with pytest.raises(DataNotFoundError, match="is a folder"):
            read(tmp_path)
        with pytest.raises(DataNotFoundError, match="no file is named"):
            read([])


def test_defect_54_bad_rows_are_dropped_and_named_with_their_line(write: Write) -> None:
    rows = [
        "2024-01-23 09:15,100,101,99,100,5",
        "2024-01-23 09:16,100,98,99,100,5",
        "2024-01-23 09:18,100,101,99,100,5",
        "2024-01-23 09:17,,101,99,100,5",
        "2024-01-23 09:17,-1,101,-1,100,5",
        "2024-01-23 09:17,100,101,99,100,-5",
        "2024-01-23 09:17,100,101,99,100,5",
        "2024-01-23 09:18,100,101,99,100.5,5",
        ",100,101,99,100,5",
    ]
    candles = read(write(NAMES + "\n".join(rows)))
    assert [f"{candle.timestamp:%H:%M}" for candle in candles] == ["09:15", "09:17", "09:18"]
    assert candles.close.tolist() == [100.0, 100.0, 100.0]
    found = {f.code: f.where for f in candles.findings if f.action in ("dropped", "sorted")}
    assert found == {
        "high-below-low": "bars.csv:3",
        "missing-price": "bars.csv:5",
        "price-not-positive": "bars.csv:6",
        "bad-volume": "bars.csv:7",
        "missing-stamp": "bars.csv:10",
        "unsorted": "bars.csv:8",
        "duplicate-stamps": "bars.csv:9",
    }


def test_float32_noise_is_taken_out_of_prices_of_any_size(write: Write) -> None:
    prices = [826.6, 24837.65, 1999.95, 3.15, 45000.05]
    rows = "".join(
        f"{stamp},{','.join([repr(float(np.float32(price)))] * 4)},5\n"
        for stamp, price in zip(ISO, prices, strict=True)
    )
    candles = read(write(NAMES + rows))
    assert candles.close.tolist() == prices
    assert "float-noise" in codes(candles)
    exact = read(write(NAMES + bars(ISO).replace("100.0", "100.123456")))
    assert exact.open[0] == 100.123456
    assert "float-noise" not in codes(exact)


def test_the_digest_is_that_of_the_file(write: Write) -> None:
    path = write(NAMES + bars(ISO))
    origin = read(path).origin
    changed = read(write(NAMES + bars(ISO).replace("100.0", "100.5"), "other.csv")).origin
    assert len(origin.sha256) == 64
    assert origin.sha256 != changed.sha256
    assert origin.detail == path.name
