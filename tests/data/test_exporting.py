"""Candles written to files and read back, bit by bit."""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeback.data.exporting import SUFFIXES, write_candles
from tapeback.data.files import read_candles
from tapeback.errors import OutputError
from tapeback.market.calendar import calendar_of
from tapeback.market.candles import Candles
from tapeback.utils.clock import MINUTE_NS, midnight
from tests.conftest import REPO
from tests.data.conformance import same_bars

DAYS = calendar_of("NSE").trading_days(19_700, 19_760).tolist()


def minutes(sessions: int = 1, symbol: str = "INFY", **more: object) -> Candles:
    """Whole sessions of 1m bars whose prices are not on any grid."""
    opens = [midnight(day) + 555 * MINUTE_NS for day in DAYS[:sessions]]
    ts = np.concatenate([start + MINUTE_NS * np.arange(375) for start in opens])
    close = 1500 + np.sin(np.arange(len(ts))) * 7 / 3
    return Candles.from_arrays(
        symbol=symbol, exchange="NSE", timeframe="1m", ts=ts,
        open=close, high=close * 1.001, low=close * 0.999, close=close, **more,
    )  # fmt: skip


def read(path: Path, candles: Candles) -> Candles:
    return read_candles(
        path, symbol=candles.symbol, exchange=candles.exchange, timeframe=candles.timeframe
    )


def printed(code: str) -> str:
    """What a program prints that may use all names of this file."""
    code = f"from tests.data.test_exporting import *\n{code}"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True
    ).stdout


@st.composite
def some_candles(draw: st.DrawFn) -> Candles:
    """The first minutes and some later ones of some sessions, or days, at any prices."""
    daily = draw(st.booleans())
    first = draw(st.integers(0, 20))
    days = DAYS[first : first + draw(st.integers(3, 6))]
    later = sorted(draw(st.sets(st.integers(8, 374), max_size=4)))
    clocks = [0] if daily else [555 + minute for minute in (*range(6), *later)]
    ts = [midnight(day) + clock * MINUTE_NS for day in days for clock in clocks]
    count = len(ts)
    # Thirds are no 32-bit floats, whose noise the reader would take away.
    price = st.integers(3, 10**9).map(lambda n: n / 3 + 0.01)
    lows, highs = (
        np.array(draw(st.lists(price, min_size=count, max_size=count))) for _ in range(2)
    )
    lows, highs = np.minimum(lows, highs), np.maximum(lows, highs)
    volume = st.one_of(st.integers(0, 2**60).map(float), st.just(float("nan")), st.floats(0, 1e15))
    columns = {
        name: draw(st.lists(volume, min_size=count, max_size=count))
        for name in draw(st.sets(st.sampled_from(["volume", "oi"])))
    }
    return Candles.from_arrays(
        symbol="INFY", exchange="NSE", timeframe="1d" if daily else "1m", ts=ts,
        open=lows, high=highs, low=lows, close=highs, **columns,
    )  # fmt: skip


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(candles=some_candles())
def test_what_is_read_back_is_what_was_written(suffix: str, candles: Candles) -> None:
    with TemporaryDirectory() as folder:
        path = write_candles(candles, Path(folder) / f"bars{suffix}")
        assert same_bars(read(path, candles), candles)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_defect_84_no_bar_is_left_out_however_many_there_are(suffix: str, tmp_path: Path) -> None:
    candles = minutes(31)
    assert len(candles) > 10_000
    path = write_candles(candles, tmp_path / f"bars{suffix}")
    assert same_bars(read(path, candles), candles)


def test_the_columns_are_indian_times_and_what_the_candles_have(tmp_path: Path) -> None:
    candles = minutes(volume=[5.0] * 375)[:2]
    rows = write_candles(candles, tmp_path / "bars.csv").read_text().splitlines()
    assert rows[0] == "datetime,open,high,low,close,volume"
    assert rows[1].startswith("2023-12-11T09:15:00+05:30,1500.0,1501.4999999999998,")
    assert rows[1].endswith(",5")
    records = json.loads(write_candles(candles, tmp_path / "bars.json").read_text())
    assert list(records[0]) == ["datetime", "open", "high", "low", "close", "volume"]
    assert records[1]["datetime"] == "2023-12-11T09:16:00+05:30"
    assert records[1]["close"] == candles.close[1]


