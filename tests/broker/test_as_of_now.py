"""Nothing that a client answers depends on what comes later."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tapeback.broker.client import MockOpenAlgoClient
from tapeback.market.candles import Candles
from tapeback.utils.clock import MINUTE_NS
from tests.broker.conftest import OPEN, Awake, bars

EXPIRY = "04JAN24"
SBIN = {"symbol": "SBIN", "exchange": "NSE"}
CALL = {"symbol": f"NIFTY{EXPIRY}21500CE", "exchange": "NFO"}
LATE = {"symbol": f"NIFTY{EXPIRY}21600CE", "exchange": "NFO"}
DAYS = {"start_date": "2023-12-01", "end_date": "2024-12-31"}
NIFTY = {"underlying": "NIFTY", "exchange": "NSE_INDEX", "expiry_date": EXPIRY}


def everything(client: MockOpenAlgoClient) -> list[Any]:
    """What every call that reads something answers now."""
    found: list[Any] = [
        client.multiquotes(symbols=[SBIN, CALL, LATE]),
        client.intervals(),
        client.search(query="NIFTY"),
        client.instruments(exchange="NFO"),
        client.expiry(symbol="NIFTY", exchange="NFO", instrumenttype="options"),
        client.optionchain(**NIFTY, with_greeks=True),
        client.syntheticfuture(**NIFTY),
        client.timings(),
        client.holidays(),
        client.funds(),
        client.orderbook(),
        client.tradebook(),
        client.positionbook(),
        client.holdings(),
        client.gttorderbook(status="all"),
        client.analyzerstatus(),
        client.get_ltp(),
        client.get_quotes(),
        client.get_depth(),
    ]
    for named in (SBIN, CALL, LATE):
        found += [client.quotes(**named), client.depth(**named), client.symbol(**named)]
        found += [client.history(**named, interval=i, **DAYS) for i in ("1m", "5m", "D", "W")]
    found.append(client.optiongreeks(**CALL))
    found += [
        client.optionsymbol(**NIFTY, offset=offset, option_type="CE") for offset in ("ATM", "OTM1")
    ]
    position = {**SBIN, "action": "BUY", "product": "MIS", "pricetype": "MARKET", "quantity": 1}
    found.append(client.margin(positions=[position]))
    return [answer.to_csv() if isinstance(answer, pd.DataFrame) else answer for answer in found]


def market(closes: list[float], late: int) -> list[Candles]:
    """SBIN, NIFTY and three of its options, one of which is listed later."""
    index = [21_400 + close for close in closes]
    series = [
        bars(closes, per_day=6, **SBIN),
        bars(index, per_day=6, symbol="NIFTY", exchange="NSE_INDEX", volume=0),
        bars([close + 60 for close in closes], per_day=6, **CALL),
        bars(closes, per_day=6, symbol=f"NIFTY{EXPIRY}21500PE", exchange="NFO"),
    ]
    call = bars([close / 2 for close in closes], per_day=6, **LATE)
    return [*series, call[late:]]


def told(series: list[Candles], until: int) -> list[tuple[int, list[Any]]]:
    """All that a script hears up to an instant: at closes, opens and in between."""
    awake = Awake(series)
    client = awake.at(OPEN)
    client.connect()
    client.subscribe_quote([SBIN, CALL])
    client.subscribe_ltp([SBIN, LATE])
    client.subscribe_depth([CALL])
    found: list[tuple[int, list[Any]]] = []
    for ts in range(OPEN, until, MINUTE_NS // 2 - 7_000_000_000):
        awake.at(ts)
        ltp = client.quotes(**SBIN)["data"]["ltp"]
        order = {**SBIN, "action": "BUY", "quantity": 1}
        client.placeorder(**order, price_type="LIMIT", price=ltp - 0.5)
        client.placegttorder(**order, triggerprice_sl=ltp - 0.3, price=ltp)
        awake.tape.meet()
        found.append((ts, everything(client)))
    return found


@settings(
    max_examples=8,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(
    st.lists(st.integers(1900, 2100).map(lambda n: n / 20), min_size=6, max_size=12),
    st.integers(1, 5),
    st.integers(1, 4),
)
def test_truncated_data_changes_no_answer(closes: list[float], cut: int, late: int) -> None:
    whole = market(closes, late)
    end = int(whole[0].ends[cut - 1])
    part = [candles.between(None, end) for candles in whole]
    before = told([candles for candles in part if len(candles)], end)
    after = told(whole, end)
    assert before
    for (ts, some), (_, more) in zip(before, after, strict=True):
        assert some == more, ts
