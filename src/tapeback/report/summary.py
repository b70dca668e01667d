"""A result in words: first what a trader must know, then the ratios."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
import numpy as np

from tapeback.report.rupees import grouped, percent, rupees
from tapeback.utils.money import to_rupees

if TYPE_CHECKING:
    from tapeback.market.tax.statement import TaxStatement
    from tapeback.models.order import Order
    from tapeback.models.result import BacktestResult

Tone = Literal["plain", "title", "good", "bad", "warning", "faint"]

_FIGURE = re.compile(r"\d[\d,.]*")
_NAMED = 4
_LINES = {
    "brokerage": "brokerage",
    "stt": "STT",
    "ctt": "CTT",
    "exchange": "exchange",
    "ipft": "IPFT",
    "sebi": "SEBI",
    "stamp": "stamp duty",
    "gst": "GST",
    "other": "other",
    "dp": "DP",
    "adjustments": "day-end adjustments",
    "penalties": "penalties",
}
_HEADS = {
    "STCG": "short-term gains",
    "LTCG": "long-term gains",
    "SPECULATIVE": "intraday",
    "NON_SPECULATIVE": "derivatives",
    "DIVIDEND": "dividends",
}
_VERDICT_TONES: dict[str, Tone] = {"clean": "good", "doubtful": "bad"}
_FINDING_TONES: dict[str, Tone] = {"error": "bad", "warning": "warning"}


class Line(NamedTuple):
    """A line of the summary and how it is meant."""

    text: str
    tone: Tone = "plain"


def summary(result: BacktestResult) -> list[Line]:
    """The summary, line by line; an empty line stands between its parts."""
    parts = (_header, _profit, _orders, _data, _trust, _ratios)
    lines: list[Line] = []
    for part in parts:
        lines += [Line(""), *part(result)] if lines else part(result)
    return lines


def _header(result: BacktestResult) -> Iterator[Line]:
    series = ", ".join(name for name, _ in result.origins)
    yield Line(f"{result.manifest['strategy']} on {series}", "title")
    if result.synthetic:
        yield Line("SYNTHETIC DATA: made-up prices. No figure here speaks of a real market.", "bad")
    if result.status != "completed":
        yield Line(
            f"{result.status.upper()} after {grouped(result.processed_candles)} of "
            f"{grouped(result.total_candles)} bars: all figures are of that part.",
            "bad",
        )
    yield _verdict(result)


def _verdict(result: BacktestResult) -> Line:
    """How far the data lets the result be trusted, with the weightiest reasons; result.json has
    all."""
    reasons = result.verdict_reasons
    because = f": {_some(reasons, '; ')}" if reasons else ""
    return Line(f"Verdict: {result.verdict}{because}", _VERDICT_TONES.get(result.verdict, "plain"))


def _profit(result: BacktestResult) -> Iterator[Line]:
    metrics = result.metrics
    net = metrics.net_pnl
    yield Line(
        f"Net {rupees(net)} ({percent(metrics.total_return_pct)}) = gross "
        f"{rupees(metrics.gross_pnl)} - charges {rupees(metrics.total_fees)} - assumed slippage "
        f"{rupees(metrics.assumed_slippage)}",
        "good" if net > 0 else "bad" if net < 0 else "plain",
    )
    yield from _costs(result)
    yield _survivable(metrics.survivable_slippage_pct)
    if result.bounds is not None:
        yield Line(
            f"Net between {rupees(result.bounds.adverse)} and {rupees(result.bounds.favourable)}, "
            "by how its bars are read"
        )
    if metrics.worst_day is not None and metrics.worst_day_pnl is not None:
        loss = "" if metrics.worst_day_pct is None else f" ({percent(metrics.worst_day_pct)})"
        yield Line(f"Worst day {metrics.worst_day}: {rupees(metrics.worst_day_pnl)}{loss}")
    if metrics.max_drawdown_peak is not None:
        yield Line(
            f"Worst drawdown {percent(metrics.max_drawdown_pct)}: from "
            f"{_minute(metrics.max_drawdown_peak)} to {_minute(metrics.max_drawdown_trough)}, "
            + _recovered(metrics.max_drawdown_recovery)
        )
    span = _span(metrics.first_day, metrics.last_day)
    yield Line(f"{_count(metrics.sessions, 'session')}{span}, {_count(metrics.bars, 'bar')}")


def _costs(result: BacktestResult) -> Iterator[Line]:
    """What the profit was made of and with, and what the state takes of it."""
    metrics = result.metrics
    if metrics.other_cash:
        yield Line(f"Of the gross, {rupees(metrics.other_cash)} is dividends and other cash")
    if metrics.total_fees:
        paid = msgspec.structs.asdict(result.charges)
        parts = [f"{name} {rupees(paid[line])}" for line, name in _LINES.items() if paid[line]]
        yield Line(f"Charges: {', '.join(parts)}")
    if metrics.peak_margin and metrics.average_margin is not None:
        earned = metrics.return_on_peak_margin_pct
        share = "" if earned is None else f" (return on it {percent(earned)})"
        yield Line(
            f"Margin: at most {rupees(metrics.peak_margin)} on "
            f"{_minute(metrics.peak_margin_time)}{share}, {rupees(metrics.average_margin)} on "
            f"average while used, {rupees(metrics.time_weighted_margin or 0.0)} over the whole run"
        )
    if result.tax is not None:
        yield from _income_tax(result.tax, metrics.net_pnl)


def _income_tax(statement: TaxStatement, net: float) -> Iterator[Line]:
    total = to_rupees(statement.total_tax)
    yield Line(
        f"Income tax, an estimate: {rupees(total)}, which would leave {rupees(net - total)}; every "
        "other figure is before it"
    )
    for year in statement.years:
        heads = [head for head in year.heads if head.trades]
        if heads:
            told = [f"{_HEADS[head.head]} {rupees(to_rupees(head.total))}" for head in heads]
            carried = sum(head.carried for head in heads)
            if carried:
                told.append(f"{rupees(to_rupees(carried))} of losses carried forward")
            yield Line(f"  {year.label}: {', '.join(told)}", "faint")


def _survivable(pct: float | None) -> Line:
    if pct is None:
        return Line("Survivable slippage: nothing was traded", "warning")
    if pct < 0:
        return Line(f"Loses {-pct:.2f} % a side even without any slippage", "bad")
    return Line(f"Survives up to {pct:.2f} % slippage a side")


def _orders(result: BacktestResult) -> Iterator[Line]:
    orders = result.orders
    filled = [order for order in orders if order.status == "complete"]
    cancelled = [order for order in orders if order.status == "cancelled"]
    resting = [order for order in orders if order.is_open]
    refused = result.refused_orders
    partly = sum(0 < order.filled_quantity < order.quantity for order in (*cancelled, *resting))
    yield Line(
        f"{_count(len(orders), 'order')}: {grouped(len(filled))} filled, "
        f"{grouped(len(cancelled))} cancelled, {grouped(len(resting))} still open, "
        f"{grouped(len(refused))} REFUSED"
        + (f"; {grouped(partly)} of those not filled were filled in part" if partly else ""),
        "bad" if refused else "plain",
    )
    for same in _by_reason(refused):
        first = same[0]
        yield Line(
            f"  refused by {first.refused_by} {_times(same)} {first.rejection_reason} "
            f"(first {_minute(first.placed_at)}, order {first.orderid})",
            "bad",
        )
        if first.remedy:
            yield Line(f"    {first.remedy}")
    for same in _by_reason(cancelled):
        reason = same[0].rejection_reason or "by the strategy"
        yield Line(f"  cancelled {_times(same)} {reason}", "faint")


def _times(same: list[Order]) -> str:
    alike = len({order.rejection_reason for order in same}) == 1
    return f"{grouped(len(same))} ×{':' if alike else ', such as:'}"


def _by_reason(orders: Iterable[Order]) -> list[list[Order]]:
    """Orders with one reason together, whatever figures stand in it; the commonest first."""

    def reason(order: Order) -> str:
        return _FIGURE.sub("#", f"{order.refused_by}: {order.rejection_reason}")

    groups = [list(same) for _, same in groupby(sorted(orders, key=reason), key=reason)]
    return sorted(groups, key=len, reverse=True)


def _data(result: BacktestResult) -> Iterator[Line]:
    kind = "Synthetic data" if result.synthetic else "Real data"
    if any(origin.kind == "array" for _, origin in result.origins):
        kind = "Data handed over in memory"
    findings = len(result.findings)
    yield Line(f"{kind}, {_count(findings, 'finding')}")
    for name, origin in result.origins:
        yield Line(f"  {name}: {origin.kind} {origin.detail}".rstrip(), "faint")
        for finding in origin.findings:
            place = f", first at {finding.where}" if finding.where else ""
            yield Line(
                f"    {finding.severity}: {finding.message} ({finding.action}{place})",
                _FINDING_TONES.get(finding.severity, "plain"),
            )


def _trust(result: BacktestResult) -> Iterator[Line]:
    """What the bars could not tell, and what the simulation does not model."""
    ambiguous, traded = len(result.ambiguous_bars), _bars_with_fills(result)
    share = f" ({100.0 * ambiguous / traded:.1f} % of the bars with fills)" if traded else ""
    yield Line(f"{_count(ambiguous, 'ambiguous bar')}{share}", "warning" if ambiguous else "plain")
    yield Line(
        f"{_count(result.touch_misses, 'limit')} touched but not passed, and not filled; "
        f"{_count(len(result.thin_fills), 'fill')} beyond the bar's share of volume"
    )
    for shortfall in result.shortfalls:
        yield Line(f"Shortfall on {shortfall.date}: {rupees(-abs(shortfall.amount))}", "bad")
    for position in result.open_positions:
        yield Line(
            f"Open at the end: {grouped(position.quantity)} {position.symbol}:{position.exchange} "
            f"{position.product} at {rupees(position.average_price)}, "
            f"{rupees(position.unrealised_pnl)} unrealised",
            "warning",
        )
    for fault in result.faults:
        when = f"{fault.timestamp:%Y-%m-%d %H:%M:%S}"
        yield Line(f"The strategy raised in {fault.callback} at {when}: {fault.error}", "bad")
    yield from _market(result)
    for note in result.notes:
        yield Line(note)


def _market(result: BacktestResult) -> Iterator[Line]:
    """What broker and exchange did by themselves, and how sure their rules are."""
    broker, fidelity = result.broker, result.manifest["rules"]["fidelity"]
    if result.proxies and fidelity != "none":
        indices = ", ".join(result.proxies)
        yield Line(f"Orders on an index ({indices}) are a proxy for its near future.", "warning")
    if broker.squared_off:
        coarse = result.coarse_square_offs
        late = f", {grouped(coarse)} of them at the close of a longer bar" if coarse else ""
        yield Line(f"{_count(broker.squared_off, 'MIS position')} squared off by the broker{late}")
    if broker.carried:
        first = broker.carried[0]
        yield Line(
            f"{_count(len(broker.carried), 'MIS position')} carried: a locked band kept the broker "
            f"from closing it (first {first.symbol} on {_minute(first.timestamp)})",
            "bad",
        )
    troubles = {
        "order short of margin and let through": broker.margin_warnings,
        "order refused for its lot size": broker.lot_refusals,
        "MARKET order left resting at the broker's limit": broker.left_resting,
    }
    told = [f"{grouped(count)} × {trouble}" for trouble, count in troubles.items() if count]
    if told:
        yield Line("; ".join(told), "warning")
    if result.naked_minutes:
        yield Line(
            f"{result.naked_minutes:.1f} minutes without a stop: price ran past the limit that the "
            "broker gave it",
            "bad",
        )
    if broker.borrowed:
        yield Line(
            f"Broker {broker.name}, where its own figures are unknown: {_some(broker.borrowed)}"
        )
    if result.doubtful_rules:
        names = tuple(dict.fromkeys(rule.rule for rule in result.doubtful_rules))
        yield Line(f"Rules of low confidence: {_some(names)}", "warning")


def _some(names: tuple[str, ...], between: str = ", ") -> str:
    """The first few of them; result.json has all."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return between.join(names[:_NAMED]) + more


