"""The bots of strats/ in their own live loops, against their run of one call a bar."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tapeback.bots.isolation.launches import launch_rule
from tapeback.models.config import AppConfig
from tapeback.runner import run
from tapeback.utils.clock import to_ist
from tests.conftest import REPO
from tests.scripts.conftest import Play

LATER = "2024-01-09"


class Bot(NamedTuple):
    """A bot of strats/, and what it is told."""

    file: str
    kind: str
    parameters: dict[str, Any]


GRID = Bot(
    "grid_trading_bot.py",
    "GridTradingBot",
    {"grid_levels": 5, "grid_spacing_pct": 0.3, "order_amount": 20_000},
)
SUPERTREND = Bot("supertrend_trading_bot.py", "SupertrendTradingBot", {"max_order_amount": 20_000})
# The same path for both (T3), and orders that arrive when they are sent.
EXECUTION = {"intrabar": "nearer", "latency": 0}
DATA = {"symbol": "RELIANCE", "exchange": "NSE", "timeframe": "5m", "use_synthetic": True}
DATES = {"start": "2024-01-08", "end": "2024-01-11"}


def by_bar(bot: Bot) -> list[tuple[Any, ...]]:
    """The trades of `run_backtest`, called at the close of each bar."""
    strategy = {"type": f"strats/{bot.file}:{bot.kind}", **bot.parameters}
    config = {"data": {**DATA, **DATES}, "execution": EXECUTION, "strategy": strategy}
    fills = run(AppConfig.model_validate(config), root=REPO).fills
    return [(to_ist(f.ts).isoformat()[:23], f.side, f.quantity, f.price) for f in fills]


def by_loop(play: Play, bot: Bot, **script: Any) -> list[tuple[Any, ...]]:
    """The trades of `run_strategy`: the file itself with its own command line, a look each bar."""
    options = [f"--{name.replace('_', '-')}={value}" for name, value in bot.parameters.items()]
    played = play(
        REPO / "strats" / bot.file,
        *options,
        "--interval=300",
        settings={"execution": EXECUTION, "data": {**DATA, **DATES}},
        **script,
    )
    assert played.outcome.status == "completed", played.outcome.why
    fills = played.document["fills"]
    return [(f["time"][:23], f["side"], f["quantity"], f["price"]) for f in fills]


def test_the_grid_trades_alike(play: Play) -> None:
    """Looking each five minutes from the first bar's close on, which is when a run of one call a
    bar first decides."""
    expected = by_bar(GRID)
    assert len(expected) > 40
    assert by_loop(play, GRID, rule=launch_rule("daily", "09:20", "15:29")) == expected


def test_the_supertrend_trades_alike(play: Play) -> None:
    """But for the first date: live it has the bars of the days before, and knows its trend."""
    expected, found = by_bar(SUPERTREND), by_loop(
        play, SUPERTREND, rule=launch_rule("daily", "09:20", "15:29")
    )  # fmt: skip
    later = [fill for fill in expected if fill[0] >= LATER]
    assert len(later) >= 4
    assert [fill for fill in found if fill[0] >= LATER] == later
    assert found[0][0] < expected[0][0]


def test_a_loop_that_looks_at_the_open_centres_its_grid_there(play: Play) -> None:
    """The difference of polling between bars: at 09:15:00 there is a price, but no closed bar."""
    expected, found = by_bar(GRID), by_loop(play, GRID)
    assert found != expected
    assert found[0][3] < expected[0][3]  # the open lies lower than the first bar's close


@pytest.mark.parametrize("seed", ["1", "4242"])
def test_the_hash_seed_of_the_parent_changes_nothing(
    play: Play, monkeypatch: pytest.MonkeyPatch, seed: str
) -> None:
    """Threads, a feed and a pool of workers: the same to the byte as without a seed."""
    usual = play("feed_and_loop", end="2024-01-08")
    monkeypatch.setenv("PYTHONHASHSEED", seed)
    seeded = play("feed_and_loop", end="2024-01-08", environment={"PYTHONHASHSEED": seed})
    assert seeded.said == usual.said
    assert seeded.document["orders"] == usual.document["orders"]
