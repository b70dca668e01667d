"""What the cache tells and is told, apart from the candles themselves."""

from __future__ import annotations

from typing import Any

import msgspec

from tapeback.models.candle import Series
from tapeback.models.finding import Finding


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One answered question about a range of dates.

    `source` is `openalgo`, `openalgo db`, `import`, `historify` …, `detail` its host or file
    name, never a secret. `first_day` and `last_day` are the Indian day numbers that were asked
    for, both included, `asked_at` the instant at which the question was put, ns UTC; 0 for bars
    that prove nothing about the completeness of their days. `findings` hold what was mended on
    the way in and cannot be seen in the bars any more.
    """

    source: str
    detail: str = ""
    first_day: int
    last_day: int
    asked_at: int
    findings: tuple[Finding, ...] = ()


class Merge(msgspec.Struct, frozen=True):
    """What storing did: bars that are new, that were there already, and that were there with
    other values, the first of these at `first_revised` (ns UTC); bars that a replacing answer no
    longer had are `removed`."""

    added: int = 0
    same: int = 0
    revised: int = 0
    first_revised: int | None = None
    removed: int = 0


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """One stored series: how many bars from which first to which last stamp (ns UTC), the bytes
    they take, the sources of its answers and when (ns UTC) it was last stored to."""

    series: Series
    bars: int
    first_ts: int
    last_ts: int
    bytes: int
    sources: tuple[str, ...]
    updated_at: int


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """An order, trade or position book as it stood when it was last stored on `day` (Indian day
    number); `stored_at` is ns UTC, `document` what the server answered."""

    kind: str
    day: int
    stored_at: int
    document: Any


class Integrity(msgspec.Struct, frozen=True, kw_only=True):
    """What a check of the whole cache found; without `problems` all of it can be read."""

    series: int
    bars: int
    problems: tuple[str, ...] = ()


class Statistics(msgspec.Struct, frozen=True, kw_only=True):
    """How much the cache holds; the bytes are those of the files on disk."""

    path: str
    series: int
    bars: int
    answers: int
    instruments: int
    books: int
    database_bytes: int
    dataset_bytes: int


class LegacySeries(msgspec.Struct, frozen=True, kw_only=True):
    """One series of an old cache: the rows that were read, the bars that are new in this one, and
    what was noticed. `skipped` says why nothing of it was taken."""

    series: Series
    rows: int
    merge: Merge = Merge()
    findings: tuple[Finding, ...] = ()
    skipped: str = ""


class LegacyImport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an old cache."""

    path: str
    series: tuple[LegacySeries, ...]

    @property
    def added(self) -> int:
        return sum(one.merge.added for one in self.series)
