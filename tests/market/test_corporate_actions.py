"""Splits, bonuses, dividends, rights and demergers applied to shares, orders and contracts."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.market.instruments import instrument_of
from tapeback.market.settlement import Holding
from tapeback.market.settling.corporate_actions import (
    Action,
    ActionKind,
    ExDay,
    action_book,
    shipped_actions,
)
from tapeback.utils.clock import day_of
from tapeback.utils.money import RUPEE, to_units


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def action(
    kind: ActionKind, new: int = 1, held: int = 1, cash: float | None = None, **more: Any
) -> Action:
    return Action(
        symbol="SBIN",
        exchange="",
        ex_day=more.pop("ex_day", day("2024-06-03")),
        kind=kind,
        new=new,
        held=held,
        cash=None if cash is None else to_units(cash),
        **more,
    )


def ex_day(*actions: Action) -> ExDay:
    return ExDay(actions[0].ex_day, actions)


def test_a_split_multiplies_shares_and_keeps_their_cost() -> None:
    """HDFCBANK on 2019-09-19, 2:1: 100 shares at 2,188 are 200 at 1,094."""
    found = action_book().on("HDFCBANK", "NSE", day("2019-09-19"))
    assert found is not None
    held = found.apply_to_position(100, 218_800 * RUPEE, close=2188 * RUPEE, price=1096 * RUPEE)
    assert (held.quantity, held.cost, held.cash, held.bonus) == (200, 218_800 * RUPEE, 0, 0)


def test_a_split_and_a_bonus_of_one_day_make_one_factor() -> None:
    """BAJFINANCE on 2016-09-08: 5:1 and 1:1, adjustment factor 10 (NSE/CMPT/33121)."""
    found = action_book().on("BAJFINANCE", "NSE", day("2016-09-08"))
    assert found is not None
    assert found.share_factor == 10
    held = found.apply_to_position(7, 77_000 * RUPEE, close=11_000 * RUPEE, price=1_100 * RUPEE)
    assert (held.quantity, held.bonus, held.cost) == (70, 35, 77_000 * RUPEE)
    assert found.ex_price(11_000 * RUPEE) == 1_100 * RUPEE


def test_a_fraction_of_a_share_is_paid_at_the_price_of_the_ex_date() -> None:
    """ICICIBANK's bonus 1:10 on 25 shares: 2.5 shares, of which half a one at 290 is cash."""
    held = ex_day(action("bonus", 1, 10)).apply_to_position(
        25, 8_000 * RUPEE, close=319 * RUPEE, price=290 * RUPEE
    )
    assert (held.quantity, held.bonus) == (27, 2)
    assert held.cash == held.profit == 145 * RUPEE
    assert held.cost == 8_000 * RUPEE


def test_a_consolidation_that_leaves_no_share_pays_for_all_of_it() -> None:
    held = ex_day(action("split", 1, 10)).apply_to_position(
        5, 60 * RUPEE, close=10 * RUPEE, price=100 * RUPEE
    )
    assert (held.quantity, held.cost, held.cash, held.profit) == (0, 0, 50 * RUPEE, -10 * RUPEE)


def test_a_dividend_is_credited_gross_and_paid_by_who_is_short() -> None:
    paid = ex_day(action("dividend", cash=3.50))
    for quantity in (200, -200):
        held = paid.apply_to_position(
            quantity, quantity * RUPEE, close=100 * RUPEE, price=97 * RUPEE
        )
        assert held.cash == held.profit == quantity * to_units(3.50)
        assert (held.quantity, held.cost) == (quantity, quantity * RUPEE)


@pytest.mark.parametrize(
    ("text", "tds", "above"),
    [("2020-03-31", "0", 0), ("2020-04-01", "0.1", 5000), ("2025-04-01", "0.1", 10000)],
)
def test_the_tax_deducted_from_dividends_is_named(text: str, tds: str, above: int) -> None:
    paid = ex_day(action("dividend", cash=3.50, ex_day=day(text)))
    [row] = paid.apply_to_position(1, 0, close=100, price=97).rows
    assert (row["tds"], row["above"]) == (tds, above)


