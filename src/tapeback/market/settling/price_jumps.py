"""Whether prices are raw or adjusted at the corporate actions on file, and which jumps no action
explains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from math import log
from typing import Literal

import msgspec
import numpy as np

from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.market.dated import rows
from tapeback.market.settling.corporate_actions import Action, ActionBook, ExDay
from tapeback.models.finding import Finding
from tapeback.models.instrument import CASH_EXCHANGES
from tapeback.utils.clock import DAY_NS, date_of_day
from tapeback.utils.money import to_units

State = Literal["raw", "adjusted", "unclear"]

_NAMED = 20
# Price factors that splits and bonuses make, the commonest reading of each first.
_FACTORS = (
    (1 / 2, "a split 2:1 or a bonus 1:1"),
    (1 / 5, "a split 5:1 or a bonus 4:1"),
    (1 / 10, "a split 10:1"),
    (2 / 3, "a bonus 1:2"),
    (1 / 3, "a bonus 2:1"),
    (3 / 4, "a bonus 1:3"),
)
_NEAR = 0.05


class Gap(msgspec.Struct, frozen=True):
    """The first price of a session against the last one of the session before, on `previous`."""

    previous: int
    day: int
    close: float
    open: float

    @property
    def move(self) -> float:
        return self.open / self.close - 1


class Judgement(msgspec.Struct, frozen=True):
    """How the prices stand at one ex-date: `raw` where they fell as the actions make them fall,
    `adjusted` where they did not, `unclear` where that cannot be seen."""

    ex_day: ExDay
    gap: Gap
    state: State


class Examination(msgspec.Struct, frozen=True):
    """What the gaps of a series say: the ex-dates judged, and the jumps that none explains."""

    judged: tuple[Judgement, ...]
    unexplained: tuple[Gap, ...]

    def in_state(self, state: State) -> tuple[Judgement, ...]:
        return tuple(judgement for judgement in self.judged if judgement.state == state)

    def to_apply(self) -> tuple[ExDay, ...]:
        """The actions that a run over these prices applies to what it holds, by ex-date.

        Those that the prices already contain are left out, unclear ones treated as the nearest
        clear one is (as adjusted where there is none). Dividends always count, in rupees a share
        as these prices count shares: later splits and bonuses that they contain divide them.
        """
        kept: list[ExDay] = []
        divisor = Fraction(1)
        for judgement in reversed(self.judged):
            day = judgement.ex_day
            raw = self._settled(judgement) == "raw"
            cash = [_divided(action, divisor) for action in day.of_kind("dividend")]
            if raw:
                cash += [a for a in day.actions if a.kind != "dividend"]
            else:
                divisor *= day.share_factor
                cash = [_divided(action, day.share_factor) for action in cash]
            if cash:
                kept.append(ExDay(day.day, cash))
        return tuple(reversed(kept))

    def _settled(self, judgement: Judgement) -> State:
        if judgement.state != "unclear":
            return judgement.state
        day = judgement.ex_day.day
        clear = [other for other in self.judged if other.state != "unclear"]
        nearest = min(clear, key=lambda other: abs(other.ex_day.day - day), default=None)
        return "adjusted" if nearest is None else nearest.state


def unadjusted_jumps(candles: Candles, book: ActionBook) -> tuple[Finding, ...]:
    """Findings about the prices of a share against the corporate actions on file; none for other
    instruments, nor for bars of a week or longer, whose gaps hide the ex-date."""
    if candles.exchange not in CASH_EXCHANGES or len(candles) == 0:
        return ()
    if timeframes.duration(candles.timeframe) > DAY_NS:
        return ()
    return findings_of(examine(gaps_of(candles), book.of(candles.symbol, candles.exchange)))


def gaps_of(candles: Candles) -> tuple[Gap, ...]:
    """The gaps between the sessions of a series of bars of at most a day."""
    firsts = candles.session_firsts[1:]
    columns = (
        candles.days[firsts - 1],
        candles.days[firsts],
        candles.close[firsts - 1],
        candles.open[firsts],
    )
    return tuple(Gap(*gap) for gap in zip(*(c.tolist() for c in columns), strict=True))


def examine(gaps: Sequence[Gap], ex_days: Iterable[ExDay]) -> Examination:
    """Judge each ex-date within the prices by the gap that it lies in, and find the jumps left
    over. `gaps` are in the order of their days."""
    days = np.array([gap.day for gap in gaps], dtype=np.int64)
    judged = []
    raw_days = set()
    for ex_day in ex_days:
        at = int(np.searchsorted(days, ex_day.day))
        if at == len(gaps) or gaps[at].previous >= ex_day.day:
            continue
        judgement = Judgement(ex_day, gaps[at], _judge(ex_day, gaps[at]))
        judged.append(judgement)
        if judgement.state == "raw":
            raw_days.add(gaps[at].day)
    unexplained = tuple(
        gap for gap in gaps if gap.day not in raw_days and abs(gap.move) > _limits(gap.day)[0]
    )
    return Examination(tuple(judged), unexplained)


def findings_of(examination: Examination) -> tuple[Finding, ...]:
    """What a reader of a result should know about an examination."""
    raw, adjusted, unclear = (
        examination.in_state(state) for state in ("raw", "adjusted", "unclear")
    )
    found = [_jumps(examination.unexplained)]
    if raw and adjusted:
        names = f"raw at {_named(raw)}; adjusted at {_named(adjusted)}"
        message = f"prices are partly adjusted for corporate actions: {names}"
        found.append(_finding("mixed-adjustment", "warning", message, (*raw, *adjusted)))
    elif raw:
        message = f"prices are raw: they move with {_named(raw)}"
        found.append(_finding("raw-prices", "note", message, raw))
    elif adjusted:
        message = f"prices are already adjusted for {_named(adjusted)}"
        found.append(_finding("adjusted-prices", "note", message, adjusted))
    hidden = tuple(judgement for judgement in unclear if _splits(judgement.ex_day))
    if hidden:
        message = f"whether prices are adjusted cannot be seen at {_named(hidden)}"
        found.append(_finding("unclear-adjustment", "note", message, hidden))
    return tuple(finding for finding in found if finding is not None)


def _judge(ex_day: ExDay, gap: Gap) -> State:
    """By how far the gap goes of the way on which the actions take raw prices."""
    expected = ex_day.ex_price(to_units(gap.close), with_dividend=False)
    if expected is None:
        return "unclear"
    factor = float(expected) / to_units(gap.close)
    _, visible, tolerance = _limits(gap.day)
    if abs(factor - 1) < visible:
        return "unclear"
    way = log(gap.open / gap.close) / log(factor)
    if abs(way - 1) <= tolerance:
        return "raw"
    return "adjusted" if abs(way) <= tolerance else "unclear"


def _limits(day: int) -> tuple[float, float, float]:
    row = rows("corporate_actions", "detection").in_force(day)
    return float(row["jump"]), float(row["visible"]), float(row["tolerance"])


def _divided(action: Action, divisor: Fraction) -> Action:
    return msgspec.structs.replace(action, cash=round((action.cash or 0) / divisor))


def _splits(ex_day: ExDay) -> bool:
    return any(action.kind != "dividend" for action in ex_day.actions)


def _jumps(gaps: tuple[Gap, ...]) -> Finding | None:
    if not gaps:
        return None
    named = [f"{date_of_day(gap.day)} ({gap.move:+.1%}{_likely(gap)})" for gap in gaps[:_NAMED]]
    plural = "jump" if len(gaps) == 1 else "jumps"
    return Finding(
        code="unadjusted-jump",
        severity="warning",
        message=f"{len(gaps)} {plural} from one session to the next that no corporate action on "
        f"file explains: {', '.join(named)}{_more(len(gaps))}",
        count=len(gaps),
        where=f"{date_of_day(gaps[0].day)}",
    )


def _likely(gap: Gap) -> str:
    """The split or bonus that a gap looks like."""
    for factor, name in _FACTORS:
        if abs(gap.open / gap.close / factor - 1) <= _NEAR:
            return f", as {name} makes"
    return ""


def _finding(
    code: str, severity: Literal["note", "warning"], message: str, judged: Sequence[Judgement]
) -> Finding:
    first: date = min(date_of_day(judgement.ex_day.day) for judgement in judged)
    return Finding(
        code=code, severity=severity, message=message, count=len(judged), where=f"{first}"
    )


def _named(judged: Sequence[Judgement]) -> str:
    names = []
    for judgement in judged[:_NAMED]:
        actions = [f"{a.kind} {a.ratio}" for a in judgement.ex_day.actions if a.ratio]
        day = date_of_day(judgement.ex_day.day)
        names.append(f"{' and '.join(actions)} on {day} ({judgement.gap.move:+.1%})")
    return ", ".join(names) + _more(len(judged))


def _more(count: int) -> str:
    return f" and {count - _NAMED} more" if count > _NAMED else ""
