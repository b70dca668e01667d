"""A result as one JSON-able document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tapeback.report.plain import plain
from tapeback.report.stamps import iso, iso_column, iso_or_none
from tapeback.utils.clock import DAY_NS, IST, IST_OFFSET_NS
from tapeback.utils.secrets import masked, redacted

if TYPE_CHECKING:
    from tapeback.models.charges import ChargesByLine
    from tapeback.models.fill import Fill
    from tapeback.models.order import Order
    from tapeback.models.position import Position
    from tapeback.models.posting import Posting
    from tapeback.models.result import BacktestResult, EquityCurve, RunInfo
    from tapeback.models.trade import Trade

LONGEST_BAR_CURVE = 5_000

Row = dict[str, Any]

_JSON_TYPES = frozenset({str, int, bool, list, dict, type(None)})


def result_document(result: BacktestResult) -> Row:
    """The whole result as dicts, lists, text, numbers and None; no NaN, no infinity.

    Times are ISO text in Indian time, money is rupees. All but the key `run` is the same for the
    same settings, data and code. `equity_curve` has one point a bar up to 5,000 bars and one a
    session above that; `equity_curve_resolution` (`bar` or `session`) says which.
    """
    metrics = plain(result.metrics.to_dict())
    daily = metrics.pop("days")
    resolution, curve = _equity_curve(result.equity_curve)
    thin = result.thin_fills
    return {
        "status": result.status,
        "synthetic": result.synthetic,
        "verdict": result.verdict,
        "verdict_reasons": list(result.verdict_reasons),
        "symbol": result.symbol,
        "exchange": result.exchange,
        "timeframe": result.timeframe,
        "start_time": _moment(result.start_time),
        "end_time": _moment(result.end_time),
        "total_candles": result.total_candles,
        "processed_candles": result.processed_candles,
        "config": plain(result.manifest.get("config", {})),
        "metrics": metrics,
        "charges": result.charges.to_dict(),
        "tax": None if result.tax is None else plain(result.tax.to_dict()),
        "bounds": plain(result.bounds),
        "notes": [redacted(note) for note in result.notes],
        "ambiguous_bars": [
            {"timestamp": iso(bar.ts), "symbol": bar.symbol} for bar in result.ambiguous_bars
        ],
        "proxies": list(result.proxies),
        "touch_misses": result.touch_misses,
        "thin_fills": {
            "count": len(thin),
            "orders": list(dict.fromkeys(fill.order_id for fill in thin)),
        },
        "shortfalls": plain(result.shortfalls),
        "broker": _broker(result),
        "doubtful_rules": plain(result.doubtful_rules),
        "open_positions": [_position(position) for position in result.open_positions],
        "faults": [
            {
                "time": iso(fault.ts),
                "callback": fault.callback,
                "error": redacted(fault.error),
                "traceback": redacted(fault.traceback),
            }
            for fault in result.faults
        ],
        "origins": [
            {
                "series": name,
                "kind": origin.kind,
                "detail": origin.detail,
                "label": origin.label,
                "sha256": origin.sha256,
                "synthetic": origin.synthetic,
            }
            for name, origin in result.origins
        ],
        "findings": [
            {"series": name, **finding.to_dict()}
            for name, origin in result.origins
            for finding in origin.findings
        ],
        "strategy_state": masked(plain(result.strategy_state)),
        "manifest": plain(result.manifest),
        "daily": daily,
        "equity_curve_resolution": resolution,
        "equity_curve": curve,
        "trades": [
            _finite(_trade(trade, lines))
            for trade, lines in zip(result.trades, result.itemised.trades, strict=True)
        ],
        "orders": _orders(result),
        "fills": [
            _finite(_fill(fill, lines))
            for fill, lines in zip(result.fills, result.itemised.fills, strict=True)
        ],
        "postings": [_posting(posting) for posting in result.postings],
        "run": run_document(result.run),
    }


def run_document(run: RunInfo) -> Row:
    """What differs between two identical runs."""
    return {
        "run_id": run.run_id,
        "created_at": _moment(run.created_at),
        "execution_time": run.execution_time,
        "host": run.host,
        "paths": plain(run.paths),
    }


def session_ends(curve: EquityCurve) -> list[int]:
    """The index of each Indian date's last point of an equity curve."""
    days = (curve.ts + IST_OFFSET_NS) // DAY_NS
    return np.flatnonzero(np.append(days[1:] != days[:-1], [True] * bool(len(days)))).tolist()


