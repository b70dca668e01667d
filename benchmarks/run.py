#!/usr/bin/env python3
"""Measures Tapeback, and other engines where installed, on the same jobs: a table on stdout, every
measurement as a line of JSON in `.bench/results`. See README.md beside this file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import generate, oracle
from benchmarks.engines import COMPILED, PEERS, Engine, EngineError
from benchmarks.generate import REPO
from benchmarks.measure import Measurement
from benchmarks.plan import COMPARED, JOBS, MOST_BARS, Cell, cells_of
from benchmarks.table import compare, findings, table

RESULTS = REPO / ".bench" / "results"


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0, 1 when Tapeback fails or differs from the oracle, 2 for a wrong command."""
    commands = parser()
    options = commands.parse_args(arguments)
    for job in options.jobs:
        if options.bars is not None and options.bars > MOST_BARS.get(job, options.bars):
            commands.error(f"argument --bars: {job} has at most {MOST_BARS[job]:,} bars")
    peers = options.peers
    if options.install_peers:
        return install(peers or PEERS)
    measured, checks = measure(
        cells_of(
            options.jobs, options.bars, [peer for peer in (COMPILED, *peers) if peer.installed]
        ),
        options.rounds,
    )
    for line in (table(measured, checks), *findings(measured)):
        print(line)
    for peer in peers:
        if not peer.installed:
            print(f"{peer.name}: not installed (python benchmarks/run.py --install-peers)")
    ours = [check for cell, check in checks.items() if not cell.engine.venv]
    return 0 if all(check in ("ok", "-") for check in ours) else 1


def parser() -> argparse.ArgumentParser:
    commands = argparse.ArgumentParser(prog="run.py", description=__doc__)
    commands.add_argument(
        "--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="JOB",
        help=f"which of {', '.join(JOBS)}; all by default",
    )  # fmt: skip
    commands.add_argument(
        "--bars", type=_positive,
        help=f"bars of {', '.join(COMPARED)} (J4: of each symbol) for all engines",
    )  # fmt: skip
    commands.add_argument(
        "--rounds", type=_positive, default=3,
        help="how often each engine plays each job, in turn; medians are shown (default 3)",
    )  # fmt: skip
    commands.add_argument(
        "--peers", type=_peers, default=PEERS, metavar="auto|none|NAME,...",
        help=f"other engines, of {', '.join(peer.venv for peer in PEERS)}; auto: those installed",
    )  # fmt: skip
    commands.add_argument(
        "--install-peers", action="store_true",
        help="install the other engines into .bench/venvs with uv, and stop",
    )  # fmt: skip
    return commands


def install(peers: Sequence[Engine]) -> int:
    for peer in peers:
        print(f"Installing {peer.name} ...", flush=True)
        try:
            peer.install()
        except EngineError as error:
            print(f"{peer.name} could not be installed: {error}", file=sys.stderr)
            return 1
    return 0


def measure(
    cells: Sequence[Cell], rounds: int
) -> tuple[dict[Cell, list[Measurement]], dict[Cell, str]]:
    """Play all cells once a round, so that engines that are compared run close in time. What
    fails is not tried again."""
    measured: dict[Cell, list[Measurement]] = {cell: [] for cell in cells}
    checks = dict.fromkeys(cells, "-")
    RESULTS.mkdir(parents=True, exist_ok=True)
    file = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    with file.open("a", encoding="utf-8") as lines:
        for number in range(1, rounds + 1):
            for cell in cells:
                if checks[cell].startswith("failed"):
                    continue
                print(f"round {number}: {cell.job}, {cell.engine.name}", file=sys.stderr)
                try:
                    found = cell.engine.measure(cell.name, cell.bars, once=cell.once)
                except EngineError as error:
                    checks[cell] = f"failed, {error}"
                    continue
                measured[cell].append(found)
                checks[cell] = check(cell, found)
                row = {"round": number, "row": cell.job, "check": checks[cell], **asdict(found)}
                print(json.dumps(row), file=lines, flush=True)
    return measured, checks


def check(cell: Cell, found: Measurement) -> str:
    """How the outcome compares with the oracle's; `-` for what has no oracle."""
    if cell.name not in COMPARED:
        return "-"
    at_close = cell.engine.at_close and cell.name not in ("J1", "J3")
    verdict = compare(
        found.checked, wanted(cell.name, cell.bars, at_close=at_close), rounds=cell.engine.rounds
    )
    return f"{verdict}, filled at the close" if verdict == "ok" and at_close else verdict


@cache
def wanted(job: str, bars: int, *, at_close: bool) -> oracle.Outcome:
    series = generate.several(bars) if job == "J4" else [generate.single(bars)]
    return oracle.expected(job, series, at_close=at_close)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def _peers(text: str) -> tuple[Engine, ...]:
    if text in ("auto", "none"):
        return PEERS if text == "auto" else ()
    known = {peer.venv: peer for peer in PEERS}
    unknown = [name for name in text.split(",") if name not in known]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"{unknown[0]!r} is not auto, none or any of {', '.join(known)}"
        )
    return tuple(known[name] for name in text.split(","))


if __name__ == "__main__":
    sys.exit(main())
