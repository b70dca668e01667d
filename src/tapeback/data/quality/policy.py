"""What is done about bars that are odd, and how it is told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from tapeback.data.conventions import restore_float32
from tapeback.data.quality.inspection import inspect, without_late_tails
from tapeback.errors import DataError
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.finding import Finding
from tapeback.models.verdict import Verdict, verdict_of

Policy = Literal["refuse", "repair", "keep"]

_REPAIRS = ("dropped", "sorted")


def examine(
    candles: Candles, *, policy: Policy = "repair", actions: ActionBook | None = None
) -> Candles:
    """What every provider hands out: `candles` with all that was noticed about them in their
    findings, after those that they have.

    `repair` leaves out what cannot be part of a session; no price is ever made up. `keep` leaves
    all of it in. `refuse` raises DataError where `repair` has left something out or has sorted, on
    the way to these candles too. Jumps of shares are held against `actions` (the shipped ones).
    """
    prices, noise = restore_float32(list(candles.columns[1:5]))
    findings: list[Finding] = []
    if noise is not None:
        findings.append(noise)
        columns = [candles.ts, *prices, candles.volume, candles.oi]
        candles = Candles(candles.series, columns, candles.origin)
    if policy != "keep":
        candles, tails = without_late_tails(candles)
        findings += tails
    findings += inspect(candles, actions)
    origin = msgspec.structs.replace(
        candles.origin, findings=(*candles.findings, *findings), examined=True
    )
    examined = Candles(candles.series, candles.columns, origin)
    if policy == "refuse":
        refuse([examined])
    return examined


def refuse(series: Iterable[Candles]) -> None:
    """Raise DataError that names everything that was left out of the candles or sorted in them,
    and every error in them; nothing where there is none of it."""
    offences = [
        f"{candles.series.name}{_at(finding)}: {finding.message} ({finding.code})"
        for candles in series
        for finding in offending(candles.findings)
    ]
    if offences:
        raise DataError(
            "the data has faults that execution.on_bad_data: refuse does not let pass:\n"
            + "\n".join(offences),
            remedy="Mend the data, or let execution.on_bad_data be repair (drop and sort) or keep.",
        )


def _at(finding: Finding) -> str:
    return f", {finding.where}" if finding.where else ""


def offending(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings for which the policy `refuse` refuses data."""
    return tuple(f for f in findings if f.severity == "error" or f.action in _REPAIRS)


def verdict(findings: Iterable[Finding], *, policy: Policy = "repair") -> Verdict:
    """How far data with these findings can be trusted; `refused` where the policy refuses it."""
    found = tuple(findings)
    offences = offending(found) if policy == "refuse" else ()
    if offences:
        return Verdict("refused", tuple(f"{f.code}: {f.message}" for f in offences))
    return verdict_of(found)


def coarsened(candles: Candles, timeframe: str) -> Candles:
    """The candles in `timeframe`, saying so where it is not their own."""
    if candles.timeframe == timeframe:
        return candles
    finding = Finding(
        code="resampled",
        severity="note",
        message=f"{len(candles)} bars of {candles.timeframe} were made into {timeframe}",
        count=len(candles),
        where=f"{candles[0].timestamp:%Y-%m-%d}",
        action="resampled",
    )
    return with_findings(candles.resample(timeframe), (finding,))


def with_findings(candles: Candles, findings: tuple[Finding, ...]) -> Candles:
    """The same candles, with `findings` after those that they have."""
    if not findings:
        return candles
    known = msgspec.structs.replace(candles.origin, findings=(*candles.findings, *findings))
    return Candles(candles.series, candles.columns, known)
