"""When the path of a bar meets an order next."""

from __future__ import annotations

from heapq import heappop

from tapeback.core.book import AT_OPEN, GRID_NOISE, Book
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
        heap = book.falling if down else book.rising
        while heap and heap[0][2].seq != heap[0][1]:
            heappop(heap)
        if target == start or not heap:
            continue
        at = -heap[0][0] if down else heap[0][0]
        if (at >= target - GRID_NOISE) if down else (at <= target + GRID_NOISE):
            share = (at - start) / (target - start)
            return min(soonest, max(begins + int((times[leg + 1] - begins) * share), now))
    return soonest
