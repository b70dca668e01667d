"""NSE's and BSE's bhavcopies, old and UDiFF."""

from __future__ import annotations

import zipfile
from datetime import date
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.bhavcopy import is_bhavcopy
from tapeback.data.contracts.importing import ImportReport, import_files
from tapeback.utils.clock import day_of, midnight
from tests.data.contracts.samples import ClockAt, kept

UDIFF = (
    "TradDt,BizDt,Sgmt,Src,FinInstrmTp,FinInstrmId,ISIN,TckrSymb,SctySrs,XpryDt,"
    "FininstrmActlXpryDt,StrkPric,OptnTp,FinInstrmNm,OpnPric,HghPric,LwPric,ClsPric,LastPric,"
    "PrvsClsgPric,UndrlygPric,SttlmPric,OpnIntrst,ChngInOpnIntrst,TtlTradgVol,TtlTrfVal,"
    "TtlNbOfTxsExctd,SsnId,NewBrdLotQty,Rmks,Rsvd1,Rsvd2,Rsvd3,Rsvd4"
)
OLD = (
    "INSTRUMENT,SYMBOL,EXPIRY_DT,STRIKE_PR,OPTION_TYP,OPEN,HIGH,LOW,CLOSE,SETTLE_PR,CONTRACTS,"
    "VAL_INLAKH,OPEN_INT,CHG_IN_OI,TIMESTAMP,"
)
# Lots: BANKNIFTY 40 in 2018 (by the tables), ACME 1,500 (by turnover and open interest alone).
OLD_ROWS = """\
FUTIDX,BANKNIFTY,26-Jul-2018,0,XX,26620,26740.05,26606.1,26713.4,26713.4,60977,650965.44,2326640,217280,09-JUL-2018,
OPTIDX,BANKNIFTY,12-Jul-2018,27000,CE,28.6,37.7,26.9,31.85,31.85,175553,1898246.38,776320,143040,09-JUL-2018,
OPTIDX,BANKNIFTY,12-Jul-2018,35000,CE,0,0,0,0.05,0.05,0,0,0,0,09-JUL-2018,
FUTSTK,ACME,26-Jul-2018,0,XX,200,204,198,202,202,100,303,450000,4500,09-JUL-2018,
OPTSTK,ACME,26-Jul-2018,210,CE,5,6,4,5.5,5.5,10,32.3,33000,1500,09-JUL-2018,
"""
NEW_ROWS = """\
2026-07-22,2026-07-22,FO,NSE,STO,67233,,ABCAPITAL,,2026-08-25,2026-08-25,350.00,PE,X,1.50,1.80,1.50,1.65,1.80,1.60,400.60,1.65,93000,18600,7,7630650.00,6,F1,3100,,,,,

2026-07-22,2026-07-22,FO,NSE,IDO,80310,,NIFTY,,2027-03-30,2027-03-30,30000.00,PE,X,0.00,0.00,0.00,5754.50,5754.50,5754.50,23996.25,4848.10,130,0,0,0.00,0,F1,65,,,,,

2026-07-22,2026-07-22,FO,NSE,IDF,58067,,BANKNIFTY,,2026-08-25,2026-08-25,,,X,58201.00,58201.00,57351.00,57469.20,57450.00,58239.20,57126.80,57469.20,619980,120240,7976,13778694180.00,5956,F1,30,,,,,
2026-07-22,2026-07-22,FO,BSE,IDO,555,,SENSEX,,2026-07-23,2026-07-23,78900.00,CE,X,10,12,9,11,11,10,79000,11,2000,0,50,78911000,9,F1,20,,,,,
"""


@pytest.fixture
def cache(tmp_path: Path) -> CacheManager:
    return CacheManager(tmp_path / "cache", clock=ClockAt(2026, 10, 1, 18, 0))


def run(cache: CacheManager, path: Path, head: str, rows: str, **named: str) -> ImportReport:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"{head}\n{rows}"
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(path.stem, text)
    else:
        path.write_text(text)
    report = import_files(path, cache=cache, **named)
    assert report.problems == []
    return report


def lots(cache: CacheManager) -> dict[str, int]:
    return {each.symbol: each.lot_size for each in cache.instruments(exchange="NFO")}


def test_an_old_file_gives_a_day_of_every_contract_that_traded(
    tmp_path: Path, cache: CacheManager
) -> None:
    report = run(cache, tmp_path / "fo09JUL2018bhav.csv.zip", OLD, OLD_ROWS)
    assert (report.read, report.contracts, report.added) == (1, 4, 4)
    future = kept(cache, "BANKNIFTY26JUL18FUT", frame="1d")
    assert future.ts.tolist() == [midnight(day_of(date(2018, 7, 9)))]
    assert [column[0] for column in future.columns[1:5]] == [26620, 26740.05, 26606.1, 26713.4]
    assert (future.volume[0], future.oi[0]) == (60977 * 40, 2326640)
    assert kept(cache, "BANKNIFTY12JUL1827000CE", frame="1d").volume[0] == 175553 * 40


