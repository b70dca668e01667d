"""OpenAlgo's data calls come back typed."""

from __future__ import annotations

from datetime import date, datetime

import pytest

from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.openalgo.transport import OpenAlgoError
from tapeback.errors import DataError, DataNotFoundError
from tapeback.utils.clock import day_of, to_ns
from tests.openalgo_server import Fault, OpenAlgoTestServer, listing

DAY = date(2024, 3, 11)


@pytest.fixture
def contracts(openalgo_server: OpenAlgoTestServer) -> list[dict[str, object]]:
    option = {"instrumenttype": "CE", "name": "RELIANCE", "strike": 3000.0, "lotsize": 250}
    openalgo_server.listings = [
        listing("RELIANCE25APR24FUT", "NFO", instrumenttype="FUT", expiry="25-APR-24", name="R"),
        listing("RELIANCE25APR243000CE", "NFO", expiry="25-APR-24", **option),
        listing("RELIANCE28MAR243000CE", "NFO", expiry="28-MAR-24", **option),
    ]
    return openalgo_server.listings


def test_intervals_are_in_one_spelling_finest_first_and_asked_for_once(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer
) -> None:
    openalgo_server.broker_intervals = ("D", "1h", "1m", "25m", "5s", "W")
    assert client.intervals() == ("5s", "1m", "1h", "1d", "1w")
    assert client.intervals() == ("5s", "1m", "1h", "1d", "1w")
    assert len(openalgo_server.requests) == 1


def test_a_broker_without_history_is_an_error(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer
) -> None:
    openalgo_server.broker_intervals = ()
    with pytest.raises(OpenAlgoError, match="no history in any interval"):
        client.intervals()


@pytest.mark.parametrize(
    "fault",
    [Fault("html", "ping", 404), Fault("status", "ping", 404, {"message": "not found"})],
)
def test_an_old_server_without_ping_has_an_unknown_broker(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, fault: Fault
) -> None:
    openalgo_server.faults = [fault]
    assert client.broker() == ""


def test_the_broker_is_asked_for_once(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer
) -> None:
    assert [client.broker(), client.broker()] == ["zerodha", "zerodha"]
    assert len(openalgo_server.requests) == 1


def test_search_and_instruments_give_listings(
    client: OpenAlgoServer, contracts: list[dict[str, object]]
) -> None:
    found = client.search("reliance", "NFO")
    assert [one.symbol for one in found] == [row["symbol"] for row in contracts]
    assert (found[1].strike, found[1].lot_size) == (3000.0, 250)
    assert client.instruments("NFO") == found
    assert client.symbol("RELIANCE", "NSE").kind == "EQ"


def test_expiries_are_day_numbers_in_order(
    client: OpenAlgoServer, contracts: list[dict[str, object]]
) -> None:
    assert client.expiries("RELIANCE", "NFO", "options") == [
        day_of(date(2024, 3, 28)),
        day_of(date(2024, 4, 25)),
    ]


def test_quotes_holidays_timings_and_books(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer
) -> None:
    openalgo_server.books = {"orderbook": {"orders": [{"orderid": "1"}], "statistics": {}}}
    openalgo_server.books |= {"tradebook": [{"orderid": "1"}], "positionbook": [{"quantity": 5}]}
    assert client.quotes("RELIANCE", "NSE")["ltp"] == 100.0
    assert client.holidays(2024)[0]["description"] == "Republic Day"
    (hours,) = client.timings(day_of(DAY))
    assert (hours.exchange, hours.opens, hours.closes) == (
        "NSE",
        to_ns(datetime(2024, 3, 11, 9, 15)),
        to_ns(datetime(2024, 3, 11, 15, 30)),
    )
    assert client.timings(day_of(date(2024, 3, 16))) == []
    assert client.orderbook()["orders"] == [{"orderid": "1"}]
    assert client.tradebook() == [{"orderid": "1"}]
    assert client.positionbook() == [{"quantity": 5}]


def test_history_has_the_forming_bar_and_the_server_s_labels(client: OpenAlgoServer) -> None:
    columns = client.history("RELIANCE", "NSE", "1d", date(2024, 3, 15), date(2024, 3, 18))
    midnights = [datetime(2024, 3, day, 5, 30) for day in (15, 18)]
    assert columns[0].tolist() == [to_ns(moment) for moment in midnights]


@pytest.mark.parametrize("call", ["history", "quotes", "symbol"])
def test_an_unknown_symbol_names_those_like_it(client: OpenAlgoServer, call: str) -> None:
    more = ("1m", DAY, DAY) if call == "history" else ()
    with pytest.raises(DataNotFoundError, match=r"no RELAINCE on NSE \(did you mean 'RELIANCE'"):
        getattr(client, call)("RELAINCE", "NSE", *more)


def test_an_interval_that_openalgo_does_not_know_is_told_with_those_it_offers(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer
) -> None:
    with pytest.raises(DataError, match=r"offers no bars of 45m: interval: Must be.*offers 1m, 3m"):
        client.history("RELIANCE", "NSE", "45m", DAY, DAY)


@pytest.mark.parametrize(
    ("status", "document", "error", "words"),
    [
        (400, {"message": {"symbol": ["Too long."], "x": ["No."]}}, OpenAlgoError, "symbol: Too"),
        (400, {"message": "Semi-auto mode"}, OpenAlgoError, "refuses 'history': Semi-auto mode"),
        (200, {"status": "error", "message": "nope"}, OpenAlgoError, "refuses 'history': nope"),
        (404, {"message": "Broker-specific module missing"}, DataNotFoundError, "module missing"),
        (418, {}, OpenAlgoError, "refuses 'history': HTTP 418"),
    ],
)
def test_other_refusals_are_told_in_openalgo_s_words(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    status: int,
    document: dict[str, object],
    error: type[DataError],
    words: str,
) -> None:
    openalgo_server.faults = [Fault("status", "history", status, document)]
    with pytest.raises(error, match=words) as caught:
        client.history("RELIANCE", "NSE", "1m", DAY, DAY)
    assert caught.value.remedy


def test_an_empty_database_is_no_error_of_the_server(client: OpenAlgoServer) -> None:
    columns = client.history("NOPE", "NSE", "1m", DAY, DAY, source="db")
    assert [len(column) for column in columns] == [0] * 7
