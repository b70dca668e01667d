"""What splits, bonuses, dividends, rights and demergers do to a run over raw prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tapeback import AppConfig, Candles
from tapeback.errors import DataFormatError
from tests.core.play import LIVE, Played, Scripted, bars, flat, minutes, play
from tests.core.rules.scenes import both_loops, clocks, postings, reasons, with_files

BEFORE, EX = "2024-01-02", "2024-01-03"
LABELS = [*clocks(BEFORE, "15:26", "15:27", "15:28", "15:29"), *minutes(f"{EX} 09:15", 4)]
OPENS = "01-03 09:14:59"
RICH: dict[str, Any] = {**LIVE, "initial_cash": 1_000_000}


def actions(folder: Path, *rows: str) -> AppConfig:
    head = "symbol,exchange,ex_date,kind,ratio,cash,child,parent_share"
    padded = [row + "," * (7 - row.count(",")) for row in rows]
    return with_files(folder, corporate_actions="\n".join([head, *padded]) + "\n")


def two_days(before: float, after: float, symbol: str = "ACME") -> Candles:
    return bars(*flat(before, 4), *flat(after, 4), at=LABELS, symbol=symbol, volume=1e6)


def held(played: Played) -> list[tuple[str, int, float]]:
    """(symbol, shares, average cost) of what is open in the end."""
    return [(p.symbol, p.quantity, p.average_price) for p in played.result.open_positions]


def buy(quantity: int, **order: Any) -> Any:
    return lambda s: s.buy(quantity, product="CNC", **order)


def free(s: Scripted) -> None:
    s.notes.append(s.context.portfolio.available)


# Shares ------------------------------------------------------------------------------------


def test_defect_15_a_split_makes_ten_shares_of_one_and_changes_no_money(tmp_path: Path) -> None:
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,")
    played = both_loops(two_days(1_000, 100), {0: buy(12)}, config=config, **RICH)
    assert held(played) == [("ACME", 120, 100)]
    assert set(played.result.equity_curve.equity.tolist()) == {1_000_000}
    assert not played.result.postings
    booked = played.fills[1]
    assert (booked.rule, booked.quantity, booked.price, booked.charges) == ("action", 108, 0, 0)
    assert f"{booked.time:%m-%d %H:%M}" == "01-03 09:15"


def test_the_round_trip_over_a_split_is_one_trade_of_the_new_shares(tmp_path: Path) -> None:
    """12 bought at 1,000, 120 sold at 110: 1,200 gained."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,")
    candles = bars(
        *flat(1_000, 4), *flat(100, 2), *flat(110, 2), at=LABELS, symbol="ACME", volume=1e6
    )
    steps = {0: buy(12), 5: lambda s: s.sell(120, product="CNC")}
    played = both_loops(candles, steps, config=config, **RICH)
    (trade,) = played.result.trades
    assert (trade.quantity, trade.entry_price, trade.exit_price, trade.pnl) == (
        120,
        100,
        110,
        1_200,
    )
    assert played.result.equity_curve.equity[-1] == 1_001_200


def test_a_bonus_adds_its_shares_and_pays_fractions_at_the_first_price(tmp_path: Path) -> None:
    """One for two on 15 shares: 7 more, and half a share at 200 in cash."""
    config = actions(tmp_path, f"ACME,,{EX},bonus,1:2,")
    played = both_loops(two_days(300, 200), {0: buy(15)}, config=config, **RICH)
    assert held(played) == [("ACME", 22, 4_500 / 22)]
    assert postings(played) == [(OPENS, "bonus", 100.0)]
    assert not played.result.charges.total


def test_a_dividend_is_credited_to_who_held_the_share_the_evening_before(tmp_path: Path) -> None:
    """15 held, 5 of them bought on the ex-date itself."""
    config = actions(tmp_path, f"ACME,NSE,{EX},dividend,,8")
    played = both_loops(two_days(300, 292), {0: buy(10), 5: buy(5)}, config=config, **RICH)
    assert postings(played) == [(OPENS, "dividend", 80.0)]
    assert held(played) == [("ACME", 15, (3_000 + 1_460) / 15)]
    # What the price lost the account got.
    assert played.result.equity_curve.equity.tolist()[3:6] == [1_000_000] * 3
    assert played.result.metrics.final_capital == 1_000_000


