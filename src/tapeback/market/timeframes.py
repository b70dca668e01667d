"""Names of bar lengths."""

from __future__ import annotations

from tapeback.errors import DataError, did_you_mean
from tapeback.utils.clock import DAY_NS, MINUTE_NS, SECOND_NS

_INTRADAY = {
    **{f"{n}s": n * SECOND_NS for n in (1, 5, 10, 15, 30, 45)},
    **{f"{n}m": n * MINUTE_NS for n in (1, 2, 3, 4, 5, 10, 15, 20, 30, 45)},
    **{f"{n}h": n * 60 * MINUTE_NS for n in (1, 2, 3, 4)},
}
_LONG = {"1d": DAY_NS, "1w": 7 * DAY_NS, "1M": 31 * DAY_NS}
_ALIASES = {"D": "1d", "W": "1w", "M": "1M", "d": "1d", "w": "1w", "day": "1d", "60m": "1h"}
TIMEFRAMES = (*_INTRADAY, *_LONG)


def normalise(timeframe: str) -> str:
    """The one spelling of a timeframe: OpenAlgo's `D`, `W`, `M` become `1d`, `1w`, `1M`."""
    name = _ALIASES.get(timeframe, timeframe)
    if name not in _INTRADAY and name not in _LONG:
        raise DataError(
            f"unknown timeframe {timeframe!r}{did_you_mean(timeframe, TIMEFRAMES)}.",
            remedy=f"Use one of {', '.join(TIMEFRAMES)}, or OpenAlgo's D, W, M.",
        )
    return name


def duration(timeframe: str) -> int:
    """Nominal length in ns; weeks and months are their longest."""
    name = normalise(timeframe)
    return _INTRADAY[name] if name in _INTRADAY else _LONG[name]


def is_intraday(timeframe: str) -> bool:
    """Whether bars are shorter than a session."""
    return normalise(timeframe) in _INTRADAY


def makes(finer: str, timeframe: str) -> bool:
    """Whether bars of a timeframe can be made of `finer` ones."""
    own, length = duration(finer), duration(timeframe)
    if not is_intraday(timeframe):
        return own < length and (is_intraday(finer) or normalise(finer) == "1d")
    return own < length and length % own == 0
