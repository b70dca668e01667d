"""What a download will ask for, and what became of it."""

from __future__ import annotations

from typing import Any

import msgspec

from tapeback.data.cache import Merge
from tapeback.data.openalgo.reading import Span
from tapeback.errors import DataError, DataSourceError
from tapeback.models.candle import Series
from tapeback.models.finding import Finding
from tapeback.utils.clock import date_of_day


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a download will ask for: ranges of days of the series that will be fetched, how many
    requests they are and about how many `seconds` these take."""

    ranges: tuple[tuple[Series, int, int], ...]
    requests: int
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        return {
            "ranges": [
                {"series": series.name, "from": f"{date_of_day(a)}", "to": f"{date_of_day(b)}"}
                for series, a, b in self.ranges
            ],
            "requests": self.requests,
            "seconds": self.seconds,
        }


class Downloaded(msgspec.Struct, kw_only=True):
    """What became of one series: `fetched` is what was asked for in its place where the source
    does not offer its timeframe; bars that were added, were the same, or replaced others; what
    was noticed, ranges of days that the source has no bar of among it; and the error that ended
    it, with the ranges of days that are still missing."""

    series: Series
    fetched: Series
    requests: int = 0
    added: int = 0
    same: int = 0
    revised: int = 0
    findings: tuple[Finding, ...] = ()
    empty: list[Span] = []
    error: DataError | None = None
    missing: tuple[Span, ...] = ()

    def count(self, merge: Merge) -> None:
        self.added += merge.added
        self.same += merge.same
        self.revised += merge.revised + merge.removed

    def to_dict(self) -> dict[str, Any]:
        return {
            "series": self.series.name,
            "fetched": self.fetched.name,
            "requests": self.requests,
            "added": self.added,
            "same": self.same,
            "revised": self.revised,
            "findings": [finding.to_dict() for finding in self.findings],
            "error": None if self.error is None else str(self.error),
            "missing": [
                {"from": f"{date_of_day(a)}", "to": f"{date_of_day(b)}"} for a, b in self.missing
            ],
        }


class Report(msgspec.Struct, frozen=True):
    """What became of all series of a download, in the order in which they were asked for."""

    series: tuple[Downloaded, ...]

    @property
    def failed(self) -> list[Downloaded]:
        return [one for one in self.series if one.error is not None]

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.series)

    @property
    def added(self) -> int:
        return sum(one.added for one in self.series)

    def raise_failures(self) -> None:
        """Raise the error of the only failed series, or one DataSourceError that names all."""
        failed = self.failed
        if len(failed) == 1 and failed[0].error is not None:
            raise failed[0].error
        if failed:
            lines = "\n".join(f"{one.series.name}: {one.error}" for one in failed)
            raise DataSourceError(
                f"{len(failed)} of {len(self.series)} series could not be fetched:\n{lines}",
                remedy="What was fetched is stored; the same command goes on from there.",
            )

    def to_dict(self) -> dict[str, Any]:
        return {
            "requests": self.requests,
            "added": self.added,
            "failed": len(self.failed),
            "series": [one.to_dict() for one in self.series],
        }
