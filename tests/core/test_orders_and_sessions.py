"""What an order blocks, and how long it lives: S2 to S4."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.play import BARE, LIVE, SANDBOX, Played, Scripted, bars, flat, play

STILL = (100, 100, 100, 100)
DAYS = ["2024-01-02 15:28", "2024-01-02 15:29", "2024-01-03 09:15", "2024-01-03 09:16"]
# From before the square-off of MIS, in the sandbox at 15:15 and live at 15:20, to the next session.
EARLIER = ["2024-01-02 15:13", "2024-01-02 15:14", "2024-01-02 15:20", *DAYS[1:]]


def free(s: Scripted) -> float:
    return s.context.portfolio.available


def test_S2_every_resting_order_blocks_its_margin() -> None:
    """Ten orders of 60 % of the cash each: one fits. A cancel gives its margin back."""

    def greedy(s: Scripted) -> None:
        for _ in range(10):
            s.keep(s.buy(600, "LIMIT", price=100, product="CNC"))
        s.notes.append(free(s))

    def again(s: Scripted) -> None:
        s.cancel(s.ids[0])
        s.notes.append(free(s))
        s.keep(s.buy(600, "LIMIT", price=99, product="CNC"))
        s.notes.append(free(s))

    played = play(bars(*flat(105, 3)), {0: greedy, 1: again}, **LIVE)
    assert [o.status for o in played.orders] == ["cancelled", *["rejected"] * 9, "open"]
    assert played.strategy.notes == [40_000, 100_000, 40_600]
    assert "Required: ₹60000.00, Available: ₹40000.00" in played.orders[1].rejection_reason


@pytest.mark.parametrize(
    ("settings", "symbol", "exchange", "product", "blocked"),
    [
        (LIVE, "SBIN", "NSE", "MIS", 2_000),  # a fifth, the most that brokers may lend
        (LIVE, "SBIN", "NSE", "CNC", 10_000),
        (LIVE, "NIFTY", "NSE_INDEX", "NRML", 1_230),  # 9.3 % scan and 3 % exposure
        (LIVE, "NIFTY28MAR24FUT", "NFO", "NRML", 1_230),
        (LIVE, "NIFTY28MAR24FUT", "NFO", "MIS", 1_230),  # no leverage in a day since 2021-09
        (LIVE, "NIFTY28MAR2422000CE", "NFO", "NRML", 10_000),  # the premium
        (SANDBOX, "SBIN", "NSE", "MIS", 2_000),
        (SANDBOX, "SBIN", "NSE", "CNC", 10_000),
        (SANDBOX, "NIFTY", "NSE_INDEX", "NRML", 1_000),  # ten times, on every day
        (SANDBOX, "NIFTY28MAR24FUT", "NFO", "NRML", 1_000),
        (SANDBOX, "NIFTY28MAR2422000CE", "NFO", "NRML", 10_000),
    ],
)
def test_S2_margin_by_kind_of_instrument_and_product(
    settings: dict[str, Any], symbol: str, exchange: str, product: str, blocked: float
) -> None:
    def send(s: Scripted) -> None:
        s.buy(100, "LIMIT", price=100, product=product)
        s.notes.append(100_000 - free(s))

    played = play(bars(*flat(105, 2), symbol=symbol, exchange=exchange), {0: send}, **settings)
    assert played.strategy.notes == [blocked]


@pytest.mark.parametrize(
    ("day", "percent"),
    [
        ("2020-11-30", 5), ("2020-12-01", 5), ("2021-02-26", 5), ("2021-03-01", 10),
        ("2021-05-31", 10), ("2021-06-01", 15), ("2021-08-31", 15), ("2021-09-01", 20),
    ],
)  # fmt: skip
def test_S2_intraday_margin_of_shares_grew_with_the_peak_margin_rules(
    day: str, percent: int
) -> None:
    def send(s: Scripted) -> None:
        s.buy(100, "LIMIT", price=100, product="MIS")
        s.notes.append(100_000 - free(s))

    played = play(bars(*flat(105, 2), start=f"{day} 10:00"), {0: send}, **LIVE)
    assert played.strategy.notes == [100 * percent]


@pytest.mark.parametrize("leverage", [4, {"MIS": 4}], ids=["one figure", "by product"])
def test_S2_leverage_can_be_set(leverage: Any) -> None:
    def send(s: Scripted) -> None:
        s.buy(100, "LIMIT", price=100)
        s.notes.append(100_000 - free(s))

    assert play(bars(*flat(105, 2)), {0: send}, leverage=leverage, **LIVE).strategy.notes == [2_500]


def test_S2_leverage_does_not_depend_on_the_order_of_series() -> None:
    index = bars(*flat(100, 2), symbol="NIFTY", exchange="NSE_INDEX")
    share = bars(*flat(100, 2))

    def send(s: Scripted) -> None:
        for symbol in ("SBIN", "NIFTY"):
            before = free(s)
            s.buy(100, symbol=symbol)
            s.notes.append(before - free(s))

    for series in ([index, share], [share, index]):
        played = play(series, {1: send}, **LIVE)
        assert played.strategy.notes == [2_000, 1_230]


def test_S2_a_reversal_is_one_order_and_only_its_excess_needs_margin() -> None:
    """Long 4,000 at 100 blocks 80,000. Selling 4,900 closes it; the 900 beyond block 18,000."""

    def turn(s: Scripted) -> None:
        s.notes.append(free(s))
        s.keep(s.sell(4_900))
        s.notes.append(free(s))

    played = play(
        bars(*flat(100, 4), volume=1e6),
        {0: lambda s: s.buy(4_000), 1: turn, 2: lambda s: s.notes.append(free(s))},
        **LIVE,
    )
    assert played.strategy.notes == [20_000, 2_000, 82_000]
    assert played.order(0).status == "complete"
    assert played.result.open_positions[0].quantity == -900


def test_S2_two_orders_cannot_close_one_position_for_free_twice() -> None:
    def leave(s: Scripted) -> None:
        s.keep(s.sell(4_000, "LIMIT", price=110))
        s.keep(s.sell(4_000, "LIMIT", price=111))

    played = play(bars(*flat(100, 4)), {0: lambda s: s.buy(4_000), 1: leave}, **LIVE)
    assert [played.order(n).status for n in (0, 1)] == ["open", "rejected"]


def test_S2_a_fill_is_never_refused_for_money_and_the_shortfall_is_reported() -> None:
    """950 shares at 100 for cash; at the gap of 120 they cost 114,000."""
    candles = bars(STILL, *flat(120, 2), volume=1e6)
    played = play(candles, {0: lambda s: s.buy(950, product="CNC")}, **LIVE)
    assert played.prices == [120]
    (shortfall,) = played.result.shortfalls
    assert (shortfall.date, shortfall.amount) == ("2024-01-02", -14_000)


def test_S2_closing_order_can_be_sent_and_modified_in_a_shortfall() -> None:
    def after_the_fall(s: Scripted) -> None:
        s.notes.append(free(s) < 0)
        s.keep(s.sell(50, "LIMIT", price=110))
        s.notes.append(s.modify(s.ids[0], price=71))

    played = play(
        bars(*flat(100, 2), *flat(70, 2), (70, 72, 70, 72, 10_000)),
        {0: lambda s: s.buy(4_500), 2: lambda s: s.sell(4_400), 3: after_the_fall},
        **LIVE,
    )
    assert played.strategy.notes == [True, True]
    assert played.fills[-1].price == 71


def test_S2_cnc_sells_what_is_held_and_no_more() -> None:
    def leave(s: Scripted) -> None:
        s.keep(s.sell(6, "LIMIT", price=110, product="CNC"))
        s.keep(s.sell(6, "LIMIT", price=110, product="CNC"))
        s.notes.append(s.modify(s.ids[0], quantity=11))
        s.notes.append(s.modify(s.ids[0], quantity=10))

    played = play(bars(*flat(100, 4)), {0: lambda s: s.buy(10, product="CNC"), 1: leave}, **LIVE)
    assert [played.order(n).status for n in (0, 1)] == ["open", "rejected"]
    assert "Only 4 shares available" in played.order(1).rejection_reason
    assert played.strategy.notes == [False, True]


def test_S2_a_larger_market_order_blocks_what_it_needs() -> None:
    def grow(s: Scripted) -> None:
        s.keep(s.buy(1))
        s.notes.append(s.modify(s.ids[0], quantity=4_000))
        s.notes.append(free(s))

    assert play(bars(*flat(100, 3)), {0: grow}, **LIVE).strategy.notes == [True, 20_000]


def test_S2_without_exchange_rules_anything_goes() -> None:
    def free_for_all(s: Scripted) -> None:
        s.sell(7, product="CNC")
        s.buy(1_000_000, "LIMIT", price=99.97, product="NRML")

    played = play(bars(*flat(100, 2), (100, 100, 99, 99)), {0: free_for_all}, **BARE)
    assert played.prices == [100, 99.97]
    assert not played.result.shortfalls


def test_S2_nothing_stays_blocked_when_all_is_over() -> None:
    def busy(s: Scripted) -> None:
        s.keep(s.buy(100, "LIMIT", price=99))
        s.modify(s.ids[0], quantity=150, price=98)
        s.buy(100, stop_loss=95, target=120)
        s.sell(300, "LIMIT", price=104)

    def end(s: Scripted) -> None:
        s.cancel_all_orders()
        s.notes.append((s.position(), free(s), s.cash))

    candles = bars(*flat(100, 2), (100, 105, 97, 101), *flat(101, 3), volume=10_000)
    played = play(
        candles,
        {0: busy, 3: lambda s: s.position() and s.buy(-s.position()), 4: end},
        fee_bps=3, fidelity="live", slippage="none",
    )  # fmt: skip
    assert len(played.fills) >= 4
    ((position, available, cash),) = played.strategy.notes
    assert position == 0
    assert available == cash != 100_000


@pytest.mark.parametrize(
    ("symbol", "exchange", "timeframe", "lot", "product"),
    [
        ("SBIN", "NSE", "1m", 1, "MIS"),
        ("SBIN", "NSE", "1d", 1, "CNC"),
        ("NIFTY28MAR24FUT", "NFO", "1m", 50, "NRML"),
        ("NIFTY28MAR2422000CE", "NFO", "1d", 50, "NRML"),
        ("NIFTY", "NSE_INDEX", "1m", 1, "NRML"),
    ],
)
def test_S2b_product_of_an_order_that_names_none(
    symbol: str, exchange: str, timeframe: str, lot: int, product: str
) -> None:
    candles = bars(*flat(100, 2), symbol=symbol, exchange=exchange, timeframe=timeframe)
    played = play(candles, {0: lambda s: s.buy(lot)}, **LIVE)
    assert [fill.product for fill in played.fills] == [product]


def test_S2b_an_index_is_a_proxy_for_its_near_future() -> None:
    """One unit, a tick of 0.05, the future's margin of 12.3 % and its slippage."""
    candles = bars(*flat(20_000.05, 4), symbol="NIFTY", exchange="NSE_INDEX", volume=None)
    played = play(
        candles,
        {1: lambda s: (s.sell(3), s.notes.append(free(s)))},
        initial_cash=10_000, costs="none",
    )  # fmt: skip
    assert played.strategy.notes == [pytest.approx(10_000 - 3 * 20_000.05 * 0.123, abs=1e-5)]
    assert played.prices == [19_999.0]
    book = played.strategy.context.simulator.books["NIFTY", "NSE_INDEX"]
    assert book.instrument.kind == "index"


