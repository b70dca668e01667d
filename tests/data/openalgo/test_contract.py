"""The test server speaks OpenAlgo's contract, by the word of OpenAlgo's own SDK."""

from __future__ import annotations

import pandas as pd
import pytest

from tests.openalgo_server import KEY, OpenAlgoTestServer, listing

openalgo = pytest.importorskip("openalgo", reason="needs the SDK of OpenAlgo")
# The SDK uses what pandas is about to take away.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")


@pytest.fixture
def sdk(openalgo_server: OpenAlgoTestServer) -> object:
    return openalgo.api(api_key=KEY, host=openalgo_server.base_url)


def week(sdk: object, interval: str, **more: str) -> pd.DataFrame | dict[str, object]:
    return sdk.history(
        symbol="RELIANCE",
        exchange="NSE",
        interval=interval,
        start_date="2024-03-11",
        end_date="2024-03-18",
        **more,
    )


def test_minutes_are_aware_columns_sorted_and_the_last_bar_is_forming(sdk: object) -> None:
    frame = week(sdk, "1m")
    assert list(frame.columns) == ["close", "high", "low", "oi", "open", "volume"]
    assert str(frame.index.tz) == "Asia/Kolkata"
    assert f"{frame.index[0]:%Y-%m-%d %H:%M}" == "2024-03-11 09:15"
    assert f"{frame.index[-1]:%Y-%m-%d %H:%M}" == "2024-03-18 11:00"
    assert (frame["volume"].dtype, frame["oi"].dtype) == ("int64", "int64")


def test_days_are_naive_midnights_of_their_dates(sdk: object) -> None:
    frame = week(sdk, "D")
    assert frame.index.tz is None
    assert [f"{day:%m-%d %H:%M}" for day in frame.index] == [
        f"03-{day} 00:00" for day in (11, 12, 13, 14, 15, 18)
    ]


def test_the_database_labels_weeks_at_1830_of_the_day_before(sdk: object) -> None:
    frame = week(sdk, "W", source="db")
    assert [f"{day:%Y-%m-%d %H:%M}" for day in frame.index] == [
        "2024-03-10 18:30",
        "2024-03-17 18:30",
    ]


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"key": "another"}, 403, "Invalid openalgo apikey"),
        ({"logged_in": False}, 403, "Invalid openalgo apikey"),
        ({"broker_intervals": ("D",)}, 500, "Unsupported timeframe"),
        ({"bars": {}}, 400, "Symbol 'RELIANCE' not found for exchange 'NSE'"),
    ],
)
def test_refusals_have_the_status_and_the_words_of_openalgo(
    openalgo_server: OpenAlgoTestServer,
    sdk: object,
    change: dict[str, object],
    code: int,
    text: str,
) -> None:
    for name, value in change.items():
        setattr(openalgo_server, name, value)
    answer = week(sdk, "1m")
    assert (answer["status"], answer["code"]) == ("error", code)
    assert text in answer["message"]


def test_unknown_fields_and_values_are_refused_by_the_schema(sdk: object) -> None:
    assert "'color': ['Unknown field.']" in str(week(sdk, "1m", color="red")["message"]).replace(
        '"', "'"
    )
    assert "Must be one of: 1s, 5s" in week(sdk, "7m")["message"]


def test_search_expiries_intervals_and_instruments_have_their_shapes(
    openalgo_server: OpenAlgoTestServer, sdk: object
) -> None:
    future = {"instrumenttype": "FUT", "expiry": "28-MAR-24", "name": "RELIANCE"}
    openalgo_server.listings = [listing("RELIANCE28MAR24FUT", "NFO", **future)]
    assert {row["symbol"] for row in sdk.search(query="reliance")["data"]} == {
        "RELIANCE",
        "RELIANCE28MAR24FUT",
    }
    assert sdk.expiry(symbol="RELIANCE", exchange="NFO", instrumenttype="futures")["data"] == [
        "28-MAR-24"
    ]
    assert sdk.intervals()["data"]["minutes"] == ["1m", "3m", "5m", "15m", "30m"]
    assert list(sdk.instruments(exchange="NFO")["symbol"]) == ["RELIANCE28MAR24FUT"]
    assert sdk.quotes(symbol="RELIANCE", exchange="NSE")["data"]["ltp"] == 100.0
    assert sdk.holidays(2024)["data"][0]["date"] == "2024-01-26"
    assert sdk.timings("2024-03-16")["data"] == []
