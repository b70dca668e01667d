"""Which purchase a sale of shares meets, for income tax."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.market.tax.lots import (
    ClosedTrade,
    Execution,
    Matched,
    Split,
    closed_trade,
    execution_of,
    match_shares,
)
from tapeback.models.fill import Fill
from tapeback.models.instrument import Instrument
from tapeback.models.trade import Trade
from tapeback.utils.clock import day_of, to_ns
from tapeback.utils.money import RUPEE


def shares(
    side: Literal["BUY", "SELL"],
    day: str,
    quantity: int,
    price: float,
    *,
    symbol: str = "SBIN",
    product: str = "CNC",
    exchange: str = "NSE",
    charges: float = 0,
    stt: float = 0,
    allotted: bool = False,
) -> Execution:
    return Execution(
        symbol=symbol,
        exchange=exchange,
        product=product,
        side=side,
        day=day_of(date.fromisoformat(day)),
        quantity=quantity,
        value=round(price * quantity * RUPEE),
        charges=round(charges * RUPEE),
        stt=round(stt * RUPEE),
        allotted=allotted,
    )


def lines(matched: Matched) -> list[tuple[str, int, float, float, bool]]:
    """(entry day, quantity, bought for, sold for, intraday) of each closed trade."""
    epoch = date(1970, 1, 1).toordinal()
    return [
        (
            date.fromordinal(trade.entry_day + epoch).isoformat(),
            trade.quantity,
            trade.buy_value / RUPEE,
            trade.sell_value / RUPEE,
            trade.intraday,
        )
        for trade in matched.closed
    ]


def test_a_sale_meets_the_oldest_lots() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 100, 50),
            shares("BUY", "2024-02-01", 100, 60),
            shares("SELL", "2024-03-01", 150, 70),
        ]
    )
    # 100 x 50 and then 50 x 60; the 10,500 of the sale as 100 : 50.
    assert lines(matched) == [
        ("2024-01-01", 100, 5000.0, 7000.0, False),
        ("2024-02-01", 50, 3000.0, 3500.0, False),
    ]
    assert [(lot.quantity, lot.value // RUPEE) for lot in matched.open] == [(50, 3000)]


def test_what_is_bought_and_sold_on_one_day_nets_before_older_lots() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 100, 50),
            shares("BUY", "2024-01-02", 40, 60),
            shares("SELL", "2024-01-02", 70, 66),
        ]
    )
    # 40 of the 70 are intraday: 2,400 against 40/70 of 4,620 = 2,640. The other 30 meet the lot.
    assert lines(matched) == [
        ("2024-01-02", 40, 2400.0, 2640.0, True),
        ("2024-01-01", 30, 1500.0, 1980.0, False),
    ]


def test_same_day_netting_takes_the_average_of_the_day_and_leaves_the_rest_as_a_lot() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-02", 10, 100),
            shares("BUY", "2024-01-02", 30, 104),
            shares("SELL", "2024-01-02", 20, 105),
            shares("SELL", "2024-01-05", 20, 110),
        ]
    )
    # Bought 40 for 4,120: 103 each.
    assert lines(matched) == [
        ("2024-01-02", 20, 2060.0, 2100.0, True),
        ("2024-01-02", 20, 2060.0, 2200.0, False),
    ]


def test_products_net_apart_but_share_the_lots() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 100, 50),
            shares("SELL", "2024-01-02", 100, 55),
            shares("SELL", "2024-01-02", 10, 56, product="MIS"),
            shares("BUY", "2024-01-02", 10, 54, product="MIS"),
        ]
    )
    assert lines(matched) == [
        ("2024-01-02", 10, 540.0, 560.0, True),
        ("2024-01-01", 100, 5000.0, 5500.0, False),
    ]
    assert matched.closed[0].product == "MIS"


def test_one_symbol_on_two_exchanges_is_one_holding() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 10, 50, exchange="NSE"),
            shares("SELL", "2024-01-09", 10, 55, exchange="BSE"),
        ]
    )
    assert lines(matched) == [("2024-01-01", 10, 500.0, 550.0, False)]
    assert matched.closed[0].exchange == "BSE"
    assert not matched.open


def test_mis_shares_that_could_not_be_squared_off_become_a_lot() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 10, 50, product="MIS"),
            shares("SELL", "2024-01-02", 10, 45, product="CNC"),
        ]
    )
    assert lines(matched) == [("2024-01-01", 10, 500.0, 450.0, False)]


def test_shares_sold_first_and_bought_back_on_a_later_day_are_short() -> None:
    (trade,) = match_shares(
        [shares("SELL", "2024-01-01", 10, 50), shares("BUY", "2024-01-03", 10, 45)]
    ).closed
    assert (trade.short, trade.intraday, trade.net) == (True, False, 50 * RUPEE)
    assert trade.entry_day == day_of(date(2024, 1, 1))


def test_a_split_keeps_date_and_cost() -> None:
    ex_day = day_of(date(2024, 2, 1))
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 10, 500),
            shares("BUY", "2024-02-01", 50, 110),
            shares("SELL", "2024-03-01", 60, 120),
        ],
        [Split("SBIN", ex_day, new=5, old=1)],
    )
    # The 10 for 5,000 are 50; what was bought on the day of the split is not split.
    assert lines(matched) == [
        ("2024-01-01", 50, 5000.0, 6000.0, False),
        ("2024-02-01", 10, 1100.0, 1200.0, False),
    ]
    assert [lot.quantity for lot in matched.open] == [40]


def test_a_consolidation_rounds_the_holding_not_the_lots() -> None:
    matched = match_shares(
        [shares("BUY", f"2024-01-0{day}", 4, 10) for day in (1, 2, 3)],
        [Split("SBIN", day_of(date(2024, 2, 1)), new=1, old=5)],
    )
    # 12 shares become 2, not 0; the 120 rupees stay.
    assert [lot.quantity for lot in matched.open] == [1, 1]
    assert sum(lot.value for lot in matched.open) == 120 * RUPEE


def test_a_lot_that_a_consolidation_ends_leaves_its_cost_to_its_neighbour() -> None:
    matched = match_shares(
        [shares("BUY", "2024-01-01", 5, 10), shares("BUY", "2024-01-02", 4, 10, charges=2)],
        [Split("SBIN", day_of(date(2024, 2, 1)), new=1, old=5)],
    )
    assert [(lot.quantity, lot.value, lot.charges) for lot in matched.open] == [
        (1, 90 * RUPEE, 2 * RUPEE)
    ]


def test_bonus_shares_cost_nothing_and_are_sold_after_older_ones() -> None:
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 100, 80),
            shares("BUY", "2024-06-03", 100, 0, allotted=True),
            shares("SELL", "2024-06-03", 150, 50),
        ]
    )
    # Sold on the very day of allotment: still no intraday trade.
    assert lines(matched) == [
        ("2024-01-01", 100, 8000.0, 5000.0, False),
        ("2024-06-03", 50, 0.0, 2500.0, False),
    ]


def test_what_is_open_can_start_the_next_run() -> None:
    first = match_shares(
        [shares("BUY", "2023-01-02", 10, 50, stt=0.5), shares("SELL", "2023-05-02", 4, 60)]
    )
    second = match_shares([*first.open, shares("SELL", "2024-05-02", 6, 70)])
    assert lines(second) == [("2023-01-02", 6, 300.0, 420.0, False)]
    assert second.closed[0].stt == 300_000  # 6 of 10 shares of 50 paise


def test_the_high_of_january_2018_follows_the_shares_through_a_split() -> None:
    matched = match_shares(
        [
            shares("BUY", "2017-06-01", 10, 100),
            shares("BUY", "2018-01-31", 10, 240),
            shares("BUY", "2018-02-01", 10, 300),
            shares("SELL", "2019-06-03", 110, 80),
        ],
        [Split("SBIN", day_of(date(2018, 9, 3)), new=5, old=1)],
        {"SBIN": 250 * RUPEE},
    )
    # Twice 50 shares that were 10 at 250; those bought the day after have no such value.
    assert [trade.fair_value for trade in matched.closed] == [2500 * RUPEE, 2500 * RUPEE, None]


def test_stt_of_a_mixed_day_goes_to_its_own_parts() -> None:
    """Bought 100 at 100, sold 40 the same day and 60 later. STT: 0.1 % of the 6,000 delivered = 6
    on the purchase, 0.025 % of the 4,000 sold the same day = 1."""
    matched = match_shares(
        [
            shares("BUY", "2024-01-02", 100, 100, stt=6),
            shares("SELL", "2024-01-02", 40, 100, stt=1),
            shares("SELL", "2024-01-03", 60, 100, stt=6),
        ]
    )
    assert [trade.stt / RUPEE for trade in matched.closed] == [1.0, 12.0]


def test_stt_of_a_sale_partly_from_holdings() -> None:
    """Sold 100 at 100, 40 of them bought that day: 0.025 % of 4,000 = 1 and 0.1 % of 6,000 = 6."""
    matched = match_shares(
        [
            shares("BUY", "2024-01-01", 60, 100, stt=6),
            shares("BUY", "2024-01-02", 40, 100),
            shares("SELL", "2024-01-02", 100, 100, stt=7),
        ]
    )
    assert [trade.stt / RUPEE for trade in matched.closed] == [1.0, 12.0]


def trade(**changes: object) -> Trade:
    values: dict[str, object] = {
        "id": "T000001",
        "symbol": "NIFTY24JUNFUT",
        "exchange": "NFO",
        "product": "NRML",
        "entry_ts": to_ns(datetime(2024, 6, 3, 10)),
        "exit_ts": to_ns(datetime(2024, 6, 4, 15)),
        "entry_price": 23_000.05,
        "exit_price": 22_500.1,
        "quantity": 25,
        "side": "SELL",
        "pnl": 12_298.75,
        "pnl_pct": 2.1,
        "fees": 200.0,
        "entry_order": "1",
        "exit_order": "2",
    }
    return Trade(**{**values, **changes})  # type: ignore[arg-type]


def test_a_run_s_short_trade_is_read_to_the_unit() -> None:
    read = closed_trade(trade(), Instrument("NIFTY24JUNFUT", "NFO", "future"), stt=80 * RUPEE)
    assert read.sell_value == 575_001_250_000
    assert read.buy_value == 562_502_500_000
    assert read.buy_charges + read.sell_charges == 120 * RUPEE
    assert read.net == round(12_298.75 * RUPEE)
    assert (read.short, read.intraday, read.exit_day - read.entry_day) == (True, False, 1)


def test_a_fill_is_read_with_its_indian_date() -> None:
    ts = to_ns(datetime(2024, 6, 4, 4))  # still 3 June in UTC
    fill = Fill(
        ts, "1", "SBIN", "NSE", "CNC", "BUY", 10, 830.15, "P1", 830.15, 0, 0, 0, 0, 10.3, False
    )
    read = execution_of(fill, stt=8_301_500)
    assert read.day == day_of(date(2024, 6, 4))
    assert (read.value, read.charges, read.stt) == (8_301_500_000, 1_998_500, 8_301_500)


DEALS = st.lists(
    st.builds(
        lambda side, day, quantity, paise, product, charges: Execution(
            symbol="SBIN",
            exchange="NSE",
            product=product,
            side=side,
            day=19_000 + day,
            quantity=quantity,
            value=quantity * paise * 10_000,
            charges=charges,
            stt=charges // 3,
        ),
        st.sampled_from(["BUY", "SELL"]),
        st.integers(0, 5),
        st.integers(1, 90),
        st.integers(1, 90_000),
        st.sampled_from(["CNC", "MIS"]),
        st.integers(0, 10**8),
    ),
    max_size=25,
)


@settings(max_examples=200)
@given(DEALS, st.randoms(use_true_random=False))
def test_the_order_of_a_day_does_not_matter(deals: list[Execution], random: object) -> None:
    shuffled = list(deals)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert match_shares(shuffled) == match_shares(deals)


@settings(max_examples=200)
@given(DEALS)
def test_shares_and_money_are_conserved(deals: list[Execution]) -> None:
    matched = match_shares(deals)
    assert all(lot.quantity > 0 for lot in matched.open)
    assert len({lot.side for lot in matched.open}) <= 1
    for side, closed_value in (
        ("BUY", sum(trade.buy_value for trade in matched.closed)),
        ("SELL", sum(trade.sell_value for trade in matched.closed)),
    ):
        still = [lot for lot in matched.open if lot.side == side]
        given_in = [deal for deal in deals if deal.side == side]
        quantity = sum(trade.quantity for trade in matched.closed)
        assert quantity + sum(lot.quantity for lot in still) == sum(d.quantity for d in given_in)
        assert closed_value + sum(lot.value for lot in still) == sum(d.value for d in given_in)
    paid = sum(t.buy_charges + t.sell_charges + t.stt for t in matched.closed)
    paid += sum(lot.charges + lot.stt for lot in matched.open)
    assert paid == sum(deal.charges + deal.stt for deal in deals)


@settings(max_examples=100)
@given(DEALS)
def test_intraday_is_the_lesser_side_of_each_product_and_day(deals: list[Execution]) -> None:
    """At least: what one product leaves may meet what another leaves on the same day."""
    sides: dict[tuple[int, str], list[int]] = defaultdict(lambda: [0, 0])
    for deal in deals:
        sides[deal.day, deal.product][deal.side == "SELL"] += deal.quantity
    intraday: dict[int, int] = defaultdict(int)
    trade: ClosedTrade
    for trade in match_shares(deals).closed:
        if trade.intraday:
            intraday[trade.exit_day] += trade.quantity
    for day in {day for day, _ in sides}:
        assert intraday[day] >= sum(min(pair) for key, pair in sides.items() if key[0] == day)