def rested(product: str, **settings: Any) -> Played:
    """A limit that rests when its session ends and would be met early in the next."""
    candles = bars(*[STILL] * 4, (100, 100, 80, 90), (90,) * 4, at=EARLIER, volume=10_000)
    return play(
        candles, {0: lambda s: s.keep(s.buy(1, "LIMIT", price=85, product=product))}, **settings
    )


@pytest.mark.parametrize(
    ("product", "ended", "reason"), [("CNC", "02 15:30", "session"), ("MIS", "02 15:20", "squared")]
)
def test_S3_a_day_order_ends_with_its_session(product: str, ended: str, reason: str) -> None:
    """Those of MIS when it is squared off."""
    order = rested(product, **LIVE).order(0)
    assert order.status == "cancelled"
    assert reason in order.rejection_reason
    assert f"{order.ended_at:%d %H:%M}" == ended


@pytest.mark.parametrize(
    ("settings", "product", "status"),
    [
        (SANDBOX, "CNC", "complete"),
        (SANDBOX, "MIS", "cancelled"),
        (BARE, "CNC", "complete"),
        (BARE, "MIS", "complete"),
    ],
    ids=["sandbox CNC", "sandbox MIS", "none CNC", "none MIS"],
)
def test_S3_elsewhere_orders_may_live_on(
    settings: dict[str, Any], product: str, status: str
) -> None:
    assert rested(product, **settings).order(0).status == status


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
def test_S3_a_day_order_ends_when_its_session_ends(beside: bool) -> None:
    candles = bars(*flat(100, 4), at=DAYS)
    other = bars(*flat(100, 4), at=DAYS, symbol="INFY")
    played = play(
        [candles, other] if beside else candles,
        {0: lambda s: s.keep(s.buy(1, "LIMIT", price=85, product="CNC"))},
        update=lambda s, o: s.notes.append(f"{s.now:%d %H:%M}"),
        **LIVE,
    )
    assert f"{played.order(0).ended_at:%d %H:%M}" == "02 15:30"
    assert played.strategy.notes == ["02 15:30"]


