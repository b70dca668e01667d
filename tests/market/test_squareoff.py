"""When MIS positions are closed: by exchange, date, broker and session (fill contract S3)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.brokers import BROKERS, broker_of
from tapeback.market.instruments import instrument_of
from tapeback.market.squareoff import squareoff_rule, time_of
from tapeback.utils.clock import MINUTE_NS, day_of, midnight, to_ist

SYMBOLS = {
    "NSE": "SBIN",
    "BSE": "SBIN",
    "NFO": "NIFTY28MAR24FUT",
    "BFO": "SENSEX28MAR2472000CE",
    "CDS": "USDINR19APR24FUT",
    "MCX": "CRUDEOIL19APR24FUT",
    "NSE_INDEX": "NIFTY",
    "NCDEX": "JEERA19APR24FUT",
    "CRYPTO": "BTCUSD",
}
HOURS = {
    "CDS": ("09:00", "17:00"),
    "MCX": ("09:00", "23:30"),
    "NCDEX": ("09:00", "17:00"),
    "CRYPTO": ("00:00", "23:59"),
}


def clock(day: int, text: str) -> int:
    hours, minutes = text.split(":")
    return midnight(day) + (int(hours) * 60 + int(minutes)) * MINUTE_NS


def closed_at(
    broker: Any, exchange: str, on: str = "2024-03-20", hours: tuple[str, str] | None = None,
    auction: bool = False,
) -> str:  # fmt: skip
    day = day_of(date.fromisoformat(on))
    opens, closes = hours or HOURS.get(exchange, ("09:15", "15:30"))
    instrument = instrument_of(SYMBOLS[exchange], exchange)
    rule = squareoff_rule(broker_of(broker), instrument, day, auction)
    assert rule is not None
    return f"{to_ist(time_of(rule, clock(day, opens), clock(day, closes), day)):%H:%M}"


@pytest.mark.parametrize(
    ("broker", "times"),
    [
        ("zerodha", "15:20 15:20 15:25 15:25 16:45 23:05 15:25"),
        ("upstox", "15:15 15:15 15:20 15:20 16:30 22:50 15:20"),
        ("angelone", "15:15 15:15 15:20 15:20 16:45 23:05 15:20"),
        ("dhan", "15:20 15:20 15:20 15:20 16:45 23:15 15:20"),
        ("groww", "15:15 15:15 15:20 15:20 16:45 23:05 15:20"),
        ("fyers", "15:15 15:15 15:15 15:15 16:45 23:15 15:15"),
        ("flat", "15:20 15:20 15:25 15:25 16:45 23:05 15:25"),
        ("sandbox", "15:15 15:15 15:15 15:15 16:45 23:30 15:15"),
    ],
)
def test_regular_sessions(broker: str, times: str) -> None:
    exchanges = ("NSE", "BSE", "NFO", "BFO", "CDS", "MCX", "NSE_INDEX")
    assert [closed_at(broker, exchange) for exchange in exchanges] == times.split()


@pytest.mark.parametrize(
    ("broker", "at"),
    [("zerodha", "23:30"), ("upstox", "23:25"), ("dhan", "23:45"), ("sandbox", "23:30")],
)
def test_an_mcx_winter_evening_runs_to_2355(broker: str, at: str) -> None:
    assert closed_at(broker, "MCX", "2024-01-15", ("09:00", "23:55")) == at


def test_farm_commodities_end_in_the_afternoon() -> None:
    assert closed_at("zerodha", "MCX", hours=("09:00", "17:00")) == "16:35"
    assert closed_at("sandbox", "NCDEX") == "17:00"


@pytest.mark.parametrize("broker", BROKERS)
@pytest.mark.parametrize(
    ("hours", "at"),
    [
        (("18:00", "19:00"), "18:45"),  # a Muhurat evening
        (("09:15", "12:30"), "12:15"),  # a disaster-recovery Saturday
        (("09:15", "15:00"), "14:45"),
    ],
)
def test_sessions_that_end_earlier(broker: str, hours: tuple[str, str], at: str) -> None:
    assert closed_at(broker, "NSE", hours=hours) == at


def test_shares_that_close_by_auction_from_their_first_day() -> None:
    """Continuous trading in them ends at 15:15, so brokers must be out before."""
    for broker in ("zerodha", "upstox", "dhan", "flat"):
        assert closed_at(broker, "NSE", "2026-08-03", ("09:15", "15:15"), True) == "15:10"
    assert closed_at("zerodha", "NSE", "2026-08-03") == "15:20"
    assert closed_at("zerodha", "NSE", "2026-07-31") == "15:20"
    assert closed_at("zerodha", "NFO", "2026-08-03", ("09:15", "15:40")) == "15:25"
    assert closed_at("sandbox", "NSE", "2026-08-03", ("09:15", "15:15"), True) == "15:15"


def test_times_that_no_page_confirms_have_low_confidence() -> None:
    first = day_of(date(2026, 8, 3))
    zerodha = broker_of("zerodha")
    for exchange, auction in (("NSE", True), ("NFO", False)):
        instrument = instrument_of(SYMBOLS[exchange], exchange)
        rule = squareoff_rule(zerodha, instrument, first, auction)
        assert rule is not None
        assert rule.confidence == "low"
        before = squareoff_rule(zerodha, instrument, first - 1, False)
        assert before is not None
        assert before.confidence == "high"


def test_a_users_own_times() -> None:
    own = {"square_off": {"equity": "14:30", "commodity": 60}}
    assert closed_at(own, "NSE") == "14:30"
    assert closed_at(own, "MCX") == "22:30"
    assert closed_at(own, "NFO") == "15:25"
    assert closed_at(own, "NSE", "2026-08-03", ("09:15", "15:15"), True) == "14:30"


def test_where_mis_knows_no_time_nothing_is_squared_off() -> None:
    bitcoin = instrument_of(SYMBOLS["CRYPTO"], "CRYPTO")
    assert squareoff_rule(broker_of("zerodha"), bitcoin, 19_800, False) is None


@given(
    st.sampled_from(BROKERS), st.sampled_from(sorted(SYMBOLS.keys() - {"CRYPTO"})),
    st.integers(0, 1380),
    st.integers(1, 900), st.booleans(), st.sampled_from(["2015-02-02", "2024-11-01", "2026-09-01"]),
)  # fmt: skip
def test_it_is_always_within_the_session(
    broker: str, exchange: str, start: int, length: int, auction: bool, on: str
) -> None:
    day = day_of(date.fromisoformat(on))
    opens = midnight(day) + start * MINUTE_NS
    closes = min(opens + length * MINUTE_NS, midnight(day) + 1439 * MINUTE_NS)
    instrument = instrument_of(SYMBOLS[exchange], exchange)
    rule = squareoff_rule(broker_of(broker), instrument, day, auction)
    assert rule is not None
    assert opens < time_of(rule, opens, closes, day) <= closes
