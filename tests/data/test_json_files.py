"""JSON files of bars in the forms that traders have them, and what is said of others."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeback.data.files import read_candles
from tapeback.errors import DataFormatError
from tapeback.market.candles import Candles

Write = Callable[..., Path]

# 09:15 to 09:19 on 23 January 2024; the close is 100.5 to 104.5.
CLOSES = [100.5, 101.5, 102.5, 103.5, 104.5]
OPEN_EPOCH = 1_705_981_500
ISO = [f"2024-01-23 09:{minute}" for minute in range(15, 20)]
EPOCHS = [OPEN_EPOCH + 60 * n for n in range(5)]


def records(stamps: list[Any], name: str = "timestamp") -> list[dict[str, Any]]:
    return [
        {"close": c, "high": c + 1, "low": c - 1, "open": c, "oi": 7, name: stamp, "volume": 10}
        for stamp, c in zip(stamps, CLOSES, strict=True)
    ]


def columns(stamps: list[Any]) -> dict[str, list[Any]]:
    rows = records(stamps)
    return {name: [row[name] for row in rows] for name in rows[0]}


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: Any, name: str = "bars.json") -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_bytes(text.encode())
        return path

    return write


def read(path: Path) -> Candles:
    return read_candles(path, symbol="INFY", exchange="NSE")


@pytest.mark.parametrize(
    "content",
    [
        records(ISO),
        records([f"{stamp}:00+05:30" for stamp in ISO], "datetime"),
        records(EPOCHS),
        records([float(epoch) for epoch in EPOCHS]),
        records([epoch * 10**3 for epoch in EPOCHS]),
        records([epoch * 10**9 for epoch in EPOCHS]),
        columns(ISO),
        columns(EPOCHS),
        {"status": "success", "data": records(EPOCHS)},
        {"data": columns(EPOCHS)},
        [{name: str(value) for name, value in record.items()} for record in records(ISO)],
        "\ufeff" + json.dumps(records(ISO), indent=2).replace("\n", "\r\n"),
    ],
)
def test_the_same_bars_are_read_from_every_form(write: Write, content: Any) -> None:
    candles = read(write(content))
    assert candles.timeframe == "1m"
    assert [f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in candles] == ISO
    assert candles.close.tolist() == CLOSES
    assert candles.low.tolist() == [close - 1 for close in CLOSES]
    assert candles.volume.tolist() == [10.0] * 5
    assert candles.oi.tolist() == [7.0] * 5
    assert candles.origin.kind == "file"


def test_gzip_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "bars.json.gz"
    path.write_bytes(gzip.compress(json.dumps(records(ISO)).encode()))
    assert read(path).close.tolist() == CLOSES


def test_openalgo_s_days_are_their_indian_dates(write: Write) -> None:
    """OpenAlgo stamps a day with the epoch of its UTC midnight."""
    midnights = [1_705_968_000 + 86_400 * n for n in range(5)]
    candles = read(write({"status": "success", "data": records(midnights)}))
    assert candles.timeframe == "1d"
    assert [f"{candle.timestamp:%Y-%m-%d %H:%M}" for candle in candles] == [
        f"2024-01-{day} 00:00" for day in range(23, 28)
    ]


def test_whole_numbers_may_be_dates(write: Write) -> None:
    candles = read(write(records([20240122, 20240123, 20240124, 20240125, 20240129], "date")))
    assert f"{candles[-1].timestamp:%Y-%m-%d}" == "2024-01-29"


def test_null_nan_and_an_absent_key_are_no_value(write: Write) -> None:
    rows = records(ISO)
    rows[0]["volume"] = None
    rows[1]["volume"] = float("nan")
    del rows[2]["volume"]
    candles = read(write(rows))
    assert np.isnan(candles.volume).tolist() == [True, True, True, False, False]
    rows[3]["close"] = None
    candles = read(write(rows))
    assert len(candles) == 4
    (fault,) = (each for each in candles.findings if each.code == "missing-price")
    assert fault.where == "bars.json:4"


def test_rows_are_picked_by_symbol(write: Write) -> None:
    rows = [{**row, "symbol": "INFY"} for row in records(ISO)]
    rows += [{**row, "symbol": "TCS", "close": row["high"]} for row in records(ISO)]
    assert read(write(rows)).close.tolist() == CLOSES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([*records(ISO)[:2], 5], r"bars\.json:3: the record is 5, which is no object"),
        ([*records(ISO)[:1], {**records(ISO)[1], "open": "x1"}], r"bars\.json:2: open is 'x1'"),
        ([{**records(ISO)[0], "open": True}], r"bars\.json:1: open is 'True', which is no number"),
        ([{**records(ISO)[0], "timestamp": "soon"}], r"bars\.json:1: 'soon' is no date and time"),
        ([{"timestamp": ISO[0], "open": 1, "high": 1, "low": 1}], r"no column 'close' among"),
        ({**columns(ISO), "close": CLOSES[:3]}, r"bars\.json:4: .*'close' has 3 values where"),
        ([], "holds no rows"),
        ({}, "holds no rows"),
        ({"data": []}, "holds no rows"),
        ({"data": None}, r"holds no bars\. Write a list of records"),
        ("5", "holds no bars"),
        ({"open": {"0": 1}}, "holds no bars"),
        ("[" * 100_000, "bars"),
        ('[{"open": 1},\n {"open": }]', r"bars\.json:2: the JSON is damaged at column 11"),
        (
            {"status": "error", "message": "Invalid openalgo apikey", "data": None},
            "an error of OpenAlgo and no bars: 'Invalid openalgo apikey'",
        ),
    ],
)
def test_what_cannot_be_read_is_told_with_its_record(
    write: Write, content: Any, message: str
) -> None:
    with pytest.raises(DataFormatError, match=message):
        read(write(content))
