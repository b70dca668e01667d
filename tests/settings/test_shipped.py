"""The files in configs/active."""

from __future__ import annotations

from pathlib import Path

import pytest

from tapeback.models.config import AppConfig, StrategyConfig
from tapeback.runner import execution_rules
from tapeback.settings import CATALOGUE_PATH, build_config, load_catalogue, load_config

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WEB_STRATEGY", "OPENALGO_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_defect_77_the_default_command_finds_usable_settings() -> None:
    config = load_config(root=ROOT)
    assert config.public_dict() == load_config(strategy="grid", root=ROOT).public_dict()


def test_both_strategies_are_set_to_trade() -> None:
    grid = load_config(strategy="grid", root=ROOT)
    assert (grid.data.symbol, grid.data.exchange, grid.data.timeframe) == (
        "NIFTY", "NSE_INDEX", "1m"
    )  # fmt: skip
    assert (grid.strategy.type, grid.strategy.buffer_enabled) == ("grid", False)
    assert grid.strategy.order_amount == 50_000
    trend = load_config(strategy="supertrend", root=ROOT)
    assert (trend.data.symbol, trend.data.exchange, trend.data.timeframe) == (
        "RELIANCE", "NSE", "15m"
    )  # fmt: skip
    assert (trend.strategy.type, trend.strategy.max_order_amount) == ("supertrend", 50_000)
    for config in (grid, trend):
        assert config.backtest.initial_cash == 1_000_000
        assert (config.data.start, config.data.end) == (None, None)
        assert config.data.use_synthetic is False
        assert config.strategy.own_parameters() == {}


@pytest.mark.parametrize("strategy", ["grid", "supertrend"])
def test_defect_48_the_strategies_files_leave_the_key_to_the_environment(
    strategy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_config(strategy=strategy, root=ROOT).openalgo.api_key.get_secret_value() == ""
    monkeypatch.setenv("OPENALGO_API_KEY", "from-the-environment")
    config = load_config(strategy=strategy, root=ROOT)
    assert config.openalgo.api_key.get_secret_value() == "from-the-environment"


def test_defect_66_no_file_holds_a_key() -> None:
    files = sorted((ROOT / "configs").rglob("*.yaml"))
    assert len(files) >= 4
    lines = [line.strip() for file in files for line in file.read_text("utf-8").splitlines()]
    keys = [line.partition("#")[0].strip() for line in lines if "api_key" in line]
    assert keys == ["api_key: ${OPENALGO_API_KEY:}"]


def test_the_base_file_states_the_defaults() -> None:
    base = load_config(ROOT / "configs/active/config.yaml", root=ROOT).public_dict()
    defaults = AppConfig().public_dict()
    assert base["backtest"].pop("initial_cash") == 1_000_000
    defaults["backtest"].pop("initial_cash")
    assert base == defaults


def test_every_setting_is_in_the_shipped_files() -> None:
    """A key that no file mentions is one that nobody finds."""
    text = "\n".join(file.read_text("utf-8") for file in (ROOT / "configs").rglob("*.yaml"))
    sections = [field.annotation for field in AppConfig.model_fields.values()]
    for section in sections:
        fields = getattr(section, "model_fields", {})
        absent = [name for name in fields if f"{name}:" not in text]
        hidden = {"volume", "initial_price", "format"}
        if section is StrategyConfig:
            hidden |= {"buffer_days"}
        assert set(absent) <= hidden


def test_the_catalogue_names_files_that_exist() -> None:
    entries = load_catalogue(ROOT / CATALOGUE_PATH)
    assert [entry.id for entry in entries] == ["grid", "supertrend"]
    assert all((ROOT / entry.config_path).is_file() for entry in entries)


@pytest.mark.parametrize("fidelity", ["live", "sandbox", "none"])
def test_the_shipped_files_leave_to_the_fidelity_what_depends_on_it(fidelity: str) -> None:
    """Charges, slippage, the cap on volume and how limits fill: as if no file had been there."""
    chosen = f"execution.fidelity={fidelity}"
    shipped = load_config(strategy="grid", root=ROOT, overrides=[chosen])
    assert execution_rules(shipped) == execution_rules(build_config(fidelity=fidelity))
    assert shipped.costs is None
