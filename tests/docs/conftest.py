"""A user's folder for the examples of a page: the starter bots, and a file of candles."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import chdir
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from tapeback.cli import main
from tapeback.data.provider import DataRequest
from tapeback.data.synthetic import SyntheticDataProvider


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory of a page's examples.

    Files named in the pages are there: `RELIANCE_1m.csv` and `INFY_1m.csv`, a week of minutes,
    and `RELIANCE_15m.csv`, three months of 15-minute bars.
    """
    monkeypatch.delenv("WEB_STRATEGY", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with chdir(tmp_path):
        assert CliRunner().invoke(main, ["init"]).exit_code == 0
        for symbol, timeframe, end in (
            ("RELIANCE", "1m", date(2024, 6, 7)),
            ("INFY", "1m", date(2024, 6, 7)),
            ("RELIANCE", "15m", date(2024, 8, 30)),
        ):
            _write_candles(tmp_path, symbol, timeframe, end)
        yield tmp_path


def _write_candles(folder: Path, symbol: str, timeframe: str, end: date) -> None:
    request = DataRequest(
        symbol=symbol, exchange="NSE", timeframe=timeframe, start=date(2024, 6, 3), end=end
    )
    frame = SyntheticDataProvider(42, initial_price=2500.0).fetch(request).to_pandas()
    frame.drop(columns="oi").to_csv(folder / f"{symbol}_{timeframe}.csv")
