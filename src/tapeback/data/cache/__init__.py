"""The candle cache: one SQLite file of column chunks, shared by any number of processes."""

from __future__ import annotations

from tapeback.data.cache.manager import CacheManager
from tapeback.data.cache.records import (
    Answer,
    Book,
    Integrity,
    LegacyImport,
    LegacySeries,
    Merge,
    Statistics,
    Stored,
)

__all__ = [
    "Answer",
    "Book",
    "CacheManager",
    "Integrity",
    "LegacyImport",
    "LegacySeries",
    "Merge",
    "Statistics",
    "Stored",
]
