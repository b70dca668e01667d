"""The rules of a run, from its settings."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from tapeback.core.rules import ExecutionRules
from tapeback.data.actions import read_actions
from tapeback.data.bans import read_bans
from tapeback.data.master import read_master_contract
from tapeback.market.brokers import broker_of
from tapeback.market.charges import ChargeSchedule
from tapeback.market.contracts.lots import LotPolicy
from tapeback.market.costs.plans import PlanSpec
from tapeback.market.margin import MarginModel
from tapeback.market.rulebook import Rulebook
from tapeback.market.settling.corporate_actions import ActionBook, action_book
from tapeback.models.config import AppConfig
from tapeback.models.order import PRODUCTS
from tapeback.settings.market_rules import plan_and_rounding


def execution_rules(config: AppConfig, *, live_latency: float = 0.0) -> ExecutionRules:
    """The execution settings with every default settled that depends on the fidelity;
    `live_latency` is the one of `live`, in milliseconds."""
    execution, backtest_ = config.execution, config.backtest
    live = execution.fidelity == "live"
    latency = execution.latency
    if latency is None:
        latency = live_latency if live else 0.0
    participation = execution.participation
    if participation == "auto" and not live:
        participation = None
    return ExecutionRules(
        fidelity=execution.fidelity,
        market_fill=execution.market_fill,
        intrabar=execution.intrabar,
        limit_fill=execution.limit_fill or ("through" if live else "touch"),
        participation=participation,
        slippage=execution.slippage or ("normal" if live else "none"),
        slippage_bps=backtest_.slippage_bps,
        slippage_ticks=execution.slippage_ticks,
        spread_bps=execution.spread_bps,
        impact=execution.impact,
        latency=round(latency * 1_000_000),
        continue_on_error=execution.on_error == "continue",
        close_at_end=execution.close_at_end,
    )


def _leverage(setting: float | dict[str, float] | None) -> dict[str, float]:
    """The leverage that was set, by product; what is missing follows the instrument."""
    if isinstance(setting, int | float):
        return dict.fromkeys(PRODUCTS, float(setting))
    return dict(setting or {})


def rulebook_of(config: AppConfig, root: Path | None = None) -> Rulebook:
    """The dated rules that the settings ask for, with the user's own files read.

    `root` is where relative paths start (default: the working directory). Raises ConfigError for
    a broker or a plan that does not exist, and DataError for files that cannot be used.
    """
    fidelity = config.execution.fidelity
    broker = broker_of("sandbox" if fidelity == "sandbox" else config.broker)
    leverage = _leverage(config.backtest.leverage)
    master = _file(config.data.master_contract, root)
    bans = _file(config.data.ban_list, root)
    contract = read_master_contract(master) if master is not None else None
    return Rulebook(
        charge_schedule(config, broker.plan if fidelity == "live" else "none"),
        fidelity=fidelity,
        broker=broker,
        margin=MarginModel(
            "live" if fidelity == "live" else "sandbox",
            leverage=leverage,
            premium_credit=broker.credits_premium,
        ),
        policy=config.execution.margin,
        lots=LotPolicy(config.execution.lots, contract),
        master=contract,
        bans=read_bans(bans) if bans is not None else None,
        actions=actions_of(config, root),
        files=_digests(config, root),
    )


def actions_of(config: AppConfig, root: Path | None = None) -> ActionBook:
    """The corporate actions of a run: the shipped ones and the user's. Raises DataError for a file
    that cannot be used."""
    file = _file(config.data.corporate_actions, root)
    return action_book(read_actions(file) if file is not None else ())


def charge_schedule(config: AppConfig, default: PlanSpec) -> ChargeSchedule:
    """The charges that the settings ask for; `default` is the plan where they name none."""
    plan = default
    rounding: Any = "paisa"
    if config.costs is not None:
        plan, rounding = plan_and_rounding(config.costs, default)
    if config.execution.fidelity == "none":
        rounding = "none"
    backtest = config.backtest
    return ChargeSchedule(
        plan,
        rounding,
        fee_bps=backtest.fee_bps or 0.0,
        commission=backtest.commission_per_trade,
        delivery_stt_pct=backtest.delivery_tax_pct,
        intraday_stt_pct=backtest.intraday_tax_pct,
    )


def _digests(config: AppConfig, root: Path | None) -> dict[str, str]:
    """SHA-256 of the user's own tables, by the setting that names each."""
    named = {
        "master_contract": config.data.master_contract,
        "corporate_actions": config.data.corporate_actions,
        "ban_list": config.data.ban_list,
    }
    files = {setting: _file(name, root) for setting, name in named.items()}
    return {
        setting: sha256(file.read_bytes()).hexdigest()
        for setting, file in files.items()
        if file is not None
    }


def _file(name: str | None, root: Path | None) -> Path | None:
    return None if not name else (root or Path.cwd()) / Path(name).expanduser()
