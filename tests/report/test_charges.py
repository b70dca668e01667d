"""Charges by line: of fills, orders and trades, and of the run."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapeback
from tapeback import BacktestResult, BaseStrategy, Candle
from tapeback.core.ledger import Ledger
from tapeback.core.trades import match_trades
from tapeback.market.charges import ChargeSchedule
from tapeback.market.rulebook import Rulebook
from tapeback.metrics.charges import ItemisedCharges
from tapeback.models.charges import ChargesByLine
from tapeback.models.order import Order
from tapeback.report.export import LINE_COLUMNS
from tapeback.runner.outcome import shared_by_trades
from tapeback.utils.clock import MINUTE_NS, day_number, midnight
from tapeback.utils.money import RUPEE, to_units
from tests.report.conftest import Busy, session_bars
from tests.report.playing import hours, play

FLAT = {"2024-06-03": [1000.0] * 6}
PLAN = {"2024-06-03 09:15": (100, "MIS"), "2024-06-03 11:15": (-100, "MIS")}
FIRST_DAY = 19_877  # 2024-06-03


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def lines_of(row: dict[str, str]) -> list[float]:
    return [float(row[name]) for name in LINE_COLUMNS]


def test_the_lines_of_an_intraday_purchase_and_sale_by_hand() -> None:
    """100 at 1,000.00 on NSE on 2024-06-03, zerodha: brokerage 0.03 % or 20, STT 0.025 % of sales,
    exchange 0.00322 %, IPFT and SEBI 0.0001 % each, stamp duty 0.003 % of purchases, GST 18 % of
    brokerage, exchange charge and SEBI fee: (20 + 3.22 + 0.10) x 18 % = 4.1976."""
    result = play(hours(FLAT), PLAN)

    bought, sold = result.itemised.fills
    assert bought == ChargesByLine(
        brokerage=20.0, exchange=3.22, ipft=0.1, sebi=0.1, stamp=3.0, gst=4.2
    )
    assert sold == ChargesByLine(
        brokerage=20.0, stt=25.0, exchange=3.22, ipft=0.1, sebi=0.1, gst=4.2
    )
    (trade,) = result.itemised.trades
    assert trade == ChargesByLine(
        brokerage=40.0, stt=25.0, exchange=6.44, ipft=0.2, sebi=0.2, stamp=3.0, gst=8.4
    )
    assert result.charges == trade
    assert result.charges.total == result.trades[0].fees == result.metrics.total_fees == 83.24


def test_the_settings_own_costs_are_the_line_other() -> None:
    """3 bps of 1,00,000 are 30, and 7 a fill: 37 twice."""
    result = play(hours(FLAT), PLAN, costs="none", fee_bps=3, commission_per_trade=7)

    assert result.charges == ChargesByLine(other=74.0)
    assert result.metrics.total_fees == 74.0


def test_a_run_without_costs_has_no_line() -> None:
    result = play(hours(FLAT), PLAN, costs="none")

    assert result.charges == ChargesByLine()
    assert result.charges.total == 0.0


def test_what_the_days_end_posts_has_its_own_lines() -> None:
    """CNC bought on Monday; on Tuesday 50 more are bought and 120 sold: 50 of them are intraday,
    so that their STT is a quarter and on sales alone, and 70 leave the holdings (A1)."""
    result = play(
        hours({"2024-06-03": [1000.0] * 6, "2024-06-04": [1000, 1000, 1100, 1100, 1100, 1100]}),
        {
            "2024-06-03 09:15": (100, "CNC"),
            "2024-06-04 09:15": (50, "CNC"),
            "2024-06-04 11:15": (-120, "CNC"),
        },
    )

    # During the day all is delivery: STT 0.1 % of 1,00,000 + 50,000 + 1,32,000.
    assert result.charges.stt == 282.0
    # The note: STT 13.38 intraday + 74.94 delivery (average price 1,070.59) for 182.00 charged,
    # stamp duty 1.50 for 7.50, brokerage 15.00 + 16.50 for none, GST 6.76 for 1.09.
    more = (13.38 + 74.94 - 182.0) + (1.5 - 7.5) + 31.5 + (6.76 - 1.09)
    assert result.charges.adjustments == pytest.approx(more) == pytest.approx(-62.51)
    assert result.charges.dp == 15.93
    assert result.charges.total == result.metrics.total_fees
    net = result.metrics.final_capital - result.metrics.initial_capital
    assert result.metrics.gross_pnl - result.metrics.total_fees == pytest.approx(net, abs=1e-6)


def test_a_broker_who_squares_off_takes_a_penalty() -> None:
    result = play(hours(FLAT | {"2024-06-03": [1000.0] * 7}), {"2024-06-03 09:15": (10, "MIS")})

    assert result.charges.penalties == 59.0
    assert result.charges.total == result.metrics.total_fees


class InParts(BaseStrategy):
    """A limit for more than the bars give: filled in parts over the last minutes of the session,
    and, where orders outlive it, the first ones of the next."""

    def on_start(self) -> None:
        self.bars = 0

    def on_bar(self, candle: Candle) -> None:
        self.bars += 1
        if self.bars == 371:
            self.buy(25_000, "LIMIT", round(candle.close * 20 + 200) / 20, product="CNC")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"costs": {"plan": "upstox", "rounding": "contract-note"}},
        {"fidelity": "none", "costs": "zerodha", "participation": 0.1},
        {"fidelity": "sandbox", "costs": {"ALL": {"flat": 20}}, "participation": 0.1},
    ],
    ids=["live", "contract note", "none", "sandbox"],
)
@pytest.mark.parametrize("strategy", [Busy, InParts])
def test_lines_add_up_from_fills_to_orders_trades_and_the_run(
    strategy: type[BaseStrategy], settings: dict[str, object]
) -> None:
    result = tapeback.backtest(strategy, session_bars(), initial_cash=200_000_000, **settings)

    assert len(result.fills) > 1
    for fill, lines in zip(result.fills, result.itemised.fills, strict=True):
        assert lines.total == fill.charges
        assert lines.other == 0
    for trade, lines in zip(result.trades, result.itemised.trades, strict=True):
        assert lines.total == pytest.approx(trade.fees, abs=1e-6)
    paid = sum(to_units(lines.total) for lines in result.itemised.orders.values())
    assert paid == sum(to_units(fill.charges) for fill in result.fills)
    assert result.itemised.orders.keys() == {fill.order_id for fill in result.fills}
    assert result.charges.total == result.metrics.total_fees


def test_an_order_filled_in_parts_pays_one_brokerage_a_day() -> None:
    result = tapeback.backtest(
        InParts, session_bars(1), initial_cash=200_000_000, costs={"EQ_DELIVERY": {"flat": 20}}
    )

    (lines,) = result.itemised.orders.values()
    assert len(result.fills) == 3
    assert lines.brokerage == 20.0
    assert [fill.brokerage for fill in result.itemised.fills] == [
        20.0,
        *[0.0] * (len(result.fills) - 1),
    ]


def test_a_run_that_nobody_looks_at_itemises_nothing() -> None:
    result = play(hours(FLAT), PLAN)

    kept = vars(result.itemised).keys()
    assert not {"fill_lines", "fills", "trades", "totals"} & kept
    assert result.metrics.total_fees > 0


def test_the_files_show_the_lines_after_the_columns_that_users_rely_on(tmp_path: Path) -> None:
    result = tapeback.backtest(Busy, session_bars(), initial_cash=1_000_000)
    paths = result.save(tmp_path)

    for name, total in (
        ("fills.csv", "charges"),
        ("orders.csv", "charges"),
        ("trades.csv", "fees"),
    ):
        found = rows(paths[name])
        assert found
        assert tuple(found[0])[-9:] == LINE_COLUMNS
        for row in found:
            assert sum(lines_of(row)) == pytest.approx(float(row[total]), abs=0.0051)
    posted = rows(paths["postings.csv"])
    assert {row["kind"] for row in posted} == {"square-off penalty"}
    charges = sum(float(row["charges"]) for row in rows(paths["fills.csv"]))
    charges -= sum(float(row["amount"]) for row in posted if row["charge"] == "true")
    assert charges == pytest.approx(result.metrics.total_fees, abs=1e-6)


def test_the_document_has_them_too() -> None:
    result = play(hours(FLAT), PLAN)
    document = result.to_dict()

    assert document["charges"]["total"] == document["metrics"]["total_fees"]
    assert document["charges"]["stt"] == 25.0
    assert document["charges"]["ctt"] == 0.0
    assert document["fills"][1]["charge_lines"]["stt"] == 25.0
    # What is zero is left out of a row.
    assert "stt" not in document["fills"][0]["charge_lines"]
    assert document["trades"][0]["charge_lines"]["brokerage"] == 40.0
    assert document["orders"][0]["charge_lines"]["stamp"] == 3.0
    assert document["postings"] == []


# Any ledger at all -----------------------------------------------------------------------------

PRODUCTS = {"RELIANCE": "CNC", "NIFTY27JUN24FUT": "NRML", "NIFTY27JUN2423500CE": "NRML"}
EXCHANGES = {"RELIANCE": "NSE", "NIFTY27JUN24FUT": "NFO", "NIFTY27JUN2423500CE": "NFO"}

order_plans = st.tuples(
    st.sampled_from(sorted(PRODUCTS)),
    st.booleans(),
    # Parts of the order: on which day, how much, at what price.
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(1, 5000), st.integers(1, 600_000)),
        min_size=1,
        max_size=4,
    ),
)


def filled(plans: list[tuple[str, bool, list[tuple[int, int, int]]]], rulebook: Rulebook) -> Ledger:
    """A ledger of orders, each filled in parts, charged as the engine charges them."""
    ledger = Ledger()
    for number, (symbol, buy, parts) in enumerate(plans, 1):
        order = Order(
            symbol=symbol,
            exchange=EXCHANGES[symbol],
            product=PRODUCTS[symbol],
            action="BUY" if buy else "SELL",
            quantity=sum(quantity for _, quantity, _ in parts),
            orderid=f"240603{number:08d}",
        )
        instrument = rulebook.instrument(symbol, order.exchange)
        before: dict[int, int] = {}
        for day, quantity, ticks in sorted(parts):
            ts = midnight(FIRST_DAY + day) + (600 + number) * MINUTE_NS
            price = ticks / 20
            ledger.append(ts, quantity if buy else -quantity, order, "P2")
            ledger.price[-1] = price
            ledger.units[-1] = units = round(price * RUPEE)
            rates = rulebook.rates(instrument, order.product, day_number(ts))
            ledger.charges[-1] = rates.cost(buy, quantity * units, before.get(day, 0))
            before[day] = before.get(day, 0) + quantity * units
    return ledger


@settings(max_examples=120, deadline=None)
@given(
    st.lists(order_plans, min_size=1, max_size=6),
    st.sampled_from(["zerodha", "dhan", "flat", "none"]),
    st.sampled_from(["paisa", "none", "contract-note"]),
)
def test_the_lines_of_any_ledger_sum_to_its_charges(
    plans: list[tuple[str, bool, list[tuple[int, int, int]]]], plan: str, rounding: str
) -> None:
    rulebook = Rulebook(ChargeSchedule(plan, rounding))  # type: ignore[arg-type]
    ledger = filled(plans, rulebook)
    itemised = ItemisedCharges(
        ledger, (), rulebook, lambda charges: shared_by_trades(ledger, charges)
    )

    assert [lines.total for lines in itemised.fill_lines] == list(ledger.charges)
    assert all(lines.other == 0 for lines in itemised.fill_lines)
    trades = match_trades(ledger)
    assert [lines.total for lines in itemised.trade_lines] == [to_units(t.fees) for t in trades]
    assert to_units(itemised.totals.total) == sum(ledger.charges)
    for lines in itemised.trade_lines:
        assert min(msgspec.structs.astuple(lines)) >= 0


def test_naked_stops_and_resting_orders_are_counted_from_the_orders(
    busy_run: BacktestResult,
) -> None:
    """A stop sent with its broker's limit at 10:00 that filled at 10:07, one that never did and
    ended at 15:30, and one that filled where it triggered: 7 + 330 + 0 minutes. A MARKET order
    that was left resting is no stop."""
    start = midnight(FIRST_DAY) + 600 * MINUTE_NS

    def stop(minutes: float, status: str, **times: int) -> Order:
        return Order(
            symbol="NIFTY27JUN2423500CE", action="BUY", quantity=75, exchange="NFO",
            pricetype="SL", product="NRML", price=105.0, trigger_price=100.0, status=status,
            protection=105.0, triggered_ts=start, **times,
        )  # fmt: skip

    orders = (
        stop(7, "complete", filled_ts=start + 7 * MINUTE_NS, ended_ts=start + 7 * MINUTE_NS),
        stop(330, "cancelled", filled_ts=start + MINUTE_NS, ended_ts=start + 330 * MINUTE_NS),
        stop(0, "complete", filled_ts=start, ended_ts=start),
        Order(
            symbol="RELIANCE", action="BUY", quantity=1, pricetype="LIMIT", price=105.0,
            status="complete", protection=105.0, filled_ts=start + MINUTE_NS,
        ),
    )  # fmt: skip
    result = replace(busy_run, orders=orders)

    assert result.naked_minutes == 337.0
    assert busy_run.naked_minutes == 0.0
