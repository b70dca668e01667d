"""Raw or adjusted prices, and jumps that no corporate action explains."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tapeback.data.files import read_candles
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import Action, ActionBook, ActionKind, action_book
from tapeback.market.settling.price_jumps import (
    Examination,
    examine,
    findings_of,
    gaps_of,
    unadjusted_jumps,
)
from tapeback.models.finding import Finding
from tapeback.utils.clock import day_of, midnight
from tapeback.utils.money import RUPEE, to_units

FIRST = day_of(date(2024, 6, 3))


def daily(*prices: float, symbol: str = "SBIN", exchange: str = "NSE") -> Candles:
    """One bar of one price a day from Monday 2024-06-03 on."""
    column = np.array(prices, float)
    return Candles.from_arrays(
        symbol=symbol,
        exchange=exchange,
        timeframe="1d",
        ts=np.array([midnight(FIRST + n) for n in range(len(prices))]),
        open=column,
        high=column,
        low=column,
        close=column,
    )


def action(kind: ActionKind, offset: int, new: int = 1, held: int = 1, **more: Any) -> Action:
    return Action(
        symbol="SBIN", exchange="", ex_day=FIRST + offset, kind=kind, new=new, held=held, **more
    )


def examined(candles: Candles, *actions: Action) -> Examination:
    return examine(gaps_of(candles), ActionBook(actions).of("SBIN", "NSE"))


def found(candles: Candles, *actions: Action) -> dict[str, Finding]:
    return {f.code: f for f in unadjusted_jumps(candles, ActionBook(actions))}


def test_defect_15_a_jump_without_an_action_is_a_finding() -> None:
    """2,188 to 1,096 is no loss of half the money but a split nobody told of."""
    finding = found(daily(2190, 2188, 1096, 1100))["unadjusted-jump"]
    assert (finding.severity, finding.count, finding.where) == ("warning", 1, "2024-06-05")
    assert "-49.9%" in finding.message
    assert "a split 2:1 or a bonus 1:1" in finding.message


@pytest.mark.parametrize(("price", "jumps"), [(80.0, 0), (79.9, 1), (120.0, 0), (120.1, 1)])
def test_a_move_of_more_than_a_fifth_is_a_jump(price: float, jumps: int) -> None:
    assert len(examined(daily(100, price)).unexplained) == jumps


@pytest.mark.parametrize(
    ("kind", "new", "held", "after"),
    [
        ("split", 2, 1, 98), ("split", 10, 1, 20.2), ("bonus", 1, 2, 131), ("bonus", 4, 1, 41),
        ("split", 1, 10, 1980),
    ],
)  # fmt: skip
def test_a_gap_of_the_actions_size_says_raw(
    kind: ActionKind, new: int, held: int, after: float
) -> None:
    examination = examined(daily(200, after), action(kind, 1, new, held))
    assert [judged.state for judged in examination.judged] == ["raw"]
    assert examination.unexplained == ()
    assert [day.day for day in examination.to_apply()] == [FIRST + 1]


def test_no_gap_says_adjusted_and_nothing_is_applied() -> None:
    examination = examined(daily(200, 203), action("split", 1, 2))
    assert [judged.state for judged in examination.judged] == ["adjusted"]
    assert examination.to_apply() == ()


def test_a_gap_between_none_and_all_is_unclear_and_still_a_jump() -> None:
    """-30 % is neither the -50 % of the split nor nothing."""
    examination = examined(daily(200, 140), action("split", 1, 2))
    assert [judged.state for judged in examination.judged] == ["unclear"]
    assert len(examination.unexplained) == 1


def test_an_action_on_a_day_without_bars_is_judged_by_the_gap_around_it() -> None:
    bars = daily(200, 200, 200, 100, 100)
    held = Candles(bars.series, [c[[0, 1, 3, 4]] for c in bars.columns], bars.origin)
    [judged] = examined(held, action("split", 2, 2)).judged
    assert (judged.state, judged.gap.day) == ("raw", FIRST + 3)


@pytest.mark.parametrize("offset", [-1, 0, 3])
def test_actions_outside_the_prices_are_not_judged(offset: int) -> None:
    assert examined(daily(200, 200, 200), action("split", offset, 2)).judged == ()


def test_raw_and_adjusted_in_one_file_are_a_warning() -> None:
    bars = daily(200, 100, 100, 100)
    kinds = found(bars, action("split", 1, 2), action("split", 3, 5))
    assert kinds["mixed-adjustment"].severity == "warning"
    assert "split 2:1 on 2024-06-04 (-50.0%)" in kinds["mixed-adjustment"].message


def test_a_small_action_follows_the_nearest_clear_one() -> None:
    """Nobody sees a bonus 1:100 in a gap; beside a raw split it is raw as well."""
    small = action("bonus", 2, 1, 100)
    assert examined(daily(200, 200, 200), small).to_apply() == ()
    beside = examined(daily(200, 100, 100), action("split", 1, 2), small)
    assert [day.day for day in beside.to_apply()] == [FIRST + 1, FIRST + 2]
    assert "unclear-adjustment" in {f.code for f in findings_of(beside)}


def test_a_dividend_is_counted_in_the_shares_of_adjusted_prices() -> None:
    """10 a share before a split 5:1 that the prices already contain are 2 a share of theirs."""
    dividend = action("dividend", 1, cash=10 * RUPEE)
    adjusted = examined(daily(40, 39, 40), dividend, action("split", 2, 5)).to_apply()
    assert [day.dividend for day in adjusted] == [2 * RUPEE]
    raw = examined(daily(200, 190, 38), dividend, action("split", 2, 5)).to_apply()
    assert raw[0].dividend == 10 * RUPEE


def test_a_dividend_on_the_day_of_an_adjusted_bonus_is_counted_alike() -> None:
    both = (action("dividend", 1, cash=29 * RUPEE), action("bonus", 1))
    [day] = examined(daily(100, 100), *both).to_apply()
    assert (day.dividend, day.share_factor) == (to_units(14.5), 1)


def test_only_shares_in_bars_of_a_day_or_less_are_examined() -> None:
    split = ActionBook([action("split", 1, 2)])
    assert unadjusted_jumps(daily(200, 100, exchange="NFO"), split) == ()
    assert unadjusted_jumps(daily(200, 100)[:0], split) == ()
    weekly = daily(200, 100, 100, 100, 100, 100, 100, 100, 40).resample("1w")
    assert unadjusted_jumps(weekly, split) == ()


def test_a_real_file_of_raw_prices(shared_data: Path) -> None:
    """HDFCBANK closed at 2,188 on 2019-09-18 and opened at 1,096, split 2:1."""
    path = shared_data / "market" / "HDFCBANK_15m_vol_2019_2023.csv"
    candles = read_candles(path, symbol="HDFCBANK", exchange="NSE")
    codes = {f.code for f in unadjusted_jumps(candles, action_book())}
    assert codes == {"raw-prices"}
    assert {f.code for f in unadjusted_jumps(candles, ActionBook([]))} == {"unadjusted-jump"}


def test_a_real_file_of_adjusted_prices(shared_data: Path) -> None:
    """RELIANCE opened higher on the ex-dates of both its bonuses."""
    path = shared_data / "market" / "RELIANCE_1d_2007_2022.csv"
    candles = read_candles(path, symbol="RELIANCE", exchange="NSE")
    examination = examine(gaps_of(candles), action_book().of("RELIANCE", "NSE"))
    states = [judged.state for judged in examination.judged]
    assert states == ["adjusted", "adjusted", "unclear"]
    assert examination.unexplained == examination.to_apply() == ()
