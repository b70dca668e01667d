"""The quality of market data: what is odd about candles, what is done about it, what is missing,
and the verdict."""

from __future__ import annotations

from tapeback.data.quality.gaps import gaps
from tapeback.data.quality.holes import Gap
from tapeback.data.quality.inspection import inspect
from tapeback.data.quality.policy import (
    Policy,
    coarsened,
    examine,
    offending,
    refuse,
    verdict,
    with_findings,
)
from tapeback.models.verdict import Verdict

__all__ = [
    "Gap",
    "Policy",
    "Verdict",
    "coarsened",
    "examine",
    "gaps",
    "inspect",
    "offending",
    "refuse",
    "verdict",
    "with_findings",
]