def test_the_dividend_of_a_day_belongs_to_the_shares_before_its_bonus() -> None:
    """TCS on 2018-05-31: 29 a share and 1:1 on 10 shares pay 290."""
    found = ex_day(action("bonus"), action("dividend", cash=29))
    held = found.apply_to_position(10, 0, close=3_500 * RUPEE, price=1_735 * RUPEE)
    assert (held.quantity, held.cash) == (20, 290 * RUPEE)
    assert found.ex_price(3_500 * RUPEE) == Fraction(3_471 * RUPEE, 2)


def test_rights_are_worth_the_close_less_the_theoretical_price() -> None:
    """RELIANCE on 2020-05-13, 1:15 at 1,257: at a close of 1,465 the shares are worth
    (15 x 1,465 + 1,257) / 16 = 1,452 afterwards, so a right to a share is worth 13 to each."""
    found = action_book().on("RELIANCE", "NSE", day("2020-05-13"))
    assert found is not None
    assert found.ex_price(1_465 * RUPEE) == 1_452 * RUPEE
    held = found.apply_to_position(30, 30_000 * RUPEE, close=1_465 * RUPEE, price=1_450 * RUPEE)
    assert (held.quantity, held.cost, held.cash) == (30, 30_000 * RUPEE, 390 * RUPEE)


def test_rights_that_cost_more_than_the_share_are_worth_nothing() -> None:
    rights = ex_day(action("rights", 1, 15, cash=1257))
    held = rights.apply_to_position(30, 0, close=1_200 * RUPEE, price=1_200 * RUPEE)
    assert held.cash == 0
    assert rights.ex_price(1_200 * RUPEE) == 1_200 * RUPEE


def test_a_demerger_gives_the_childs_shares_and_splits_the_cost() -> None:
    """RELIANCE on 2023-07-20: 2,841.85 to 2,580; 95.32 % of a cost of 2,500 a share is 2,383."""
    found = action_book().on("RELIANCE", "NSE", day("2023-07-20"))
    assert found is not None
    assert found.ex_price(to_units(2_841.85)) == 2_580 * RUPEE
    held = found.apply_to_position(
        100, 250_000 * RUPEE, close=to_units(2_841.85), price=2_580 * RUPEE
    )
    assert (held.quantity, held.cost) == (100, 238_300 * RUPEE)
    assert (held.child, held.child_quantity) == ("JIOFIN", 100)
    assert (held.child_cost, held.child_price) == (11_700 * RUPEE, to_units(261.85))


def test_a_fraction_of_a_childs_share_is_paid() -> None:
    """ITC on 2025-01-06, 1:10, 26 a share: 25 shares give two and half a one at 260."""
    found = action_book().on("ITC", "NSE", day("2025-01-06"))
    assert found is not None
    held = found.apply_to_position(
        25, 10_000 * RUPEE, close=to_units(481.60), price=to_units(455.60)
    )
    assert (held.child_quantity, held.child_price, held.cash) == (2, 260 * RUPEE, 130 * RUPEE)
    # 86.49 % of 10,000 stays.
    assert (held.cost, held.child_cost) == (8_649 * RUPEE, 1_351 * RUPEE)


SHARE_ACTIONS = st.lists(
    st.builds(
        action,
        st.sampled_from(["split", "bonus"]),
        st.integers(1, 10),
        st.integers(1, 10),
    ),
    min_size=1,
    max_size=2,
)


@given(SHARE_ACTIONS, st.integers(-10_000, 10_000), st.integers(1, 5_000))
def test_shares_times_price_is_conserved_through_splits_and_bonuses(
    actions: list[Action], quantity: int, rupees: int
) -> None:
    """At the theoretical price of the ex-date, but for less than a unit of money a share."""
    found = ex_day(*actions)
    close = rupees * RUPEE
    exact = found.ex_price(close)
    assert exact is not None
    price = round(exact)
    held = found.apply_to_position(quantity, quantity * close, close=close, price=price)
    after = held.quantity * price + held.cash
    assert abs(after - quantity * close) <= abs(quantity * found.share_factor) + 1
    assert abs(held.quantity) <= abs(quantity * found.share_factor) < abs(held.quantity) + 1
    assert held.cost - held.cash + held.profit == quantity * close


