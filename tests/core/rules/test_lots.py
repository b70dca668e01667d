"""Which lot a contract has on its date, and what bots do that carry another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tapeback import ConfigError
from tapeback.errors import DataFormatError
from tests.core.play import LIVE, SANDBOX, Scripted, minutes, play
from tests.core.rules.scenes import both_loops, reasons, still, with_files

TODAY = "2024-01-02"
FUTURE = {"symbol": "NIFTY25JAN24FUT", "exchange": "NFO"}
RICH: dict[str, Any] = {**LIVE, "initial_cash": 1e9}


def refusal(lot: int) -> str:
    return f"Quantity must be in multiples of lot size {lot}"


@pytest.mark.parametrize(
    ("symbol", "exchange", "day", "lot"),
    [
        ("NIFTY25JAN24FUT", "NFO", "2024-01-02", 50),
        ("NIFTY25APR2422500CE", "NFO", "2024-04-24", 50),
        # The lot is the contract's: weeklies from May 2024 on have 25.
        ("NIFTY02MAY2422500CE", "NFO", "2024-04-26", 25),
        ("NIFTY30JAN25FUT", "NFO", "2025-01-06", 25),  # the last monthly of 25 ...
        ("NIFTY09JAN2524000CE", "NFO", "2025-01-06", 75),  # ... beside weeklies of 75
        ("NIFTY06JAN2626000CE", "NFO", "2026-01-02", 65),
        ("BANKNIFTY29FEB24FUT", "NFO", "2024-02-01", 15),
        ("SENSEX23FEB2472000CE", "BFO", "2024-02-20", 10),
        ("USDINR29JAN24FUT", "CDS", "2024-01-02", 1_000),
        ("CRUDEOIL19JAN24FUT", "MCX", "2024-01-02", 100),
        ("SBIN", "NSE", "2024-01-02", 1),
    ],
)
def test_defect_07_orders_are_for_whole_lots_of_the_contract(
    symbol: str, exchange: str, day: str, lot: int
) -> None:
    def send(s: Scripted) -> None:
        s.buy(lot)
        if lot > 1:
            s.buy(lot + 1)
            s.buy(lot // 2)

    candles = still(100, minutes(f"{day} 10:00", 3), symbol=symbol, exchange=exchange)
    played = both_loops(candles, {0: send}, **RICH)
    assert [fill.quantity for fill in played.fills] == [lot]
    assert reasons(played) == ["", *[refusal(lot)] * (len(played.orders) - 1)]


@pytest.mark.parametrize("quantity", [1.5, 0, -5, "ten"])
def test_defect_07_there_are_no_fractions_of_a_share(quantity: Any) -> None:
    candles = still(100, minutes(f"{TODAY} 10:00", 3))
    played = both_loops(candles, {0: lambda s: s.buy(quantity)}, **RICH)
    assert [order.status for order in played.orders] == ["rejected"]
    assert played.orders[0].refused_by == "openalgo"


def test_the_first_refusal_for_a_lot_names_the_other_settings_and_all_are_counted() -> None:
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = both_loops(candles, {0: lambda s: [s.buy(65) for _ in range(3)]}, **RICH)
    first, *others = (order.remedy for order in played.orders)
    assert "the nearest is 50" in first
    assert "`lots: today`" in first
    assert "`lots: scale`" in first
    assert all("`lots:" not in remedy for remedy in others)
    assert played.result.broker.lot_refusals == 3


def test_lots_today_trades_the_latest_lot_on_all_dates() -> None:
    """65 units in January 2024, when a lot held 50; 50 is then no lot any more."""
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    steps = {0: lambda s: (s.buy(65), s.buy(50))}
    played = both_loops(candles, steps, lots="today", **RICH)
    assert [fill.quantity for fill in played.fills] == [65]
    assert reasons(played) == ["", refusal(65)]
    assert "`lots: dated`" in played.orders[1].remedy
    assert "`lots: scale`" in played.orders[1].remedy


def test_lots_scale_turns_lots_of_the_bot_into_lots_of_the_contract() -> None:
    """Two of today's lots of 65 are two of the contract's, 100 units; 50 are no lot of the bot's.
    Its freeze limit is the contract's: 1,800 of 50."""

    def send(s: Scripted) -> None:
        for quantity in (130, 50, 36 * 65, 37 * 65):
            s.buy(quantity)

    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = both_loops(candles, {0: send}, lots="scale", **RICH)
    assert [fill.quantity for fill in played.fills] == [100, 1_800]
    assert reasons(played)[1] == refusal(65)
    assert "exceeds the freeze quantity" in reasons(played)[3]


def test_lots_scale_leaves_shares_alone() -> None:
    candles = still(100, minutes(f"{TODAY} 10:00", 3))
    played = both_loops(candles, {0: lambda s: s.buy(7)}, lots="scale", **RICH)
    assert [fill.quantity for fill in played.fills] == [7]


def test_the_sandbox_refuses_a_broken_lot_as_openalgo_does() -> None:
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = both_loops(candles, {0: lambda s: s.buy(65)}, initial_cash=1e9, **SANDBOX)
    assert reasons(played) == [refusal(50)]
    assert played.orders[0].refused_by == "openalgo"


# A master contract of the user's -----------------------------------------------------------

HEAD = "symbol,exchange,expiry,strike,lotsize,instrumenttype,tick_size\n"


def test_a_master_contract_wins_over_the_tables(tmp_path: Path) -> None:
    """It lists the future in lots of 40 with a tick of 0.25."""
    config = with_files(
        tmp_path, master_contract=f"{HEAD}NIFTY25JAN24FUT,NFO,25-JAN-24,-0.01,40,FUTIDX,0.25\n"
    )

    def send(s: Scripted) -> None:
        s.buy(40)
        s.buy(50)
        s.buy(40, "LIMIT", price=21_990.05)
        s.buy(40, "LIMIT", price=21_990.25)

    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = play(candles, {0: send}, config=config, **RICH)
    assert reasons(played) == [
        "", refusal(40), "price 21990.05 is not a multiple of the tick size 0.25", "",
    ]  # fmt: skip


def test_a_symbol_that_the_master_does_not_list_goes_by_the_tables(tmp_path: Path) -> None:
    config = with_files(
        tmp_path, master_contract=f"{HEAD}NIFTY29FEB24FUT,NFO,29-FEB-24,-0.01,40,FUTIDX,0.05\n"
    )
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    played = play(candles, {0: lambda s: s.buy(50)}, config=config, **RICH)
    assert [fill.quantity for fill in played.fills] == [50]


def test_a_bad_row_of_a_master_contract_is_named_by_row_and_column(tmp_path: Path) -> None:
    config = with_files(
        tmp_path, master_contract=f"{HEAD}NIFTY25JAN24FUT,NFO,25-JAN-24,-0.01,many,FUTIDX,0.05\n"
    )
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    with pytest.raises(DataFormatError, match=r"master_contract.csv:2: column lotsize: 'many'"):
        play(candles, {0: lambda s: s.buy(50)}, config=config, **RICH)


def test_a_word_that_is_no_setting_of_lots_is_refused() -> None:
    candles = still(22_000, minutes(f"{TODAY} 10:00", 3), **FUTURE)
    with pytest.raises(ConfigError, match="lots"):
        play(candles, {}, lots="tomorrow", **LIVE)
