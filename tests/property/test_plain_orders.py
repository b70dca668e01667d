"""The quick look at ordinary orders never lets through what the rules refuse."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.broker.service import BrokerService
from tapeback.core.engine import BacktestEngine
from tapeback.core.portfolio import Portfolio
from tapeback.core.rules import ExecutionRules, Fidelity
from tapeback.market.charges import ChargeSchedule
from tapeback.market.rulebook import Rulebook
from tapeback.models.instrument import Instrument
from tapeback.models.order import ACTIONS, PRICE_TYPES, PRODUCTS, Order
from tests.core.play import bars, flat

_QUANTITIES = st.sampled_from([10, 75, 10, 75, 150, 0, -3, 1.5, 75.0, float("nan"), "10", None])
_PRICES = st.sampled_from([100.0, 100.03, 0.0, 100.03, 95, -5.0, float("nan"), float("inf"), "9"])
_LEVELS = st.sampled_from([*[0.0] * 12, 101.0, 99.0, float("nan")])


@given(
    fidelity=st.sampled_from(["live", "sandbox", "none"]),
    exchange=st.sampled_from(["NSE", "NFO", "NSE_INDEX"]),
    lot=st.sampled_from([1, 75]),
    seen=st.sampled_from([0, 1, 374, 375]),
    words=st.tuples(
        st.sampled_from([*ACTIONS, "buy"]),
        st.sampled_from([*PRICE_TYPES, *["LIMIT"] * 4, "limit"]),
        st.sampled_from([*PRODUCTS, *["MIS"] * 4, "CO"]),
    ),
    figures=st.tuples(_QUANTITIES, _PRICES, _LEVELS, _LEVELS, _LEVELS),
)
@settings(max_examples=3_000)
def test_an_order_that_looks_plain_is_refused_by_no_rule(
    fidelity: Fidelity,
    exchange: str,
    lot: int,
    seen: int,
    words: tuple[str, str, str],
    figures: tuple[Any, Any, Any, Any, Any],
) -> None:
    candles = bars(*flat(100, 375), exchange=exchange)
    account = Portfolio(1e6, margined=fidelity != "none")
    engine = BacktestEngine(
        [candles],
        ExecutionRules(fidelity),
        account,
        Rulebook(ChargeSchedule("none"), fidelity=fidelity),
    )
    service = BrokerService(engine)
    book = engine.simulator.books["SBIN", exchange]
    book.instrument = Instrument("SBIN", exchange, book.instrument.kind, lot_size=lot)
    book.new_session(int(candles.starts[0]))
    if seen:
        book.candle = candles[seen - 1]
        engine.simulator.now = int(candles.ends[seen - 1])
    action, pricetype, product = words
    quantity, price, trigger, stop, target = figures
    order = Order("SBIN", action, quantity, exchange, pricetype, product, price, trigger)
    order.stop_loss, order.target = stop, target
    if service._plain(order, book):
        assert service.checks.refusal(order, book) is None