def encode_document(document: Row) -> bytes:
    """JSON in UTF-8: a line for each key, and for each row of the long lists."""
    lines = []
    for key, value in document.items():
        name = msgspec.json.encode(key).decode()
        if isinstance(value, list) and value:
            rows = ",\n".join(msgspec.json.encode(row).decode() for row in value)
            lines.append(f"{name}: [\n{rows}\n]")
        else:
            lines.append(f"{name}: {msgspec.json.encode(value).decode()}")
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(IST).isoformat()


def _equity_curve(curve: EquityCurve) -> tuple[str, list[Row]]:
    resolution, at = "bar", list(range(len(curve)))
    if len(curve) > LONGEST_BAR_CURVE:
        resolution, at = "session", session_ends(curve)
    points = zip(
        iso_column(curve.ts[at]),
        curve.equity[at].tolist(),
        curve.drawdown[at].tolist(),
        curve.drawdown_pct[at].tolist(),
        strict=True,
    )
    return resolution, [
        _finite({"timestamp": t, "equity": equity, "drawdown": fall, "drawdown_pct": fall_pct})
        for t, equity, fall, fall_pct in points
    ]


def _finite(row: Row) -> Row:
    """The same row with None for what is no finite number. A bot's order may hold whatever the bot
    put into it, numpy's numbers for instance."""
    for key, value in row.items():
        kind = type(value)
        if kind is float:
            if value - value != 0.0:
                row[key] = None
        elif kind not in _JSON_TYPES:
            row[key] = plain(value)
    return row


def _broker(result: BacktestResult) -> Row:
    record = result.broker
    return {
        "name": record.name,
        "plan": record.plan,
        "borrowed": list(record.borrowed),
        "squared_off": record.squared_off,
        "coarse_square_offs": result.coarse_square_offs,
        "carried": [{"time": iso(each.ts), "symbol": each.symbol} for each in record.carried],
        "left_resting": record.left_resting,
        "naked_minutes": result.naked_minutes,
        "margin_warnings": record.margin_warnings,
        "lot_refusals": record.lot_refusals,
    }


def _lines(charges: ChargesByLine | None) -> dict[str, float]:
    """The lines of a row that are not zero."""
    if charges is None:
        return {}
    paid = msgspec.structs.asdict(charges)
    return {line: amount for line, amount in paid.items() if amount}


def _trade(trade: Trade, charges: ChargesByLine) -> Row:
    return {
        "id": trade.id,
        "symbol": trade.symbol,
        "entry_time": iso(trade.entry_ts),
        "exit_time": iso(trade.exit_ts),
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "quantity": trade.quantity,
        "side": trade.side,
        "pnl": trade.pnl,
        "pnl_pct": trade.pnl_pct,
        "fees": trade.fees,
        "duration_seconds": trade.duration_seconds,
        "exchange": trade.exchange,
        "product": trade.product,
        "entry_order": trade.entry_order,
        "exit_order": trade.exit_order,
        "charge_lines": _lines(charges),
    }


def _fill(fill: Fill, charges: ChargesByLine) -> Row:
    return {
        "time": iso(fill.ts),
        "order_id": fill.order_id,
        "symbol": fill.symbol,
        "exchange": fill.exchange,
        "product": fill.product,
        "side": fill.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "rule": fill.rule,
        "reference": fill.reference,
        "spread": fill.spread,
        "slippage": fill.slippage,
        "impact": fill.impact,
        "rounding": fill.rounding,
        "charges": fill.charges,
        "thin": fill.thin,
        "charge_lines": _lines(charges),
    }


