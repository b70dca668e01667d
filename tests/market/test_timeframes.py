"""One spelling and one length for every timeframe."""

from __future__ import annotations

import pytest

from tapeback.errors import DataError
from tapeback.market.timeframes import TIMEFRAMES, duration, is_intraday, normalise

MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("written", "name"), [("D", "1d"), ("W", "1w"), ("M", "1M"), ("60m", "1h"), ("1m", "1m")]
)
def test_openalgo_s_spellings_are_known(written: str, name: str) -> None:
    assert normalise(written) == name
    assert duration(written) == duration(name)


def test_defect_50_every_timeframe_has_its_own_length() -> None:
    lengths = [duration(name) for name in TIMEFRAMES]
    assert len(set(lengths)) == len(TIMEFRAMES)
    assert lengths == sorted(lengths)
    assert duration("4h") == 240 * MINUTE


def test_a_day_and_longer_are_not_intraday() -> None:
    assert is_intraday("4h")
    assert not any(is_intraday(name) for name in ("1d", "1w", "1M"))


def test_an_unknown_timeframe_is_refused_with_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"unknown timeframe '1hr' \(did you mean '1h'\?\)"):
        duration("1hr")
    with pytest.raises(DataError, match=r"Use one of 1s, .*OpenAlgo's D, W, M"):
        normalise("7m")
