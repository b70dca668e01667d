"""Stock derivatives in a ban period: what reduces a position passes, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tapeback.errors import DataFormatError
from tests.core.play import LIVE, Played, Scripted, minutes, play
from tests.core.rules.scenes import reasons, still, with_files

BANNED = "2024-02-06"
LABELS = [*minutes("2024-02-05 10:00", 3), *minutes(f"{BANNED} 10:00", 3)]
LABELS += minutes("2024-02-07 10:00", 2)
WORDS = "The security is in the ban period: only orders that reduce a position are accepted."


def run(
    folder: Path, steps: dict[Any, Any], symbol: str = "SAIL29FEB24FUT", exchange: str = "NFO"
) -> Played:
    config = with_files(folder, ban_list=f"date,symbol\n{BANNED},SAIL\n{BANNED},ZEEL\n")
    candles = still(120, LABELS, symbol=symbol, exchange=exchange)
    return play(candles, steps, config=config, initial_cash=1e7, **LIVE)


def test_a_ban_holds_on_its_day_alone(tmp_path: Path) -> None:
    steps = {0: lambda s: s.buy(8), 3: lambda s: s.buy(8), 6: lambda s: s.buy(8)}
    played = run(tmp_path, steps)
    assert reasons(played) == ["", WORDS, ""]
    assert played.orders[1].refused_by == "broker"
    assert "95 %" in played.orders[1].remedy


def test_what_reduces_the_position_passes_and_what_turns_it_does_not(tmp_path: Path) -> None:
    def close(s: Scripted) -> None:
        s.sell(16)
        s.sell(4)
        s.sell(4, "LIMIT", price=125)
        s.sell(4)

    played = run(tmp_path, {0: lambda s: s.buy(8), 3: close})
    # 4 are sold and 4 on sale: a third order of 4 would turn the position.
    assert reasons(played)[1:] == [WORDS, "", "DAY order: the session ended.", WORDS]


def test_an_exit_that_rests_may_be_changed_during_the_ban(tmp_path: Path) -> None:
    """Its own place among the resting orders does not count against it."""

    def change(s: Scripted) -> None:
        s.notes.append(s.modify(s.ids[0], price=121))
        s.notes.append(s.modify(s.ids[0], quantity=16))

    steps = {
        0: lambda s: s.buy(8),
        3: lambda s: s.keep(s.sell(8, "LIMIT", price=125)),
        4: change,
    }
    played = run(tmp_path, steps)
    assert played.strategy.notes == [True, False]
    assert (played.order(0).price, played.order(0).quantity) == (121, 8)


def test_the_share_itself_and_other_underlyings_trade_on(tmp_path: Path) -> None:
    for symbol, exchange in (("SAIL", "NSE"), ("TATASTEEL29FEB24FUT", "NFO")):
        played = run(tmp_path, {3: lambda s: s.buy(8)}, symbol, exchange)
        assert played.orders[0].status == "complete"


def test_a_bad_row_of_a_ban_list_is_named(tmp_path: Path) -> None:
    config = with_files(tmp_path, ban_list="date,symbol\n2024-02-30,SAIL\n")
    with pytest.raises(DataFormatError, match=r"ban_list.csv:2: column date: '2024-02-30'"):
        play(still(120, LABELS), {}, config=config, **LIVE)
