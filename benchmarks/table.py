"""Measurements as rows of a table and as lines of findings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import median

from benchmarks.engines import TAPEBACK
from benchmarks.measure import Measurement
from benchmarks.oracle import Outcome
from benchmarks.plan import SCALING, Cell

Measured = Mapping[Cell, Sequence[Measurement]]
_TITLES = (
    "job", "engine", "bars", "CPU s", "ns/bar", "calls/bar", "x Tapeback", "peak MB", "result"
)  # fmt: skip
_LEFT = ("job", "engine", "result")


def compare(found: Outcome, wanted: Outcome, *, rounds: bool = False) -> str:
    """`ok`, or in what the outcome differs. What an engine does not tell is not compared."""
    for name in ("fills", "trips"):
        count, right = getattr(found, name), getattr(wanted, name)
        if count is not None and right is not None and count != right:
            return f"differs: {count:,} {name}, not {right:,}"
    off = found.equity - wanted.equity
    allowed = 5e-5 + (0.005 * ((wanted.fills or 0) + 1) if rounds else 0.0)
    return "ok" if abs(off) <= allowed else f"differs: equity off by {off:+,.4f}"


def table(measured: Measured, checks: Mapping[Cell, str]) -> str:
    """One row for each cell; medians over the rounds."""
    rows = [_TITLES, *(_row(cell, measured, checks[cell]) for cell in checks)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(_TITLES))]
    lines = []
    for row in rows:
        fields = zip(_TITLES, row, widths, strict=True)
        padded = (
            text.ljust(width) if title in _LEFT else text.rjust(width)
            for title, text, width in fields
        )
        lines.append("  ".join(padded).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def findings(measured: Measured) -> list[str]:
    """What the scaling rows say: what a bar costs by the number of bars, a fill by that of
    fills."""
    rows = [
        (cell, runs) for cell, runs in measured.items() if runs and cell.job.startswith(SCALING)
    ]
    lengths = sorted((runs[0].bars, _calls(runs)) for cell, runs in rows if cell.name == "J2")
    flips = sorted(
        (runs[0].played.fills or 0, _calls(runs) * runs[0].bars)
        for cell, runs in rows
        if cell.name != "J2"
    )
    lines = []
    if len(lengths) > 1:
        (short, before), (long, after) = lengths[0], lengths[-1]
        lines.append(
            f"A bar of J2 costs {after / before:.2f}x as much in {long:,} bars as in {short:,}."
        )
    for (few, before), (many, after) in pairwise(flips):
        cost = (after - before) / (many - few)
        lines.append(
            f"From {few:,} to {many:,} fills, each with its order costs {cost:,.0f} calls."
        )
    return lines


def _row(cell: Cell, measured: Measured, check: str) -> tuple[str, ...]:
    runs = measured.get(cell, ())
    if not runs:
        return (cell.job, cell.engine.name, f"{cell.bars:,}", *"-----", check)
    peaks = [run.peak_mb for run in runs if run.peak_mb is not None]
    return (
        cell.job,
        f"{cell.engine.name} {runs[0].version}",
        f"{runs[0].bars:,}",
        f"{median(run.median_seconds for run in runs):.2f}",
        f"{median(run.ns_per_bar for run in runs):,.0f}",
        _figure(_calls(runs)),
        _ratio(cell, measured),
        f"{median(peaks):,.0f}" if peaks else "-",
        check,
    )


def _ratio(cell: Cell, measured: Measured) -> str:
    """How many times Tapeback's calls the same job takes."""
    ours = measured.get(Cell(cell.job, TAPEBACK, cell.name, cell.bars), ())
    if cell.engine.name == TAPEBACK.name or not ours:
        return "-"
    return _figure(_calls(measured[cell]) / _calls(ours))


def _calls(runs: Sequence[Measurement]) -> float:
    return median(run.calls_per_bar for run in runs)


def _figure(value: float) -> str:
    return f"{value:,.1f}" if value < 100 else f"{value:,.0f}"
