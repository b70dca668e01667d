"""The grid bot's adapter: the universal one, by the name that users know."""

from __future__ import annotations

from tapeback.strategies.universal import UniversalStrategyAdapter


class GridStrategyAdapter(UniversalStrategyAdapter):
    """Runs a grid bot: the universal adapter, nothing beside it."""
