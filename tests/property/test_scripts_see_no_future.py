"""Whatever a script does before an instant, it does and sees when the data ends there, too."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapeback.broker.client import MockOpenAlgoClient
from tapeback.market.candles import Candles
from tapeback.utils.clock import DAY_NS, MINUTE_NS, SECOND_NS
from tests.broker.conftest import OPEN, Awake, bars

SBIN = {"symbol": "SBIN", "exchange": "NSE"}
DATES = {"start_date": "2024-01-01", "end_date": "2024-01-03"}
PER_DAY = 375
Call = Callable[[MockOpenAlgoClient, int], Any]


def price_near(client: MockOpenAlgoClient, share: int) -> float:
    quote = client.quotes(**SBIN).get("data", {"ltp": 600.0})
    return round(quote["ltp"] * (1 + share / 4000) / 0.05) * 0.05


def send(client: MockOpenAlgoClient, number: int) -> Any:
    """An order of any kind, near the price."""
    kind = ("MARKET", "LIMIT", "SL", "SL-M")[number % 4]
    action, near = ("BUY", "SELL")[number // 4 % 2], number % 13 - 6
    more = {}
    if kind in ("LIMIT", "SL"):
        more["price"] = round(price_near(client, near), 2)
    if kind in ("SL", "SL-M"):
        more["trigger_price"] = round(price_near(client, near), 2)
    product = ("MIS", "CNC")[number // 8 % 2]
    return client.placeorder(
        **SBIN, action=action, quantity=1 + number % 7, product=product, price_type=kind, **more
    )


CALLS: list[Call] = [
    send,
    send,
    send,
    lambda client, _: client.quotes(**SBIN),
    lambda client, _: client.depth(**SBIN),
    lambda client, n: client.history(
        **SBIN, interval=("1m", "5m", "15m", "1h", "D")[n % 5], **DATES
    ),
    lambda client, _: client.orderbook(),
    lambda client, _: client.tradebook(),
    lambda client, _: client.positionbook(),
    lambda client, _: client.holdings(),
    lambda client, _: client.funds(),
    lambda client, _: client.cancelallorder(strategy="Python"),
    lambda client, _: client.closeposition(strategy="Python"),
    lambda client, n: client.placesmartorder(
        **SBIN, action="BUY", quantity=1, product="MIS", position_size=n % 5 - 2
    ),
]
Step = tuple[int, int, int]


def three_days(seed: int) -> Candles:
    random, price, closes = Random(seed), 600.0, []
    for _ in range(3 * PER_DAY):
        price = round((price + random.gauss(0, 0.8)) / 0.05) * 0.05
        closes.append(round(price, 2))
    return bars(closes, per_day=PER_DAY)


class Heard:
    """Takes what the feed delivers, with the instant."""

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: 0
        self.log: list[tuple[int, str]] = []

    def begin(self) -> None:
        pass

    def deliver(self, callback: Callable[[dict[str, Any]], object], message: Any) -> None:
        self.log.append((self.now(), repr(message)))


def play(candles: Candles, steps: list[Step], until: int) -> list[tuple[int, str]]:
    """Sleep and call, step by step, to an instant; the log of replies and of the feed."""
    heard = Heard()
    run = Awake([candles], sink=heard, latency=SECOND_NS // 2)
    heard.now = lambda: run.tape.now
    now = OPEN - 5 * MINUTE_NS
    run.at(now)
    run.client.connect()
    run.client.subscribe_ltp([SBIN], on_data_received=print)
    run.client.subscribe_orders(print)
    for seconds, which, number in steps:
        now += seconds * SECOND_NS
        if now >= until:
            break
        while (instant := run.tape.next_instant()) < now:
            run.at(instant)
        client = run.at(now)
        heard.log.append((now, repr(CALLS[which](client, number))))
        run.tape.meet()
        run.account.feed.deliver()
    return [entry for entry in heard.log if entry[0] < until]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 10_000),
    steps=st.lists(
        st.tuples(st.integers(0, 2_000), st.integers(0, len(CALLS) - 1), st.integers(0, 200)),
        min_size=5,
        max_size=60,
    ),
    kept=st.integers(1, 3 * PER_DAY - 1),
)
def test_nothing_before_the_end_of_the_data_depends_on_what_follows(
    seed: int, steps: list[Step], kept: int
) -> None:
    whole = three_days(seed)
    until = int(whole.starts[kept])
    assert play(whole[:kept], steps, until) == play(whole, steps, until)


@pytest.mark.parametrize("seed", range(4))
def test_a_long_script_sees_no_future(seed: int) -> None:
    random = Random(seed)
    steps = [
        (random.randrange(400), random.randrange(len(CALLS)), random.randrange(200))
        for _ in range(500)
    ]
    whole = three_days(seed)
    for kept in random.sample(range(3 * PER_DAY), 5):
        until = int(whole.starts[kept])
        log = play(whole, steps, until)
        assert play(whole[: max(kept, 1)], steps, until) == log
    assert int(whole.ends[-1]) - OPEN > 2 * DAY_NS
