"""Answers over HTTP: from the SDK's dictionaries and frames to a status, headers and bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tapeback.broker.replies import Reply
from tapeback.utils.clock import SECOND_NS, to_ist

if TYPE_CHECKING:
    import pandas as pd

_JSON = {"Content-Type": "application/json"}
_WRITES_DATES_ONLY = ("D", "W", "M")
_CANDLE = ("open", "high", "low", "close", "volume")


class HttpAnswer(NamedTuple):
    """A reply: status code, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def written(reply: Reply, *, in_order: bool = False) -> HttpAnswer:
    """The reply of OpenAlgo of which the SDK makes this dictionary. A success keeps the order of
    its keys when asked to (endpoints that do not sort them)."""
    if reply.get("status") != "error":
        text = json.dumps(reply) if in_order else _compact(reply)
        return HttpAnswer(200, _JSON, f"{text}\n".encode())
    kind, code, message = reply.get("error_type"), reply.get("code", 400), reply["message"]
    if kind == "no_data":
        return written({"data": [], "status": "success"})
    mark = f"HTTP {code}: "
    if kind == "http_error" and message.startswith(mark):
        return HttpAnswer(code, _JSON, message.removeprefix(mark).encode())
    body = {name: value for name, value in reply.items() if name not in ("code", "error_type")}
    return HttpAnswer(code, _JSON, f"{_compact(body)}\n".encode())


def refusal(code: int, message: object, *, headers: Mapping[str, str] | None = None) -> HttpAnswer:
    """An error that no endpoint answers."""
    text = _compact({"message": message, "status": "error"})
    return HttpAnswer(code, {**_JSON, **(headers or {})}, f"{text}\n".encode())


def message_of(error: Reply) -> object:
    """The message in the body of which the SDK makes this error."""
    return json.loads(written(error).body)["message"]


def candle_rows(frame: pd.DataFrame) -> list[Reply]:
    """The rows of a history frame as OpenAlgo sends them: `timestamp` is the open time in epoch
    seconds (of a date: its midnight in UTC); keys are sorted."""
    stamps = frame.index.as_unit("s").asi8.tolist()  # type: ignore[attr-defined]
    columns = [frame[name].tolist() for name in ("close", "high", "low", "oi", "open", "volume")]
    return [
        {
            "close": close, "high": high, "low": low, "oi": oi, "open": opened,
            "timestamp": stamp, "volume": volume,
        }
        for close, high, low, oi, opened, volume, stamp in zip(*columns, stamps, strict=True)
    ]  # fmt: skip


def candles(rows: list[Reply]) -> HttpAnswer:
    """Candles as JSON; there are many of them, so their keys come sorted."""
    return HttpAnswer(200, _JSON, msgspec.json.encode({"data": rows, "status": "success"}) + b"\n")


def ticker_lines(name: str, interval: str, rows: Iterable[Reply]) -> HttpAnswer:
    """Candles as lines of text: name, date, the time of those within a day, open, high, low,
    close, volume."""
    lines = []
    for row in rows:
        moment = to_ist(row["timestamp"] * SECOND_NS)
        stamp = f"{moment:%Y-%m-%d}"
        if interval not in _WRITES_DATES_ONLY:
            stamp += f",{moment:%H:%M:%S}"
        figures = ",".join(str(row[figure]) for figure in _CANDLE)
        lines.append(f"{name},{stamp},{figures}\n")
    return HttpAnswer(200, {"Content-Type": "text/plain"}, "".join(lines).encode())


def csv_file(name: str, columns: Sequence[str], rows: Iterable[Reply]) -> HttpAnswer:
    """Rows as a file to keep, under a name."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    headers = {"Content-Type": "text/csv", "Content-Disposition": f"attachment; filename={name}"}
    return HttpAnswer(200, headers, text.getvalue().encode())


def _compact(body: Any) -> str:
    return json.dumps(body, separators=(",", ":"), sort_keys=True)
