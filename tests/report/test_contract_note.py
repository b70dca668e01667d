"""A day's contract note as text."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapeback
from tapeback import BaseStrategy, Candle, ConfigError
from tapeback.utils.clock import day_number, day_of
from tapeback.utils.money import to_units
from tests.report.playing import hours, play

WEEK = {f"2024-06-{day:02}": [1000.0 + day + hour for hour in range(6)] for day in (3, 4, 5, 6, 7)}
ROUND_TRIP = {"2024-06-03 09:15": (100, "MIS"), "2024-06-03 11:15": (-100, "MIS")}


def test_a_round_trip_within_the_day() -> None:
    """100 at 1,000.00, bought and sold: the lines are those of test_charges, by hand."""
    result = play(hours({"2024-06-03": [1000.0] * 6}), ROUND_TRIP)
    assert result.contract_note("2024-06-03").splitlines() == [
        "Contract note of 2024-06-03, plan zerodha, in rupees",
        "",
        "contract                      bought       average      sold       average     charges",
        "RELIANCE                         100      1,000.00       100      1,000.00       83.24",
        "",
        "brokerage                                                                        40.00",
        "STT                                                                              25.00",
        "exchange charge                                                                   6.44",
        "IPFT                                                                              0.20",
        "SEBI fee                                                                          0.20",
        "stamp duty                                                                        3.00",
        "GST                                                                               8.40",
        "total                                                                            83.24",
    ]


def test_shares_bought_and_sold_in_delivery_are_noted_as_intraday() -> None:
    """50 of 120 are intraday; 70 leave the holdings. STT 13.38 + 74.94, stamp duty 1.50, brokerage
    15.00 + 16.50 (see test_charges); of 1,82,000 traded 0.00322 % are 5.86, 0.0001 % twice 0.18;
    GST 18 % of 31.50 + 5.86 + 0.18 is 6.76: 134.30 in all."""
    result = play(
        hours({"2024-06-03": [1000.0] * 6, "2024-06-04": [1000, 1000, 1100, 1100, 1100, 1100]}),
        {
            "2024-06-03 09:15": (100, "CNC"),
            "2024-06-04 09:15": (50, "CNC"),
            "2024-06-04 11:15": (-120, "CNC"),
        },
    )
    lines = result.contract_note(date(2024, 6, 4)).splitlines()
    assert lines[3].split() == ["RELIANCE", "50", "1,000.00", "120", "1,100.00", "134.30"]
    assert next(line for line in lines if line.startswith("STT")).split() == ["STT", "88.32"]
    assert "50 RELIANCE bought and sold the same day: charged as intraday" in lines
    assert lines[-2:] == ["beside the note", f"{'DP charge, RELIANCE':<72}{'-15.93':>14}"]


def test_the_taxes_of_a_whole_note_are_whole_rupees() -> None:
    result = play(
        hours({"2024-06-03": [1000.0] * 6}),
        {"2024-06-03 09:15": (33, "MIS"), "2024-06-03 11:15": (-33, "MIS")},
        costs={"plan": "zerodha", "rounding": "contract-note"},
    )
    lines = [line.rsplit(maxsplit=1) for line in result.contract_note("2024-06-03").splitlines()]
    paid = {line[0]: float(line[1]) for line in lines[5:]}
    # STT 0.025 % of 33,000 is 8.25, stamp duty 0.003 % of it 0.99.
    assert (paid["STT"], paid["stamp duty"]) == (8.0, 1.0)
    assert float(lines[-1][1]) == result.metrics.total_fees


def test_a_day_without_trades_says_so() -> None:
    result = play(hours(WEEK), ROUND_TRIP)
    assert result.contract_note("2024-06-04").endswith("\n\nnothing was traded")


@pytest.mark.parametrize("day", ["2024-02-30", "today", ""])
def test_what_is_no_date_is_refused(day: str) -> None:
    with pytest.raises(ConfigError, match="is no date"):
        play(hours(WEEK), {}).contract_note(day)


def test_an_option_that_expires_stands_beside_the_note() -> None:
    option = hours(
        {"2024-06-05": [100.0] * 6, "2024-06-06": [120.0] * 7},
        symbol="NIFTY06JUN2422800CE",
        exchange="NFO",
    )
    result = play(option, {"2024-06-05 09:15": (25, "NRML")})
    note = result.contract_note("2024-06-06").splitlines()
    assert "expiry: 25 NIFTY06JUN2422800CE sold at 120.00" in note
    # 0.125 % of the intrinsic worth of 25 x 120.
    assert note[-1].split() == ["STT", "on", "exercise,", "NIFTY06JUN2422800CE", "-3.75"]


class AtRandom(BaseStrategy):
    """Sends what a list says, one entry a bar: signed quantity and product."""

    def initialize(self, plan: list[tuple[int, str]]) -> None:
        self.left = list(plan)

    def on_bar(self, candle: Candle) -> None:
        quantity, product = self.left.pop(0) if self.left else (0, "")
        if quantity:
            (self.buy if quantity > 0 else self.sell)(abs(quantity), product=product)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"costs": {"plan": "upstox", "rounding": "contract-note"}},
        {"costs": {"ALL": {"pct": 0.05, "cap": 20}}, "fee_bps": 1},
        {"fidelity": "none", "costs": "zerodha"},
    ],
    ids=["live", "whole notes", "own", "none"],
)
@given(
    plan=st.lists(
        st.tuples(st.integers(-60, 60), st.sampled_from(("CNC", "MIS"))), min_size=1, max_size=30
    )
)
@settings(max_examples=40)
def test_the_note_and_what_is_beside_it_are_what_the_account_paid(
    chosen: dict[str, Any], plan: list[tuple[int, str]]
) -> None:
    result = tapeback.backtest(
        AtRandom,
        hours(WEEK),
        params={"plan": plan},
        **{"slippage": "none", "initial_cash": 10_000_000, **chosen},
    )
    for name in WEEK:
        day = day_of(date.fromisoformat(name))
        note = result.itemised.note(day)
        posted = [p for p in result.postings if p.charge and day_number(p.ts) == day]
        beside = -sum(p.units for p in posted if p.kind == "square-off penalty")
        fills = [to_units(fill.charges) for fill in result.fills if day_number(fill.ts) == day]
        assert note.total + beside == sum(fills) - sum(p.units for p in posted)
