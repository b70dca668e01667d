"""When the path of a bar meets an order next."""

from __future__ import annotations

from tapeback.core.book import AT_OPEN, GRID_NOISE, Book, drop_stale
from tapeback.core.timeline import NEVER


def next_meeting(book: Book, now: int) -> int:
    """When the bar that a book walks next meets what rests in it or is on its way to it, ns UTC;
    NEVER when it does not. Nothing is moved: an order may still come in between."""
    times, points = book.times, book.points
    soonest = NEVER
    if book.arrivals and (arrives := max(book.arrivals[0][0], now)) <= times[3]:
        soonest = arrives
    for leg in range(0 if book.leg == AT_OPEN else book.leg, 3):
        begins, start, target = times[leg], points[leg], points[leg + 1]
        if begins >= soonest:
            break
        down = target < start
        resting = book.falling if down else book.rising
        drop_stale(resting)
        if target == start or not resting:
            continue
        at = book.below() if down else book.above()
        if (at >= target - GRID_NOISE) if down else (at <= target + GRID_NOISE):
            share = (at - start) / (target - start)
            return min(soonest, max(begins + int((times[leg + 1] - begins) * share), now))
    return soonest
