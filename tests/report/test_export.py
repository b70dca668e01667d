"""The files of a result."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import msgspec
import pandas as pd
import pytest

import tapeback
from tapeback import BacktestResult, BaseStrategy, Candle, OutputError
from tapeback.report.export import check_directory
from tests.report.conftest import Busy, session_bars

NAMES = {
    "result.json",
    "manifest.json",
    "trades.csv",
    "orders.csv",
    "fills.csv",
    "equity.csv",
    "daily.csv",
    "postings.csv",
    "tax.csv",
}
TABLES = sorted(name for name in NAMES if name.endswith(".csv"))


class Idle(BaseStrategy):
    def on_bar(self, candle: Candle) -> None: ...


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def header(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0]


def test_all_files_are_written_and_named(busy_run: BacktestResult, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "first"

    paths = busy_run.save(folder)

    assert set(paths) == NAMES == {path.name for path in folder.iterdir()}
    assert all(paths[name] == folder / name for name in NAMES)
    assert json.loads(paths["result.json"].read_bytes()) == busy_run.to_dict()


def test_trades_begin_with_the_columns_that_users_rely_on(
    busy_run: BacktestResult, tmp_path: Path
) -> None:
    path = busy_run.save(tmp_path)["trades.csv"]

    assert header(path) == (
        "id,symbol,entry_time,exit_time,entry_price,exit_price,quantity,side,pnl,pnl_pct,fees,"
        "duration_seconds,exchange,product,entry_order,exit_order,"
        "brokerage,stt,ctt,exchange_charge,ipft,sebi,stamp,gst,other"
    )
    for row, trade in zip(rows(path), busy_run.trades, strict=True):
        assert datetime.fromisoformat(row["entry_time"]) == trade.entry_time
        assert float(row["pnl"]) == round(trade.pnl, 2)
        assert float(row["exit_price"]) == round(trade.exit_price, 4)


def test_fills_have_the_columns_of_the_fill_contract_and_then_their_charges_by_line(
    busy_run: BacktestResult, tmp_path: Path
) -> None:
    path = busy_run.save(tmp_path)["fills.csv"]

    assert header(path) == (
        "time,order_id,symbol,exchange,side,quantity,price,rule,reference,spread,slippage,impact,"
        "rounding,charges,brokerage,stt,ctt,exchange_charge,ipft,sebi,stamp,gst,other"
    )
    for row in rows(path):
        sign = 1 if row["side"] == "BUY" else -1
        parts = sum(float(row[part]) for part in ("spread", "slippage", "impact", "rounding"))
        assert float(row["price"]) == pytest.approx(
            float(row["reference"]) + sign * parts, abs=1e-4
        )


def test_no_paisa_is_lost_between_the_files(busy_run: BacktestResult, tmp_path: Path) -> None:
    paths = busy_run.save(tmp_path)

    charges = sum(round(100 * float(row["charges"])) for row in rows(paths["fills.csv"]))
    posted = sum(
        round(100 * float(row["amount"]))
        for row in rows(paths["postings.csv"])
        if row["charge"] == "true"
    )
    assert posted < 0
    assert charges - posted == round(100 * busy_run.metrics.total_fees)
    last = rows(paths["equity.csv"])[-1]
    assert float(last["equity"]) == busy_run.metrics.final_capital


def test_equity_has_a_row_for_each_bar_and_daily_one_for_each_session(
    busy_run: BacktestResult, tmp_path: Path
) -> None:
    paths = busy_run.save(tmp_path)

    assert len(rows(paths["equity.csv"])) == 1125
    assert [row["date"] for row in rows(paths["daily.csv"])] == [
        "2024-06-03",
        "2024-06-04",
        "2024-06-05",
    ]


def test_every_time_column_is_read_as_times_by_pandas(
    busy_run: BacktestResult, tmp_path: Path
) -> None:
    paths = busy_run.save(tmp_path)

    for name, column in (
        ("fills.csv", "time"),
        ("trades.csv", "exit_time"),
        ("orders.csv", "triggered_at"),
        ("equity.csv", "timestamp"),
    ):
        read = pd.read_csv(paths[name], parse_dates=[column])[column]
        assert str(read.dt.tz) == "UTC+05:30", name


def test_defect_63_tables_of_a_run_without_trades_are_written_with_their_header(
    run: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    paths = run(Idle).save(tmp_path)

    for name in ("trades.csv", "orders.csv", "fills.csv"):
        assert rows(paths[name]) == []
        assert "," in header(paths[name])


@pytest.mark.parametrize("name", TABLES)
def test_synthetic_data_is_marked_in_every_table(
    busy_run: BacktestResult, synthetic_run: BacktestResult, tmp_path: Path, name: str
) -> None:
    real = busy_run.save(tmp_path / "real")[name]
    made_up = synthetic_run.save(tmp_path / "made-up")[name]

    assert header(made_up) == f"{header(real)},synthetic"
    assert {row["synthetic"] for row in rows(made_up)} == {"true"}


def test_the_manifest_is_marked_as_well_and_keeps_the_run_apart(
    synthetic_run: BacktestResult, tmp_path: Path
) -> None:
    manifest = json.loads(synthetic_run.save(tmp_path)["manifest.json"].read_bytes())

    assert manifest["synthetic"] is True
    assert manifest["run"]["run_id"] == synthetic_run.run.run_id
    assert synthetic_run.run.host not in json.dumps({**manifest, "run": None}) or not (
        synthetic_run.run.host
    )


def test_two_identical_runs_write_the_same_bytes_but_for_run(tmp_path: Path) -> None:
    first, second = (
        tapeback.backtest(Busy, session_bars(), initial_cash=1_000_000).save(tmp_path / name)
        for name in ("a", "b")
    )

    for name in TABLES:
        assert first[name].read_bytes() == second[name].read_bytes(), name
    for name in ("result.json", "manifest.json"):
        one, other = (
            path.read_bytes().partition(b'"run":')[0] for path in (first[name], second[name])
        )
        assert one == other, name


def test_an_older_run_in_the_folder_is_replaced_and_nothing_is_left_over(
    busy_run: BacktestResult, run: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    busy_run.save(tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")

    run(Idle).save(tmp_path)

    assert rows(tmp_path / "trades.csv") == []
    assert {path.name for path in tmp_path.iterdir()} == {*NAMES, "notes.txt"}


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_defect_71_text_that_a_spreadsheet_would_run_is_quoted(
    busy_run: BacktestResult, tmp_path: Path, start: str
) -> None:
    formula = f'{start}HYPERLINK("http://x","y")'
    trades = [msgspec.structs.replace(trade, symbol=formula) for trade in busy_run.trades]
    orders = [msgspec.structs.replace(order, strategy=formula) for order in busy_run.orders]
    hostile = replace(busy_run, trades=tuple(trades), orders=tuple(orders))

    paths = hostile.save(tmp_path)

    assert {row["symbol"] for row in rows(paths["trades.csv"])} == {f"'{formula}"}
    assert {row["strategy"] for row in rows(paths["orders.csv"])} == {f"'{formula}"}
    losses = [trade.pnl for trade in busy_run.trades if trade.pnl < 0]
    written = [float(row["pnl"]) for row in rows(paths["trades.csv"]) if row["pnl"][0] == "-"]
    assert len(written) == len(losses) > 0


def test_lines_end_alike_on_every_system(busy_run: BacktestResult, tmp_path: Path) -> None:
    for path in busy_run.save(tmp_path).values():
        content = path.read_bytes()
        assert b"\r" not in content
        assert content.endswith(b"\n")


@pytest.mark.parametrize("write", [check_directory, None])
def test_a_folder_that_cannot_be_made_is_refused_with_what_to_do(
    busy_run: BacktestResult, tmp_path: Path, write: Callable[[Path], None] | None
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")

    with pytest.raises(OutputError, match="cannot be written") as caught:
        (write or busy_run.save)(blocked / "out")

    assert str(blocked / "out") in caught.value.what.replace(os.sep * 2, os.sep)
    assert caught.value.remedy


def test_a_run_that_cannot_be_written_whole_leaves_the_older_one_alone(
    busy_run: BacktestResult, run: Callable[..., BacktestResult], tmp_path: Path
) -> None:
    busy_run.save(tmp_path)
    kept = (tmp_path / "trades.csv").read_bytes()
    (tmp_path / "result.json").unlink()
    (tmp_path / "result.json").mkdir()

    with pytest.raises(OutputError):
        run(Idle).save(tmp_path)

    assert (tmp_path / "trades.csv").read_bytes() == kept
    assert {path.name for path in tmp_path.iterdir()} == NAMES
