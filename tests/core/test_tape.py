"""The market as a script meets it: T4 to T6 of the fill contract, S3 at its instant, symbols that
come in later."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeback import Candles, Order
from tapeback.core.tape import AFTER_END
from tapeback.core.timeline import NEVER
from tapeback.errors import DataError
from tapeback.utils.clock import MINUTE_NS, SECOND_NS
from tests.core.play import BARE, LIVE, SANDBOX, Row, at, bars, flat, minutes, play
from tests.core.taping import Taped, taped

STILL = (100, 100, 100, 100)
# Falls to 80 in 20 s, rises to 105 in 20 s, and closes at 100.
SWING = (100, 105, 80, 100)
SBIN = ("SBIN", "NSE")


def ltp(run: Taped, symbol: str = "SBIN") -> float:
    return run.tape.ltp(symbol, "NSE")


# Orders meet the path (T4) -------------------------------------------------------------------


def test_T4_an_order_meets_the_rest_of_the_path() -> None:
    run = taped(bars(STILL, SWING, STILL), intrabar="olhc", **BARE).to("09:16:10")
    run.send("SELL", 1, pricetype="LIMIT", price=97)
    run.send("BUY", 1, pricetype="LIMIT", price=85)
    run.to("09:17:00")
    assert run.rows == [
        ("09:16:15.000", "BUY", 1, 85, "P2"),
        ("09:16:33.600", "SELL", 1, 97, "P2"),
    ]


def test_T4_a_market_order_meets_the_price_of_its_instant() -> None:
    run = taped(bars(STILL, SWING), intrabar="olhc", **BARE).to("09:16:10")
    order = run.send("BUY", 1)
    assert (order.status, order.average_price) == ("complete", 90)


def test_T4_latency_lets_an_order_meet_only_what_comes_after_its_arrival() -> None:
    run = taped(bars(STILL, SWING), latency=500, intrabar="olhc", **BARE).to("09:16:10")
    order = run.send("BUY", 1)
    assert order.status == "open"
    run.to("09:16:10.499999")
    assert order.status == "open"
    run.to("09:16:10.500000")
    assert run.rows == [("09:16:10.500", "BUY", 1, 89.5, "P1")]


def test_T4_latency_over_the_end_of_a_bar_meets_the_next() -> None:
    run = taped(bars(STILL, SWING), latency=500, intrabar="olhc", **BARE).to("09:15:59.900")
    run.send("BUY", 1)
    run.to("09:17:00")
    assert run.rows == [("09:16:00.400", "BUY", 1, 99.6, "P1")]


def test_T4_latency_lets_a_limit_trade_before_its_cancel_arrives() -> None:
    statuses = []
    for sent in ("09:16:14", "09:16:15"):
        run = taped(bars(STILL, SWING), latency=500, intrabar="olhc", **BARE).to("09:15:30")
        order = run.send("BUY", 1, pricetype="LIMIT", price=85)
        run.to(sent).cancel(order)
        run.to("09:17:00")
        statuses.append(order.status)
    assert statuses == ["cancelled", "complete"]


@pytest.mark.parametrize(("latency", "price"), [(None, 90), (500, 89.5)])
def test_T4_what_a_listener_sends_meets_the_rest_of_the_path(
    latency: float | None, price: float
) -> None:
    """B is bought once A is, at the price of B then, half a second later or not."""
    series = [bars(STILL, SWING, symbol=symbol) for symbol in ("A", "B")]
    run = taped(series, latency=latency, intrabar="olhc", **BARE).to("09:15:10")

    def answer(order: Order) -> None:
        if order.symbol == "A":
            run.service.place("BUY", 1, symbol="B", exchange="NSE")

    run.tape.listen(answer)
    run.send("BUY", 1, pricetype="LIMIT", price=90, symbol="A", exchange="NSE")
    run.to("09:17:00")
    assert [(fill.symbol, fill.price) for fill in run.fills] == [("A", 90), ("B", price)]


def test_T4_an_order_between_sessions_waits_for_the_next() -> None:
    candles = bars(STILL, (98, 98, 98, 98), at=["2024-01-02 15:29", "2024-01-03 09:15"])
    run = taped(candles, **SANDBOX).to("18:00:00")
    order = run.send("BUY", 1, product="CNC")
    assert order.status == "open"
    run.to("2024-01-03 09:15:00")
    assert (order.status, order.average_price) == ("complete", 98)


def test_T4_a_bar_in_which_nothing_traded_fills_nothing() -> None:
    run = taped(bars((*STILL, 1000), (*STILL, 0), (99, 99, 99, 99, 1000)), **BARE).to("09:16:30")
    order = run.send("BUY", 1)
    run.to("09:16:59")
    assert order.status == "open"
    run.to("09:17:00")
    assert (order.status, order.average_price) == ("complete", 99)


# What is seen (T5) ---------------------------------------------------------------------------


def test_T5_the_last_price_is_the_path_on_the_tick() -> None:
    run = taped(bars(STILL, (100, 105, 80, 100.3)), intrabar="olhc", **LIVE)
    seen = {
        second: ltp(run.to(f"09:16:{second}")) for second in ("00", "10", "20", "30", "40", "50")
    }
    assert seen == {"00": 100, "10": 90, "20": 80, "30": 92.5, "40": 105, "50": 102.65}


def test_T5_a_price_between_two_ticks_is_rounded() -> None:
    run = taped(bars(STILL, (100, 100.1, 100, 100.1)), intrabar="olhc", **LIVE)
    assert ltp(run.to("09:16:28")) == 100.05
    assert taped(bars(STILL, (100, 100.1, 100, 100.1)), intrabar="olhc", **BARE).to(
        "09:16:28"
    ).tape.ltp(*SBIN) == pytest.approx(100.04)


def test_T5_before_the_first_print_stands_the_last_close() -> None:
    candles = bars(STILL, (98, 98, 98, 98), at=["2024-01-02 15:29", "2024-01-03 09:15"])
    run = taped(candles, **BARE)
    assert run.to("09:00:00").tape.ltp(*SBIN) == 0.0
    assert ltp(run.to("15:29:00")) == ltp(run.to("18:00:00")) == 100
    assert ltp(run.to("2024-01-03 09:14:59")) == 100
    assert ltp(run.to("2024-01-03 09:15:00")) == 98


def test_T5_the_forming_bar_is_what_was_walked() -> None:
    run = taped(bars(STILL, (*SWING, 101)), intrabar="olhc", **BARE).to("09:16:30")
    bar = run.tape.forming(*SBIN, "1m")
    assert bar is not None
    assert (bar.ts, bar.open, bar.high, bar.low, bar.close) == (
        at("2024-01-02 09:16"), 100, 100, 80, 92.5,
    )  # fmt: skip
    assert bar.volume == 50


def test_T5_coarser_bars_form_of_closed_ones_and_the_path() -> None:
    rows: list[Row] = [(100, 103, 99, 101, 10), (101, 102, 95, 96, 20), (96, 110, 96, 108, 60)]
    run = taped(bars(*rows, *flat(108, 10)), intrabar="olhc", **BARE).to("09:17:40")
    bar = run.tape.forming(*SBIN, "5m")
    assert bar is not None
    assert (bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume) == (
        at("2024-01-02 09:15"), 100, 110, 95, 110, 70,
    )  # fmt: skip
    day = run.tape.forming(*SBIN, "1d")
    assert day is not None
    assert (day.ts, day.high, day.low, day.volume) == (at("2024-01-02 00:00"), 110, 95, 70)
    assert day.timeframe == "1d"


def test_T5_between_two_bars_a_coarser_one_stands_at_the_last_close() -> None:
    labels = ["2024-01-02 09:15", "2024-01-02 09:18", "2024-01-02 09:20"]
    run = taped(bars(STILL, (101, 102, 100, 101), STILL, at=labels), **BARE).to("09:16:30")
    assert run.tape.forming(*SBIN, "1m") is None
    bar = run.tape.forming(*SBIN, "5m")
    assert bar is not None
    assert (bar.open, bar.high, bar.close, bar.volume) == (100, 100, 100, 1000)
    assert run.to("2024-01-02 15:30").tape.forming(*SBIN, "5m") is None


def test_T5_a_source_without_volume_has_none_while_forming() -> None:
    run = taped(bars(STILL, SWING, volume=None), **BARE).to("09:16:30")
    for timeframe in ("1m", "5m"):
        bar = run.tape.forming(*SBIN, timeframe)
        assert bar is not None
        assert bar.volume != bar.volume


def test_T5_a_timeframe_that_bars_cannot_make_is_an_error() -> None:
    run = taped(bars(STILL, SWING, timeframe="5m"), **BARE).to("09:16:30")
    with pytest.raises(DataError):
        run.tape.forming(*SBIN, "1m")
    for ask in (run.tape.ltp, run.tape.closed):
        with pytest.raises(DataError, match="no candles of TCS:NSE"):
            ask("TCS", "NSE")


def test_T5_closed_bars_end_by_now() -> None:
    run = taped(bars(*flat(100, 12)), **BARE).to("09:20:59")
    assert len(run.tape.closed(*SBIN)) == 5
    assert len(run.tape.closed(*SBIN, "5m")) == 1
    assert run.tape.closed(*SBIN).close.base is not None


# One instant (T6) ----------------------------------------------------------------------------


def test_T6_a_script_that_wakes_with_a_bar_sees_one_point_of_it() -> None:
    run = taped(bars((100, 101, 99, 101), (104, 110, 90, 95)), **BARE).to("09:16:00")
    assert run.tape.closed(*SBIN)[-1].close == 101
    bar = run.tape.forming(*SBIN, "1m")
    assert bar is not None
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (104, 104, 104, 104, 0)
    assert ltp(run) == 104
    assert run.service.last_price(*SBIN) == 104


def test_T6_an_order_sent_at_a_close_meets_the_next_open() -> None:
    run = taped(bars(STILL, (104, 108, 96, 100)), **BARE).to("09:16:00")
    run.send("BUY", 1)
    assert run.rows == [("09:16:00.000", "BUY", 1, 104, "P1")]


def test_T6_what_rests_meets_the_open_before_the_script_can_cancel_it() -> None:
    run = taped(bars(STILL, (94, 96, 90, 95)), **BARE).to("09:15:30")
    order = run.send("BUY", 1, pricetype="LIMIT", price=95)
    run.to("09:16:00").cancel(order)
    assert (order.status, order.average_price) == ("complete", 94)


def test_T6_square_off_comes_after_the_script_at_its_instant() -> None:
    labels = minutes("2024-01-02 15:13", 5)
    run = taped(bars(*flat(100, 2), (101, 101, 101, 101), *flat(90, 2), at=labels), **SANDBOX)
    run.to("15:13:00").send("BUY", 10, product="MIS")
    run.to("15:15:00")
    assert run.service.net_quantity() == 10
    assert ltp(run) == 101
    run.settled()
    assert run.rows[1:] == [("15:15:00.000", "SELL", 10, 101, "S3")]


@pytest.mark.parametrize("stops", [["15:15:00"], []], ids=["stopping there", "passing"])
def test_T6_what_is_met_at_an_instant_comes_before_its_square_off(stops: list[str]) -> None:
    """B passes 92.5 in the middle of its bar, when A is squared off."""
    a = bars(*flat(100, 5), symbol="A", at=minutes("2024-01-02 15:13", 5))
    labels = ["2024-01-02 15:10", "2024-01-02 15:20"]
    b = bars(SWING, STILL, symbol="B", timeframe="10m", at=labels)
    run = taped([a, b], intrabar="olhc", **SANDBOX).to("15:14:00")
    run.send("BUY", 10, symbol="A", exchange="NSE", product="MIS")
    run.send("BUY", 1, symbol="B", exchange="NSE", product="CNC")
    run.send("SELL", 1, pricetype="LIMIT", price=92.5, symbol="B", exchange="NSE", product="CNC")
    for stop in stops:
        run.to(stop)
    run.to("15:16:00")
    assert [(fill.symbol, f"{fill.time:%H:%M:%S}") for fill in run.fills[2:]] == [
        ("B", "15:15:00"), ("A", "15:15:00"),
    ]  # fmt: skip


def test_S3_what_arrives_with_the_square_off_is_squared_off_too() -> None:
    candles = bars(*flat(100, 5), at=minutes("2024-01-02 15:13", 5))
    run = taped(candles, latency=500, **SANDBOX).to("15:14:59.500")
    run.send("BUY", 10, product="MIS")
    run.tape.advance(at("2024-01-02 15:17"))
    assert [(row[0], row[1]) for row in run.rows] == [
        ("15:15:00.000", "BUY"), ("15:15:00.000", "SELL"),
    ]  # fmt: skip


def test_S3_a_settlement_that_was_left_out_is_made_up_for() -> None:
    labels = minutes("2024-01-02 15:13", 5)
    run = taped(bars(*flat(100, 2), (101, 101, 101, 101), *flat(90, 2), at=labels), **SANDBOX)
    run.to("15:13:00").send("BUY", 10, product="MIS")
    run.tape.advance(at("2024-01-02 15:17"))
    assert run.rows[1:] == [("15:15:00.000", "SELL", 10, 101, "S3")]


def test_S3_inside_a_coarser_bar_mis_is_squared_off_at_its_close() -> None:
    labels = ["2024-01-02 15:00", "2024-01-02 15:10", "2024-01-02 15:20"]
    candles = bars(STILL, (100, 104, 96, 103), STILL, timeframe="10m", at=labels)
    run = taped(candles, **SANDBOX).to("15:01:00")
    run.send("BUY", 10, product="MIS")
    run.to("15:15:00").settled()
    assert run.service.net_quantity() == 10
    run.to("15:20:00")
    assert run.rows[1:] == [("15:19:59.999", "SELL", 10, 103, "S3 coarse")]


def test_S3_day_orders_end_after_the_script_at_the_close() -> None:
    labels = ["2024-01-02 15:28", "2024-01-02 15:29", "2024-01-03 09:15"]
    run = taped(bars(STILL, STILL, (80, 80, 80, 80), at=labels), **LIVE).to("15:28:30")
    order = run.send("BUY", 1, pricetype="LIMIT", price=90, product="CNC")
    run.to("15:30:00")
    assert order.status == "open"
    run.settled()
    assert order.status == "cancelled"
    run.to("2024-01-03 09:20")
    assert not run.fills


def test_S3_the_session_ends_by_the_calendar_where_bars_are_missing() -> None:
    labels = ["2024-01-02 11:00", "2024-01-02 11:01", "2024-01-03 09:15"]
    run = taped(bars(STILL, STILL, STILL, at=labels), **LIVE).to("11:00:30")
    order = run.send("BUY", 1, pricetype="LIMIT", price=90, product="CNC")
    assert run.to("15:29:59").settled()
    assert order.status == "open"
    assert run.to("15:30:00").settled()
    assert order.status == "cancelled"


def test_S4_finish_marks_at_the_last_close() -> None:
    run = taped(bars(STILL, (104, 104, 104, 104)), **BARE).to("09:15:30")
    run.send("BUY", 10)
    run.to("09:17:00")
    record = run.tape.finish()
    assert record.status == "completed"
    assert record.equity.equity.tolist() == [100_000, 100_040]
    assert (record.bars_done, record.bars_total) == (2, 2)


def test_S4_positions_are_closed_at_the_end_where_asked_for() -> None:
    labels = ["2024-01-02 15:28", "2024-01-02 15:29"]
    run = taped(bars(STILL, (104, 104, 104, 104), at=labels), close_at_end=True, **LIVE)
    run.to("15:28:30").send("BUY", 10, product="CNC")
    run.to("15:30:00").tape.finish()
    assert [(row[1], row[3], row[4]) for row in run.rows] == [
        ("BUY", 100, "P1"), ("SELL", 104, "S4"),
    ]  # fmt: skip


# Who notices ---------------------------------------------------------------------------------


def test_nobody_listens_to_a_tape_without_subscribers() -> None:
    run = taped(bars(STILL, SWING), **BARE).to("09:15:10")
    run.send("BUY", 1, pricetype="LIMIT", price=85)
    assert run.tape.next_instant() == NEVER


def test_ticks_are_the_four_points_of_each_bar() -> None:
    run = taped(bars((100, 103, 99, 101, 9), (101, 105, 80, 100, 30)), **BARE).to("09:15:10")
    assert run.tape.subscribe(*SBIN)
    instants = run.instants()
    shown = [(tick.ltp, tick.volume, tick.open, tick.high, tick.low) for tick in run.tape.ticks]
    assert shown == [
        (99, 3, 100, 100, 99),
        (103, 6, 100, 103, 99),
        (101, 8, 100, 103, 99),
        (101, 9, 100, 103, 99),
        (105, 19, 100, 105, 99),
        (80, 29, 100, 105, 80),
        (100, 38, 100, 105, 80),
    ]
    assert [tick.ts for tick in run.tape.ticks] == instants
    assert instants[0] == at("2024-01-02 09:15:20")
    assert run.tape.next_instant() == AFTER_END


def test_ticks_of_one_instant_come_in_the_order_of_subscription() -> None:
    series = [bars(STILL, SWING, symbol=symbol) for symbol in ("A", "B")]
    run = taped(series, **BARE).to("09:00:00")
    for symbol in ("B", "A"):
        run.tape.subscribe(symbol, "NSE")
    run.to("09:16:20")
    assert [tick.symbol for tick in run.tape.ticks] == ["B", "A"] * 6
    run.tape.unsubscribe("B", "NSE")
    run.tape.ticks.clear()
    run.to("09:17:00")
    assert [tick.symbol for tick in run.tape.ticks] == ["A", "A"]
    assert not run.tape.subscribe("C", "NSE")


def test_a_tick_names_the_last_close_of_the_day_before() -> None:
    candles = bars(STILL, (98, 98, 98, 98), at=["2024-01-02 15:29", "2024-01-03 09:15"])
    run = taped(candles, **BARE).to("15:30:00")
    run.tape.subscribe(*SBIN)
    run.instants()
    assert {(tick.ltp, tick.close) for tick in run.tape.ticks} == {(98, 100)}


def test_a_listener_hears_at_the_instant_of_the_fill() -> None:
    run = taped(bars(STILL, SWING, STILL), intrabar="olhc", **BARE).to("09:15:10").listen()
    assert run.tape.next_instant() == NEVER
    order = run.send("BUY", 1, pricetype="LIMIT", price=85)
    filled = at("2024-01-02 09:16:15")
    assert filled in run.instants()
    assert run.heard == [(filled, order.orderid, "complete", 1)]


def test_a_listener_hears_of_a_refusal_at_once() -> None:
    run = taped(bars(STILL, SWING), **LIVE).to("09:15:10").listen()
    order = run.send("BUY", 1, pricetype="LIMIT", price=85.01)
    assert run.heard == [(run.tape.now, order.orderid, "rejected", 0)]


def test_a_listener_is_woken_by_the_square_off() -> None:
    run = taped(bars(*flat(100, 5), at=minutes("2024-01-02 15:12", 5)), **SANDBOX)
    run.to("15:12:30").listen()
    run.send("BUY", 10, product="MIS")
    run.instants()
    assert run.heard[-1][0] == at("2024-01-02 15:15")
    assert run.service.net_quantity() == 0


# Symbols that come in later ------------------------------------------------------------------


def infy() -> Candles:
    return bars(*flat(200, 2), SWING, *flat(210, 3), symbol="INFY")


def test_a_symbol_comes_in_where_it_stands() -> None:
    asked = []

    def source(symbol: str, exchange: str) -> Candles | None:
        asked.append(symbol)
        return infy() if symbol == "INFY" else None

    run = taped(bars(*flat(100, 6)), source=source, intrabar="olhc", **BARE).to("09:17:10")
    assert run.tape.ensure("INFY", "NSE")
    assert run.tape.ensure("INFY", "NSE")
    assert not run.tape.ensure("TCS", "NSE")
    assert not run.tape.ensure("TCS", "NSE")
    assert asked == ["INFY", "TCS"]
    assert ltp(run, "INFY") == 90
    assert len(run.tape.closed("INFY", "NSE")) == 2
    bar = run.tape.forming("INFY", "NSE", "5m")
    assert bar is not None
    assert (bar.open, bar.low, bar.close) == (200, 90, 90)
    book = run.service.simulator.books["INFY", "NSE"]
    assert book.session_opens == at("2024-01-02 09:15")
    run.to("09:18:00")
    assert ltp(run, "INFY") == 210
    run.to("09:21:00")
    assert len(run.tape.closed("INFY", "NSE")) == 6


def test_a_symbol_that_comes_in_later_ticks_and_leads_its_underlying() -> None:
    """The spot makes the call follow its order of extremes from the next bar on (T3b)."""
    call = bars(*flat(50, 4), (50, 52, 40, 48), symbol="NIFTY25JAN2421000CE", exchange="NFO")
    spot = bars(
        *flat(21_000, 4), (21_000, 21_200, 20_990, 21_100), symbol="NIFTY", exchange="NSE_INDEX"
    )
    run = taped(call, source=lambda *_: spot, **BARE).to("09:17:00")
    alone = taped(call, **BARE).to("09:17:00")
    assert run.tape.ensure("NIFTY", "NSE_INDEX")
    run.tape.subscribe("NIFTY", "NSE_INDEX")
    for each in (run, alone):
        each.to("09:19:20")
    name = ("NIFTY25JAN2421000CE", "NFO")
    # The call's own nearer extreme is its high, the spot's its low.
    assert (alone.tape.ltp(*name), run.tape.ltp(*name)) == (52, 40)
    assert run.tape.ticks[-1].ltp == 20_990


def test_a_symbol_that_comes_in_between_sessions_begins_with_the_next() -> None:
    labels = ["2024-01-02 15:29", "2024-01-04 09:15"]
    other = bars(
        STILL, (90, 90, 90, 90), symbol="INFY", at=["2024-01-02 15:29", "2024-01-03 09:15"]
    )
    run = taped(bars(STILL, STILL, at=labels), source=lambda *_: other, **LIVE).to("20:00:00")
    assert run.tape.ensure("INFY", "NSE")
    assert ltp(run, "INFY") == 100
    assert ltp(run.to("2024-01-03 09:15:30"), "INFY") == 90
    assert run.service.simulator.books["INFY", "NSE"].last_close == 100


@pytest.mark.parametrize(("begins", "base"), [("2024-01-03 10:00", 100), ("2024-01-04 10:00", 101)])
def test_a_tape_that_begins_after_a_split_is_through_with_it(
    tmp_path: Path, begins: str, base: float
) -> None:
    """The band lies around the last close, on the ex-date around what is left of it."""
    actions = tmp_path / "actions.csv"
    header = "symbol,exchange,ex_date,kind,ratio,cash"
    actions.write_text(f"{header}\nACME,NSE,2024-01-03,split,10:1,\n", encoding="utf-8")
    labels = [f"2024-01-0{day} {clock}" for day in (2, 3, 4) for clock in ("09:15", "15:29")]
    rows = [*flat(1000, 2), *flat(101, 2), *flat(102, 2)]
    run = taped(bars(*rows, symbol="ACME", at=labels), corporate_actions=str(actions), **LIVE)
    assert run.to(begins).service.simulator.books["ACME", "NSE"].last_close == base


# The clock of the exchange -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "exchange", "is_open"),
    [
        ("2024-01-02 09:14:59", "NSE", False),
        ("2024-01-02 09:15:00", "NSE", True),
        ("2024-01-02 15:30:00", "NSE", False),
        ("2024-01-02 20:00:00", "MCX", True),
        ("2024-01-26 11:00:00", "NSE", False),
    ],
)
def test_the_market_is_open_by_its_calendar(moment: str, exchange: str, is_open: bool) -> None:
    run = taped(bars(STILL, STILL), **BARE).to(moment)
    assert run.tape.market_open(exchange) is is_open


def test_a_bar_proves_an_open_market() -> None:
    labels = ["2024-01-26 11:00", "2024-01-26 11:01"]
    run = taped(bars(STILL, STILL, at=labels), **BARE).to("2024-01-26 11:00:30")
    assert run.tape.market_open("NSE")
    assert not run.to("2024-01-26 11:02:00").tape.market_open("NSE")


def test_a_tape_that_begins_late_takes_earlier_bars_as_history() -> None:
    candles = bars(*flat(100, 3), SWING, *flat(100, 3))
    run = taped(candles, intrabar="olhc", **LIVE).to("09:18:10")
    assert len(run.tape.closed(*SBIN)) == 3
    assert ltp(run) == 90
    assert run.tape.end == at("2024-01-02 09:15") + 7 * MINUTE_NS
    order = run.send("BUY", 1, product="MIS")
    assert order.placed_ts == run.tape.now
    assert order.average_price == 90


def test_a_bar_driven_run_makes_the_same_fills() -> None:
    """Woken at every close and sending what an `on_bar` sends, with one series."""
    candles = bars(STILL, (104, 108, 96, 100), (99, 101, 97, 98), STILL)
    driven = play(
        candles,
        {0: lambda s: s.buy(2), 1: lambda s: s.sell(2, "LIMIT", price=100.5)},
        intrabar="nearer",
        **BARE,
    )
    run = taped(candles, **BARE).to("09:16:00")
    run.send("BUY", 2)
    run.to("09:17:00").send("SELL", 2, pricetype="LIMIT", price=100.5)
    run.to_ts(run.tape.end + SECOND_NS)
    assert [fill.price for fill in run.fills] == [104, 100.5]
    assert run.fills == list(driven.fills)
