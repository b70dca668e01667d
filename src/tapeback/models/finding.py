"""What was noticed about market data."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Severity = Literal["note", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something a reader of the result should know about the data.

    `code` is stable (`duplicate-stamps`, `missing-session`, `frozen-tail`, …), `count` the rows
    or sessions concerned, `where` the first place (`file.csv:123` or a date), `action` what was
    done about it (`dropped`, `kept`, `shifted`).
    """

    code: str
    severity: Severity
    message: str
    count: int = 1
    where: str = ""
    action: str = "kept"

    def to_dict(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where candles come from: `kind` is `file`, `synthetic`, `array` or a provider's name,
    `detail` its path or parameters, `label` the recognised stamp convention (fill contract T1),
    `sha256` the digest of the source as it was read, empty where there is none."""

    kind: str
    detail: str = ""
    label: str = "open"
    sha256: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def synthetic(self) -> bool:
        return self.kind == "synthetic"
