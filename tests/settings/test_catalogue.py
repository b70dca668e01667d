"""The catalogue of strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tapeback.errors import ConfigError
from tapeback.settings import CATALOGUE_PATH, find_entry, load_catalogue

if TYPE_CHECKING:
    from tests.settings.conftest import Project


def test_rows_in_their_order_ids_in_lower_case(project: Project) -> None:
    project.write(
        "strats.yaml",
        """\
        strategies:
          - {id: " ORB ", label: Opening range, config_path: configs/active/orb.yaml,
             bot: "strats/orb.py:OpeningRange"}
          - {id: grid, label: Grid, config_path: configs/active/config-grid.yaml}
        """,
    )
    first, second = load_catalogue(CATALOGUE_PATH)
    assert (first.id, first.label, first.bot) == (
        "orb", "Opening range", "strats/orb.py:OpeningRange"
    )  # fmt: skip
    assert (second.id, second.bot) == ("grid", None)
    assert find_entry([first, second], "GRID") is second


def test_without_a_catalogue_there_are_the_built_in_strategies(project: Project) -> None:
    assert [(row.id, row.config_path) for row in load_catalogue(CATALOGUE_PATH)] == [
        ("grid", "configs/active/config-grid.yaml"),
        ("supertrend", "configs/active/config-supertrend.yaml"),
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("strategies: []", ["1:1: Strategy catalog is empty"]),
        ("strategies: x", ["1:1: strategies: must be a list of strategies, each with id, label and "
                           "config_path"]),
        ("- 1", ["1:1: must hold a mapping of sections, such as 'data:'"]),
        ("""\
         strategy: 1
         strategies:
           - {label: A, config_path: a.yaml}
           - {id: b, config_path: ' '}
           - grid
           - {id: c, label: C, config_path: c.yaml, bott: c.py:C}
           - {id: d, label: D, config_path: d.yaml, bot: d.py}
           - {id: e, label: E, config_path: e.yaml}
           - {id: E, label: F, config_path: f.yaml}
         """,
         ["1:1: strategy: unknown key (did you mean 'strategies'?)",
          "3:5: Strategy entry at index 0 is missing 'id'",
          "4:5: Strategy 'b' is missing 'label'",
          "4:13: Strategy 'b' is missing 'config_path'",
          "5:5: strategies.2: must be a mapping of id, label and config_path",
          "6:44: unknown key 'bott' (did you mean 'bot'?)",
          "7:44: must have the form path.py:Class; got 'd.py'",
          "9:6: Duplicate strategy id in catalog: 'e'"]),
    ],
)  # fmt: skip
def test_problems_are_located(project: Project, text: str, problems: list[str]) -> None:
    project.write("strats.yaml", text)
    with pytest.raises(ConfigError) as caught:
        load_catalogue(CATALOGUE_PATH)
    assert list(caught.value.problems) == [f"{CATALOGUE_PATH}:{line}" for line in problems]
