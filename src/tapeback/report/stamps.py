"""Instants as text, in Indian time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from tapeback.utils.clock import IST_OFFSET_NS, SECOND_NS, to_ist

if TYPE_CHECKING:
    from numpy.typing import NDArray


@lru_cache(maxsize=1 << 16)
def iso(ts: int) -> str:
    """`2024-06-03T09:15:00+05:30` of an instant in ns UTC, with microseconds where it has any."""
    return to_ist(ts).isoformat()


def iso_or_none(ts: int) -> str | None:
    """The same, None for 0: a thing that has not happened."""
    return iso(ts) if ts else None


def iso_column(stamps: Sequence[int] | NDArray[np.int64]) -> list[str]:
    """Instants in ns UTC as text of one width, so that pandas reads the column as times; an empty
    text for 0."""
    column = np.asarray(stamps, dtype=np.int64)
    unit = "us" if np.any(column % SECOND_NS) else "s"
    local = (column + IST_OFFSET_NS).astype("datetime64[ns]").astype(f"datetime64[{unit}]")
    texts = zip(local.astype(str).tolist(), column.tolist(), strict=True)
    return [f"{text}+05:30" if ts else "" for text, ts in texts]