def test_defect_54_the_offset_from_utc_is_written(tmp_path: Path) -> None:
    """Nobody has to guess the zone: a reader that knows ISO 8601 gets the instant."""
    candles = minutes()[:1]
    _, row = write_candles(candles, tmp_path / "bars.csv").read_text().splitlines()
    assert datetime.fromisoformat(row.split(",")[0]).timestamp() * 1e9 == candles.ts[0]


def test_parquet_says_its_zone(tmp_path: Path) -> None:
    schema = pq.read_schema(write_candles(minutes(), tmp_path / "bars.parquet"))
    assert str(schema.field("datetime").type) == "timestamp[ns, tz=Asia/Kolkata]"
    assert schema.names == ["datetime", "open", "high", "low", "close"]


def test_the_same_bars_give_the_same_bytes(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        one, other = (
            write_candles(minutes(), tmp_path / f"{name}{suffix}").read_bytes() for name in "ab"
        )
        assert one == other, suffix


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_with_a_symbol_the_rows_name_it(suffix: str, tmp_path: Path) -> None:
    candles = minutes(symbol="M&M")
    path = write_candles(candles, tmp_path / f"bars{suffix}", symbol=True)
    assert same_bars(read(path, candles), candles)
    assert "symbol-mismatch" not in [each.code for each in read(path, candles).findings]


@pytest.mark.parametrize("symbol", ["=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("x","y")'])
def test_a_symbol_is_no_formula_in_a_spreadsheet(symbol: str, tmp_path: Path) -> None:
    path = write_candles(minutes(symbol=symbol)[:2], tmp_path / "bars.csv", symbol=True)
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert [row[0] for row in rows] == ["symbol", f"'{symbol}", f"'{symbol}"]
    assert {len(row) for row in rows} == {6}


def test_gzip_holds_the_csv(tmp_path: Path) -> None:
    plain = write_candles(minutes(), tmp_path / "bars.csv").read_bytes()
    packed = write_candles(minutes(), tmp_path / "bars.csv.gz").read_bytes()
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain)
    # No time of writing in its header: the same bars are the same bytes tomorrow.
    assert packed[4:8] == bytes(4)


def test_a_file_is_overwritten_only_when_told(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text("mine")
    with pytest.raises(OutputError, match=r"bars\.csv: the file exists and is not overwritten"):
        write_candles(minutes(), path)
    assert path.read_text() == "mine"
    write_candles(minutes(), path, overwrite=True)
    assert same_bars(read(path, minutes()), minutes())
    assert [each.name for each in tmp_path.iterdir()] == ["bars.csv"]


def test_folders_are_made(tmp_path: Path) -> None:
    assert write_candles(minutes(), tmp_path / "a" / "b" / "bars.json").is_file()


@pytest.mark.parametrize("name", ["bars.xlsx", "bars", "bars.json.gz", "bars.csv.zip"])
def test_another_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"End the name with \.csv, \.csv\.gz, \.parquet or"):
        write_candles(minutes(), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_nothing_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no bar of INFY:NSE:1m"):
        write_candles(minutes()[:0], tmp_path / "bars.csv")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_candles(minutes(), tmp_path / "folder" / "bars.csv")


@pytest.mark.skipif(os.name == "nt", reason="Windows limits no file's size")
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_neither_half_a_file_nor_the_old_one_changed(
    suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"bars{suffix}"
    path.write_text("mine")
    code = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))\n"
        f"try: write_candles(minutes(3), {str(path)!r}, overwrite=True)\n"
        "except OutputError as error: print(error)\n"
    )
    assert "cannot be written" in printed(code)
    assert path.read_text() == "mine"
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_parquet_without_pyarrow_names_the_extra(tmp_path: Path) -> None:
    code = (
        "sys.modules['pyarrow'] = None\n"
        "from tapeback.errors import MissingExtraError\n"
        f"try: write_candles(minutes(), {str(tmp_path / 'bars.parquet')!r})\n"
        "except MissingExtraError as error: print(error)\n"
    )
    assert 'pip install "tapeback[data]"' in printed(code)
    assert not list(tmp_path.iterdir())
