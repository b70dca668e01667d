"""How `--data` is read."""

from __future__ import annotations

import pytest

from tapeback.data.arguments import DataArgument, parse_data_argument
from tapeback.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("synthetic", DataArgument(source="synthetic")),
        ("bars.csv", DataArgument(source="bars.csv")),
        ("./synthetic", DataArgument(source="./synthetic")),
        (r"C:\data\bars.csv", DataArgument(source=r"C:\data\bars.csv")),
        (r"C:\data\a=b.csv", DataArgument(source=r"C:\data\a=b.csv")),
        ("year=2024/bars.csv", DataArgument(source="year=2024/bars.csv")),
        (
            "NIFTY:NSE_INDEX:1m=bars.csv",
            DataArgument(source="bars.csv", symbol="NIFTY", exchange="NSE_INDEX", timeframe="1m"),
        ),
        (
            r"M&M:NSE:D=C:\data\a=b.csv",
            DataArgument(source=r"C:\data\a=b.csv", symbol="M&M", exchange="NSE", timeframe="1d"),
        ),
        (
            "NIFTY:NSE_INDEX:5m=synthetic",
            DataArgument(source="synthetic", symbol="NIFTY", exchange="NSE_INDEX", timeframe="5m"),
        ),
        (
            "nifty:NSE_INDEX:D",
            DataArgument(source=None, symbol="NIFTY", exchange="NSE_INDEX", timeframe="1d"),
        ),
    ],
)
def test_the_forms(text: str, expected: DataArgument) -> None:
    assert parse_data_argument(text) == expected
    assert expected.synthetic == (expected.source == "synthetic")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("NIFTY:NSE=bars.csv", "must be PATH or SYMBOL:EXCHANGE:TIMEFRAME=PATH"),
        ("NIFTY:NSE_IDX:1m", "did you mean 'NSE_INDEX'"),
        ("NIFTY:NSE_INDEX:1m=", "must be PATH or"),
        ("NIFTY:NSE_IDX:1m=x.csv", "did you mean 'NSE_INDEX'"),
        ("NIFTY:NSE_INDEX:7m=x.csv", "got '7m'"),
        ("NIF TY:NSE_INDEX:1m=x.csv", "must be a symbol"),
    ],
)
def test_what_cannot_be_read_is_quoted_with_the_form_to_write(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refusal:
        parse_data_argument(text)
    assert repr(text) in str(refusal.value)
    assert "SYMBOL:EXCHANGE:TIMEFRAME=FILE" in str(refusal.value)
