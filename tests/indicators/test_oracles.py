"""Every indicator against series that other programs computed."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from tapeback import indicators


class Oracle:
    """Bars in columns, and what the other program makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with (folder / "default.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.high, self.low, self.close = (
            np.array([float(row[name]) for row in rows]) for name in ("high", "low", "close")
        )

    def column(self, file: str, name: str) -> np.ndarray:
        rows = json.loads((self.folder / f"{file}.standard.json").read_text())
        return np.array([np.nan if row[name] is None else row[name] for row in rows])


@pytest.fixture(scope="module")
def oracle(shared_data: Path) -> Oracle:
    return Oracle(shared_data / "oracles" / "indicators")


def assert_same(ours: np.ndarray, theirs: np.ndarray) -> None:
    """Equal to 1e-8, and undefined in exactly the same rows."""
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8, equal_nan=True)


def test_sma(oracle: Oracle) -> None:
    assert_same(indicators.sma(oracle.close, 20), oracle.column("sma", "sma"))


def test_ema(oracle: Oracle) -> None:
    assert_same(indicators.ema(oracle.close, 20), oracle.column("ema", "ema"))


def test_atr(oracle: Oracle) -> None:
    ours = indicators.atr(oracle.high, oracle.low, oracle.close, 14)
    assert_same(ours, oracle.column("atr", "atr"))


def test_rma_is_the_average_inside_the_atr(oracle: Oracle) -> None:
    reach = oracle.column("atr", "tr")[1:]
    assert_same(indicators.rma(reach, 14), oracle.column("atr", "atr")[1:])


def test_rsi(oracle: Oracle) -> None:
    assert_same(indicators.rsi(oracle.close, 14), oracle.column("rsi", "rsi"))


def test_macd(oracle: Oracle) -> None:
    ours = indicators.macd(oracle.close, 12, 26, 9)
    assert_same(ours.macd, oracle.column("macd", "macd"))
    assert_same(ours.signal, oracle.column("macd", "signal"))
    assert_same(ours.histogram, oracle.column("macd", "histogram"))


def test_bollinger(oracle: Oracle) -> None:
    ours = indicators.bollinger(oracle.close, 20, 2.0)
    assert_same(ours.middle, oracle.column("bb", "sma"))
    assert_same(ours.upper, oracle.column("bb", "upperBand"))
    assert_same(ours.lower, oracle.column("bb", "lowerBand"))


def test_supertrend(oracle: Oracle) -> None:
    """The oracle's first value stands in row 10 and all its values are those of period 10; it
    gives a band only while that band is the stop."""
    ours = indicators.supertrend(oracle.high, oracle.low, oracle.close, 10, 3.0)
    assert_same(ours.value, oracle.column("supertrend", "superTrend"))
    falling = np.where(ours.direction < 0, ours.upper, np.nan)
    rising = np.where(ours.direction > 0, ours.lower, np.nan)
    assert_same(falling, oracle.column("supertrend", "upperBand"))
    assert_same(rising, oracle.column("supertrend", "lowerBand"))
    assert not ours.direction[:10].any()


@pytest.fixture(scope="module")
def nifty(shared_data: Path) -> dict[str, np.ndarray]:
    """Fifteen years of NIFTY days with TA-Lib's columns, printed to eight decimals."""
    with (shared_data / "market" / "NIFTY_1d_2007_2022.csv").open() as file:
        bars = list(csv.DictReader(file))
    with (shared_data / "oracles" / "indicators" / "talib_nifty_1d_goldens.csv").open() as file:
        goldens = list(csv.DictReader(file))
    assert [bar["datetime"][:10] for bar in bars] == [row["datetime"][:10] for row in goldens]
    columns = {key: [bar[key] for bar in bars] for key in ("high", "low", "close")}
    columns |= {key: [row[key] for row in goldens] for key in goldens[0] if key != "datetime"}
    return {
        key: np.array([float(value) if value else np.nan for value in values])
        for key, values in columns.items()
    }


def test_talib_is_the_same_from_the_first_value(nifty: dict[str, np.ndarray]) -> None:
    bars = nifty["high"], nifty["low"], nifty["close"]
    bands = indicators.bollinger(nifty["close"], 20, 2.0)
    assert_same(indicators.sma(nifty["close"], 20), nifty["SMA20"])
    assert_same(indicators.ema(nifty["close"], 20), nifty["EMA20"])
    assert_same(indicators.rsi(nifty["close"], 14), nifty["RSI14"])
    assert_same(indicators.atr(*bars, 14), nifty["ATR14"])
    assert_same(indicators.atr(*bars, 10), nifty["ATR10"])
    assert_same(bands.upper, nifty["BBu"])
    assert_same(bands.middle, nifty["BBm"])
    assert_same(bands.lower, nifty["BBl"])


def test_talib_is_the_same_after_another_start(nifty: dict[str, np.ndarray]) -> None:
    """TA-Lib seeds the fast average of MACD by the values just before the slow one's first, and
    the golden Supertrend's ATR counts the first bar's high - low: equal once that has worn off."""
    ours = indicators.macd(nifty["close"])
    for column, name in zip(ours, ("MACD", "MACDsig", "MACDhist"), strict=True):
        assert_same(column[250:], nifty[name][250:])
    trend = indicators.supertrend(nifty["high"], nifty["low"], nifty["close"], 10, 3.0)
    np.testing.assert_allclose(trend.value[250:], nifty["ST_10_3"][250:], rtol=0, atol=1e-7)
    assert (trend.direction[10:] == nifty["ST_dir"][10:]).all()
