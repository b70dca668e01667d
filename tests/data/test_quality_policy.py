"""What is done about bars that are odd: refused, repaired or kept; and the verdict."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tapeback.data.files import FileDataProvider
from tapeback.data.provider import DataRequest
from tapeback.data.quality import Policy, coarsened, examine, refuse, verdict, with_findings
from tapeback.errors import DataError
from tapeback.market.candles import Candles
from tapeback.models.finding import Finding, Origin
from tapeback.models.verdict import RULES, Verdict, verdict_of
from tests.data.conformance import same_bars
from tests.data.faults import made, scaled_at, with_column

HEADER = "datetime,open,high,low,close,volume\n"
MINUTES = [f"2024-01-23 09:{minute}" for minute in range(15, 45)]


def row(stamp: str, *, high: float = 102.0, volume: int = 10) -> str:
    return f"{stamp},100,{high},99,101,{volume}\n"


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """Rows that are no bars, a stamp twice, rows out of order, and a frozen tail."""
    rows = [row(stamp) for stamp in MINUTES]
    rows[3] = row(MINUTES[3], high=50.0)
    rows[4] = rows[4] + row(MINUTES[4], volume=11)
    rows[7], rows[8] = rows[8], rows[7]
    rows += [f"2024-01-23 {15 + n // 60}:{n % 60:02},101,101,101,101,0\n" for n in range(40, 80)]
    path = tmp_path / "faulty.csv"
    path.write_text(HEADER + "".join(rows))
    return path


def read(path: Path, policy: Policy) -> Candles:
    request = DataRequest(symbol="INFY", exchange="NSE")
    return FileDataProvider(path, policy=policy).fetch(request)


def test_defect_54_repair_drops_and_sorts_and_says_where(faulty: Path) -> None:
    candles = read(faulty, "repair")
    assert len(candles) == 29
    acted = {f.code: (f.action, f.where, f.places) for f in candles.findings if f.action != "kept"}
    assert acted == {
        "high-below-low": ("dropped", "faulty.csv:5", ("faulty.csv:5",)),
        "duplicate-stamps": ("dropped", "faulty.csv:7", ("faulty.csv:7",)),
        "unsorted": ("sorted", "faulty.csv:11", ("faulty.csv:11",)),
        "frozen-tail": ("dropped", "2024-01-23 15:40", ("2024-01-23 15:40 to 16:19",)),
    }


def test_keep_leaves_in_what_bars_can_hold(faulty: Path) -> None:
    kept, repaired = read(faulty, "keep"), read(faulty, "repair")
    assert len(kept) == len(repaired) + 40
    tail = next(f for f in kept.findings if f.code == "frozen-tail")
    assert (tail.count, tail.action) == (40, "kept")
    assert same_bars(kept[:29], repaired)
    assert verdict(kept.findings).grade == "doubtful"


def test_refuse_names_every_fault_with_its_place(faulty: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(faulty, "refuse")
    text = str(caught.value)
    for part in ("faulty.csv:5", "faulty.csv:7", "duplicate-stamps", "unsorted", "frozen-tail"):
        assert part in text
    assert "2024-01-23 15:40" in text
    assert "repair (drop and sort) or keep" in text
    assert verdict(read(faulty, "repair").findings, policy="refuse").grade == "refused"


def test_refuse_lets_pass_what_needs_no_repair() -> None:
    week = made("2024-03-11", "2024-03-15")
    assert same_bars(examine(week, policy="refuse"), week)
    # An outlier is kept by repair, and told.
    spiked = examine(scaled_at(week, [700], 2.0), policy="refuse")
    assert "outlier" in {f.code for f in spiked.findings}


def test_refuse_takes_several_series_and_errors() -> None:
    week = made("2024-03-11", "2024-03-15")
    error = Finding(code="broken", severity="error", message="it is broken", where="x.csv:3")
    with pytest.raises(DataError, match=r"INFY:NSE:1m, x\.csv:3: it is broken \(broken\)"):
        refuse([week, with_findings(week, (error,))])
    refuse([week])


def test_float_noise_is_restored_whoever_reads_it() -> None:
    week = made("2024-03-11", "2024-03-12")
    noisy = week
    for column in (1, 2, 3, 4):
        noisy = with_column(noisy, column, week.columns[column].astype("f4").astype("f8"))
    restored = examine(noisy)
    assert {f.code: f.action for f in restored.findings} == {"float-noise": "rounded"}
    assert same_bars(restored, week)


def test_examined_candles_say_so_and_keep_it_when_coarsened() -> None:
    week = made("2024-03-11", "2024-03-12")
    assert not week.origin.examined
    assert examine(week).origin.examined
    assert coarsened(examine(week), "5m").origin.examined
    assert examine(week)[:10].origin.examined


@given(st.data())
def test_no_price_is_ever_made_up(data: st.DataObject) -> None:
    """What repair leaves are rows that were there; keep changes nothing."""
    week = BASE
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    bars = rng.choice(len(week), data.draw(st.integers(0, 40)), replace=False)
    odd = scaled_at(week, bars.tolist(), data.draw(st.sampled_from([0.1, 0.9, 1.5, 20.0])))
    start = data.draw(st.integers(0, len(week) - 1))
    still = slice(start, start + data.draw(st.integers(0, 400)))
    columns = [column.copy() for column in odd.columns]
    for column in columns[1:5]:
        column[still] = 777.0
    columns[5][still] = 0.0
    columns[0][still] += data.draw(st.sampled_from([0, 30 * 10**9, 390 * 60 * 10**9]))
    order = np.unique(columns[0], return_index=True)[1]
    odd = Candles(odd.series, [column[order] for column in columns], odd.origin)
    assert same_bars(examine(odd, policy="keep"), odd)
    repaired = examine(odd)
    at = np.searchsorted(odd.ts, repaired.ts)
    assert same_bars(Candles(odd.series, [c[at] for c in odd.columns], odd.origin), repaired)
    # Once is enough.
    again = Candles(odd.series, repaired.columns, odd.origin)
    assert same_bars(examine(again, policy="refuse"), repaired)


BASE = made("2024-03-11", "2024-03-13")


class TestVerdict:
    def finding(self, code: str, **changes: object) -> Finding:
        plain = Finding(code=code, severity="warning", message=f"about {code}")
        return msgspec.structs.replace(plain, **changes)

    def test_nothing_but_notes_is_clean(self) -> None:
        assert verdict(()) == Verdict("clean", ())
        assert verdict([self.finding("outlier", severity="note")]).grade == "clean"

    @pytest.mark.parametrize(
        ("code", "grade"),
        [
            ("unsorted", "usable"),
            ("thin-trading", "usable"),
            ("volume-in-lots", "usable"),
            ("several-sources", "usable"),
            ("outlier", "doubtful"),
            ("unadjusted-jump", "doubtful"),
            ("symbol-mix-up", "doubtful"),
            ("mislabelled-bars", "doubtful"),
        ],
    )
    def test_a_kept_finding_has_the_grade_of_its_rule(self, code: str, grade: str) -> None:
        assert verdict([self.finding(code)]).grade == grade

    def test_a_repaired_one_leaves_the_data_usable(self) -> None:
        assert verdict([self.finding("frozen-tail", action="dropped")]).grade == "usable"
        assert verdict([self.finding("frozen-tail")]).grade == "doubtful"

    @pytest.mark.parametrize(
        ("code", "few", "many"),
        [
            ("missing-bars", (100, 10_000), (101, 10_000)),
            ("missing-session", (5, 100), (6, 100)),
            ("short-session", (5, 100), (6, 100)),
            ("high-below-low", (1, 100), (2, 100)),
            ("duplicate-stamps", (1, 100), (2, 100)),
        ],
    )
    def test_holes_and_lost_rows_weigh_by_their_share(
        self, code: str, few: tuple[int, int], many: tuple[int, int]
    ) -> None:
        for (count, of), grade in ((few, "usable"), (many, "doubtful")):
            assert verdict([self.finding(code, count=count, of=of)]).grade == grade

    def test_unknown_codes_go_by_their_severity(self) -> None:
        assert verdict([self.finding("new-one")]) == Verdict("usable", ("about new-one",))
        assert verdict([self.finding("new-one", severity="error")]).grade == "doubtful"

    def test_the_worst_decides_and_comes_first(self) -> None:
        both = verdict([self.finding("unsorted"), self.finding("outlier", count=2, of=100)])
        assert both.grade == "doubtful"
        assert both.reasons[0].startswith("outlier (2 of 100): ")
        assert both.reasons[1].startswith("unsorted (1): ")

    def test_a_run_adds_made_up_unexamined_and_proxy_prices(self) -> None:
        examined = Origin(kind="file", examined=True)
        assert verdict_of(origins=[examined]).grade == "clean"
        assert verdict_of(origins=[examined, Origin(kind="synthetic")]).grade == "doubtful"
        assert verdict_of(origins=[Origin(kind="array")]).grade == "usable"
        proxy = verdict_of(origins=[examined], proxies=["NIFTY"])
        assert (proxy.grade, len(proxy.reasons)) == ("usable", 1)
        assert "NIFTY" in proxy.reasons[0]

    def test_every_rule_says_why(self) -> None:
        assert all(rule.because for rule in RULES.values())
