"""A folder of a user's own: bars in a CSV file, bots in Python files; and the command run there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tapeback.cli import main

BOT = '''
from __future__ import annotations

from tapeback import BaseStrategy


class Swing(BaseStrategy):
    """Buys and sells in turn, and prints about it."""

    def on_start(self):
        self.bars = 0

    def on_bar(self, candle):
        self.bars += 1
        {at_bar}
        if self.bars % 50 == 10:
            self.buy(10, product="CNC")
        elif self.bars % 50 == 35 and self.position():
            self.sell(10, product="CNC")

    def get_state(self):
        return {{"bars": self.bars}}
'''


def write_bars(path: Path, sessions: int = 2) -> Path:
    """Minute bars of whole sessions from 2024-06-03 on."""
    rng = np.random.default_rng(5)
    rows, price = ["timestamp,open,high,low,close,volume"], 2500.0
    for day in range(sessions):
        begin = datetime(2024, 6, 3, 9, 15) + timedelta(days=day)
        for minute in range(375):
            close = round(round((price + rng.normal(0, 1.5)) / 0.05) * 0.05, 2)
            high, low = round(max(price, close) + 0.5, 2), round(min(price, close) - 0.5, 2)
            stamp = begin + timedelta(minutes=minute)
            rows.append(f"{stamp:%Y-%m-%d %H:%M:%S},{price},{high},{low},{close},40000")
            price = close
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with `bars.csv` of RELIANCE and `swing.py`; no settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WEB_STRATEGY", raising=False)
    write_bars(tmp_path / "bars.csv")
    (tmp_path / "swing.py").write_text(BOT.format(at_bar="pass"), encoding="utf-8")
    return tmp_path


@pytest.fixture
def write_bot(folder: Path) -> Callable[..., str]:
    """Write a bot that does something more at each bar; how to name it on the command line."""

    def write(at_bar: str, name: str = "other.py") -> str:
        (folder / name).write_text(BOT.format(at_bar=at_bar), encoding="utf-8")
        return f"{name}:Swing"

    return write


DATA = ("--data", "RELIANCE:NSE:1m=bars.csv")


@pytest.fixture
def tapeback_() -> Callable[..., Result]:
    """`tapeback ARGUMENTS` in this process."""

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return call


@pytest.fixture
def spawn() -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """`tapeback ARGUMENTS` as a process of its own in the working directory."""

    def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "tapeback", *arguments],
            capture_output=True,
            env={**os.environ, **environment},
            check=False,
        )

    return call
