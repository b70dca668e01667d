"""The candles that a run's settings ask for."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from tapeback.market.calendar import calendar_of
from tapeback.models.config import AppConfig, DataConfig
from tapeback.runner.simulation import run
from tapeback.utils.clock import date_of_day, day_of

STRATEGY = """
from __future__ import annotations

from tapeback import BaseStrategy


class Idle(BaseStrategy):
    def on_bar(self, candle):
        pass
"""


def test_the_users_corporate_actions_reach_the_findings_of_a_run(tmp_path: Path) -> None:
    """ACME falls from 1,000 to 200 on 5 June 2024: a loss of four fifths, until the user's file
    says that each share became five."""
    first = day_of(date(2024, 6, 3))
    days = calendar_of("NSE").trading_days(first, first + 11).tolist()
    rows = [
        f"{date_of_day(day)},{price},{price},{price},{price},1000"
        for day, price in ((day, 1000 if day < first + 2 else 200) for day in days)
    ]
    (tmp_path / "acme.csv").write_text("\n".join(["date,open,high,low,close,volume", *rows]))
    (tmp_path / "actions.csv").write_text(
        "symbol,exchange,ex_date,kind,ratio,cash\nACME,NSE,2024-06-05,split,5:1,\n"
    )
    (tmp_path / "idle.py").write_text(STRATEGY)
    data = {"files": [f"ACME:NSE:1d={tmp_path / 'acme.csv'}"]}

    def codes(**also: str) -> list[str]:
        config = AppConfig(data=DataConfig(**data, **also))
        result = run(config, strategy=f"{tmp_path / 'idle.py'}:Idle", root=tmp_path)
        return [finding.code for finding in result.findings]

    assert codes() == ["unadjusted-jump"]
    assert codes(corporate_actions="actions.csv") == ["raw-prices"]
