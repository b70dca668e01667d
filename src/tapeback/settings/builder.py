"""Settings from Python keywords."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from tapeback.errors import did_you_mean
from tapeback.models.config import AppConfig, BacktestConfig, ExecutionConfig
from tapeback.settings.document import Document, KeyPath, Mark
from tapeback.settings.market_rules import check_market_rules
from tapeback.settings.problems import Problem, Problems, problems_of
from tapeback.utils.secrets import register_secrets

_PATHS: dict[str, KeyPath] = {
    **{name: ("backtest", name) for name in BacktestConfig.model_fields},
    **{name: ("execution", name) for name in ExecutionConfig.model_fields},
    **{name: ("data", name) for name in ("master_contract", "corporate_actions", "ban_list")},
    **{name: (name,) for name in ("broker", "costs", "tax")},
}


def build_config(base: AppConfig | None = None, /, **settings: Any) -> AppConfig:
    """`base` (the defaults, when None) with some settings of a run replaced.

    `settings` are the keys of the sections `backtest` and `execution`, the files `master_contract`,
    `corporate_actions` and `ban_list` of `data`, and `broker`, `costs` and `tax`, each by its bare
    name: `initial_cash=500_000, slippage="none", participation=None, tax={"enabled": True}`.
    Raises ConfigError with every problem as `name: reason`.
    """
    config = base if base is not None else AppConfig()
    problems = Problems()
    sections: dict[str, Any] = {}
    marks: dict[KeyPath, Mark] = {}
    for name, value in settings.items():
        path = _PATHS.get(name)
        if path is None:
            near = did_you_mean(name, tuple(_PATHS)) or f"; known here: {', '.join(_PATHS)}"
            problems.add(Problem(Mark(""), (name,), f"unknown setting{near}"))
            continue
        marks[path] = Mark(name)
        if len(path) == 1:
            sections[name] = value
        else:
            section, key = str(path[0]), path[1]
            kept = sections.setdefault(section, _set_values(config, section))
            kept[key] = value
    checked = _checked(sections, marks, problems)
    register_secrets(config.secrets())
    replaced = {".".join(map(str, path)) for path in marks}
    places = {path: place for path, place in config.places.items() if path not in replaced}
    update = {section: getattr(checked, section) for section in sections}
    return config.model_copy(update=update).placed(places)


def _set_values(config: AppConfig, section: str) -> dict[str, Any]:
    values: dict[str, Any] = getattr(config, section).model_dump(exclude_unset=True)
    return values


def _checked(sections: dict[str, Any], marks: dict[KeyPath, Mark], problems: Problems) -> AppConfig:
    document = Document(sections, marks)
    try:
        config = AppConfig.model_validate(sections)
    except ValidationError as error:
        problems_of(error, document, problems)
        config = AppConfig()
    check_market_rules(document, problems)
    problems.raise_any()
    return config