@given(
    st.sampled_from([action("dividend", cash=7), action("rights", 2, 7, cash=50),
                     action("demerger", 3, 10, cash=12, child="X")]),
    st.integers(-10_000, 10_000),
    st.integers(100, 5_000),
)  # fmt: skip
def test_wealth_is_conserved_through_cash_rights_and_demergers(
    single: Action, quantity: int, rupees: int
) -> None:
    found = ex_day(single)
    close = rupees * RUPEE
    exact = found.ex_price(close)
    assert exact is not None
    held = found.apply_to_position(quantity, quantity * close, close=close, price=round(exact))
    after = held.quantity * exact + held.child_quantity * held.child_price + held.cash
    assert abs(after - quantity * close) <= abs(quantity) + 1
    assert held.cost + held.child_cost == quantity * close


@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.integers(0, 10**9)), min_size=1, max_size=8
    ),
    SHARE_ACTIONS,
)  # fmt: skip
def test_a_holdings_lots_add_up_to_what_the_position_would_be(
    bought: list[tuple[int, int]], actions: list[Action]
) -> None:
    holding = Holding("SBIN", "NSE")
    for number, (quantity, cost) in enumerate(bought):
        holding.receive(quantity, cost, bought=number, settles=number + 1)
    found = ex_day(*actions)
    due = found.apply_to_holding(holding, close=100 * RUPEE, price=50 * RUPEE)
    assert holding.quantity == due.quantity
    assert all(lot.quantity > 0 for lot in holding.lots)
    free = sum(lot.quantity for lot in holding.lots if lot.bought == found.day)
    assert free == due.bonus
    assert holding.cost == due.cost


def test_bonus_shares_are_a_lot_of_their_own_and_split_ones_keep_their_day() -> None:
    holding = Holding("SBIN", "NSE")
    holding.receive(10, 1_000 * RUPEE, bought=5, settles=7)
    found = ex_day(action("split", 2, 1), action("bonus", 1, 2))
    found.apply_to_holding(holding, close=100 * RUPEE, price=33 * RUPEE)
    lots = [(lot.quantity, lot.cost, lot.bought) for lot in holding.lots]
    assert lots == [(20, 1_000 * RUPEE, 5), (10, 0, found.day)]


def test_a_childs_shares_keep_the_days_of_the_parents_lots() -> None:
    parent, child = Holding("ITC", "NSE"), Holding("ITCHOTELS", "NSE")
    parent.receive(30, 9_000 * RUPEE, bought=5, settles=7)
    parent.receive(70, 31_000 * RUPEE, bought=9, settles=11)
    found = action_book().on("ITC", "NSE", day("2025-01-06"))
    assert found is not None
    assert found.child == "ITCHOTELS"
    found.apply_to_holding(parent, child=child, close=to_units(481.60), price=to_units(455.60))
    assert [(lot.quantity, lot.bought) for lot in child.lots] == [(3, 5), (7, 9)]
    assert (parent.cost, child.cost) == (34_596 * RUPEE, 5_404 * RUPEE)


def test_a_resting_order_is_scaled_with_its_share() -> None:
    """A stop for 100 at a trigger of 2,100 and a limit of 2,095.55 through a split 2:1."""
    order = ex_day(action("split", 2, 1)).apply_to_order(
        100, 2_095.55, 2_100, close=2_188 * RUPEE, tick=0.05
    )
    assert (order.quantity, order.price, order.trigger_price) == (200, 1_047.80, 1_050)
    assert order.row.confidence == "low"


def test_a_market_order_that_waits_has_no_price_afterwards_either() -> None:
    order = ex_day(action("bonus")).apply_to_order(10, 0, 0, close=100 * RUPEE, tick=0.05)
    assert (order.quantity, order.price, order.trigger_price) == (20, 0, 0)


def test_dividends_leave_resting_orders_alone() -> None:
    order = ex_day(action("dividend", cash=20)).apply_to_order(
        10, 95, 0, close=100 * RUPEE, tick=0.05
    )
    assert (order.quantity, order.price) == (10, 95)


def test_an_order_over_a_demerger_of_unknown_worth_is_cancelled() -> None:
    found = action_book().on("HINDUNILVR", "NSE", day("2025-12-05"))
    assert found is not None
    assert found.apply_to_order(10, 2_400, 0, close=2_470 * RUPEE, tick=0.1).quantity == 0


def test_an_order_of_less_than_a_share_is_cancelled() -> None:
    order = ex_day(action("split", 1, 10)).apply_to_order(9, 5, 0, close=5 * RUPEE, tick=0.05)
    assert order.quantity == 0


