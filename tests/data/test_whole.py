"""What holds of any bars: nothing is lost between the rooms of market data."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.importing import import_files
from tapeback.data.exporting import SUFFIXES, write_candles
from tapeback.data.quality import gaps, verdict
from tapeback.market import timeframes
from tapeback.market.candles import Candles
from tapeback.models.finding import Finding
from tapeback.models.verdict import GRADES, RULES
from tapeback.utils.clock import DAY_NS
from tests.data.faults import made
from tests.openalgo_server import NOW, HandClock

# Of each exchange some sessions, special ones among them: two blocks with a pause (2 March 2024),
# an hour in the evening (1 November 2024), an evening alone, a last day of five.
SESSIONS = {
    ("INFY", "NSE"): ("2024-03-01", "2024-03-04"),
    ("RELIANCE", "NSE"): ("2024-10-31", "2024-11-04"),
    ("TCS", "BSE"): ("2024-03-06", "2024-03-11"),
    ("NIFTY", "NSE_INDEX"): ("2024-10-31", "2024-11-04"),
    ("NIFTY28MAR24FUT", "NFO"): ("2024-03-22", "2024-03-27"),
    ("SENSEX28MAR24FUT", "BFO"): ("2024-03-26", "2024-03-27"),
    ("USDINR26APR24FUT", "CDS"): ("2024-04-09", "2024-04-12"),
    ("CRUDEOIL19APR24FUT", "MCX"): ("2024-03-22", "2024-03-26"),
    ("GOLD05DEC24FUT", "MCX"): ("2024-10-31", "2024-11-04"),
}
CASES = [
    pytest.param(one, frame, id=f"{one[1]}-{one[0][:4]}-{frame}")
    for one in SESSIONS
    for frame in ("1m", "15m", "1h", "1d")
]


LATER = HandClock(NOW + 366 * DAY_NS)


def kept_of(candles: Candles, kept: np.ndarray) -> Candles:
    return Candles(candles.series, [column[kept] for column in candles.columns], candles.origin)


@pytest.mark.parametrize(("one", "frame"), CASES)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_bars_and_gaps_are_the_grid_of_the_sessions(
    one: tuple[str, str], frame: str, data: st.DataObject
) -> None:
    """Whatever is taken away is in a gap, no gap has anything else, and none is counted twice."""
    whole = made(*SESSIONS[one], symbol=one[0], exchange=one[1], timeframe=frame)
    days = int(whole.days[0]), int(whole.days[-1])
    assert gaps(whole, *days) == []
    kept = np.ones(len(whole), np.bool_)
    for _ in range(data.draw(st.integers(0, 3))):
        start = data.draw(st.integers(0, len(whole) - 1))
        kept[start : start + data.draw(st.sampled_from([1, 7, 60, 400]))] = False
    if not kept.any():
        kept[0] = True
    found = gaps(kept_of(whole, kept), *days)
    assert sum(gap.bars for gap in found) == np.count_nonzero(~kept)
    inside = np.zeros(len(whole), np.int64)
    for gap in found:
        if timeframes.is_intraday(frame):
            inside += (whole.ts >= gap.begins) & (whole.ts < gap.ends)
        else:
            inside += whole.days == gap.day
    assert (inside == ~kept).all()


finding = st.builds(
    Finding,
    code=st.sampled_from([*sorted(RULES), "some-new-code"]),
    severity=st.sampled_from(["note", "warning", "error"]),
    message=st.just("odd"),
    count=st.integers(1, 100),
    of=st.sampled_from([0, 100, 100_000]),
    action=st.sampled_from(["kept", "dropped", "sorted"]),
)


@given(some=st.lists(finding, max_size=6), more=st.lists(finding, max_size=3))
@pytest.mark.parametrize("policy", ["repair", "keep", "refuse"])
def test_no_finding_makes_a_verdict_better(
    policy: str, some: list[Finding], more: list[Finding]
) -> None:
    few, many = (
        verdict(found, policy=policy)  # type: ignore[arg-type]
        for found in (some, some + more)
    )
    assert GRADES.index(many.grade) >= GRADES.index(few.grade)
    assert (few.grade == "clean") == (not few.reasons)


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=4, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_exported_and_imported_is_what_was_kept(suffix: str, data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(list(SESSIONS)))
    whole = made(*SESSIONS[one], symbol=one[0], exchange=one[1])
    kept = np.ones(len(whole), np.bool_)
    kept[sorted(data.draw(st.sets(st.integers(60, len(whole) - 1), max_size=30)))] = False
    candles = kept_of(whole, kept)
    with TemporaryDirectory() as folder:
        name = f"{candles.symbol}_{candles.exchange}_1m{suffix}"
        path = write_candles(candles, Path(folder) / name)
        with CacheManager(Path(folder) / "cache", clock=LATER) as cache:
            report = import_files([path], cache=cache)
            assert report.problems == []
            again = cache.read(candles.series)
    assert again is not None
    for mine, theirs in zip(candles.columns, again.columns, strict=True):
        np.testing.assert_array_equal(mine, theirs)
