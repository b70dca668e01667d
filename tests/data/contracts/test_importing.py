"""Files, folders and globs into the cache."""

from __future__ import annotations

import gzip
import json
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.contracts import sources
from tapeback.data.contracts.importing import ImportReport, import_files
from tapeback.errors import DataError
from tapeback.market.candles import Candles
from tapeback.models.candle import Series
from tapeback.utils.clock import day_of
from tests.data.contracts.samples import ClockAt, bars, kept, write_csv

FIRST, LAST = date(2025, 9, 18), date(2025, 9, 23)
CE = "NIFTY23SEP2525000CE"
PE = "NIFTY23SEP2525000PE"


@pytest.fixture
def cache(tmp_path: Path) -> CacheManager:
    return CacheManager(tmp_path / "cache", clock=ClockAt(2026, 3, 2, 18, 0))


@pytest.fixture
def calls() -> Candles:
    return bars(CE, "NFO", FIRST, LAST)


def same(one: Candles, other: Candles) -> bool:
    return all(
        np.array_equal(a, b) for a, b in zip(one.columns[:6], other.columns[:6], strict=True)
    )


def reasons(report: ImportReport) -> str:
    return "\n".join(f"{p.file}:{p.row}: {p.reason} {p.remedy}" for p in report.problems)


def test_a_folder_of_contracts_becomes_stored_bars_and_instruments(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    write_csv(tmp_path / "in" / "2025-09-23" / f"{CE}.csv", calls)
    write_csv(tmp_path / "in" / "kite" / "NIFTY2592325000PE.csv", bars(PE, "NFO", FIRST, LAST))
    write_csv(tmp_path / "in" / "nifty-30sep2025-fut.csv", bars(CE, "NFO", FIRST, LAST, seed=3))
    report = import_files(tmp_path / "in", cache=cache)
    assert reasons(report) == ""
    assert (report.files, report.read, report.contracts) == (3, 3, 3)
    assert (report.added, report.first, report.last) == (4 * 375 * 3, "2025-09-18", "2025-09-23")
    assert same(kept(cache, CE), calls)
    assert len(kept(cache, PE)) == len(kept(cache, "NIFTY30SEP25FUT")) == len(calls)
    listed = {each.symbol: each for each in cache.instruments(exchange="NFO", underlying="NIFTY")}
    assert listed.keys() == {CE, PE, "NIFTY30SEP25FUT"}
    assert (listed[CE].strike, listed[CE].option_type) == (25000.0, "CE")
    assert listed[CE].expiry == day_of(LAST)


def test_importing_twice_adds_nothing(tmp_path: Path, cache: CacheManager, calls: Candles) -> None:
    write_csv(tmp_path / f"{CE}.csv", calls)
    assert import_files(tmp_path / "*.csv", cache=cache).added == len(calls)
    again = import_files(tmp_path / "*.csv", cache=cache)
    assert (again.added, again.same, again.revised) == (0, len(calls), 0)


def test_bars_that_differ_are_told_and_stand_only_when_they_shall(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    path = write_csv(tmp_path / f"{CE}.csv", calls)
    import_files(path, cache=cache)
    changed = bars(CE, "NFO", FIRST, LAST, seed=9)
    write_csv(path, changed)
    report = import_files(path, cache=cache)
    assert report.revised > 0
    assert same(kept(cache, CE), calls)
    import_files(path, cache=cache, replace=True)
    assert same(kept(cache, CE), changed)


@pytest.mark.parametrize("form", ["csv.gz", "parquet", "json", "zip"])
def test_the_form_of_a_file_does_not_matter(
    tmp_path: Path, cache: CacheManager, calls: Candles, form: str
) -> None:
    plain = write_csv(tmp_path / "made" / f"{CE}.csv", calls)
    target = tmp_path / "in" / f"{CE}.{form}"
    target.parent.mkdir()
    frame = calls.to_pandas()
    if form == "csv.gz":
        target.write_bytes(gzip.compress(plain.read_bytes()))
    elif form == "parquet":
        frame.to_parquet(target)
    elif form == "json":
        rows = frame.drop(columns="oi").reset_index()
        rows["timestamp"] = calls.ts // 1_000_000_000
        target.write_text(json.dumps(rows.to_dict("records")))
    else:
        with zipfile.ZipFile(target, "w") as archive:
            archive.write(plain, f"deep/{CE}.csv")
            archive.write(plain, "__MACOSX/._x.csv")
    report = import_files(target, cache=cache)
    assert reasons(report) == ""
    assert same(kept(cache, CE), calls)


@pytest.mark.parametrize("form", ["csv", "parquet", "json"])
def test_contract_columns_tell_many_contracts_in_one_file(
    tmp_path: Path, cache: CacheManager, calls: Candles, form: str
) -> None:
    puts = bars(PE, "NFO", FIRST, LAST, seed=2)
    plain = write_csv(tmp_path / "made.csv", calls).read_text().splitlines()
    other = write_csv(tmp_path / "made.csv", puts).read_text().splitlines()
    rows = ["Name,Expiry Date,Strike Price,Option Type," + plain[0]]
    rows += [f"NIFTY,2025-09-23,25000,CE,{line}" for line in plain[1:]]
    rows += [f"NIFTY,2025-09-23,25000.0,PUT,{line}" for line in other[1:]]
    path = tmp_path / "in" / "weekly.csv"
    path.parent.mkdir()
    path.write_text("\n".join(rows))
    if form == "parquet":
        frame = pd.read_csv(path, parse_dates=["datetime", "Expiry Date"])
        path.unlink()
        frame.to_parquet(path.with_suffix(".parquet"))
    elif form == "json":
        text = pd.read_csv(path).drop(columns="oi").to_json(orient="records")
        path.with_suffix(".json").write_text(text)
        path.unlink()
    report = import_files(path.parent, cache=cache)
    assert reasons(report) == ""
    assert report.contracts == 2
    assert same(kept(cache, CE), calls)
    assert same(kept(cache, PE), puts)


def test_a_column_of_symbols_tells_contracts_and_shares(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    shares = bars("SBIN", "NSE", FIRST, LAST)
    lines = write_csv(tmp_path / "made.csv", calls).read_text().splitlines()
    rows = ["ticker,exchange," + lines[0]]
    rows += [f"NIFTY2592325000CE,NFO,{line}" for line in lines[1:]]
    made = write_csv(tmp_path / "made.csv", shares).read_text().splitlines()
    path = tmp_path / "all.csv"
    path.write_text("\n".join([*rows, *(f"SBIN,NSE,{line}" for line in made[1:])]))
    report = import_files(path, cache=cache, exchange="NSE")
    assert reasons(report) == ""
    assert same(kept(cache, CE), calls)
    assert same(kept(cache, "SBIN", "NSE"), shares)


def test_plain_shares_and_indices_are_imported_by_the_same_command(
    tmp_path: Path, cache: CacheManager
) -> None:
    index = bars("NIFTY", "NSE_INDEX", FIRST, LAST)
    path = write_csv(tmp_path / "nifty_1m.csv", index)
    report = import_files(path, cache=cache, symbol="NIFTY", exchange="NSE_INDEX", timeframe="5m")
    assert (report.series, report.contracts) == (1, 0)
    assert len(kept(cache, "NIFTY", "NSE_INDEX", "5m")) == 4 * 75
    assert "resampled" in {finding.code for finding in report.findings}


def test_defect_80_one_bad_file_is_told_and_stops_no_other(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    folder = tmp_path / "in"
    write_csv(folder / f"{CE}.csv", calls)
    text = write_csv(folder / f"{PE}.csv", calls).read_text().splitlines()
    text[3] = text[3].replace(",1200", ",").replace(text[3].split(",")[1], "abc", 1)
    (folder / f"{PE}.csv").write_text("\n".join(text))
    (folder / "empty.csv").write_text("")
    write_csv(folder / "NIFTY2510125000CE.csv", calls)
    (folder / "damaged.zip").write_bytes(b"PK\x03\x04 no zip")
    report = import_files([folder, tmp_path / "nothing.csv"], cache=cache)
    assert same(kept(cache, CE), calls)
    # The damaged zip is no file of bars that was found.
    assert (report.files, report.read) == (4, 1)
    problems = {problem.file: problem for problem in report.problems}
    assert (problems[f"{PE}.csv"].row, problems[f"{PE}.csv"].reason) == (
        "4",
        "open is 'abc', which is no number.",
    )
    assert "NIFTY12OCT255000CE" in problems["NIFTY2510125000CE.csv"].reason
    assert problems["NIFTY2510125000CE.csv"].remedy
    assert "empty" in problems["empty.csv"].reason
    assert "zip" in problems["damaged.zip"].reason
    assert "nothing.csv" in reasons(report)
    assert report.to_dict()["problems"][0].keys() == {"file", "row", "reason", "remedy"}


def test_one_bad_contract_of_a_file_stops_no_other(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    lines = write_csv(tmp_path / "made.csv", calls).read_text().splitlines()
    rows = ["underlying,expiry,strike,option_type," + lines[0]]
    rows += [f"NIFTY,2025-09-23,25000,CE,{line}" for line in lines[1:]]
    rows += [f"NIFTY,2025-09-23,abc,CE,{lines[1]}", f"NIFTY,2025-09-23,0,PE,{lines[1]}"]
    path = tmp_path / "weekly.csv"
    path.write_text("\n".join(rows))
    report = import_files(path, cache=cache)
    assert same(kept(cache, CE), calls)
    assert sorted(problem.row for problem in report.problems) == ["1502", "1503"]
    assert "strike 'abc' is no number" in reasons(report)


def test_a_file_of_nothing_known_says_what_to_name(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    report = import_files(write_csv(tmp_path / "SBIN_1m.csv", calls), cache=cache)
    assert "which exchange SBIN is of" in reasons(report)
    assert "--exchange" in reasons(report)
    report = import_files(tmp_path / "SBIN_1m.csv", cache=cache, exchange="NFO")
    assert "'SBIN' names no contract on NFO" in reasons(report)


def test_wrong_arguments_are_errors(tmp_path: Path, cache: CacheManager) -> None:
    for wrong in (
        {"symbol": "../x"},
        {"exchange": "NSEE"},
        {"timeframe": "7m"},
        {"label": "middle"},
    ):
        with pytest.raises(DataError):
            import_files(tmp_path, cache=cache, **wrong)


def test_an_option_that_hardly_trades_follows_the_files_around_it(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    """Three bars 5 and 10 minutes apart are neither of 5 minutes nor labelled by their open when
    all others are of 1 minute and labelled by their close."""
    write_csv(tmp_path / "in" / f"{CE}.csv", calls, ends=True)
    few = Candles(calls.series, [column[[100, 105, 115]] for column in calls.columns], calls.origin)
    write_csv(tmp_path / "in" / f"{PE}.csv", few, ends=True)
    report = import_files(tmp_path / "in", cache=cache)
    assert reasons(report) == ""
    assert same(kept(cache, CE), calls)
    assert kept(cache, PE).ts.tolist() == few.ts.tolist()
    assert {finding.code: finding.files for finding in report.findings} == {"close-labels": 2}


def test_a_few_bars_alone_need_their_timeframe_named(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    path = write_csv(tmp_path / f"{CE}.csv", calls[:1])
    assert "--timeframe" in reasons(import_files(path, cache=cache))
    assert import_files(path, cache=cache, timeframe="1m").added == 1
    assert len(kept(cache, CE)) == 1


def test_the_workers_change_nothing(tmp_path: Path, calls: Candles) -> None:
    for number in range(20):
        symbol = f"NIFTY23SEP25{24000 + 50 * number}CE"
        some = bars(symbol, "NFO", LAST, LAST, seed=number)
        write_csv(tmp_path / "in" / f"{symbol}.csv", some if number % 3 else some[::7][:9])
    made = {}
    for workers in (0, 2):
        cache = CacheManager(tmp_path / f"cache{workers}", clock=ClockAt(2026, 3, 2, 18, 0))
        seen: list[tuple[int, int]] = []
        report = import_files(
            tmp_path / "in",
            cache=cache,
            workers=workers,
            progress=lambda done, total, seen=seen: seen.append((done, total)),
        )
        assert seen == [(done, 20) for done in range(1, 21)]
        stored = {
            one.series: (one.bars, kept(cache, one.series.symbol).sha256) for one in cache.stored()
        }
        made[workers] = (report.to_dict(), stored)
    assert made[0] == made[2]
    assert made[0][0]["contracts"] == 20


def test_defect_83_a_symbol_of_two_exchanges_is_two_series(
    tmp_path: Path, cache: CacheManager
) -> None:
    for number, exchange in enumerate(("NSE", "BSE")):
        made = bars("SBIN", exchange, FIRST, LAST, seed=number)
        path = write_csv(tmp_path / exchange / "SBIN.csv", made)
        import_files(path, cache=cache, exchange=exchange)
        assert same(kept(cache, "SBIN", exchange), made)
    assert not same(kept(cache, "SBIN", "NSE"), kept(cache, "SBIN", "BSE"))


def test_members_of_a_zip_are_files_of_their_own(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    plain = write_csv(tmp_path / "made.csv", calls)
    packed = tmp_path / "week.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, "23SEP25/NIFTY2592325000CE.csv")
        archive.write(plain, "../../NIFTY-23SEP2025-25000-PE.csv")
        archive.writestr("23SEP25/NIFTY2592324900CE.csv", "datetime,open\n2025-09-18,1")
        archive.writestr("readme.md", "no bars")
    report = import_files(packed, cache=cache)
    assert (report.files, report.contracts) == (3, 2)
    assert same(kept(cache, CE), calls)
    assert same(kept(cache, PE), calls)
    assert [p.file for p in report.problems] == ["week.zip/23SEP25/NIFTY2592324900CE.csv"]


def test_days_that_a_share_s_file_lacks_stay_unknown(tmp_path: Path, cache: CacheManager) -> None:
    shares = bars("SBIN", "NSE", FIRST, LAST)
    holed = shares.days != day_of(date(2025, 9, 19))
    part = Candles(shares.series, [column[holed] for column in shares.columns], shares.origin)
    import_files(write_csv(tmp_path / "SBIN.csv", part), cache=cache, exchange="NSE")
    missing = cache.missing(
        Series("SBIN", "NSE", "1m"), day_of(FIRST), day_of(LAST), max_age_hours=24 * 365
    )
    assert missing == [(day_of(date(2025, 9, 19)),) * 2]


def test_defect_52_the_forming_bar_of_a_file_is_not_stored(tmp_path: Path, calls: Candles) -> None:
    cache = CacheManager(tmp_path / "cache", clock=ClockAt(2025, 9, 23, 11, 0, 30))
    path = write_csv(tmp_path / f"{CE}.csv", calls)
    import_files(path, cache=cache)
    assert f"{kept(cache, CE)[-1].timestamp:%Y-%m-%d %H:%M}" == "2025-09-23 10:59"


def test_defect_54_what_was_mended_stays_with_the_bars(
    tmp_path: Path, cache: CacheManager, calls: Candles
) -> None:
    path = write_csv(tmp_path / f"{CE}.csv", calls, ends=True)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[5]]))
    report = import_files(path, cache=cache)
    assert {finding.code for finding in report.findings} >= {"close-labels", "duplicate-stamps"}
    codes = {finding.code for finding in kept(cache, CE).findings}
    assert codes >= {"close-labels", "duplicate-stamps"}


def test_a_file_packed_to_fill_the_memory_is_refused(
    tmp_path: Path, cache: CacheManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{CE}.csv", b"0" * (20 * 2**20))
    packed = tmp_path / f"{PE}.csv.gz"
    packed.write_bytes(gzip.compress(b"0" * (3 * 2**20)))
    monkeypatch.setattr(sources, "_LARGEST", 2 * 2**20)
    report = import_files([bomb, packed], cache=cache)
    assert report.read == 0
    assert [("packed too densely" in p.reason) for p in report.problems] == [True, True]