def test_a_contract_without_a_trade_has_no_bar_but_is_listed(
    tmp_path: Path, cache: CacheManager
) -> None:
    run(cache, tmp_path / "fo.csv", OLD, OLD_ROWS)
    symbols = [one.series.symbol for one in cache.stored()]
    assert "BANKNIFTY12JUL1835000CE" not in symbols
    assert lots(cache)["BANKNIFTY12JUL1835000CE"] == 40


def test_a_lot_that_no_table_has_is_what_turnover_and_open_interest_show(
    tmp_path: Path, cache: CacheManager
) -> None:
    run(cache, tmp_path / "fo.csv", OLD, OLD_ROWS)
    assert lots(cache)["ACME26JUL18FUT"] == 1500
    assert kept(cache, "ACME26JUL18FUT", frame="1d").volume[0] == 100 * 1500
    assert kept(cache, "ACME26JUL18210CE", frame="1d").volume[0] == 10 * 1500


def test_a_udiff_file_counts_lots_and_its_lot_is_kept(tmp_path: Path, cache: CacheManager) -> None:
    name = "BhavCopy_NSE_FO_0_0_0_20260722_F_0000.csv"
    report = run(cache, tmp_path / name, UDIFF, NEW_ROWS)
    assert (report.contracts, report.added) == (3, 3)
    assert kept(cache, "BANKNIFTY25AUG26FUT", frame="1d").volume[0] == 7976 * 30
    assert kept(cache, "ABCAPITAL25AUG26350PE", frame="1d").volume[0] == 7 * 3100
    assert kept(cache, "SENSEX23JUL2678900CE", "BFO", "1d").volume[0] == 50 * 20
    assert lots(cache) == {
        "ABCAPITAL25AUG26350PE": 3100,
        "BANKNIFTY25AUG26FUT": 30,
        "NIFTY30MAR2730000PE": 65,
    }


def test_a_udiff_file_whose_turnover_shows_units_is_not_multiplied(
    tmp_path: Path, cache: CacheManager
) -> None:
    run(cache, tmp_path / "x.csv", UDIFF, NEW_ROWS.replace(",7976,", ",239280,").split("\n")[4])
    assert kept(cache, "BANKNIFTY25AUG26FUT", frame="1d").volume[0] == 239280


def test_cash_files_give_shares_of_the_plain_series(tmp_path: Path, cache: CacheManager) -> None:
    head = "SYMBOL,SERIES,OPEN,HIGH,LOW,CLOSE,LAST,PREVCLOSE,TOTTRDQTY,TOTTRDVAL,TIMESTAMP,"
    rows = "M&M,EQ,10,11,9,10.5,10.4,10,1000,10500,06-OCT-2021,\nGOI,GS,100,100,100,100,1,1,5,500,"
    run(cache, tmp_path / "cm06OCT2021bhav.csv", head, rows + "06-OCT-2021,\n")
    udiff = "2024-07-08,2024-07-08,CM,NSE,STK,1,I,SBIN,EQ,,,,,A,10,11,9,10.5,10,10,,10,,,900,9450,5"
    run(cache, tmp_path / "BhavCopy_NSE_CM.csv", UDIFF, f"{udiff},F1,1,,,,,\n")
    stored = {(one.series.symbol, one.series.exchange): one.bars for one in cache.stored()}
    assert stored == {("M&M", "NSE"): 1, ("SBIN", "NSE"): 1}
    assert kept(cache, "SBIN", "NSE", "1d").volume[0] == 900


def test_a_folder_of_days_becomes_one_series_and_twice_adds_nothing(
    tmp_path: Path, cache: CacheManager
) -> None:
    folder = tmp_path / "fo"
    folder.mkdir()
    for day in ("09-JUL-2018", "10-JUL-2018", "11-JUL-2018"):
        (folder / f"fo{day}.csv").write_text(f"{OLD}\n{OLD_ROWS.replace('09-JUL-2018', day)}")
    report = import_files(folder, cache=cache)
    assert (report.files, report.read, report.added) == (3, 3, 12)
    assert len(kept(cache, "BANKNIFTY26JUL18FUT", frame="1d")) == 3
    again = import_files(folder, cache=cache)
    assert (again.added, again.same) == (0, 12)


def test_one_underlying_may_be_asked_for(tmp_path: Path, cache: CacheManager) -> None:
    run(cache, tmp_path / "fo.csv", OLD, OLD_ROWS, symbol="ACME")
    assert {each.underlying for each in cache.instruments()} == {"ACME"}


def test_a_bad_file_is_told_with_its_row(tmp_path: Path, cache: CacheManager) -> None:
    good, bad = tmp_path / "a.csv", tmp_path / "b.csv"
    good.write_text(f"{OLD}\n{OLD_ROWS}")
    bad.write_text(f"{OLD}\n{OLD_ROWS.replace('26713.4,26713.4', 'x,26713.4')}")
    report = import_files([good, bad], cache=cache)
    assert (report.read, report.added) == (1, 4)
    assert [(p.file, p.row, p.reason) for p in report.problems] == [
        ("b.csv", "2", "close is 'x', which is no number.")
    ]


def test_other_files_are_no_bhavcopies() -> None:
    assert is_bhavcopy(UDIFF)
    assert is_bhavcopy(OLD)
    assert not is_bhavcopy("datetime,open,high,low,close,volume")
    assert not is_bhavcopy("")
