"""`broker` and `costs`: what they may be is written in the market's tables, not in a model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from tapeback.errors import ConfigError
from tapeback.settings.document import Document, KeyPath
from tapeback.settings.problems import Problem, Problems, unresolved

if TYPE_CHECKING:
    from tapeback.market.plans import PlanSpec

_COSTS_KEYS = ("plan", "rounding")


def plan_and_rounding(costs: str | Mapping[str, Any], default: PlanSpec) -> tuple[PlanSpec, Any]:
    """The plan, and the rounding of charges, that the setting `costs` asks for; `default` where it
    names no plan. Raises ConfigError for a mapping that is neither a plan nor these two."""
    if isinstance(costs, str) or costs.keys().isdisjoint(_COSTS_KEYS):
        return costs, "paisa"
    unknown = sorted(costs.keys() - _COSTS_KEYS)
    if unknown:
        raise ConfigError(
            f"costs: {', '.join(unknown)} cannot stand beside plan and rounding.",
            remedy="Put the brokerage of segments under plan.",
        )
    plan = costs.get("plan", default)
    if not isinstance(plan, str | Mapping):
        raise ConfigError(f"costs.plan: must be a name or a mapping of segments; got {plan!r}.")
    return plan, costs.get("rounding", "paisa")


def check_market_rules(document: Document, problems: Problems) -> None:
    """Add what the tables refuse of `broker` and `costs` to `problems`; what is no name and no
    mapping is left to the model."""
    checks: tuple[tuple[str, Callable[[Any], None]], ...] = (
        ("broker", _check_broker),
        ("costs", _check_costs),
    )
    for key, check in checks:
        value = document.values.get(key)
        if not isinstance(value, str | Mapping):
            continue
        try:
            check(value)
        except ConfigError as error:
            for text in error.problems:
                whole = f"{text} {error.remedy}" if error.remedy else text
                path, reason = _located(key, whole)
                problems.add(Problem(document.mark(path), path, unresolved(reason, path, document)))


def _check_broker(broker: Any) -> None:
    from tapeback.market.brokers import broker_of
    from tapeback.market.plans import plan_of

    plan: Any = broker_of(broker).plan
    if not isinstance(plan, str | Mapping):
        raise ConfigError(f"broker.plan: must be a name or a mapping of segments; got {plan!r}.")
    try:
        plan_of(plan)
    except ConfigError as error:
        texts = [f"broker.plan{text.removeprefix('costs')}" for text in error.problems]
        raise ConfigError(texts, remedy=error.remedy) from None


def _check_costs(costs: Any) -> None:
    from tapeback.market.charges import ChargeSchedule

    ChargeSchedule(*plan_and_rounding(costs, "none"))


def _located(key: str, text: str) -> tuple[KeyPath, str]:
    """The path that a message begins with, and what it says."""
    named, _, reason = text.partition(": ")
    path: KeyPath = tuple(named.split("."))
    return (path if path[0] == key else (key, *path)), reason.rstrip(".")
