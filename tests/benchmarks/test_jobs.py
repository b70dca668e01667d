"""The benchmarks measure what they say: known bars, known answers, and orders that are traded."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from benchmarks import run
from benchmarks.engines import TAPEBACK, EngineError
from benchmarks.generate import SINGLE_BARS, SINGLE_SEED, Bars, walk
from benchmarks.jobs.tapeback import ORACLE_SETTINGS, candles_of, outcome_of, play
from benchmarks.measure import Job, Measurement, measure
from benchmarks.oracle import CASH, Outcome, expected
from benchmarks.plan import SCALING, Cell, cells_of
from benchmarks.table import compare, findings, table
from tapeback import Candles

LATE = {
    "MIS orders are blocked after the square-off time 15:20",
    "MIS orders cannot be placed after market hours.",
}


@pytest.fixture(scope="module")
def one() -> list[Bars]:
    """Ten sessions and a part."""
    return [walk(4_000, 7)]


@pytest.fixture(scope="module")
def five() -> list[Bars]:
    return [walk(1_500, seed) for seed in range(5)]


def named(series: list[Bars]) -> list[Candles]:
    return [candles_of(bars, f"BENCH{k}") for k, bars in enumerate(series)]


def test_the_bars_and_answers_are_those_that_other_engines_have_confirmed() -> None:
    long = walk(SINGLE_BARS, SINGLE_SEED)
    bars = [Bars(*(column[:20_000] for column in long))]
    assert compare(expected("J2", bars), Outcome(763, 381, 99_918_893.665)) == "ok"
    assert compare(expected("J2", bars, at_close=True), Outcome(763, 381, 99_909_695.645)) == "ok"
    assert compare(expected("J3", bars), Outcome(19_142, None, 99_959_831.9612)) == "ok"


@pytest.mark.parametrize("job", ["J1", "J2", "J2i", "J3", "J4"])
def test_tapeback_comes_to_the_oracles_outcome(job: str, one: list[Bars], five: list[Bars]) -> None:
    series = five if job == "J4" else one
    answer = expected(job, series)
    assert job == "J1" or (answer.fills or 0) > 100
    result = play(job, named(series), **ORACLE_SETTINGS)
    assert compare(outcome_of(result), answer) == "ok"


@pytest.mark.parametrize("job", ["J2", "J4"])
def test_market_orders_filled_at_the_close_they_follow(
    job: str, one: list[Bars], five: list[Bars]
) -> None:
    series = five if job == "J4" else one
    result = play(job, named(series), market_fill="bar_close", **ORACLE_SETTINGS)
    assert compare(outcome_of(result), expected(job, series, at_close=True)) == "ok"


@pytest.mark.parametrize("job", ["J2", "J2i", "J3", "J4"])
def test_what_the_clock_sees_trades_under_the_full_rules(
    job: str, one: list[Bars], five: list[Bars]
) -> None:
    series = five if job == "J4" else one
    result = play(job, named(series))
    assert len(result.fills) > 0.75 * (expected(job, series).fills or 0)
    assert {order.rejection_reason for order in result.refused_orders} <= LATE
    assert all(fill.charges > 0 for fill in result.fills)


def test_flips_fill_an_order_every_so_many_bars(one: list[Bars]) -> None:
    few, many = (play(f"flips-{every}", named(one), **ORACLE_SETTINGS) for every in (16, 1))
    assert (len(few.fills), len(many.fills)) == (249, 3_999)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (Outcome(10, 5, CASH), "ok"),
        (Outcome(None, None, CASH + 4e-5), "ok"),
        (Outcome(9, 5, CASH), "differs: 9 fills, not 10"),
        (Outcome(10, 4, CASH), "differs: 4 trips, not 5"),
        (Outcome(10, 5, CASH - 0.01), "differs: equity off by -0.0100"),
    ],
)
def test_an_outcome_that_is_not_the_oracles_is_told(found: Outcome, verdict: str) -> None:
    assert compare(found, Outcome(10, 5, CASH)) == verdict


def test_an_engine_of_whole_paise_may_be_off_by_half_of_one_a_fill() -> None:
    wanted = Outcome(10, 5, CASH)
    assert compare(Outcome(10, 5, CASH + 0.05), wanted, rounds=True) == "ok"
    assert compare(Outcome(10, 5, CASH + 0.06), wanted, rounds=True) != "ok"


def test_a_measurement_survives_the_way_between_processes() -> None:
    played: list[int] = []

    def once() -> Outcome:
        played.append(1)
        return Outcome(len(played), None, CASH)

    job = Job(bars=1_000, play=once, check=lambda: Outcome(0, 0, CASH))
    cold = measure("engine", "1.0", "J1", job, once=True)
    assert (len(played), cold.played.fills, cold.checked.fills) == (1, 1, 0)
    warm = measure("engine", "1.0", "J1", job, once=False)
    assert len(played) == 2 + len(warm.seconds)
    assert Measurement.from_json(json.dumps(asdict(warm))) == warm


def measurement(cell: Cell, calls: float, fills: int = 0) -> Measurement:
    outcome = Outcome(fills, 0, CASH)
    return Measurement(
        cell.engine.name, "1.0", cell.name, cell.bars, [1.0], [calls], 50.0, outcome, outcome
    )


def test_the_table_relates_engines_by_calls_and_says_what_failed() -> None:
    cells = cells_of(["J1"], 1_000, run.PEERS[:2])
    measured = {
        cells[0]: [measurement(cells[0], calls) for calls in (9_000, 10_000, 50_000)],
        cells[1]: [measurement(cells[1], 125_000)],
        cells[2]: [],
    }
    checks = dict(zip(cells, ["ok", "differs: 9 fills, not 10", "failed, killed"], strict=True))
    ours, peer, failed = table(measured, checks).splitlines()[2:]
    assert ours.split()[3:] == ["1,000", "1.00", "1,000,000", "10.0", "-", "50", "ok"]
    assert " 125 " in peer
    assert " 12.5 " in peer
    assert peer.endswith("differs: 9 fills, not 10")
    assert failed.endswith("failed, killed")


def test_growth_of_the_cost_of_a_bar_and_of_a_fill_is_told() -> None:
    cells = [cell for cell in cells_of(["scaling"], None, ()) if cell.job.startswith(SCALING)]
    lengths = [cell for cell in cells if cell.name == "J2"]
    few, some, many = (cell for cell in cells if cell.name != "J2")
    measured = {cell: [measurement(cell, 40.0 * cell.bars)] for cell in lengths}
    measured[lengths[-1]] = [measurement(lengths[-1], 60.0 * lengths[-1].bars)]
    for cell, calls, fills in ((few, 3e6, 5_000), (some, 5e6, 10_000), (many, 8e6, 15_000)):
        measured[cell] = [measurement(cell, calls, fills)]
    by_bars, rise, steeper = findings(measured)
    assert "1.50x as much in 400,000 bars as in 50,000" in by_bars
    assert "costs 400 calls" in rise
    assert "costs 600 calls" in steeper


def test_engines_of_a_job_play_the_same_number_of_bars() -> None:
    for job in ("J1", "J2", "J3", "J4"):
        cells = cells_of([job], None, run.PEERS)
        assert len(cells) > 2
        assert {cell.bars for cell in cells} == {cells[0].bars}


def test_a_process_that_fails_is_reported_by_its_last_words() -> None:
    with pytest.raises(EngineError, match="0 bars were asked for"):
        TAPEBACK.measure("J2", 0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bars", "0"], "'0' is no whole number above 0"),
        (["--bars", "200000", "--jobs", "J1", "J4"], "J4 has at most 100,000 bars"),
        (["--peers", "zipline"], "'zipline' is not auto, none or any of backtesting"),
        (["--jobs", "J7"], "invalid choice: 'J7'"),
    ],
)
def test_a_wrong_command_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        run.main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err
