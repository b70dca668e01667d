"""The summary: what a trader reads first, and that nothing is left out of it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback import BacktestResult, BaseStrategy, Candle
from tapeback.models.order import Order
from tapeback.models.result import Bounds, CarriedPosition, DoubtfulRule
from tapeback.report.rupees import grouped, percent, rupees
from tapeback.report.summary import summary
from tapeback.utils.clock import SECOND_NS
from tests.report.conftest import Busy, session_bars


def text(result: BacktestResult) -> str:
    return "\n".join(line.text for line in summary(result))


def tones(result: BacktestResult) -> dict[str, str]:
    return {line.text: line.tone for line in summary(result)}


class Once(BaseStrategy):
    """Buys ten shares at the first bar and keeps them."""

    def on_start(self) -> None:
        self.sent = False

    def on_bar(self, candle: Candle) -> None:
        if not self.sent:
            self.sent = True
            self.buy(10)


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (0.0, "₹0.00"),
        (-0.001, "₹0.00"),
        (999.5, "₹999.50"),
        (1000, "₹1,000.00"),
        (1234567.891, "₹12,34,567.89"),
        (-123456789.0, "-₹12,34,56,789.00"),
    ],
)
def test_rupees_are_grouped_as_in_india(amount: float, shown: str) -> None:
    assert rupees(amount) == shown


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_grouping_only_adds_commas(number: int) -> None:
    shown = grouped(number)
    assert int(shown.replace(",", "")) == number
    assert re.fullmatch(r"-?(\d{1,2}(,\d{2})*,\d{3}|\d{1,3})", shown)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1.2, "+1.20 %"), (-0.354, "-0.35 %"), (0.001, "0.00 %"), (-0.001, "0.00 %")],
)
def test_per_cent_carries_its_sign(value: float, shown: str) -> None:
    assert percent(value) == shown


def test_net_is_gross_less_charges_less_assumed_slippage(busy_run: BacktestResult) -> None:
    (line,) = [line for line in text(busy_run).splitlines() if line.startswith("Net ")]
    net, gross, charges, slippage = (
        float(amount.replace("₹", "").replace(",", ""))
        for amount in re.findall(r"-?₹[\d,.]+", line)
    )
    assert net == pytest.approx(gross - charges - slippage, abs=0.011)
    assert net == round(busy_run.metrics.net_pnl, 2)


def test_what_a_trader_must_know_comes_in_its_order(busy_run: BacktestResult) -> None:
    told = text(replace(busy_run, bounds=Bounds(adverse=-5000.0, favourable=12.5)))
    order = (
        "Busy on RELIANCE:NSE:1m",
        "Net ",
        "Charges: brokerage ₹",
        "Margin: at most ₹",
        " a side",
        "Net between -₹5,000.00 and ₹12.50",
        "Worst day ",
        "Worst drawdown ",
        "3 sessions",
        f"{len(busy_run.orders)} orders",
        "refused by broker",
        "Data ",
        "ambiguous bar",
        "Total Return:",
        "Run ID:",
    )
    places = [told.index(words) for words in order]
    assert places == sorted(places)


def test_every_kind_of_refusal_is_shown_with_its_count_and_remedy(
    run: Callable[..., BacktestResult],
) -> None:
    class Refused(BaseStrategy):
        def on_bar(self, candle: Candle) -> None:
            self.buy(0)
            self.buy(10_000_000)
            self.buy(1, symbol="NOWHERE")
            self.buy(1, "LIMIT", candle.close + 0.013)
            self.sell(1, product="CNC")

    result = run(Refused, session_bars(1, 30))

    told = text(result)
    assert "150 orders: 0 filled, 0 cancelled, 0 still open, 150 REFUSED" in told
    for reason in (
        "Quantity must be a positive number.",
        "Insufficient funds.",
        "Symbol NOWHERE not found",
        "tick",
        "Cannot sell",
    ):
        assert re.search(rf"refused by (openalgo|broker) \d+ ×.*{reason}", told), reason
    counts = [int(count) for count in re.findall(r"refused by \w+ (\d+) ×", told)]
    assert sum(counts) == len(result.refused_orders) == 150
    for remedy in {order.remedy for order in result.refused_orders if order.remedy}:
        assert re.sub(r"[\d.,]+", "", remedy) in re.sub(r"[\d.,]+", "", told)


def test_reasons_that_differ_in_figures_alone_are_counted_together(
    busy_run: BacktestResult,
) -> None:
    lines = [line for line in text(busy_run).splitlines() if "Insufficient funds" in line]
    short = [o for o in busy_run.refused_orders if o.rejection_reason.startswith("Insufficient")]
    assert len(short) > 1
    (line,) = lines
    assert f"{len(short)} ×, such as: {short[0].rejection_reason}" in line


def test_cancelled_orders_are_told_by_reason(busy_run: BacktestResult) -> None:
    told = text(busy_run)
    cancelled = sum(order.status == "cancelled" for order in busy_run.orders)
    assert f"{cancelled} cancelled" in told
    counts = [int(count) for count in re.findall(r"  cancelled (\d+) ×", told)]
    assert sum(counts) == cancelled
    assert "by the strategy" in told


def test_synthetic_data_is_said_in_capitals_at_the_top(
    busy_run: BacktestResult, synthetic_run: BacktestResult
) -> None:
    assert text(synthetic_run).splitlines()[1].startswith("SYNTHETIC DATA")
    assert "SYNTHETIC" not in text(busy_run)
    told = text(synthetic_run)
    assert "Synthetic data, 1 finding" in told
    assert "warning: the price does not move for 12 bars (kept, first at 2024-06-05)" in told


def test_positions_that_stay_open_are_told(run: Callable[..., BacktestResult]) -> None:
    class Kept(Once):
        def on_bar(self, candle: Candle) -> None:
            if not self.sent:
                self.sent = True
                self.buy(10, product="CNC")

    told = text(run(Kept))
    assert "Open at the end: 10 RELIANCE:NSE CNC at ₹2,5" in told
    assert "squared off" not in told


def test_positions_that_the_broker_closed_are_told(run: Callable[..., BacktestResult]) -> None:
    assert "1 MIS position squared off by the broker" in text(run(Once)).splitlines()
    hourly = session_bars().resample("1h")
    told = text(run(Once, hourly))
    assert "1 MIS position squared off by the broker, 1 of them at the close of a longer" in told


def test_orders_on_an_index_are_called_a_proxy(run: Callable[..., BacktestResult]) -> None:
    nifty = session_bars(1, symbol="NIFTY", exchange="NSE_INDEX")
    told = text(run(Once, nifty))
    assert "Orders on an index (NIFTY) are a proxy for its near future." in told
    assert "square-off" not in told
    assert "proxy" not in text(run(Once, nifty, fidelity="none"))


def test_without_exchange_rules_there_is_no_square_off_to_miss(
    run: Callable[..., BacktestResult],
) -> None:
    assert "square-off" not in text(run(Once, fidelity="none"))


def test_charges_are_told_by_line_and_add_up(busy_run: BacktestResult) -> None:
    (line,) = [line for line in text(busy_run).splitlines() if line.startswith("Charges: ")]
    amounts = [float(amount.replace(",", "")) for amount in re.findall(r"₹([\d,.]+\d)", line)]
    assert sum(amounts) == pytest.approx(busy_run.metrics.total_fees, abs=0.005)
    assert "penalties ₹177.00" in line
    # Lines of which nothing was paid are left out.
    assert "CTT" not in line


def test_a_run_without_costs_and_margin_tells_of_neither(
    run: Callable[..., BacktestResult],
) -> None:
    result = run(Once, fidelity="none", broker="upstox")
    told = text(result)
    assert "Charges:" not in told
    assert "Margin:" not in told
    assert result.metrics.peak_margin is None
    # Whatever that broker would do, nothing of it is in such a run.
    assert "Broker upstox" not in told
    assert "Broker upstox" in text(run(Once, broker="upstox"))


def test_the_margin_that_was_needed_is_told(run: Callable[..., BacktestResult]) -> None:
    """Ten shares at about 2,500 in MIS block a fifth of their price."""
    result = run(Once)
    metrics = result.metrics
    assert metrics.peak_margin == pytest.approx(5000, rel=0.02)
    (line,) = [line for line in text(result).splitlines() if line.startswith("Margin: ")]
    assert line.startswith(f"Margin: at most {rupees(metrics.peak_margin or 0)} on 2024-06-03 09:1")
    assert f"return on it {percent(metrics.return_on_peak_margin_pct or 0)}" in line
    assert f"{rupees(metrics.average_margin or 0)} on average while used" in line
    assert f"{rupees(metrics.time_weighted_margin or 0)} over the whole run" in line


def test_what_broker_and_exchange_did_is_told_where_it_happened(
    busy_run: BacktestResult,
) -> None:
    plain = text(busy_run)
    for words in ("carried", "without a stop", "short of margin", "lot size", "left resting"):
        assert words not in plain
    carried = CarriedPosition(busy_run.equity_curve[374].ts, "RELIANCE")
    broker = msgspec.structs.replace(
        busy_run.broker,
        name="groww",
        borrowed=tuple(f"figure_{n}: as zerodha" for n in range(6)),
        carried=(carried, carried),
        left_resting=3,
        margin_warnings=2,
        lot_refusals=1,
    )
    rules = tuple(DoubtfulRule(f"margin.rule_{n}", date(2024, 1, n + 1), "") for n in range(3))
    told = text(replace(busy_run, broker=broker, doubtful_rules=(*rules, rules[0])))

    assert "2 MIS positions carried: a locked band" in told
    assert "(first RELIANCE on 2024-06-03 15:30)" in told
    assert "2 × order short of margin and let through; 1 × order refused for its lot size; " in told
    assert "3 × MARKET order left resting at the broker's limit" in told
    assert "Broker groww, where its own figures are unknown: figure_0: as zerodha, " in told
    assert "figure_3: as zerodha and 2 more" in told
    assert "Rules of low confidence: margin.rule_0, margin.rule_1, margin.rule_2\n" in told


def test_minutes_without_a_stop_are_told(busy_run: BacktestResult) -> None:
    """SL-M on an option goes in as SL; this one was passed at 10:00 and filled at 10:07."""
    start = busy_run.equity_curve[44].ts
    stop = Order(
        symbol="NIFTY27JUN2423500CE", action="BUY", quantity=25, pricetype="SL", price=105.0,
        trigger_price=100.0, status="complete", protection=105.0, triggered_ts=start,
        filled_ts=start + 420 * SECOND_NS,
    )  # fmt: skip
    told = text(replace(busy_run, orders=(stop,)))
    assert "7.0 minutes without a stop: price ran past the limit that the broker gave it" in told


def test_a_plain_run_fits_a_screen(run: Callable[..., BacktestResult]) -> None:
    assert len(summary(run(Once))) <= 40


def test_a_run_that_was_cut_short_says_so_first(run: Callable[..., BacktestResult]) -> None:
    class Interrupted(Busy):
        def on_bar(self, candle: Candle) -> None:
            super().on_bar(candle)
            if self.bars == 500:
                raise KeyboardInterrupt

    result = run(Interrupted)
    line = summary(result)[1]
    assert line.text.startswith(f"CANCELLED after {result.processed_candles} of 1,125 bars")
    assert line.tone == "bad"


def test_faults_that_were_passed_over_are_told(run: Callable[..., BacktestResult]) -> None:
    class Faulty(Busy):
        def on_bar(self, candle: Candle) -> None:
            super().on_bar(candle)
            if self.bars == 500:
                raise ValueError("no such level")

    told = text(run(Faulty, on_error="continue"))
    assert "The strategy raised in on_bar at 2024-06-04 11:20:00: ValueError: no such level" in told


def test_a_loss_and_a_refusal_stand_out(busy_run: BacktestResult) -> None:
    shown = tones(busy_run)
    assert next(tone for told, tone in shown.items() if told.startswith("Net ")) == "bad"
    assert next(tone for told, tone in shown.items() if "REFUSED" in told) == "bad"


def test_what_is_not_defined_is_said_to_be_so(run: Callable[..., BacktestResult]) -> None:
    class Idle(BaseStrategy):
        def on_bar(self, candle: Candle) -> None: ...

    told = text(run(Idle, session_bars(1, 2)))
    assert "Survivable slippage: nothing was traded" in told
    assert "Sharpe Ratio: N/A" in told
    assert "Profit Factor: N/A" in told
    assert "nan" not in told.lower()
    assert "None" not in told


def test_thin_fills_and_touch_misses_are_counted(busy_run: BacktestResult) -> None:
    told = text(replace(busy_run, touch_misses=1234))
    assert "1,234 limits touched but not passed, and not filled; 0 fills beyond" in told


def test_ambiguous_bars_are_a_share_of_the_bars_with_fills(
    run: Callable[..., BacktestResult],
) -> None:
    class Both(BaseStrategy):
        """A stop and a target inside every bar: each bar with a fill is ambiguous."""

        def on_bar(self, candle: Candle) -> None:
            if not self.position():
                price = round(candle.close / 0.05) * 0.05
                self.buy(1, stop_loss=round(price - 0.1, 2), target=round(price + 0.1, 2))

    result = run(Both, session_bars(1), limit_fill="touch", slippage="none")
    ambiguous = len(result.ambiguous_bars)
    assert ambiguous > 5
    bars = {int(fill.ts // 60_000_000_000) for fill in result.fills}
    share = 100 * ambiguous / len(bars)
    assert f"{ambiguous} ambiguous bars ({share:.1f} % of the bars with fills)" in text(result)
