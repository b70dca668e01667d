"""The candles that a run's settings ask for."""

from __future__ import annotations

import numpy as np

from tapeback.data.files import FileDataProvider
from tapeback.data.provider import DataProvider, DataRequest
from tapeback.data.synthetic import SyntheticDataProvider
from tapeback.errors import DataError, DataNotFoundError
from tapeback.market.candles import Candles
from tapeback.market.settling.corporate_actions import ActionBook
from tapeback.models.config import DataConfig
from tapeback.utils.clock import day_of, midnight


def load_series(
    data: DataConfig,
    seed: int,
    *,
    sessions_before: int = 0,
    bars_before: int = 0,
    actions: ActionBook | None = None,
) -> list[Candles]:
    """One series for each file that `data` names, in the file's own timeframe where none is set,
    or the synthetic one.

    With `sessions_before` or `bars_before` each series begins that much before `data.start`, as
    far as its source reaches. The prices of files are held against the corporate `actions` (the
    shipped ones). Raises DataError as providers do, and DataNotFoundError when no source is named.
    """
    if data.use_synthetic:
        made = data.synthetic
        provider: DataProvider = SyntheticDataProvider(
            seed,
            initial_price=made.initial_price,
            volatility=made.volatility,
            trend=made.trend,
            volume=made.volume,
            regime=made.regime,
        )
        return [_fetch(provider, data, sessions_before, bars_before)]
    if not data.files:
        raise DataNotFoundError(
            "no data source is configured.",
            remedy="Name a file with --data FILE or data.files, or ask for made-up prices with "
            "--data synthetic.",
        )
    series = []
    said = "timeframe" in data.model_fields_set
    for file in data.data_files:
        own = data.model_copy(
            update={
                "symbol": file.symbol or data.symbol,
                "exchange": file.exchange or data.exchange,
                "timeframe": file.timeframe or (data.timeframe if said else None),
            }
        )
        provider = FileDataProvider(file.path, label=data.label, actions=actions)
        series.append(_fetch(provider, own, sessions_before, bars_before))
    return series


def refuse_mended(series: list[Candles]) -> None:
    """Raise DataError naming every row that was left out of the candles."""
    dropped = [
        f"{finding.where or candles.series.name}: {finding.message}"
        for candles in series
        for finding in candles.findings
        if finding.action == "dropped"
    ]
    if dropped:
        raise DataError(
            "the data has rows that cannot be used:\n" + "\n".join(dropped),
            remedy="Mend the file, or let execution.on_bad_data be 'report'.",
        )


def _fetch(
    provider: DataProvider, data: DataConfig, sessions_before: int, bars_before: int
) -> Candles:
    early = bool(sessions_before or bars_before) and data.start is not None
    candles = provider.fetch(
        DataRequest(
            symbol=data.symbol,
            exchange=data.exchange,
            timeframe=data.timeframe,
            start=None if early else data.start,
            end=data.end,
        )
    )
    if not early or data.start is None:
        return candles
    start = int(np.searchsorted(candles.ts, midnight(day_of(data.start))))
    if bars_before:
        return candles[max(0, start - bars_before) :]
    firsts = candles.session_firsts
    session = max(0, int(np.searchsorted(firsts, start)) - sessions_before)
    return candles[int(firsts[session]) :] if session < len(firsts) else candles
