"""The path of price inside a bar: open, one extreme, the other, close (fill contract T2, T3)."""

from __future__ import annotations

MILLISECOND_NS = _MILLISECOND = 1_000_000


def low_first(mode: str, net: int, open: float, high: float, low: float) -> bool:
    """Whether price goes to the low before the high.

    `net` is the symbol's net quantity after the fills at the open. `adverse` takes first the
    extreme that hurts it, `favourable` the one that helps; flat, or in `nearer`, the extreme
    nearer to the open comes first, and on equal distances the low (`favourable`: the high).
    """
    if mode == "olhc":
        return True
    if mode == "ohlc":
        return False
    if net and mode == "adverse":
        return net > 0
    if net and mode == "favourable":
        return net < 0
    down, up = open - low, high - open
    return down < up or (down == up and mode != "favourable")


def price_at(
    points: tuple[float, float, float, float], times: tuple[int, int, int, int], ts: int
) -> float:
    """Price of the path at an instant, linear between its points."""
    if ts <= times[0]:
        return points[0]
    for leg in (0, 1, 2):
        if ts <= times[leg + 1]:
            start, span = times[leg], times[leg + 1] - times[leg]
            if not span:
                return points[leg + 1]
            return points[leg] + (points[leg + 1] - points[leg]) * (ts - start) / span
    return points[3]


def path_times(start: int, end: int) -> tuple[int, int, int, int]:
    """Instants of the four points of a bar that covers [start, end)."""
    span = end - start
    last = max(start, end - _MILLISECOND)
    return start, start + span // 3, min(start + 2 * span // 3, last), last
