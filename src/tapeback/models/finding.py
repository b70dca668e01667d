"""What was noticed about market data."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Severity = Literal["note", "warning", "error"]

# How many places, dates and so on a finding names.
NAMED = 20


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something a reader of the result should know about the data.

    `code` is stable (`duplicate-stamps`, `missing-session`, `frozen-tail`, …), `count` the rows
    or sessions concerned, `of` how many there are (or should be) in all where that says something,
    `where` the first place (`file.csv:123` or a date), `places` the first twenty, neighbouring bars
    as one (`2024-01-20 15:30 to 18:16`), `action` what was done about it (`dropped`, `kept`,
    `shifted`).
    """

    code: str
    severity: Severity
    message: str
    count: int = 1
    of: int = 0
    where: str = ""
    places: tuple[str, ...] = ()
    action: str = "kept"

    @property
    def share(self) -> float:
        """`count` as a part of all, 0 where it is not known of how many."""
        return self.count / self.of if self.of else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {**msgspec.structs.asdict(self), "places": list(self.places)}


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where candles come from: `kind` is `file`, `synthetic`, `array` or a provider's name,
    `detail` its path or parameters, `label` the recognised stamp convention (fill contract T1),
    `sha256` the digest of the source as it was read, empty where there is none. `examined` says
    that the bars were looked through for what is odd about them."""

    kind: str
    detail: str = ""
    label: str = "open"
    sha256: str = ""
    findings: tuple[Finding, ...] = ()
    examined: bool = False

    @property
    def synthetic(self) -> bool:
        return self.kind == "synthetic"
