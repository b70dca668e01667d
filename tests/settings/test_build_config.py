"""Settings from Python keywords."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.errors import ConfigError
from tapeback.settings import build_config, load_config

if TYPE_CHECKING:
    from tests.settings.conftest import Project


def test_each_keyword_goes_into_its_section() -> None:
    config = build_config(
        initial_cash=5000, fee_bps=3, commission_per_trade=20, slippage_bps=2, seed=7,
        leverage={"MIS": 5}, risk_free_pct=6, slippage="none", slippage_ticks=1, spread_bps=1,
        impact=0.5, latency=250, market_fill="bar_close", intrabar="ohlc", limit_fill="touch",
        participation=None, close_at_end=True, fidelity="none", on_error="continue",
        on_bad_data="refuse", lots="scale", margin="strict", delivery_tax_pct=0.2,
        intraday_tax_pct=0, costs="none", broker="dhan",
    )  # fmt: skip
    assert config.backtest.model_dump() == {
        "initial_cash": 5000, "fee_bps": 3, "commission_per_trade": 20, "slippage_bps": 2,
        "seed": 7, "leverage": {"MIS": 5}, "risk_free_pct": 6, "delivery_tax_pct": 0.2,
        "intraday_tax_pct": 0,
    }  # fmt: skip
    assert config.execution.model_dump() == {
        "slippage": "none", "slippage_ticks": 1, "spread_bps": 1, "impact": 0.5, "latency": 250,
        "market_fill": "bar_close", "intrabar": "ohlc", "limit_fill": "touch",
        "participation": None, "close_at_end": True, "fidelity": "none", "on_error": "continue",
        "on_bad_data": "refuse", "lots": "scale", "margin": "strict",
    }  # fmt: skip
    assert (config.costs, config.broker) == ("none", "dhan")


def test_files_and_tax_are_keywords_too() -> None:
    base = build_config(corporate_actions="a.csv", broker={"base": "fyers", "order_rate": 0})
    config = build_config(base, ban_list="b.csv", tax={"enabled": True, "slab_pct": 20})
    assert (config.data.corporate_actions, config.data.ban_list) == ("a.csv", "b.csv")
    assert config.data.master_contract is None
    assert (config.tax.enabled, config.tax.slab_pct) == (True, 20)
    assert config.broker == {"base": "fyers", "order_rate": 0}


def test_a_base_keeps_all_else(project: Project) -> None:
    path = project.write_file(
        "x.yaml", "backtest: {initial_cash: 7, seed: 3}\nstrategy: {own: 1}\ndata: {symbol: TCS}"
    )
    base = load_config(path)
    config = build_config(base, seed=4)
    assert (config.backtest.initial_cash, config.backtest.seed) == (7, 4)
    assert config.strategy.own_parameters() == {"own": 1}
    assert base.backtest.seed == 3
    assert config.where("data.symbol") == base.where("data.symbol") == "x.yaml:3:8"
    assert base.where("backtest.seed") == "x.yaml:1:29"
    assert config.where("backtest.seed") is None


def test_all_problems_in_one_go_by_the_keywords_name() -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(initial_cash=-1, slipage="none", intrabar="advers", leverage={"MIS": 0})
    assert sorted(caught.value.problems) == [
        "initial_cash: must be greater than 0; got -1",
        "intrabar: must be one of adverse, favourable, nearer, ohlc, olhc, lower_timeframe; "
        "got 'advers' (did you mean 'adverse'?)",
        "leverage: MIS must be a number greater than 0; got 0",
        "slipage: unknown setting (did you mean 'slippage'?)",
    ]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"broker": "zeroda"}, "broker: unknown broker 'zeroda' (did you mean 'zerodha'?)"),
        ({"broker": 5}, "broker: must be a name or a mapping with text as keys; got 5"),
        ({"costs": {"EQ_OPT": {"flat": -1}}}, "costs.EQ_OPT.flat: -1 is not a number from 0"),
        (
            {"broker": {"square_off": {"equity": "late"}}},
            "broker.square_off.equity: must be a time",
        ),
        ({"tax": {"regime": "newest"}}, "tax.regime: must be one of new, old; got 'newest'"),
    ],
)
def test_what_is_wrong_inside_a_keyword_is_named_by_its_path(
    settings: dict[str, object], problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        build_config(**settings)
    assert [text[: len(problem)] for text in caught.value.problems] == [problem]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_cash_is_taken_as_given_or_refused(cash: float) -> None:
    if math.isfinite(cash) and cash > 0:
        assert build_config(initial_cash=cash).backtest.initial_cash == cash
    else:
        with pytest.raises(ConfigError, match="initial_cash"):
            build_config(initial_cash=cash)


@given(st.one_of(st.floats(), st.integers(), st.booleans()))
def test_participation_is_a_share_or_refused(value: float) -> None:
    if not isinstance(value, bool) and 0 < value <= 1:
        assert build_config(participation=value).execution.participation == value
    else:
        with pytest.raises(ConfigError, match="participation: must be auto"):
            build_config(participation=value)


def test_settings_cannot_be_changed_afterwards() -> None:
    config = build_config()
    with pytest.raises(ValueError, match="frozen"):
        config.backtest.seed = 1