def _posting(posting: Posting) -> Row:
    return {
        "time": iso(posting.ts),
        "kind": posting.kind,
        "symbol": posting.symbol,
        "exchange": posting.exchange,
        "amount": posting.amount,
        "charge": posting.charge,
        "note": posting.note,
    }


def _position(position: Position) -> Row:
    return _finite(
        {
            "symbol": position.symbol,
            "exchange": position.exchange,
            "product": position.product,
            "quantity": position.quantity,
            "average_price": position.average_price,
            "last_price": position.last_price,
            "unrealised_pnl": position.unrealised_pnl,
            "realised_pnl": position.realised_pnl,
        }
    )


def _orders(result: BacktestResult) -> list[Row]:
    fills: defaultdict[str, list[Fill]] = defaultdict(list)
    for fill in result.fills:
        fills[fill.order_id].append(fill)
    changes: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for ts, orderid, what in result.modifications:
        changes[orderid].append((ts, what))
    charges = result.itemised.orders
    rows = []
    for order in result.orders:
        row = _order(order, fills.get(order.orderid, ()), changes.get(order.orderid, ()))
        row["charge_lines"] = _lines(charges.get(order.orderid))
        rows.append(_finite(row))
    return rows


def _order(order: Order, fills: Sequence[Fill], changes: Sequence[tuple[int, str]]) -> Row:
    return {
        "orderid": order.orderid,
        "symbol": order.symbol,
        "exchange": order.exchange,
        "action": order.action,
        "quantity": order.quantity,
        "pricetype": order.pricetype,
        "product": order.product,
        "price": order.price,
        "trigger_price": order.trigger_price,
        "status": order.status,
        "filled_quantity": order.filled_quantity,
        "average_price": order.average_price,
        "rejection_reason": order.rejection_reason,
        "remedy": order.remedy,
        "refused_by": order.refused_by,
        "strategy": order.strategy,
        "placed_at": iso_or_none(order.placed_ts),
        "triggered_at": iso_or_none(order.triggered_ts),
        "filled_at": iso_or_none(order.filled_ts),
        "ended_at": iso_or_none(order.ended_ts),
        "stop_loss": order.stop_loss,
        "target": order.target,
        "parent": order.parent,
        "oco": order.oco,
        "modifications": order.modifications,
        "life": [
            {"time": iso(ts), "status": status, "note": note}
            for ts, status, note in sorted(_life(order, fills, changes), key=lambda event: event[0])
        ],
    }


def _life(
    order: Order, fills: Sequence[Fill], changes: Sequence[tuple[int, str]]
) -> Iterator[tuple[int, str, str]]:
    """What happened to an order: instant, the status from then on, and what it was."""
    waiting = "trigger pending" if order.pricetype in ("SL", "SL-M") else "open"
    if order.status == "rejected":
        yield order.ended_ts, "rejected", f"{order.rejection_reason} {order.remedy}".strip()
        return
    yield order.placed_ts, waiting, f"exit of {order.parent}" if order.parent else "placed"
    triggered = order.triggered_ts
    for ts, what in changes:
        yield ts, "open" if triggered and ts >= triggered else waiting, f"modified: {what}"
    if triggered:
        yield triggered, "open", "triggered"
    for number, fill in enumerate(fills, 1):
        last = number == len(fills) and order.status == "complete"
        status = "complete" if last else "open"
        yield fill.ts, status, f"{fill.quantity} filled at {round(fill.price, 4)} ({fill.rule})"
    if order.status == "cancelled":
        yield order.ended_ts, "cancelled", order.rejection_reason or "cancelled by the strategy"