def test_what_is_already_in_the_prices_is_not_applied_again(tmp_path: Path) -> None:
    """Adjusted prices stay where they are over a split; a dividend counts all the same, in the
    rupees that these shares stand for."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,", f"ACME,NSE,{EX},dividend,,50")
    played = both_loops(two_days(100, 100), {0: buy(120)}, config=config, **RICH)
    assert held(played) == [("ACME", 120, 100)]
    # 50 a share of before the split are 5 a share of these.
    assert postings(played) == [(OPENS, "dividend", 600.0)]


def test_a_known_bonus_needs_no_file() -> None:
    """RELIANCE, one for one, on 2024-10-28: 2,700 became 1,350."""
    at = [*clocks("2024-10-25", "15:28", "15:29"), *minutes("2024-10-28 09:15", 2)]
    candles = bars(*flat(2_700, 2), *flat(1_350, 2), at=at, symbol="RELIANCE", volume=1e6)
    assert held(both_loops(candles, {0: buy(10)}, **RICH)) == [("RELIANCE", 20, 1_350)]


def test_for_a_share_that_the_user_names_his_file_alone_counts(tmp_path: Path) -> None:
    config = actions(tmp_path, "RELIANCE,NSE,2020-01-01,split,2:1,")
    at = [*clocks("2024-10-25", "15:28", "15:29"), *minutes("2024-10-28 09:15", 2)]
    candles = bars(*flat(2_700, 2), *flat(1_350, 2), at=at, symbol="RELIANCE", volume=1e6)
    assert held(both_loops(candles, {0: buy(10)}, config=config, **RICH)) == [
        ("RELIANCE", 10, 2_700)
    ]


def test_rights_are_worth_what_they_take_off_the_price(tmp_path: Path) -> None:
    """One for four at 100 on a share of 300: (4 x 300 + 100) / 5 = 260; 40 a share for 10."""
    config = actions(tmp_path, f"ACME,NSE,{EX},rights,1:4,100")
    played = both_loops(two_days(300, 260), {0: buy(10)}, config=config, **RICH)
    assert postings(played) == [(OPENS, "rights", 400.0)]
    assert played.result.equity_curve.equity[-1] == 1_000_000


def test_a_demerged_company_is_held_where_the_run_trades_it(tmp_path: Path) -> None:
    """One KID for five, which took 20 a share off the parent: a KID is worth 100, and takes a
    tenth of the cost with it."""
    config = actions(tmp_path, f"ACME,NSE,{EX},demerger,1:5,20,KID,0.9")
    parent = two_days(200, 180)
    child = bars(*flat(100, 4), at=LABELS[4:], symbol="KID", volume=1e6)
    played = play([parent, child], {("ACME", 0): buy(10)}, config=config, **RICH)
    assert held(played) == [("ACME", 10, 180), ("KID", 2, 100)]
    assert played.result.equity_curve.equity[-1] == 1_000_000


def test_of_a_demerged_company_that_the_run_does_not_trade_the_worth_is_credited(
    tmp_path: Path,
) -> None:
    """1,800 of the cost stay with the parent and are blocked; 200 are money again."""
    config = actions(tmp_path, f"ACME,NSE,{EX},demerger,1:5,20,KID,0.9")
    steps = {0: buy(10), 3: free, 4: free}
    played = both_loops(two_days(200, 180), steps, config=config, **RICH)
    assert postings(played) == [(OPENS, "demerger", 200.0)]
    assert held(played) == [("ACME", 10, 180)]
    assert played.strategy.notes == [998_000, 998_200]


def test_who_holds_nothing_gets_nothing(tmp_path: Path) -> None:
    config = actions(tmp_path, f"ACME,NSE,{EX},bonus,1:1,", f"ACME,NSE,{EX},dividend,,8")
    played = both_loops(two_days(300, 150), {4: buy(10)}, config=config, **RICH)
    assert held(played) == [("ACME", 10, 150)]
    assert not played.result.postings


def test_actions_of_days_without_bars_come_with_the_next_bar(tmp_path: Path) -> None:
    """The ex-date of 2024-01-03 lies in a hole of the data."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,2:1,")
    at = [*LABELS[:4], *minutes("2024-01-05 09:15", 4)]
    candles = bars(*flat(300, 4), *flat(150, 4), at=at, symbol="ACME", volume=1e6)
    played = both_loops(candles, {0: buy(10)}, config=config, **RICH)
    assert held(played) == [("ACME", 20, 150)]
    assert f"{played.fills[1].time:%m-%d}" == "01-05"


def test_daily_bars_are_adjusted_before_their_open(tmp_path: Path) -> None:
    config = actions(tmp_path, "ACME,NSE,2024-01-04,split,10:1,")
    candles = bars(
        *flat(1_000, 2), *flat(100, 2), timeframe="1d", start=BEFORE, symbol="ACME", volume=1e6
    )
    played = both_loops(candles, {0: buy(12)}, config=config, **RICH)
    assert held(played) == [("ACME", 120, 100)]
    assert set(played.result.equity_curve.equity.tolist()) == {1_000_000}


# Orders ------------------------------------------------------------------------------------


