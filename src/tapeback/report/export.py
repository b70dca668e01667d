"""The files of a result: `result.json`, CSV tables and `manifest.json`, each replaced whole."""

from __future__ import annotations

import csv
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from tapeback.errors import OutputError
from tapeback.models.charges import ChargesByLine
from tapeback.report.document import encode_document, result_document, run_document
from tapeback.report.plain import plain
from tapeback.report.stamps import iso_column
from tapeback.utils.money import to_rupees

if TYPE_CHECKING:
    from tapeback.market.tax.statement import HeadYear
    from tapeback.models.result import BacktestResult

# Spreadsheets take a cell that begins with one of these for a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")

# The lines of charges that a fill, an order or a trade can have; `exchange` is where it traded.
LINE_COLUMNS = (
    "brokerage", "stt", "ctt", "exchange_charge", "ipft", "sebi", "stamp", "gst", "other",
)  # fmt: skip
TRADE_COLUMNS = (
    "id", "symbol", "entry_time", "exit_time", "entry_price", "exit_price", "quantity", "side",
    "pnl", "pnl_pct", "fees", "duration_seconds", "exchange", "product", "entry_order",
    "exit_order", *LINE_COLUMNS,
)  # fmt: skip
ORDER_COLUMNS = (
    "orderid", "symbol", "exchange", "action", "quantity", "pricetype", "product", "price",
    "trigger_price", "status", "filled_quantity", "average_price", "placed_at", "triggered_at",
    "filled_at", "ended_at", "modifications", "stop_loss", "target", "parent", "oco", "strategy",
    "refused_by", "rejection_reason", "remedy", "charges", *LINE_COLUMNS,
)  # fmt: skip
FILL_COLUMNS = (
    "time", "order_id", "symbol", "exchange", "side", "quantity", "price", "rule", "reference",
    "spread", "slippage", "impact", "rounding", "charges", *LINE_COLUMNS,
)  # fmt: skip
EQUITY_COLUMNS = ("timestamp", "equity", "drawdown", "drawdown_pct")
DAILY_COLUMNS = ("date", "equity", "pnl", "return_pct")
POSTING_COLUMNS = ("time", "kind", "symbol", "exchange", "amount", "charge", "note")
TAX_COLUMNS = (
    "year", "act", "head", "trades", "gains", "losses", "set_off", "brought_forward", "exempt",
    "taxable", "carried", "lapsed", "turnover", "tax", "surcharge", "cess", "total", "estimate",
)  # fmt: skip
_TAX_AMOUNTS = TAX_COLUMNS[4:-1]


class Table(NamedTuple):
    """A CSV file: its columns and its rows."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]


def write_result(result: BacktestResult, directory: Path) -> dict[str, Path]:
    """Write all files of a result into a folder, made where there is none; their paths by name.

    The files are complete before the first one of an older run is replaced. Money has two
    decimals, prices four, the parts of a fill's price and the lines of charges six; times are
    Indian. Tables of a run over synthetic data have the further column `synthetic`. Raises
    OutputError when the folder cannot be made or written.
    """
    contents = {
        "result.json": encode_document(result_document(result)),
        "manifest.json": _manifest(result),
    }
    staged: list[tuple[Path, Path]] = []
    token = secrets.token_hex(4)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name in (*contents, *_TABLES):
            draft = directory / f".{name}.{token}"
            staged.append((draft, directory / name))
            if name in contents:
                draft.write_bytes(contents[name])
            else:
                _write_table(draft, _TABLES[name](result), synthetic=result.synthetic)
        for draft, final in staged:
            os.replace(draft, final)
    except OSError as error:
        raise _unwritable(directory, error) from None
    finally:
        for draft, _ in staged:
            draft.unlink(missing_ok=True)
    return {final.name: final for _, final in staged}


def check_directory(directory: Path) -> None:
    """Make the folder and see that files can be written there, before a long run needs it.

    Raises OutputError when they cannot.
    """
    probe = directory / f".{secrets.token_hex(4)}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise _unwritable(directory, error) from None


def _unwritable(directory: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the result cannot be written to {str(directory)!r}: {error.strerror or error}.",
        remedy="Name a folder that you may write to; a file open in another program is locked "
        "on Windows.",
    )


def _manifest(result: BacktestResult) -> bytes:
    judged = {
        "synthetic": result.synthetic,
        "verdict": result.verdict,
        "verdict_reasons": result.verdict_reasons,
    }
    manifest = plain({**result.manifest, **judged})
    manifest["run"] = run_document(result.run)
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def _write_table(path: Path, table: Table, *, synthetic: bool) -> None:
    columns, rows = table
    if synthetic:
        columns, rows = (*columns, "synthetic"), ((*row, "true") for row in rows)
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def text_cell(text: str) -> str:
    """The text, with a leading `'` where a spreadsheet would run it as a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _number(value: Any, digits: int) -> Any:
    """The number rounded; empty for none. Text, which only a refused order holds, is made safe."""
    if isinstance(value, str):
        return text_cell(value)
    return None if value is None or value - value != 0 else round(value, digits)


