"""Which contracts a rule means today, asked of a running server, and the day's books."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.capture import contracts_to_capture, expiries_of, keep_books
from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.errors import DataError, DataNotFoundError, DataSourceError
from tapeback.market.instruments import expiry_text, symbol_of
from tapeback.utils.clock import day_of
from tests.data.contracts.samples import ClockAt
from tests.openalgo_server import KEY, HandClock, OpenAlgoTestServer, listing

# As listed on 18 March 2024: three weeklies, the month's last Thursday, April's.
WEEKS = [day_of(date(2024, 3, day)) for day in (21, 28)] + [
    day_of(date(2024, 4, day)) for day in (4, 25)
]
TODAY = day_of(date(2024, 3, 18))


def list_contracts(server: OpenAlgoTestServer) -> None:
    server.listings.append(listing("NIFTY", "NSE_INDEX", instrumenttype="INDEX"))
    terms = {"lotsize": 50, "tick_size": 0.05}
    for expiry in WEEKS:
        text = expiry_text(expiry)
        dated = {"expiry": f"{text[:2]}-{text[2:5]}-{text[5:]}", "name": "NIFTY", **terms}
        if expiry in (WEEKS[1], WEEKS[3]):
            server.listings.append(
                listing(symbol_of("NIFTY", expiry), "NFO", instrumenttype="FUT", **dated)
            )
        for strike in range(21_500, 22_550, 50):
            for kind in ("CE", "PE"):
                symbol = symbol_of("NIFTY", expiry, strike=strike, option_type=kind)
                row = {"instrumenttype": kind, "strike": strike, **dated}
                server.listings.append(listing(symbol, "NFO", **row))
    server.listings.append(
        listing("NIFTYNXT5028MAR24FUT", "NFO", instrumenttype="FUT", expiry="28-MAR-24")
    )
    server.quote = {"ltp": 22_012.3}


@pytest.fixture
def client(openalgo_server: OpenAlgoTestServer) -> Iterator[OpenAlgoServer]:
    list_contracts(openalgo_server)
    clock = HandClock(openalgo_server.now)
    with OpenAlgoServer(openalgo_server.base_url, KEY, timeout=20, clock=clock) as server:
        yield server


def test_rules_mean_the_contracts_around_the_money_of_these_expiries(
    client: OpenAlgoServer,
) -> None:
    found = contracts_to_capture(client, "NIFTY", None, ["week", "month"], 2)
    assert [each.symbol for each in found if each.kind == "future"] == ["NIFTY28MAR24FUT"]
    options = {(each.expiry, each.strike, each.option_type) for each in found if each.strike}
    assert options == {
        (expiry, strike, kind)
        for expiry in (WEEKS[0], WEEKS[1])
        for strike in (21_900, 21_950, 22_000, 22_050, 22_100)
        for kind in ("CE", "PE")
    }
    one = next(each for each in found if each.symbol == "NIFTY21MAR2422000CE")
    assert (one.lot_size, one.underlying, one.exchange, one.listed) == (50, "NIFTY", "NFO", True)


def test_a_rule_is_resolved_anew_on_each_call(
    client: OpenAlgoServer, openalgo_server: OpenAlgoTestServer
) -> None:
    before = contracts_to_capture(client, "NIFTY", "NFO", ["week"], 0)
    assert {each.symbol for each in before if each.strike} == {
        "NIFTY21MAR2422000CE",
        "NIFTY21MAR2422000PE",
    }
    openalgo_server.quote = {"ltp": 0, "prev_close": 22_188.0}
    openalgo_server.listings = [
        row for row in openalgo_server.listings if row["expiry"] != "21-MAR-24"
    ]
    after = contracts_to_capture(client, "NIFTY", "NSE_INDEX", ["week"], 0)
    assert {each.symbol for each in after if each.strike} == {
        "NIFTY28MAR2422200CE",
        "NIFTY28MAR2422200PE",
    }


@pytest.mark.parametrize(
    ("rules", "meant"),
    [
        (["week"], [WEEKS[0]]),
        (["week", "next-week", "month"], [WEEKS[0], WEEKS[1]]),
        (["next-month"], [WEEKS[3]]),
        (["04APR24", "2024-03-21"], [WEEKS[0], WEEKS[2]]),
    ],
)
def test_weeks_and_months_are_counted_in_listed_expiries(
    rules: list[str], meant: list[int]
) -> None:
    assert expiries_of(rules, WEEKS, "NIFTY") == meant


def test_a_rule_that_means_nothing_is_refused() -> None:
    with pytest.raises(DataError, match=r"'weekly' is no rule.*next-week"):
        expiries_of(["weekly"], WEEKS, "NIFTY")
    with pytest.raises(DataNotFoundError, match=r"'05APR24'; listed are 21MAR24"):
        expiries_of(["05APR24"], WEEKS, "NIFTY")
    with pytest.raises(DataNotFoundError, match="no option of SBIN is listed"):
        expiries_of(["week"], [], "SBIN")
    with pytest.raises(DataNotFoundError, match="'next-week'"):
        expiries_of(["next-week"], WEEKS[:1], "NIFTY")


def test_without_a_price_there_is_no_middle_strike(
    client: OpenAlgoServer, openalgo_server: OpenAlgoTestServer
) -> None:
    openalgo_server.quote = {"ltp": 0}
    with pytest.raises(DataSourceError, match="no price of NIFTY on NSE_INDEX"):
        contracts_to_capture(client, "NIFTY", None, ["week"], 5)


def test_the_day_s_books_are_kept_and_outlast_the_broker_s(
    client: OpenAlgoServer, openalgo_server: OpenAlgoTestServer, tmp_path: Path
) -> None:
    orders = {"orders": [{"orderid": "1", "symbol": "SBIN"}], "statistics": {}}
    openalgo_server.books = {"orderbook": orders, "tradebook": [{"orderid": "1"}]}
    cache = CacheManager(tmp_path, clock=ClockAt(2024, 3, 18, 16, 0))
    assert keep_books(client, cache) == {"orderbook": 1, "tradebook": 1, "positionbook": 0}
    openalgo_server.books = {}
    assert keep_books(client, cache) == {"orderbook": 0, "tradebook": 0, "positionbook": 0}
    books = {book.kind: book.document for book in cache.books(day=TODAY)}
    assert books == {"orderbook": orders, "tradebook": [{"orderid": "1"}], "positionbook": []}


def test_nothing_is_asked_that_changes_anything(
    client: OpenAlgoServer, openalgo_server: OpenAlgoTestServer, tmp_path: Path
) -> None:
    contracts_to_capture(client, "NIFTY", None, ["week"], 1)
    keep_books(client, CacheManager(tmp_path, clock=ClockAt(2024, 3, 18, 16, 0)))
    asked = {request.name for request in openalgo_server.requests}
    assert asked == {
        *("expiry", "instruments", "quotes"),
        *("orderbook", "tradebook", "positionbook"),
    }
