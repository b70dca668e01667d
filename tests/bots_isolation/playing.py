"""What tests of cells have in common."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from tapeback.bots.isolation.cell import CellOutcome

# A cell imports its entries from the folder of these tests, which conftest.py puts on the path.
ENTRIES = "cell_entries"


class Played(NamedTuple):
    """What came of a script in a cell."""

    outcome: CellOutcome
    printed: str
    log: str

    @property
    def result(self) -> dict[str, Any]:
        assert self.outcome.result is not None, (self.outcome, self.printed)
        document: dict[str, Any] = json.loads(self.outcome.result)
        return document

    @property
    def refused(self) -> list[str]:
        return [code for code, *_ in self.result["refusals"]]


Play = Callable[..., Played]
