"""The bots as a user starts them: as scripts, in a process of their own."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strats.conftest import REPO

SCRIPTS = ("grid_trading_bot.py", "supertrend_trading_bot.py")


def start(script: str, *arguments: str, folder: Path, **environment: str) -> Any:
    if importlib.util.find_spec("openalgo") is None:
        pytest.skip("needs the OpenAlgo SDK (extra live)")
    known = {name: value for name, value in os.environ.items() if name != "OPENALGO_API_KEY"}
    return subprocess.run(
        [sys.executable, str(REPO / "strats" / script), *arguments],
        cwd=folder,
        env={**known, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_works_from_any_folder_and_hides_the_key(script: str, tmp_path: Path) -> None:
    done = start(script, "--help", folder=tmp_path, OPENALGO_API_KEY="s3cret")
    assert done.returncode == 0, done.stderr
    for option in ("--api-key", "--host", "--symbol", "--exchange", "--state-file", "--interval"):
        assert option in done.stdout
    assert "s3cret" not in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_missing_key_is_a_sentence_not_a_traceback(script: str, tmp_path: Path) -> None:
    done = start(script, folder=tmp_path)
    assert done.returncode == 2
    assert "set OPENALGO_API_KEY" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_value_is_a_sentence_not_a_traceback(tmp_path: Path) -> None:
    done = start(SCRIPTS[0], "--api-key", "k", "--grid-levels", "0", folder=tmp_path)
    assert done.returncode == 2
    assert "grid_levels must be at least 1" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_contract_has_twelve_abstract_methods(bots: SimpleNamespace) -> None:
    contract = bots.trading_bot.TradingBot
    assert inspect.isabstract(contract)
    assert sorted(contract.__abstractmethods__) == [
        "calculate_unrealized_pnl",
        "cancel_all_orders",
        "check_filled_orders",
        "get_current_price",
        "get_performance_summary",
        "get_trading_data_for_export",
        "load_state",
        "place_limit_order",
        "place_market_order",
        "run_backtest",
        "run_strategy",
        "save_state",
    ]


GRID = """api_key host symbol exchange grid_levels grid_spacing_pct order_amount grid_type
    stop_loss_pct take_profit_pct auto_reset state_file initial_position_strategy product
    last_entry square_off"""
SUPERTREND = """api_key symbol host exchange state_file take_profit_pct stop_loss_pct atr_period
    atr_multiplier max_order_amount product interval last_entry square_off"""


def test_the_constructors_take_what_they_always_took(bots: SimpleNamespace) -> None:
    grid = inspect.signature(bots.grid_trading_bot.GridTradingBot).parameters
    assert list(grid) == GRID.split()
    supertrend = inspect.signature(bots.supertrend_trading_bot.SupertrendTradingBot).parameters
    assert list(supertrend) == SUPERTREND.split()
    assert grid["product"].default == supertrend["product"].default == "MIS"


@pytest.mark.parametrize(
    ("exchange", "asked", "times"),
    [
        ("NSE", (None, None), ("15:00", "15:10")),
        ("NFO", (None, None), ("15:00", "15:10")),
        ("CDS", (None, None), ("16:15", "16:25")),
        ("MCX", (None, None), ("22:35", "22:45")),
        ("NSE", ("14:30", None), ("14:30", "15:10")),
        ("NSE", (None, "11:00"), ("11:00", "11:00")),
        ("NSE", ("9:30", "9:45"), ("09:30", "09:45")),
    ],
)
def test_when_an_intraday_bot_leaves(
    bots: SimpleNamespace, exchange: str, asked: tuple[Any, Any], times: tuple[str, str]
) -> None:
    assert bots.trading_bot.intraday_times(exchange, *asked) == times


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (("3 pm", None), "last_entry must be a time such as '15:10'; got '3 pm'"),
        ((None, 910), "square_off must be a time such as '15:10'; got 910"),
        (("15:20", "15:10"), "last_entry 15:20 must not lie after square_off 15:10"),
        (("15:20", None), "last_entry 15:20 must not lie after square_off 15:10"),
    ],
)
def test_times_that_cannot_be_are_refused(
    bots: SimpleNamespace, asked: tuple[Any, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        bots.trading_bot.intraday_times("NSE", *asked)


fills = st.lists(
    st.tuples(st.sampled_from(["BUY", "SELL"]), st.integers(1, 50), st.integers(1, 500)),
    max_size=40,
)


@given(fills, st.integers(1, 500))
def test_realised_and_unrealised_profit_add_up_to_the_cash_flow(
    bots: SimpleNamespace, fills: list[tuple[str, int, int]], price: int
) -> None:
    lots = bots.trading_bot.FifoLots()
    cash = position = 0
    for action, quantity, at in fills:
        lots.add(action, quantity, at)
        signed = quantity if action == "BUY" else -quantity
        position += signed
        cash -= signed * at
    assert lots.realized + lots.unrealized(price) == cash + position * price
