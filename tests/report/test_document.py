"""The result as a JSON document."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf, nan

import numpy as np
import pytest

import tapeback
from tapeback import BacktestResult, BaseStrategy, Candle
from tapeback.report.document import LONGEST_BAR_CURVE, encode_document
from tests.report.conftest import Busy, session_bars


def strictly(document: object) -> str:
    return json.dumps(document, allow_nan=False)


def test_a_result_is_json_without_nan_or_infinity(busy_run: BacktestResult) -> None:
    document = busy_run.to_dict()

    assert json.loads(strictly(document)) == document
    assert json.loads(encode_document(document)) == document
    assert document["strategy_state"] == {"bars": 1125, "nan": None}


def test_two_identical_runs_differ_in_run_alone() -> None:
    first, second = (
        tapeback.backtest(Busy, session_bars(), initial_cash=1_000_000).to_dict() for _ in range(2)
    )

    assert first.pop("run")["run_id"] != second.pop("run")["run_id"]
    assert encode_document(first) == encode_document(second)


def test_it_says_what_ran_and_how_it_ended(busy_run: BacktestResult) -> None:
    document = busy_run.to_dict()

    assert (document["status"], document["synthetic"]) == ("completed", False)
    assert (document["symbol"], document["exchange"], document["timeframe"]) == (
        "RELIANCE",
        "NSE",
        "1m",
    )
    assert document["start_time"] == "2024-06-03T09:15:00+05:30"
    assert document["end_time"] == "2024-06-05T15:30:00+05:30"
    assert document["total_candles"] == document["processed_candles"] == 1125
    assert document["config"]["backtest"]["initial_cash"] == 1_000_000
    assert document["manifest"]["fill_rules"] == 1
    assert len(document["daily"]) == document["metrics"]["sessions"] == 3
    assert len(document["fills"]) == document["metrics"]["executions"]


def test_the_rows_are_those_of_the_result(busy_run: BacktestResult) -> None:
    document = busy_run.to_dict()
    trade, fill = busy_run.trades[0], busy_run.fills[3]

    row = document["trades"][0]
    assert list(row)[:12] == [
        "id",
        "symbol",
        "entry_time",
        "exit_time",
        "entry_price",
        "exit_price",
        "quantity",
        "side",
        "pnl",
        "pnl_pct",
        "fees",
        "duration_seconds",
    ]
    assert datetime.fromisoformat(row["exit_time"]) == trade.exit_time
    assert (row["pnl"], row["side"]) == (trade.pnl, trade.side)
    row = document["fills"][3]
    assert row["time"] == fill.time.isoformat()
    assert (row["price"], row["rule"], row["charges"]) == (fill.price, fill.rule, fill.charges)


def test_it_says_by_whose_rules_the_run_went(busy_run: BacktestResult) -> None:
    document = busy_run.to_dict()

    rules = document["manifest"]["rules"]
    assert (rules["fidelity"], rules["broker"], rules["plan"], rules["rounding"]) == (
        "live",
        "zerodha",
        "zerodha",
        "paisa",
    )
    assert len(rules["tables"]) == 64
    assert document["broker"]["name"] == "zerodha"
    assert document["broker"]["squared_off"] == busy_run.broker.squared_off == 3
    assert document["metrics"]["peak_margin"] == busy_run.metrics.peak_margin > 0
    for rule in document["doubtful_rules"]:
        assert rule["rule"]
        assert rule["source"]
        assert datetime.fromisoformat(rule["since"])


def lives(result: BacktestResult) -> dict[str, list[dict[str, str]]]:
    return {order["orderid"]: order["life"] for order in result.to_dict()["orders"]}


def test_an_order_is_shown_with_its_whole_life(busy_run: BacktestResult) -> None:
    told = lives(busy_run)
    orders = {order.orderid: order for order in busy_run.orders}

    changed = next(o for o in orders.values() if o.modifications and o.status == "cancelled")
    assert [event["status"] for event in told[changed.orderid]] == ["open", "open", "cancelled"]
    assert told[changed.orderid][1]["note"].startswith("modified: price ")

    stop = next(o for o in orders.values() if o.pricetype == "SL-M" and o.status == "complete")
    assert [event["status"] for event in told[stop.orderid]] == [
        "trigger pending",
        "open",
        "complete",
    ]

    leg = next(o for o in orders.values() if o.parent)
    assert told[leg.orderid][0]["note"] == f"exit of {leg.parent}"
    for events in told.values():
        assert [e["time"] for e in events] == sorted(e["time"] for e in events)


def test_a_refused_order_says_why_and_what_to_do(busy_run: BacktestResult) -> None:
    refused = busy_run.refused_orders[0]
    (event,) = lives(busy_run)[refused.orderid]

    assert event["status"] == "rejected"
    assert event["note"].startswith("Insufficient funds.")
    assert event["note"].endswith("use a product with leverage.")


def test_fills_of_a_split_order_are_each_told(run: Callable[..., BacktestResult]) -> None:
    class Big(BaseStrategy):
        def on_start(self) -> None:
            self.sent = False

        def on_bar(self, candle: Candle) -> None:
            if not self.sent:
                self.sent = True
                self.buy(15_000, "LIMIT", round(candle.close - 0.5, 2), product="CNC")

    result = run(Big, initial_cash=100_000_000)

    (order,) = result.to_dict()["orders"]
    filled = [event for event in order["life"] if "filled" in event["note"]]
    assert len(filled) > 1
    assert [event["status"] for event in filled] == ["open"] * (len(filled) - 1) + ["complete"]


def test_a_long_curve_is_given_by_session_and_says_so(run: Callable[..., BacktestResult]) -> None:
    class Idle(BaseStrategy):
        def on_bar(self, candle: Candle) -> None: ...

    sessions = LONGEST_BAR_CURVE // 375 + 1
    short, long = (run(Idle, session_bars(n)).to_dict() for n in (sessions - 1, sessions))

    assert short["equity_curve_resolution"] == "bar"
    assert len(short["equity_curve"]) == short["total_candles"]
    assert long["equity_curve_resolution"] == "session"
    assert [point["timestamp"][:10] for point in long["equity_curve"]] == [
        day["date"] for day in long["daily"]
    ]
    assert {point["timestamp"][11:] for point in long["equity_curve"]} == {"15:30:00+05:30"}


def test_synthetic_data_is_marked(synthetic_run: BacktestResult) -> None:
    document = synthetic_run.to_dict()

    assert document["synthetic"] is True
    assert document["manifest"]["synthetic"] is True
    assert document["origins"][0]["synthetic"] is True
    assert [(f["series"], f["code"]) for f in document["findings"]] == [
        ("RELIANCE:NSE:1m", "frozen-tail")
    ]


def test_prices_that_a_bot_computed_with_numpy_are_plain_numbers(
    run: Callable[..., BacktestResult],
) -> None:
    class Numeric(BaseStrategy):
        def on_bar(self, candle: Candle) -> None:
            self.buy(1, "LIMIT", np.float64(candle.close))
            self.buy(1, "LIMIT", np.float32(nan))

    document = run(Numeric, session_bars(1, 20)).to_dict()

    assert type(document["orders"][0]["price"]) is float
    strictly(document)
    encode_document(document)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_an_undefined_figure_is_null(busy_run: BacktestResult, value: float) -> None:
    state = {"figure": value, "list": [value, 1.5], "array": np.array([value, 2.0])}
    document = replace(busy_run, strategy_state=state).to_dict()

    assert document["strategy_state"] == {
        "figure": None,
        "list": [None, 1.5],
        "array": [None, 2.0],
    }


def test_a_secret_in_the_state_of_a_bot_is_masked(busy_run: BacktestResult) -> None:
    state = {"api_key": "abcdef123456", "gain": 5}
    document = replace(busy_run, strategy_state=state).to_dict()

    assert document["strategy_state"] == {"api_key": "***", "gain": 5}


def test_a_cancelled_run_is_a_document_too(run: Callable[..., BacktestResult]) -> None:
    class Interrupted(Busy):
        def on_bar(self, candle: Candle) -> None:
            super().on_bar(candle)
            if candle.timestamp.hour == 11:
                raise KeyboardInterrupt

    document = run(Interrupted).to_dict()

    assert document["status"] == "cancelled"
    assert document["processed_candles"] < document["total_candles"]
    strictly(document)


def test_a_run_over_no_time_at_all_is_a_document_too(run: Callable[..., BacktestResult]) -> None:
    result = run(Busy, session_bars(1, 1))
    document = result.to_dict()

    assert len(document["equity_curve"]) == 1
    assert document["trades"] == document["fills"] == []
    assert result.run.created_at.utcoffset() == timedelta(0)
    assert document["run"]["created_at"].endswith("+05:30")
