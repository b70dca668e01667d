"""The user's own corporate actions."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from tapeback.data.actions import read_actions
from tapeback.errors import DataFormatError, DataNotFoundError
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE, to_units

HEADER = "symbol,exchange,ex_date,kind,ratio,cash\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "actions.csv"
    path.write_text(text, encoding="utf-8")
    return path


def refused(folder: Path, *rows: str, header: str = HEADER) -> DataFormatError:
    with pytest.raises(DataFormatError) as caught:
        read_actions(written(folder, header + "\n".join(rows)))
    return caught.value


def test_every_kind_is_read(tmp_path: Path) -> None:
    actions = read_actions(
        written(
            tmp_path,
            "\ufeffsymbol,exchange,ex_date,kind,ratio,cash,child,parent_share\n"
            "hdfcbank, NSE, 2019-09-19, split, 2:1,,,\n"
            "\n"
            'ITC,,04-Jul-2024,dividend,,"1,007.50",,\n'
            "RELIANCE,BSE,2020-05-13,Rights,1 : 15,1257,,\n"
            "RELIANCE,NSE,2023-07-20,demerger,1:1,261.85,JIOFIN,0.9532\n",
        )
    )
    split, dividend, rights, demerger = actions
    assert (split.symbol, split.exchange, split.kind) == ("HDFCBANK", "NSE", "split")
    assert (split.ex_day, split.new, split.held) == (day_of(date(2019, 9, 19)), 2, 1)
    assert split.cash is None
    assert (dividend.exchange, dividend.cash) == ("", to_units(1007.50))
    assert dividend.ex_day == day_of(date(2024, 7, 4))
    assert (rights.new, rights.held, rights.cash) == (1, 15, 1257 * RUPEE)
    assert (demerger.child, demerger.parent_share) == ("JIOFIN", Fraction("0.9532"))


@pytest.mark.parametrize(
    ("row", "column", "reason"),
    [
        (",NSE,2024-06-03,split,2:1,", "symbol", "names no share"),
        ("SBIN,NFO,2024-06-03,split,2:1,", "exchange", "'NFO' is not NSE"),
        ("SBIN,NSE,2024-02-30,split,2:1,", "ex_date", "'2024-02-30' is no date"),
        ("SBIN,NSE,,split,2:1,", "ex_date", "is no date"),
        ("SBIN,NSE,2024-06-03,splitt,2:1,", "kind", "did you mean 'split'?"),
        ("SBIN,NSE,2024-06-03,bonuss,1:1,", "kind", "did you mean 'bonus'?"),
        ("SBIN,NSE,2024-06-03,split,2,", "ratio", "'2' is not two whole numbers"),
        ("SBIN,NSE,2024-06-03,split,0:1,", "ratio", "such as 5:1"),
        ("SBIN,NSE,2024-06-03,split,1:1,", "ratio", "splits nothing"),
        ("SBIN,NSE,2024-06-03,bonus,,", "ratio", "such as 1:1"),
        ("SBIN,NSE,2024-06-03,bonus,1:1,5", "cash", "no place in a bonus"),
        ("SBIN,NSE,2024-06-03,dividend,1:1,5", "ratio", "no place in a dividend"),
        ("SBIN,NSE,2024-06-03,dividend,,", "cash", "the dividend"),
        ("SBIN,NSE,2024-06-03,dividend,,-5", "cash", "'-5' is no amount"),
        ("SBIN,NSE,2024-06-03,dividend,,0", "cash", "'0' is no amount"),
        ("SBIN,NSE,2024-06-03,rights,1:15,", "cash", "the price of a right"),
        ("SBIN,NSE,2024-06-03,demerger,1:1,x", "cash", "off the parent"),
    ],
)
def test_a_bad_row_is_named_with_column_and_reason(
    tmp_path: Path, row: str, column: str, reason: str
) -> None:
    error = refused(tmp_path, "ITC,NSE,2016-07-01,bonus,1:2,", row)
    assert error.where == "actions.csv:3"
    assert error.what.startswith(f"column {column}: ")
    assert reason in error.what
    assert error.remedy


@pytest.mark.parametrize("row", ["SBIN,NSE,2024-06-03,split", "SBIN,NSE,2024-06-03,split,2:1,,x"])
def test_a_row_of_another_width_is_named(tmp_path: Path, row: str) -> None:
    error = refused(tmp_path, row)
    assert error.where == "actions.csv:2"
    assert "fields" in error.what


@pytest.mark.parametrize(
    ("row", "column"),
    [
        ("SBIN,NSE,2024-06-03,demerger,1:1,5,X,1.2", "parent_share"),
        ("SBIN,NSE,2024-06-03,bonus,1:1,,X,", "child"),
    ],
)
def test_a_demergers_columns_are_checked(tmp_path: Path, row: str, column: str) -> None:
    header = "symbol,exchange,ex_date,kind,ratio,cash,child,parent_share\n"
    assert f"column {column}:" in refused(tmp_path, row, header=header).what


def test_all_bad_rows_are_told_at_once(tmp_path: Path) -> None:
    error = refused(
        tmp_path,
        "SBIN,NSE,2024-06-03,split,2,",
        "SBIN,NSE,2024-07-03,split,2:1,",
        "SBIN,NSE,soon,dividend,,",
    )
    for problem in ("actions.csv:2: column ratio", "actions.csv:4: column ex_date",
                    "actions.csv:4: column cash"):  # fmt: skip
        assert problem in error.what
    assert "actions.csv:3" not in error.what


@pytest.mark.parametrize("exchange", ["NSE", ""])
def test_an_action_stated_twice_is_refused(tmp_path: Path, exchange: str) -> None:
    error = refused(
        tmp_path, "SBIN,NSE,2024-06-03,split,2:1,", f"SBIN,{exchange},2024-06-03,split,2:1,"
    )
    assert "row 2" in error.what


def test_a_share_may_pay_two_dividends_on_one_day(tmp_path: Path) -> None:
    row = "TCS,NSE,2019-10-17,dividend,,"
    assert len(read_actions(written(tmp_path, f"{HEADER}{row}5\n{row}40\n"))) == 2


@pytest.mark.parametrize("missing", ["symbol", "exchange", "ex_date", "kind", "ratio", "cash"])
def test_a_missing_column_is_named(tmp_path: Path, missing: str) -> None:
    names = [name for name in HEADER.strip().split(",") if name != missing]
    error = refused(tmp_path, header=",".join(names) + "\n")
    assert error.where == "actions.csv:1"
    assert f"no column {missing!r}" in error.what


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="there is no file"):
        read_actions(tmp_path / "none.csv")
