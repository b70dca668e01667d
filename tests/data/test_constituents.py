"""Lists of symbols, as NSE publishes an index's constituents and as traders write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tapeback.data.constituents import read_symbols
from tapeback.errors import DataFormatError, DataNotFoundError

NSE_FILE = (
    "Company Name,Industry,Symbol,Series,ISIN Code\n"
    "Bajaj Auto Ltd.,Automobile,BAJAJ-AUTO,EQ,INE917I01010\n"
    '"Mahindra, & Mahindra Ltd.",Automobile,M&M,EQ,INE101A01026\n'
)

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "symbols.csv"
        path.write_bytes(text.encode())
        return path

    return write


@pytest.mark.parametrize("form", ["{}", "\ufeff{}"])
def test_nse_s_file_names_symbols_of_nse(write: Write, form: str) -> None:
    expected = [("BAJAJ-AUTO", "NSE"), ("M&M", "NSE")]
    assert read_symbols(write(form.format(NSE_FILE))) == expected
    assert read_symbols(write(NSE_FILE.replace("\n", "\r\n"))) == expected


def test_another_csv_may_name_exchanges(write: Write) -> None:
    path = write("Exchange,SYMBOL\nBSE,tcs\n,INFY\n")
    assert read_symbols(path) == [("TCS", "BSE"), ("INFY", "")]


def test_a_plain_list_has_one_symbol_a_line_each_once(write: Write) -> None:
    path = write("INFY\n\n tcs:bse \nNIFTY:NSE_INDEX\nINFY\n")
    assert read_symbols(path) == [("INFY", ""), ("TCS", "BSE"), ("NIFTY", "NSE_INDEX")]


def test_a_column_of_symbols_is_a_list_under_its_name(write: Write) -> None:
    assert read_symbols(write("Symbol\nINFY\nTCS\n")) == [("INFY", ""), ("TCS", "")]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("INFY\nIN FY\nTCS:NSY\n", ["symbols.csv:2: 'IN FY'", "symbols.csv:3: 'TCS:NSY'", "NSE"]),
        ("INFY,TCS\n", ["symbols.csv:1: 'INFY,TCS'", "one a line"]),
        ("../INFY\n", ["symbols.csv:1"]),
        (NSE_FILE + "X,Y,../Z,EQ,I\n", ["symbols.csv:4", "column symbol: '../Z'"]),
        (NSE_FILE + "X,Y,Z\n", ["symbols.csv:4", "3 fields where the columns are 5"]),
        ("", ["names no symbol"]),
        ("\n \n", ["names no symbol"]),
        ("Symbol,Series\n", ["names no symbol"]),
    ],
)
def test_every_row_that_is_no_symbol_is_named(write: Write, text: str, problems: list[str]) -> None:
    with pytest.raises(DataFormatError) as caught:
        read_symbols(write(text))
    for problem in problems:
        assert problem in str(caught.value)


def test_of_many_bad_lines_twenty_are_shown(write: Write) -> None:
    with pytest.raises(DataFormatError, match="and 30 more"):
        read_symbols(write("IN FY\n" * 50))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="there is no file"):
        read_symbols(tmp_path / "none.csv")
    with pytest.raises(DataNotFoundError, match="cannot be read"):
        read_symbols(tmp_path)
    (tmp_path / "packed.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(DataFormatError, match="no UTF-8 text"):
        read_symbols(tmp_path / "packed.zip")
