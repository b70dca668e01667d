"""Small cases of another engine: stops, targets and stop entries inside a bar, and commissions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tapeback import Candles, Trade
from tests.core.play import BARE, Played, Scripted, Step, bars, flat, play
from tests.oracles.goog import read_expected, read_goog


@pytest.fixture(scope="module")
def goog(shared_data: Path) -> Candles:
    return read_goog(shared_data)


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = read_expected(shared_data)["intrabar"]
    assert len(listed) == 8
    return listed


@pytest.fixture(scope="module")
def equities(shared_data: Path) -> list[list[float]]:
    return [case["equity_bars_2_3"] for case in read_expected(shared_data)["commission"]]


def on_dates(candles: Candles, steps: dict[str, Step], **settings: Any) -> Played:
    """Run over a daily series with what to do at the close of each date."""
    days = [f"{candle.timestamp:%Y-%m-%d}" for candle in candles]
    return play(candles, {days.index(day): step for day, step in steps.items()}, **settings)


def only_trade(played: Played) -> Trade:
    (trade,) = played.result.trades
    return trade


def test_case_1_stop_inside_the_entry_bar(goog: Candles, cases: list[dict[str, Any]]) -> None:
    played = on_dates(goog, {"2012-10-17": lambda s: s.buy(1, stop_loss=720)}, **BARE)
    assert only_trade(played).entry_price == 755.54
    assert only_trade(played).exit_price == cases[0]["exit_price"] == 720
    assert f"{only_trade(played).exit_time:%Y-%m-%d}" == "2012-10-18"


def test_case_2_stop_entry_and_its_stop_in_one_bar(
    goog: Candles, cases: list[dict[str, Any]]
) -> None:
    """Ours differs on purpose. The bar is open 755.54, high 759.42, low 676, close 695: price
    entered at 758 and closed at 695, so on any continuous path it came through 720 after the
    entry and a stop resting there was executed. The other engine looks at a stop only from the
    bar after the entry and exits at the next open, 705.58."""
    entry: Step = lambda s: s.buy(1, "SL-M", trigger_price=758, stop_loss=720)  # noqa: E731
    trade = only_trade(on_dates(goog, {"2012-10-17": entry}, **BARE))
    assert cases[1]["exit_price"] == 705.58
    assert (trade.entry_price, trade.exit_price) == (758, 720)
    assert trade.entry_time < trade.exit_time
    assert trade.exit_time.date() == trade.entry_time.date()


def test_case_3_stop_entry_with_stop_and_target(goog: Candles, cases: list[dict[str, Any]]) -> None:
    entry: Step = lambda s: s.buy(1, "SL-M", trigger_price=104, stop_loss=103, target=110)  # noqa: E731
    played = on_dates(goog[:17], {"2004-09-09": entry}, **BARE)
    assert played.prices == [cases[2]["entry_price"]]
    assert played.result.open_positions[0].average_price == 104


def test_case_4_stop_before_target_and_a_gap_at_the_open(
    goog: Candles, cases: list[dict[str, Any]]
) -> None:
    def protect(s: Scripted) -> None:
        s.oco(s.sell(1, "SL-M", trigger_price=105), s.sell(1, "LIMIT", price=107.9))

    played = on_dates(goog[:20], {"2004-08-24": lambda s: s.buy(1), "2004-08-25": protect}, **BARE)
    assert only_trade(played).exit_price == cases[3]["exit_price"] == 104.95
    assert [order.status for order in played.orders] == ["complete", "complete", "cancelled"]


def test_case_5_stop_entry_and_target_in_one_bar(
    goog: Candles, cases: list[dict[str, Any]]
) -> None:
    entry: Step = lambda s: s.sell(1, "SL-M", trigger_price=108, stop_loss=113, target=105)  # noqa: E731
    trade = only_trade(on_dates(goog[:20], {"2004-08-23": entry}, **BARE))
    assert (trade.side, trade.entry_price, trade.exit_price) == ("SELL", 108, 105)
    assert trade.exit_price == cases[4]["exit_price"]
    assert trade.exit_time.date() == goog[cases[4]["exit_bar"]].timestamp.date()


def test_case_6_gap_below_the_stop(goog: Candles, cases: list[dict[str, Any]]) -> None:
    trade = only_trade(
        on_dates(goog[:20], {"2004-08-31": lambda s: s.buy(1, stop_loss=99.5)}, **BARE)
    )
    assert trade.exit_price == cases[5]["exit_price"] == 99.19
    assert trade.exit_time.date() == goog[10].timestamp.date()


def test_case_7_stop_limit_orders_fill_at_their_triggers(
    goog: Candles, cases: list[dict[str, Any]]
) -> None:
    def enter(s: Scripted) -> None:
        s.buy(1, "SL", price=113, trigger_price=112)

    def leave(s: Scripted) -> None:
        s.sell(1, "SL", price=105, trigger_price=107)

    played = on_dates(goog[:20], {"2004-08-20": enter, "2004-08-23": leave}, **BARE)
    assert played.prices == cases[6]["prices"] == [112, 107]


def test_case_8_entry_at_the_close_and_a_fall_through_the_stop(cases: list[dict[str, Any]]) -> None:
    series = bars(*flat(100, 3), *flat(50, 2), timeframe="1d", start="2024-01-01")
    played = play(series, {0: lambda s: s.buy(1, stop_loss=90)}, market_fill="bar_close", **BARE)
    assert only_trade(played).entry_price == 100
    assert only_trade(played).exit_price == cases[7]["exit_price"] == 50


@pytest.mark.parametrize(
    ("case", "quantity", "settings"),
    [
        # Theirs charges 1 % of spread once, at the entry. Ours is the whole spread, half of it a
        # side; a limit at the open it meets pays none, which leaves the entry's.
        pytest.param(0, 88, {"spread_bps": 200, "fee_bps": 100}, id="spread and 1 %"),
        pytest.param(1, 47, {"commission_per_trade": 100, "fee_bps": 100}, id="100 and 1 %"),
        pytest.param(2, 89, {"fee_bps": 100}, id="1 %"),
    ],
)
def test_commission(
    goog: Candles,
    equities: list[list[float]],
    case: int,
    quantity: int,
    settings: dict[str, Any],
) -> None:
    candles = goog[:20]
    played = play(
        candles,
        {
            1: lambda s: s.buy(quantity),
            2: lambda s: s.sell(quantity, "LIMIT", price=float(candles.open[3])),
        },
        initial_cash=10_000,
        **settings,
        **BARE,
    )
    assert played.result.trades[0].exit_price == candles.open[3]
    assert played.result.equity_curve.equity[2:4].round(2).tolist() == equities[case]