def test_contracts_are_adjusted_by_the_factor_of_a_bonus() -> None:
    """CASTROLIND, bonus 1:1 on 2017-12-21: lot 1,400 to 2,800, strikes halved (NSE/FAOP/36432)."""
    found = action_book().on("CASTROLIND", "NSE", day("2017-12-21"))
    assert found is not None
    option = instrument_of("CASTROLIND28DEC17405CE", "NFO")
    after = found.apply_to_contract(option, 1400, close=400 * RUPEE)
    assert after is not None
    assert (after.strike, after.lot_size, after.factor) == (202.5, 2800, 2)
    assert after.position(-1400, -28_000 * RUPEE, option=True) == (-2800, -28_000 * RUPEE)
    assert after.row.confidence == "high"


def test_a_large_dividend_lowers_strikes_and_the_price_of_futures() -> None:
    """NATIONALUM on 2025-02-14: 4 on about 200 is 2 %. A future settled at 200 goes on from 196."""
    paid = ex_day(action("dividend", cash=4, ex_day=day("2025-02-14")))
    option = instrument_of("NATIONALUM27FEB25200CE", "NFO")
    after = paid.apply_to_contract(option, 3750, close=200 * RUPEE)
    assert after is not None
    assert (after.strike, after.lot_size, after.dividend) == (196, 3750, 4 * RUPEE)
    assert after.position(3750, 750_000 * RUPEE, option=False) == (3750, 735_000 * RUPEE)
    assert after.position(3750, 20_000 * RUPEE, option=True) == (3750, 20_000 * RUPEE)


@pytest.mark.parametrize(
    ("text", "rupees", "adjusted"),
    [
        ("2018-07-04", 9.99, False),
        ("2018-07-04", 10, True),
        ("2018-07-05", 4.99, False),
        ("2018-07-05", 5, True),
        ("2022-06-28", 4.99, False),
        ("2022-06-29", 2, True),
        ("2022-06-29", 1.99, False),
    ],
)
def test_from_which_dividend_on_contracts_are_adjusted(
    text: str, rupees: float, adjusted: bool
) -> None:
    """On a share of 100: 10 %, 5 % since July 2018, 2 % since June 2022."""
    paid = ex_day(action("dividend", cash=rupees, ex_day=day(text)))
    option = instrument_of("SBIN28JUL22100CE", "NFO")
    assert (paid.apply_to_contract(option, 1, close=100 * RUPEE) is not None) == adjusted


def test_rights_adjust_contracts_by_their_theoretical_factor() -> None:
    rights = ex_day(action("rights", 1, 15, cash=1257))
    option = instrument_of("RELIANCE28MAY201465CE", "NFO")
    after = rights.apply_to_contract(option, 505, close=1_465 * RUPEE)
    assert after is not None
    assert after.factor == Fraction(1465, 1452)
    assert (after.strike, after.lot_size) == (1452, 510)


def test_a_demerger_ends_contracts_early() -> None:
    found = action_book().on("TATAMOTORS", "NSE", day("2025-10-14"))
    assert found is not None
    after = found.apply_to_contract(
        instrument_of("TATAMOTORS28OCT25FUT", "NFO"), 800, close=to_units(660.75)
    )
    assert after is not None
    assert after.expires_early


def test_shipped_actions_hold_on_both_exchanges_with_their_source() -> None:
    book = action_book()
    assert book.on("RELIANCE", "BSE", day("2024-10-28")) is not None
    assert book.on("RELIANCE", "NSE", day("2024-10-25")) is None
    assert book.of("NOSUCH", "NSE") == ()
    for shipped in shipped_actions():
        assert shipped.row is not None
        assert shipped.row.source
        assert shipped.ex_day >= day("2007-01-01")
        assert (shipped.ex_day + 3) % 7 < 5, shipped


def test_for_a_share_that_the_user_names_his_actions_alone_count() -> None:
    own = Action(symbol="RELIANCE", exchange="NSE", ex_day=day("2024-10-29"), kind="bonus")
    book = action_book([own])
    assert [found.day for found in book.of("RELIANCE", "NSE")] == [day("2024-10-29")]
    assert book.of("RELIANCE", "BSE") == ()
    assert len(book.of("HDFCBANK", "NSE")) == 3
