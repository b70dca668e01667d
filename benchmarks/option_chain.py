"""A year of NIFTY weeklies: how fast they are imported, listed, and shown as a chain.

Run as `python benchmarks/option_chain.py`. Generates the files of about 8,000 contracts with 30 M
one-minute bars (`--contracts` for fewer) into a temporary folder and imports them into a cache of
its own, in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks.measure import peak_mb

_YEAR = 2025
_SESSIONS = 10
_STRIKES = 80
_STEP = 50
_MINUTES = 375
_CHAINS = 500

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def generate(
    folder: Path, contracts: int, form: str, *, strikes: int = _STRIKES, sessions: int = _SESSIONS
) -> int:
    """Writes the files of weekly NIFTY options, a folder for each expiry, and NIFTY itself; the
    number of the options' bars. `form` is csv or parquet."""
    from tapeback.market.calendar import calendar_of
    from tapeback.market.contracts.expiries import expiries
    from tapeback.utils.clock import day_of

    calendar = calendar_of("NFO")
    first, last = day_of(date(_YEAR, 1, 1)), day_of(date(_YEAR, 12, 31))
    days = calendar.trading_days(first - 30, last)
    stamps, spot = underlying(days)
    write(folder / "NIFTY_1m", form, stamps, bars_of(spot), None)
    weeklies = expiries("NIFTY", "NFO", first, last, lambda day: calendar.session(day) is not None)
    bars = written = 0
    for weekly in weeklies[: -(-contracts // (2 * strikes))]:
        at = int(np.searchsorted(days, weekly.day))
        span = slice((at - sessions + 1) * _MINUTES, (at + 1) * _MINUTES)
        middle = round(float(spot[span][0]) / _STEP) * _STEP
        left = np.arange(sessions * _MINUTES, 0, -1) / (252 * _MINUTES)
        for strike in (middle + _STEP * (n - strikes // 2) for n in range(strikes)):
            for kind in ("CE", "PE"):
                if written == contracts:
                    return bars
                name = folder / f"{weekly.day}" / contract_name(weekly.day, strike, kind)
                prices = premium(spot[span], strike, kind, left)
                write(name, form, stamps[span], bars_of(prices), strike)
                bars += len(prices)
                written += 1
    return bars


def underlying(days: Ints) -> tuple[Ints, Floats]:
    """The minutes of some days, ns UTC, and a price for each."""
    from tapeback.utils.clock import MINUTE_NS, midnight

    opens = np.array([midnight(int(day)) for day in days]) + (9 * 60 + 15) * MINUTE_NS
    stamps = (opens[:, None] + np.arange(_MINUTES) * MINUTE_NS).ravel()
    steps = np.random.default_rng(_YEAR).normal(0, 4e-4, len(stamps))
    return stamps, np.round(24_000 * np.exp(np.cumsum(steps)) / 0.05) * 0.05


def premium(spot: Floats, strike: float, kind: str, left: Floats) -> Floats:
    """What an option is worth, roughly: inner worth and a hump of time value around the strike."""
    inner = np.maximum(spot - strike if kind == "CE" else strike - spot, 0)
    width = spot * 0.12 * np.sqrt(left) + 1
    return np.maximum(np.round((inner + 0.4 * width * np.exp(-(((spot - strike) / width) ** 2)))
                               / 0.05) * 0.05, 0.05)  # fmt: skip


def bars_of(closes: Floats) -> list[Floats]:
    """Open, high, low and close of bars with these closes."""
    opens = np.concatenate([closes[:1], closes[:-1]])
    return [opens, np.maximum(opens, closes) + 0.05, np.minimum(opens, closes), closes]


def contract_name(expiry: int, strike: float, kind: str) -> str:
    from tapeback.market.instruments import symbol_of

    return symbol_of("NIFTY", expiry, strike=strike, option_type=kind)


def write(path: Path, form: str, stamps: Ints, prices: list[Floats], strike: float | None) -> None:
    """One file of bars."""
    import pandas as pd

    names = ("open", "high", "low", "close")
    columns: dict[str, Any] = {name: np.round(p, 2) for name, p in zip(names, prices, strict=True)}
    if strike is not None:
        columns["volume"] = 75 * (np.arange(len(stamps)) % 40)
        columns["oi"] = 75 * (1000 + np.arange(len(stamps)) % 500)
    index = pd.DatetimeIndex(stamps.astype("datetime64[ns]"), tz="UTC").tz_convert("Asia/Kolkata")
    frame = pd.DataFrame({"datetime": index.tz_localize(None), **columns})
    path.parent.mkdir(parents=True, exist_ok=True)
    if form == "csv":
        frame.to_csv(f"{path}.csv", index=False)
    else:
        frame.to_parquet(f"{path}.parquet", index=False)


def measure(folder: Path, cache_folder: Path, workers: int | None) -> dict[str, Any]:
    """Imports the files, then asks a board for lists and chains."""
    from tapeback.data.cache import CacheManager
    from tapeback.data.contracts.importing import import_files

    with CacheManager(cache_folder) as cache:
        began, cpu = time.perf_counter(), _cpu()
        report = import_files(folder, cache=cache, exchange=None, workers=workers)
        figures: dict[str, Any] = {
            "contracts": report.contracts,
            "bars": report.added,
            "problems": len(report.problems),
            "import_s": time.perf_counter() - began,
            "import_cpu_s": _cpu() - cpu,
            "database_mb": sum(f.stat().st_size for f in cache_folder.glob("market.db*")) / 2**20,
        }
        return figures | chains(cache)


def chains(cache: Any) -> dict[str, Any]:
    """How long a first listing and warm chains of 41 strikes take, at minutes of two sessions."""
    from tapeback.data.contracts.board import ContractBoard

    stored = cache.stored(symbol="NIFTY", exchange="NSE_INDEX")[0]
    board = ContractBoard(cache)
    began = time.perf_counter()
    board.instruments("NFO", stored.last_ts)
    listing = time.perf_counter() - began
    stamps = cache.read(stored.series).ts
    expiries = sorted({e.expiry for e in cache.instruments(exchange="NFO") if e.expiry})
    middle = expiries[len(expiries) // 2]
    last = int(np.searchsorted(stamps, (middle + 1) * 86_400_000_000_000 - 19_800_000_000_000))
    at = np.linspace(last - 2 * _MINUTES + 1, last - 1, _CHAINS).astype(np.int64)
    took = []
    began = time.perf_counter()
    board.chain("NIFTY", "NFO", middle, int(stamps[at[0]]))
    cold = time.perf_counter() - began
    for place in [*at.tolist(), *at.tolist()]:
        began = time.process_time()
        chain = board.chain("NIFTY", "NFO", middle, int(stamps[place]))
        took.append(time.process_time() - began)
    warm = np.array(took[len(at) :]) * 1000
    return {
        "listing_ms": listing * 1000,
        "chain_rows": len(chain.rows),
        "chain_cold_ms": cold * 1000,
        "chain_ms": float(np.median(warm)),
        "chain_p99_ms": float(np.quantile(warm, 0.99)),
    }


def _cpu() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--contracts", type=int, default=8_000)
    parser.add_argument("--form", choices=("csv", "parquet"), default="csv")
    parser.add_argument("--workers", type=int)
    parser.add_argument("--folder", type=Path, help="where to keep the files, for another run")
    parser.add_argument("--measure", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        figures = measure(*options.measure, options.workers)
        print(json.dumps(figures | {"peak_mb": peak_mb()}))
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch, "files")
        if not folder.exists():
            bars = generate(folder, options.contracts, options.form)
            print(f"{bars:,} bars in {options.form} files", file=sys.stderr)
        command = [sys.executable, __file__, "--measure", str(folder), str(Path(scratch, "cache"))]
        if options.workers is not None:
            command += ["--workers", str(options.workers)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    for name, figure in json.loads(done.stdout).items():
        shown = f"{figure:,.2f}" if isinstance(figure, float) else f"{figure:,}"
        print(f"{name:16} {shown:>14}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
