"""`broker` and `costs`: what they may be is written in the market's tables, not in a model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tapeback.errors import ConfigError
from tapeback.settings.document import Document, KeyPath
from tapeback.settings.problems import Problem, Problems, unresolved

if TYPE_CHECKING:
    from tapeback.market.costs.plans import PlanSpec

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
    return costs.get("plan", default), costs.get("rounding", "paisa")


def check_market_rules(document: Document, problems: Problems) -> None:
    """Add what the tables refuse of `broker` and `costs` to `problems`; what is no name and no
    mapping is left to the model."""
    broker, costs = document.values.get("broker"), document.values.get("costs")
    for path, reason in (*_broker_problems(broker), *_costs_problems(costs)):
        problems.add(Problem(document.mark(path), path, unresolved(reason, path, document)))


def _broker_problems(broker: Any) -> Iterator[tuple[KeyPath, str]]:
    from tapeback.market.brokers import broker_of

    if isinstance(broker, str | Mapping):
        yield from _refused(broker_of, broker, "broker")
    if isinstance(broker, Mapping) and broker.get("plan") is not None:
        yield from _plan_problems(broker["plan"], "broker.plan")


def _costs_problems(costs: Any) -> Iterator[tuple[KeyPath, str]]:
    from tapeback.market.charges import ChargeSchedule

    if isinstance(costs, Mapping) and not costs.keys().isdisjoint(_COSTS_KEYS):
        yield from _refused(lambda found: plan_and_rounding(found, "none"), costs, "costs")
        yield from _plan_problems(costs.get("plan", "none"), "costs.plan")
        rounding = costs.get("rounding", "paisa")
        yield from _refused(lambda found: ChargeSchedule("none", found), rounding, "costs.rounding")
    elif isinstance(costs, str | Mapping):
        yield from _plan_problems(costs, "costs")


def _plan_problems(plan: Any, place: str) -> Iterator[tuple[KeyPath, str]]:
    from tapeback.market.costs.plans import plan_of

    if isinstance(plan, str | Mapping):
        yield from _refused(plan_of, plan, place)
    else:
        reason = f"must be a name or a mapping of segments; got {plan!r}"
        yield tuple(place.split(".")), reason


def _refused(
    check: Callable[[Any], object], value: Any, place: str
) -> Iterator[tuple[KeyPath, str]]:
    """What a check finds wrong, by its path: messages begin with one of their own (`costs.EQ_OPT:
    …`), whose first part stands for the `place` of the value."""
    try:
        check(value)
    except ConfigError as error:
        for text in error.problems:
            named, _, reason = text.partition(": ")
            inside = named.split(".")[1:]
            whole = f"{reason} {error.remedy}" if error.remedy else reason
            yield (*place.split("."), *inside), whole.rstrip(".")