def test_S3_modify_at_the_last_close_does_not_prolong_a_day_order() -> None:
    played = play(
        bars(STILL, STILL, STILL, (100, 100, 90, 95), at=DAYS, volume=10_000),
        {
            0: lambda s: s.keep(s.buy(1, "LIMIT", price=94, product="CNC")),
            1: lambda s: s.modify(s.ids[0], price=95),
        },
        **LIVE,
    )
    assert played.order(0).status == "cancelled"
    assert not played.fills


def test_S4_what_is_open_at_the_end_is_reported() -> None:
    def hold(s: Scripted) -> None:
        s.buy(10)
        s.keep(s.buy(5, "LIMIT", price=50))

    played = play(bars(STILL, STILL, (100, 105, 100, 104)), {0: hold}, **LIVE)
    (position,) = played.result.open_positions
    assert (position.quantity, position.average_price, position.last_price) == (10, 100, 104)
    assert position.unrealised_pnl == 40
    assert played.order(0).status == "open"
    assert not played.result.trades
    assert played.result.metrics.final_capital == 100_040


def test_S4_close_at_end_closes_with_slippage_and_charges() -> None:
    played = play(
        bars(*flat(1000, 3), start="2024-01-02 10:00"),
        {1: lambda s: s.buy(10)},
        close_at_end=True, fidelity="live", costs="none", fee_bps=10,
    )  # fmt: skip
    assert not played.result.open_positions
    assert [(row[0], *row[2:]) for row in played.rows] == [
        ("10:02:00", 10, 1000.2, "P1"), ("10:02:59", 10, 999.8, "S4"),
    ]  # fmt: skip
    assert played.fills[1].charges == pytest.approx(10.0)
    assert len(played.result.trades) == 1


def test_S4_close_at_end_closes_every_symbol_at_its_own_last_close() -> None:
    early, late = bars(*flat(50, 3), symbol="A"), bars(*flat(70, 6), symbol="B")
    played = play(
        [early, late],
        {("B", 0): lambda s: (s.buy(1, symbol="A"), s.sell(2, symbol="B"))},
        close_at_end=True,
        **BARE,
    )
    assert sorted((f.symbol, f.side, f.quantity, f.price) for f in played.fills[2:]) == [
        ("A", "SELL", 1, 50), ("B", "BUY", 2, 70),
    ]  # fmt: skip


@pytest.mark.parametrize("market_fill", ["next_open", "bar_close", "ltp"])
def test_S4_an_answer_to_the_closing_fill_opens_nothing(market_fill: str) -> None:
    """The data is over: what a strategy sends when its position has been closed stays open."""
    played = play(
        bars(*flat(100, 3)),
        {0: lambda s: s.buy(1)},
        update=lambda s, order: s.buy(1) if order.strategy == "CLOSE_AT_END" else None,
        market_fill=market_fill,
        close_at_end=True,
        **LIVE,
    )
    assert not played.result.open_positions
    assert [order.status for order in played.orders] == ["complete", "complete", "open"]