def _bars_with_fills(result: BacktestResult) -> int:
    """How many bars, each symbol's counted, had at least one fill."""
    stamps = np.array([fill.ts for fill in result.fills], dtype=np.int64)
    bars = np.searchsorted(result.equity_curve.ts, stamps, side="right").tolist()
    fills = zip(bars, result.fills, strict=True)
    return len({(bar, fill.symbol, fill.exchange) for bar, fill in fills})


def _ratios(result: BacktestResult) -> Iterator[Line]:
    metrics = result.metrics
    drawdown = f"{rupees(metrics.max_drawdown)} ({metrics.max_drawdown_pct:.2f}%)"
    figures = {
        "Total Return": f"{rupees(metrics.total_return)} ({metrics.total_return_pct:.2f}%)",
        "Annualized Return": _shown(metrics.annualized_return, 2, "%"),
        "Max Drawdown": drawdown,
        "Sharpe Ratio": _shown(metrics.sharpe_ratio, 3),
        "Sortino Ratio": _shown(metrics.sortino_ratio, 3),
        "Calmar Ratio": _shown(metrics.calmar_ratio, 3),
        "Volatility": _shown(metrics.volatility, 2, "%"),
        "Exposure": _shown(metrics.exposure_pct, 1, "%"),
        "Buy and Hold": _shown(metrics.buy_and_hold_return_pct, 2, "%"),
        "Total Trades": grouped(metrics.total_trades),
        "Win Rate": _shown(metrics.win_rate, 1, "%"),
        "Profit Factor": _shown(metrics.profit_factor, 2),
        "Run ID": result.run.run_id,
    }
    for name, figure in figures.items():
        yield Line(f"{name}: {figure}")


def _shown(figure: float | None, digits: int, unit: str = "") -> str:
    return "N/A" if figure is None else f"{figure:.{digits}f}{unit}"


def _count(number: int, noun: str) -> str:
    return f"{grouped(number)} {noun}{'' if number == 1 else 's'}"


def _span(first: date | None, last: date | None) -> str:
    return f" from {first} to {last}" if first is not None else ""


def _minute(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%Y-%m-%d %H:%M}"


def _recovered(moment: datetime | None) -> str:
    return "not recovered" if moment is None else f"recovered {_minute(moment)}"
