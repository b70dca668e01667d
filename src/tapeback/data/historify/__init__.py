"""The DuckDB file that OpenAlgo's Historify fills, as a source of candles and contracts."""

from __future__ import annotations

from tapeback.data.historify.database import StoredSeries
from tapeback.data.historify.provider import HistorifyDataProvider

__all__ = ["HistorifyDataProvider", "StoredSeries"]