def _line_cells(charges: ChargesByLine) -> tuple[float, ...]:
    return tuple(
        round(amount, 6) for amount in msgspec.structs.astuple(charges)[: len(LINE_COLUMNS)]
    )


def _trades(result: BacktestResult) -> Table:
    trades = result.trades
    entries = iso_column([trade.entry_ts for trade in trades])
    exits = iso_column([trade.exit_ts for trade in trades])
    return Table(
        TRADE_COLUMNS,
        (
            (
                text_cell(t.id), text_cell(t.symbol), entry, exit_, round(t.entry_price, 4),
                round(t.exit_price, 4), t.quantity, t.side, round(t.pnl, 2), round(t.pnl_pct, 6),
                round(t.fees, 2), round(t.duration_seconds, 6), t.exchange, t.product,
                text_cell(t.entry_order), text_cell(t.exit_order), *_line_cells(lines),
            )
            for t, entry, exit_, lines in zip(
                trades, entries, exits, result.itemised.trades, strict=True
            )
        ),
    )  # fmt: skip


def _orders(result: BacktestResult) -> Table:
    orders, charges, none = result.orders, result.itemised.orders, ChargesByLine()
    paid = [charges.get(order.orderid, none) for order in orders]
    stamps = zip(
        iso_column([order.placed_ts for order in orders]),
        iso_column([order.triggered_ts for order in orders]),
        iso_column([order.filled_ts for order in orders]),
        iso_column([order.ended_ts for order in orders]),
        strict=True,
    )
    return Table(
        ORDER_COLUMNS,
        (
            (
                *_texts(o.orderid, o.symbol, o.exchange, o.action), _number(o.quantity, 4),
                *_texts(o.pricetype, o.product), _number(o.price, 4), _number(o.trigger_price, 4),
                o.status, o.filled_quantity, _number(o.average_price, 4), *times, o.modifications,
                _number(o.stop_loss, 4), _number(o.target, 4),
                *_texts(o.parent, o.oco, o.strategy, o.refused_by, o.rejection_reason, o.remedy),
                round(lines.total, 2), *_line_cells(lines),
            )
            for o, times, lines in zip(orders, stamps, paid, strict=True)
        ),
    )  # fmt: skip


def _texts(*cells: Any) -> list[str]:
    return [text_cell(str(cell)) for cell in cells]


def _fills(result: BacktestResult) -> Table:
    fills = result.fills
    times = iso_column([fill.ts for fill in fills])
    return Table(
        FILL_COLUMNS,
        (
            (
                time, text_cell(f.order_id), text_cell(f.symbol), f.exchange, f.side, f.quantity,
                round(f.price, 4), f.rule, round(f.reference, 6), round(f.spread, 6),
                round(f.slippage, 6), round(f.impact, 6), round(f.rounding, 6),
                round(f.charges, 2), *_line_cells(lines),
            )
            for f, time, lines in zip(fills, times, result.itemised.fills, strict=True)
        ),
    )  # fmt: skip


def _equity(result: BacktestResult) -> Table:
    curve = result.equity_curve
    columns = (
        iso_column(curve.ts),
        np.round(curve.equity, 2).tolist(),
        np.round(curve.drawdown, 2).tolist(),
        np.round(curve.drawdown_pct, 6).tolist(),
    )
    return Table(EQUITY_COLUMNS, zip(*columns, strict=True))


def _daily(result: BacktestResult) -> Table:
    return Table(
        DAILY_COLUMNS,
        (
            (
                day.date.isoformat(),
                _number(day.equity, 2),
                _number(day.pnl, 2),
                _number(day.return_pct, 6),
            )
            for day in result.metrics.days
        ),
    )


def _postings(result: BacktestResult) -> Table:
    times = iso_column([posting.ts for posting in result.postings])
    return Table(
        POSTING_COLUMNS,
        (
            (
                time, p.kind, text_cell(p.symbol), p.exchange, _number(p.amount, 2),
                str(p.charge).lower(), text_cell(p.note),
            )
            for p, time in zip(result.postings, times, strict=True)
        ),
    )  # fmt: skip


def _tax(result: BacktestResult) -> Table:
    years = () if result.tax is None else result.tax.years
    return Table(
        TAX_COLUMNS,
        (
            (year.label, year.act, head.head, head.trades, *_amounts(head), "true")
            for year in years
            for head in year.heads
        ),
    )


def _amounts(head: HeadYear) -> list[float]:
    return [round(to_rupees(getattr(head, name)), 2) for name in _TAX_AMOUNTS]


_TABLES = {
    "trades.csv": _trades,
    "orders.csv": _orders,
    "fills.csv": _fills,
    "equity.csv": _equity,
    "daily.csv": _daily,
    "postings.csv": _postings,
    "tax.csv": _tax,
}
