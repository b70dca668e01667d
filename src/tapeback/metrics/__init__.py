"""Figures that say what a run earned and risked, each with its definition."""

from __future__ import annotations

from tapeback.metrics.calculator import MetricsCalculator
from tapeback.metrics.registry import DEFINITIONS, Definition

__all__ = ["DEFINITIONS", "Definition", "MetricsCalculator"]
