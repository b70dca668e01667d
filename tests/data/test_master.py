"""Master contracts and ban lists from a user's CSV files."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tapeback.data.bans import read_bans
from tapeback.data.master import read_master_contract
from tapeback.errors import DataFormatError, DataNotFoundError
from tapeback.market.contracts.master import MasterContract
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.utils.clock import day_of

COLUMNS = (
    "symbol,brsymbol,name,exchange,brexchange,token,expiry,strike,lotsize,instrumenttype,tick_size"
)
ROWS = """\
SBIN,SBIN-EQ,STATE BANK OF INDIA,NSE,NSE,3045,,-1,1,EQ,0.05
NIFTY,Nifty 50,NIFTY,NSE_INDEX,NSE,26000,,0,0,INDEX,0
NIFTY24NOV26FUT,NIFTY26NOVFUT,NIFTY,NFO,NFO,111,24-NOV-26,-0.01,65,FUT,0.1
NIFTY24NOV2626000CE,NIFTY26NOV26000CE,NIFTY,NFO,NFO,112,24-NOV-26,26000,65,CE,0.05
VEDL24NOV26292.5PE,VEDL26NOV292.5PE,VEDL,NFO,NFO,113,24-NOV-2026,292.5,1150,OPTSTK,0.05
CRUDEOIL18NOV26FUT,CRUDEOIL26NOVFUT,CRUDEOIL,MCX,MCX,114,2026-11-18,0,100,FUTCOM,1
"""


def write(folder: Path, text: str, name: str = "master.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def master(folder: Path, rows: str) -> MasterContract:
    return read_master_contract(write(folder, f"{COLUMNS}\n{rows}"))


def listed(found: MasterContract, symbol: str, exchange: str) -> Instrument:
    instrument = found.instrument(symbol, exchange)
    assert instrument is not None
    return instrument


def test_rows_become_instruments(tmp_path: Path) -> None:
    found = master(tmp_path, ROWS)
    november = day_of(date(2026, 11, 24))
    assert len(found) == 6
    assert ("SBIN", "NSE") in found
    assert ("SBIN", "BSE") not in found
    assert listed(found, "NIFTY24NOV2626000CE", "NFO") == Instrument(
        "NIFTY24NOV2626000CE", "NFO", "option", 65, 0.05, "NIFTY", "CE", 26000.0, november, True
    )
    put = listed(found, "VEDL24NOV26292.5PE", "NFO")
    assert (put.option_type, put.strike, put.lot_size) == ("PE", 292.5, 1150)
    future = listed(found, "NIFTY24NOV26FUT", "NFO")
    assert (future.kind, future.expiry, future.strike) == ("future", november, 0.0)
    assert listed(found, "SBIN", "NSE").kind == "equity"
    assert listed(found, "NIFTY", "NSE_INDEX").lot_size == 1
    listing = found.listing("SBIN", "NSE")
    assert listing is not None
    assert (listing.name, listing.brsymbol, listing.token) == (
        "STATE BANK OF INDIA", "SBIN-EQ", "3045",
    )  # fmt: skip
    assert found.instrument("SBIN", "BSE") is None
    assert found.listing("SBIN", "BSE") is None


def test_expiries_and_lots_of_an_underlying(tmp_path: Path) -> None:
    later = "NIFTY29DEC26FUT,,NIFTY,NFO,NFO,115,29-DEC-26,0,70,FUT,0.1\n"
    found = master(tmp_path, later + ROWS)
    assert found.expiries("NIFTY", "NFO") == [
        day_of(date(2026, 11, 24)), day_of(date(2026, 12, 29)),
    ]  # fmt: skip
    assert found.latest_lot("NIFTY", "NFO") == 70
    assert found.latest_lot("SBIN", "NFO") is None
    assert found.source == "master.csv"
    assert {each.instrument.exchange for each in found} == {"NSE", "NSE_INDEX", "NFO", "MCX"}


def test_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    text = (
        "id,TICK_SIZE,instrumenttype,lotsize,strike,expiry,exchange,symbol\n"
        "7,0.05,FUT,750,0,24NOV26,NFO,SBIN24NOV26FUT\n\n"
    )
    found = read_master_contract(write(tmp_path, text))
    assert listed(found, "SBIN24NOV26FUT", "NFO").lot_size == 750


@pytest.mark.parametrize(("tick", "rupees"), [("5", 0.05), ("1", 0.01), ("0.05", 0.05)])
def test_ticks_in_paise_are_recognised(tmp_path: Path, tick: str, rupees: float) -> None:
    rows = (
        f"SBIN24NOV26800CE,,SBIN,NFO,NFO,1,24-NOV-26,800,750,CE,{tick}\n"
        "GOLD04DEC26FUT,,GOLD,MCX,MCX,2,04-DEC-26,0,100,FUT,100\n"
    )
    found = master(tmp_path, rows)
    assert listed(found, "SBIN24NOV26800CE", "NFO").tick_size == rupees
    gold = 100.0 if tick == "0.05" else 1.0
    assert listed(found, "GOLD04DEC26FUT", "MCX").tick_size == gold


def test_a_symbol_that_does_not_show_its_contract_is_read_by_its_columns(tmp_path: Path) -> None:
    found = master(tmp_path, "ALUMINI26MAYFUT,,ALUMINI,NCO,NCO,1,29-MAY-26,0,1000,FUT,0.05\n")
    future = listed(found, "ALUMINI26MAYFUT", "NCO")
    assert (future.underlying, future.expiry) == ("ALUMINI", day_of(date(2026, 5, 29)))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("SBIN,,,NSX,NSE,1,,0,1,EQ,0.05", r"column exchange: 'NSX' is no exchange \(did you mean"),
        ("SBIN,,,NSE,NSE,1,,0,1.5,EQ,0.05", "column lotsize: '1.5' is no whole number above 0"),
        ("SBIN,,,NSE,NSE,1,,0,0,EQ,0.05", "column lotsize: '0' is no whole number above 0"),
        ("SBIN,,,NSE,NSE,1,,0,nan,EQ,0.05", "column lotsize: 'nan' is no whole number above 0"),
        ("SBIN,,,NSE,NSE,1,,0,1,EQ,", "column tick_size: '' is no number above 0"),
        ("SBIN,,,NSE,NSE,1,,abc,1,EQ,0.05", "column strike: 'abc' is no number"),
        (",,,NSE,NSE,1,,0,1,EQ,0.05", "column symbol: '' is no symbol such as SBIN"),
        (
            "NIFTY24NOV26FUT,,,NFO,NFO,1,31-FEB-26,0,65,FUT,0.1",
            "column expiry: '31-FEB-26' is no date such as",
        ),
        (
            "NIFTY24NOV26FUT,,,NFO,NFO,1,26-NOV-26,0,65,FUT,0.1",
            "column expiry: '26-NOV-26' is not the day in NIFTY24NOV26FUT",
        ),
        (
            "NIFTY24NOV2626000CE,,,NFO,NFO,1,24-NOV-26,2600000,65,CE,0.05",
            "column strike: '2600000' is not the strike in NIFTY24NOV2626000CE",
        ),
        (
            "NIFTY24NOV2626000CE,,,NFO,NFO,1,24-NOV-26,26000,65,PE,0.05",
            "column instrumenttype: 'PE' is not the type in NIFTY24NOV2626000CE",
        ),
        (
            "NIFTYX,,NIFTY,NFO,NFO,1,,26000,65,FUT,0.05",
            "column expiry: '' is empty, and the symbol names none",
        ),
        (
            "NIFTYX,,NIFTY,NFO,NFO,1,24-NOV-26,26000,65,OPTIDX,0.05",
            "column instrumenttype: 'OPTIDX' leaves open whether the option is CE or PE",
        ),
        (
            "NIFTYX,,NIFTY,NFO,NFO,1,24-NOV-26,0,65,XX,0.05",
            "column instrumenttype: 'XX' is neither FUT, CE nor PE",
        ),
        ("SBIN,,,NSE,NSE,1,,0,1,EQ", "10 fields where the columns are 11"),
    ],
)
def test_a_bad_row_is_named_with_its_column_and_reason(
    tmp_path: Path, row: str, problem: str
) -> None:
    with pytest.raises(DataFormatError, match=rf"master\.csv:8: {problem}.*Mend or remove"):
        master(tmp_path, f"{ROWS}{row}\n")


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    bad = "".join(f"S{n},,,NSE,NSE,{n},,0,none,EQ,0.05\n" for n in range(25))
    with pytest.raises(DataFormatError, match="25 problems; mend or remove these rows") as caught:
        master(tmp_path, bad)
    text = str(caught.value)
    assert "master.csv:2: column lotsize: 'none' is no whole number above 0" in text
    assert "master.csv:21: " in text
    assert "master.csv:22: " not in text
    assert text.endswith("and 5 more")


def test_one_symbol_twice_with_other_terms_is_bad(tmp_path: Path) -> None:
    row = "NIFTY24NOV26FUT,,NIFTY,NFO,NFO,111,24-NOV-26,0,{},FUT,0.1\n"
    with pytest.raises(DataFormatError, match=r":8: column symbol: .* listed above with other"):
        master(tmp_path, ROWS + row.format(75))
    assert len(master(tmp_path, ROWS + row.format(65))) == 6


def test_files_that_are_no_master_contract(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="there is no file"):
        read_master_contract(tmp_path / "none.csv")
    with pytest.raises(DataNotFoundError, match="cannot be read"):
        read_master_contract(tmp_path)
    with pytest.raises(DataFormatError, match=r"no column 'lotsize' \(did you mean 'lot_size'"):
        read_master_contract(write(tmp_path, COLUMNS.replace("lotsize", "lot_size") + "\n"))
    with pytest.raises(DataFormatError, match="no line of column names"):
        read_master_contract(write(tmp_path, "\n\n"))
    with pytest.raises(DataFormatError, match="lists no instrument"):
        read_master_contract(write(tmp_path, COLUMNS + "\n"))
    (tmp_path / "latin.csv").write_bytes(COLUMNS.encode() + b"\n\xff")
    with pytest.raises(DataFormatError, match="is no UTF-8 text"):
        read_master_contract(tmp_path / "latin.csv")


# Bans --------------------------------------------------------------------------------------


def test_bans_by_day_and_symbol(tmp_path: Path) -> None:
    text = "Symbol,Date\nSAIL,2024-05-17\nm&m,17-MAY-2024\nSAIL,20-05-2024\n"
    bans = read_bans(write(tmp_path, text, "bans.csv"))
    friday, monday = day_of(date(2024, 5, 17)), day_of(date(2024, 5, 20))
    assert len(bans) == 3
    assert bans.banned("SAIL", friday)
    assert bans.banned("M&M", friday)
    assert not bans.banned("M&M", monday)
    assert bans.applies(instrument_of("SAIL30MAY24FUT", "NFO"), monday)
    assert not bans.applies(instrument_of("SAIL", "NSE"), monday)


def test_bad_bans_are_named(tmp_path: Path) -> None:
    path = write(tmp_path, "date,symbol\n2024-13-01,SAIL\n2024-05-17,\n", "bans.csv")
    with pytest.raises(DataFormatError) as caught:
        read_bans(path)
    text = str(caught.value)
    assert "bans.csv:2: column date: '2024-13-01' is no date such as 2026-11-24" in text
    assert "bans.csv:3: column symbol: '' is no symbol such as SAIL" in text
    with pytest.raises(DataFormatError, match="no column 'date'"):
        read_bans(write(tmp_path, "day,symbol\n", "bans.csv"))
