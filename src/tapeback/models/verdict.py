"""How far data, and a result made of it, can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from tapeback.models.finding import Finding, Origin

Grade = Literal["clean", "usable", "doubtful", "refused"]

# From the best to the worst.
GRADES: tuple[Grade, ...] = ("clean", "usable", "doubtful", "refused")


class Verdict(msgspec.Struct, frozen=True):
    """A grade and, from the weightiest on, why it is no better.

    `clean`: nothing above a note. `usable`: something was repaired or is slightly wrong.
    `doubtful`: what is wrong may have made the result. `refused`: not to be run over.
    """

    grade: Grade = "clean"
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.grade


class Rule(msgspec.Struct, frozen=True):
    """What a finding of severity `warning` or `error` makes of the data.

    `grade` holds where the bars in question were kept; without them the data is `usable`. With a
    `share` the grade holds where the finding concerns more than that part of all, whatever was
    done about it, and the data is `usable` below. With `told` the reason holds the finding's own
    message instead of its code and count.
    """

    grade: Grade
    because: str
    share: float | None = None
    told: bool = False

    def grade_of(self, finding: Finding) -> Grade:
        if self.share is not None:
            return self.grade if finding.share > self.share else "usable"
        return self.grade if finding.action == "kept" else "usable"


_LOST = "what these rows would have said is lost"
_ABSENT = "no order could fill and no stop trigger in what is missing"

# By the code of the finding; a code that has no row makes the data `usable` as a warning and
# `doubtful` as an error. One bar in a hundred, and one session in twenty, is where holes begin to
# decide about results: a stop that should have filled in one of them is then to be expected.
RULES: dict[str, Rule] = {
    "missing-stamp": Rule("doubtful", _LOST, share=0.01),
    "missing-price": Rule("doubtful", _LOST, share=0.01),
    "price-not-positive": Rule("doubtful", _LOST, share=0.01),
    "high-below-low": Rule("doubtful", _LOST, share=0.01),
    "price-outside-range": Rule("doubtful", _LOST, share=0.01),
    "bad-volume": Rule("doubtful", _LOST, share=0.01),
    "bad-oi": Rule("doubtful", _LOST, share=0.01),
    "duplicate-stamps": Rule("doubtful", "which of two bars is right is a guess", share=0.01),
    "unsorted": Rule("usable", "the rows had to be sorted"),
    "read-as-utc": Rule("usable", "the zone of the stamps is a guess"),
    "label-unclear": Rule("doubtful", "bars may be known a bar too early or too late"),
    "mislabelled-bars": Rule("doubtful", "bars may be known a bar too early or too late"),
    "symbol-mismatch": Rule("usable", "the rows bear another name"),
    "symbol-mix-up": Rule("doubtful", "prices are those of two instruments"),
    "straddling-bars": Rule("usable", "a few coarser bars hold what came after them"),
    "missing-session": Rule("doubtful", _ABSENT, share=0.05),
    "missing-bars": Rule("doubtful", _ABSENT, share=0.01),
    "short-session": Rule("doubtful", _ABSENT, share=0.05),
    "thin-trading": Rule("usable", "between trades there is no price"),
    "closed-day": Rule("usable", "the calendar or the stamps are wrong"),
    "halted-bars": Rule("doubtful", "orders can fill while nobody could trade"),
    "frozen-tail": Rule("doubtful", "orders can fill at prices that nobody traded at"),
    "outlier": Rule("doubtful", "stops and targets can fill at prices that nobody traded at"),
    "unadjusted-jump": Rule("doubtful", "profit and indicators take the jump for a move"),
    "mixed-adjustment": Rule("doubtful", "prices before and after do not compare"),
    "zero-volume": Rule("usable", "no volume limits the fills there"),
    "volume-in-lots": Rule("usable", "limits on fills by volume are too tight by the lot size"),
    "volume-unit-change": Rule("usable", "limits on fills by volume change with the unit"),
    "several-sources": Rule("usable", "sources differ in how they make bars"),
    "alias": Rule("usable", "prices and hours are another's", told=True),
    "modelled-option": Rule("doubtful", "nobody ever traded at them", told=True),
    "modelled-fills": Rule("doubtful", "nobody ever traded there", told=True),
    "unknown-volatility": Rule("doubtful", _ABSENT, share=0.01),
}


def verdict_of(
    findings: Iterable[Finding] = (),
    *,
    origins: Iterable[Origin] = (),
    proxies: Iterable[str] = (),
) -> Verdict:
    """The worst of what `findings` say, of the series of a run with their findings, and of what
    the run itself adds: indices that were traded for their futures."""
    charges = [_judged(finding) for finding in findings if finding.severity != "note"]
    for origin in origins:
        if origin.synthetic:
            charges.append(("doubtful", "the prices are made up"))
        elif not origin.examined:
            charges.append(("usable", "the bars were handed over in memory and not examined"))
        charges += [_judged(finding) for finding in origin.findings if finding.severity != "note"]
    names = ", ".join(proxies)
    if names:
        charges.append(("usable", f"orders on an index ({names}) stand for its near future"))
    ranked = sorted(dict.fromkeys(charges), key=lambda charge: -GRADES.index(charge[0]))
    return Verdict(ranked[0][0], tuple(reason for _, reason in ranked)) if ranked else Verdict()


def _judged(finding: Finding) -> tuple[Grade, str]:
    rule = RULES.get(finding.code)
    if rule is None:
        return ("doubtful" if finding.severity == "error" else "usable"), finding.message
    if rule.told:
        return rule.grade_of(finding), f"{finding.message}: {rule.because}"
    count = f"{finding.count} of {finding.of}" if finding.of else f"{finding.count}"
    return rule.grade_of(finding), f"{finding.code} ({count}): {rule.because}"
