"""The verdict stands in every result, document, file and summary."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tapeback import BacktestResult
from tapeback.data.quality import examine
from tapeback.errors import DataError
from tapeback.market.candles import Candles
from tapeback.models.finding import Finding, Origin
from tapeback.report.summary import summary
from tests.report.conftest import session_bars

Run = Callable[..., BacktestResult]


def text(result: BacktestResult) -> str:
    return "\n".join(line.text for line in summary(result)[:4])


def test_faultless_examined_bars_are_clean(run: Run) -> None:
    result = run(candles=examine(session_bars()))
    assert (result.verdict, result.verdict_reasons) == ("clean", ())
    assert "Verdict: clean" in text(result).splitlines()


def test_bars_that_nobody_examined_are_usable_at_most(run: Run) -> None:
    result = run(candles=session_bars())
    assert result.verdict == "usable"
    assert "not examined" in result.verdict_reasons[0]


def test_an_order_on_an_index_makes_a_result_usable_at_most(run: Run) -> None:
    index = examine(session_bars(symbol="NIFTY", exchange="NSE_INDEX"))
    result = run(candles=index, fidelity="none")
    assert result.proxies == ("NIFTY",)
    assert result.verdict == "usable"
    assert "NIFTY" in result.verdict_reasons[0]


def test_the_worst_series_decides_and_the_reasons_are_told(run: Run, tmp_path: Path) -> None:
    spike = Finding(code="outlier", severity="warning", message="1 bar", count=1, of=1125)
    origin = Origin(kind="file", detail="a.csv", examined=True, findings=(spike,))
    bars = session_bars()
    result = run(candles=Candles(bars.series, bars.columns, origin))
    assert result.verdict == "doubtful"
    reason = "outlier (1 of 1125): stops and targets can fill at prices that nobody traded at"
    assert result.verdict_reasons == (reason,)
    assert f"Verdict: doubtful: {reason}" in text(result)
    document = result.to_dict()
    assert (document["verdict"], document["verdict_reasons"]) == ("doubtful", [reason])
    assert document["findings"][0]["places"] == []
    paths = result.save(tmp_path)
    for name in ("result.json", "manifest.json"):
        saved = json.loads(paths[name].read_text("utf-8"))
        assert (saved["verdict"], saved["verdict_reasons"]) == ("doubtful", [reason])


def test_defect_48_made_up_prices_are_never_better_than_doubtful(run: Run) -> None:
    result = run(candles=session_bars(origin=Origin(kind="synthetic")))
    assert result.verdict == "doubtful"


def test_data_in_memory_is_refused_for_what_was_dropped_of_it(run: Run) -> None:
    bars = session_bars()
    twice = Candles.from_arrays(
        symbol="RELIANCE",
        exchange="NSE",
        timeframe="1m",
        ts=[*bars.ts.tolist(), int(bars.ts[-1])],
        **{
            name: [*getattr(bars, name).tolist(), 1.0]
            for name in ("open", "high", "low", "close", "volume")
        },
    )
    with pytest.raises(DataError, match=r"refuse does not let pass:[\s\S]*duplicate-stamps"):
        run(candles=twice, on_bad_data="refuse")
    assert run(candles=twice).verdict == "usable"