def test_the_exits_of_a_holding_keep_their_meaning(tmp_path: Path) -> None:
    """A stop at 900 and a target at 1,200 of 12 shares: 90 and 120 of 120 shares."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,")
    candles = bars(
        *flat(1_000, 4), *flat(100, 2), (100, 121, 100, 120), *flat(120, 1), at=LABELS,
        symbol="ACME", volume=1e6,
    )  # fmt: skip
    steps = {0: buy(12, stop_loss=900, target=1_200)}
    played = both_loops(candles, steps, config=config, **RICH)
    stop, target = (order for order in played.orders if order.parent)
    assert (stop.quantity, stop.trigger_price, stop.status) == (120, 90, "cancelled")
    assert (target.quantity, target.price, target.status) == (120, 120, "complete")
    # Nothing is met on the way of the prices from 1,000 to 100.
    assert played.rows[-1][1:] == ("SELL", 120, 120, "P2")
    assert not played.result.open_positions


def test_an_order_sent_at_the_last_close_is_for_the_new_shares(tmp_path: Path) -> None:
    """BUY 12 at 1,000 with a stop of 900 and a target of 1,200 becomes BUY 120 at 100, 90, 120."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,")
    steps = {3: buy(12, pricetype="LIMIT", price=1_000.0, stop_loss=900, target=1_200)}
    played = both_loops(two_days(1_000, 100), steps, config=config, **RICH)
    entry, stop, target = played.orders
    assert (entry.quantity, entry.price, entry.status) == (120, 100, "complete")
    assert (stop.trigger_price, stop.status) == (90, "trigger pending")
    assert (target.price, target.status) == (120, "open")
    assert played.result.modifications[0][2] == "quantity 12 to 120, price 1000.0 to 100.0"


def test_dividends_leave_orders_alone(tmp_path: Path) -> None:
    config = actions(tmp_path, f"ACME,NSE,{EX},dividend,,8")
    steps = {0: buy(10, stop_loss=250, target=350)}
    played = both_loops(two_days(300, 292), steps, config=config, **RICH)
    assert [(o.trigger_price, o.price) for o in played.orders[1:]] == [(250, 0), (0, 350)]
    assert not played.result.modifications


def test_a_demerger_of_unknown_worth_ends_what_rests(tmp_path: Path) -> None:
    """The split of the day before shows that these prices are raw."""
    config = actions(
        tmp_path, f"ACME,NSE,{EX},demerger,1:5,,KID,0.9", f"ACME,NSE,{BEFORE},split,2:1,"
    )
    candles = bars(
        *flat(400, 2), *flat(200, 4), *flat(180, 4), symbol="ACME", volume=1e6,
        at=[*minutes("2024-01-01 15:28", 2), *LABELS],
    )  # fmt: skip
    played = both_loops(candles, {2: buy(10, stop_loss=170)}, config=config, **RICH)
    assert reasons(played)[1] == "a corporate action ended the order."
    assert (played.orders[1].orderid, "cancelled", 0) in played.strategy.updates


@pytest.mark.parametrize(
    ("row", "before", "after", "edges"),
    [
        ("split,10:1,", 1_000, 100, (80, 120)),
        ("bonus,1:1,", 300, 150, (120, 180)),
        ("rights,1:4,100", 300, 260, (208, 312)),
    ],
)
def test_the_band_of_the_ex_date_lies_around_the_adjusted_close(
    tmp_path: Path, row: str, before: float, after: float, edges: tuple[float, float]
) -> None:
    """20 % around what the last close is worth after the action."""
    lower, upper = edges

    def send(s: Scripted) -> None:
        for price in (lower, upper, lower - 0.05, upper + 0.05):
            s.buy(1, "LIMIT", price=price, product="CNC")

    config = actions(tmp_path, f"ACME,NSE,{EX},{row}")
    played = both_loops(two_days(before, after), {4: send}, config=config, **RICH)
    assert [o.status == "rejected" for o in played.orders] == [False, False, True, True]


def test_the_fall_of_the_price_at_a_split_locks_no_band(tmp_path: Path) -> None:
    """A minute at 100 after a close of 1,000 is no lower band: a seller finds a buyer."""
    config = actions(tmp_path, f"ACME,NSE,{EX},split,10:1,")
    steps = {0: buy(12), 4: lambda s: s.sell(120, product="CNC")}
    played = both_loops(two_days(1_000, 100), steps, config=config, **RICH)
    assert played.rows[-1] == ("09:16:00", "SELL", 120, 100, "P1")


def test_without_the_action_on_file_the_fall_of_the_price_is_a_loss() -> None:
    played = both_loops(two_days(1_000, 100), {0: buy(12)}, **RICH)
    assert held(played) == [("ACME", 12, 1_000)]
    assert played.result.equity_curve.equity[-1] == 1_000_000 - 12 * 900


def test_a_bad_row_is_named_by_row_and_column(tmp_path: Path) -> None:
    config = actions(tmp_path, f"ACME,NSE,{EX},split,ten,")
    with pytest.raises(DataFormatError, match=r"corporate_actions.csv:2: column ratio: 'ten'"):
        play(two_days(1_000, 100), {}, config=config, **RICH)
