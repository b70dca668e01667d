"""What a script sees and what its orders meet, at the instants of the fill contract (T4 to T6, S1,
S3, S6)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tapeback.bots.isolation.launches import launch_rule
from tests.scripts.conftest import Play, Played

Written = Callable[..., Played]

HEAD = """
import time
from datetime import datetime
from openalgo import api
client = api(api_key="x")
RELIANCE = {"symbol": "RELIANCE", "exchange": "NSE"}

def until(clock, day="08"):
    while datetime.now().strftime("%d %H:%M:%S") < f"{day} {clock}":
        time.sleep(1)

def send(action="BUY", quantity=1, product="MIS", **more):
    reply = client.placeorder(
        **RELIANCE, action=action, quantity=quantity, product=product, **more
    )
    return reply.get("orderid") or reply

def state(orderid):
    row = client.orderstatus(order_id=orderid)["data"]
    return row["order_status"], row["rejection_reason"]

def ltp():
    return client.quotes(**RELIANCE)["data"]["ltp"]
"""


@pytest.fixture
def written(play: Play, tmp_path: Path) -> Written:
    """Play a script of these lines, launched once."""

    def run(lines: str, **given: object) -> Played:
        path = tmp_path / "written.py"
        path.write_text(HEAD + lines, encoding="utf-8")
        return play(path, rule=launch_rule("once"), **given)

    return run


def test_at_a_minute_the_bar_before_is_closed_and_the_next_has_one_point(written: Written) -> None:
    said = written(
        """
until("09:16:00")
frame = client.history(**RELIANCE, interval="1m", start_date="2024-01-08", end_date="2024-01-08")
print(len(frame), frame.index[-1].strftime("%H:%M"))
bar = frame.iloc[-1]
print(bar.open == bar.high == bar.low == bar.close == ltp(), bar.volume)
first = frame.iloc[0].to_dict()
time.sleep(50)
later = client.history(**RELIANCE, interval="1m", start_date="2024-01-08", end_date="2024-01-08")
print(later.iloc[0].to_dict() == first, later.iloc[1].to_dict() == bar.to_dict(), len(frame))
"""
    ).said
    assert said == ["2 09:16", "True 0.0", "True False 2"]


def test_the_feed_ticks_at_the_four_points_and_tells_of_orders(written: Written) -> None:
    played = written(
        """
ticks = []
client.connect()
client.subscribe_ltp(
    [RELIANCE], on_data_received=lambda m: ticks.append((datetime.now(), m["data"]["ltp"]))
)
client.subscribe_orders(
    lambda m: print(datetime.now().strftime("%H:%M:%S.%f"), m["order_status"], m["orderid"][-1])
)
until("09:16:00")
frame = client.history(**RELIANCE, interval="1m", start_date="2024-01-08", end_date="2024-01-08")
bar = frame.iloc[0]
prices = [price for _, price in ticks[:4]]
print([at.strftime("%H:%M:%S.%f") for at, _ in ticks])
print(prices[0] == bar.open, prices[3] == bar.close, sorted(prices[1:3]) == [bar.low, bar.high])
send()
time.sleep(600)
"""
    )
    assert played.said[0] == str(
        ["09:15:00.000000", "09:15:20.000000", "09:15:40.000000", "09:15:59.999000",
         "09:16:00.000000"]
    )  # fmt: skip
    assert played.said[1] == "True True True"
    updates = [line.split() for line in played.said[2:]]
    assert [status for _, status, _ in updates][-1] == "complete"
    [order] = [one for one in played.document["orders"] if one["action"] == "BUY"]
    assert order["filled_at"][11:26] == updates[-1][0]


def test_what_the_broker_checks_is_accepted_and_then_rejected(written: Written) -> None:
    """S1: OpenAlgo's own checks answer with an error, the broker's with an order id."""
    said = written(
        """
until("09:20:00")
print(send(quantity=0)["status"], send(price_type="LIMIT")["status"])
for order in (
    {"quantity": 10_000_000}, {"price_type": "LIMIT", "price": 2400.01},
    {"price_type": "LIMIT", "price": 9000.0}, {"action": "SELL", "product": "CNC"},
):
    print(*state(send(**order)))
book = client.orderbook()["data"]
print(len(book["orders"]), book["statistics"]["total_rejected_orders"])
"""
    ).said
    assert said[0] == "error error"
    assert [line.split()[0] for line in said[1:5]] == ["rejected"] * 4
    for line, reason in zip(said[1:5], ("funds", "tick size", "range", "Only 0"), strict=True):
        assert reason in line
    assert said[5] == "4 4"


def test_orders_outside_market_hours_are_refused(written: Written) -> None:
    """T4: before the open, at the last close, in the evening and on a holiday; never filled at a
    stale price. In OpenAlgo's sandbox there is no such check."""
    lines = """
print(*state(send()))
until("09:14:59"); print(*state(send(price_type="LIMIT", price=2500.0, product="CNC")))
until("09:15:00"); print(*state(send()))
until("15:30:00"); print(*state(send(product="CNC")))
until("20:49:00"); print(*state(send(product="CNC")))
until("11:00:00", "13"); print(*state(send(product="CNC")))
"""
    played = written(lines, end="2024-01-15")
    closed = "rejected Markets are closed right now"
    assert played.said == [closed, closed, "open ", closed, closed, closed]
    filled = [order["filled_at"] for order in played.document["orders"] if order["filled_at"]]
    assert [stamp[:19] for stamp in filled] == ["2024-01-08T09:15:00", "2024-01-08T15:20:00"]


def test_positions_are_squared_off_while_a_script_sleeps(written: Written) -> None:
    """S3: at 15:20:00 what wakes up then comes first, the square-off last."""
    said = written(
        """
until("10:00:00")
send(quantity=5)
time.sleep(1)
resting = send(quantity=1, price_type="LIMIT", price=round(ltp() * 0.93, 1))
time.sleep(19_199)
held = lambda: client.openposition(**RELIANCE, product="MIS")["quantity"]
print(datetime.now().strftime("%H:%M:%S"), held(), state(resting)[0])
time.sleep(0.001)
print(held(), state(resting)[0])
print(client.orderbook()["data"]["orders"][0]["strategy"])
"""
    ).said
    assert said[0].split()[0] == "15:20:00"
    assert said[0].split()[1:] == ["5", "open"]
    assert said[1].split() == ["0", "cancelled"]
    assert said[2] == "AUTO_SQUARE_OFF"


def test_books_begin_afresh_at_three_in_the_morning(written: Written) -> None:
    said = written(
        """
until("10:00:00")
send(); send("SELL")
time.sleep(1)
for clock in ("00:30:00", "02:59:59", "03:00:00"):
    until(clock, "09")
    print(len(client.orderbook()["data"]["orders"]), len(client.tradebook()["data"]))
""",
        end="2024-01-09",
    ).said
    assert said == ["2 2", "2 2", "0 0"]


def test_prices_of_positions_are_on_the_tick(written: Written) -> None:
    """T5: between two points of the path as well; the book and the quote agree."""
    said = written(
        """
until("10:00:00")
send()
for pause in (7.3, 11.1, 13.7, 17.9, 23.3):
    time.sleep(pause)
    [row] = client.positionbook()["data"]
    print(row["ltp"] == ltp(), abs(row["ltp"] / 0.05 - round(row["ltp"] / 0.05)) < 1e-6)
"""
    ).said
    assert said == ["True True"] * 5


def test_a_gtt_waits_for_days(written: Written) -> None:
    """S6: it outlives sessions, and sends a DAY order when its trigger is met."""
    played = written(
        """
until("10:00:00")
price = ltp()
reply = client.placegttorder(
    **RELIANCE, action="BUY", quantity=3, product="CNC", trigger_type="SINGLE",
    triggerprice_sl=round(price * 0.985, 1), price=round(price * 0.986, 1),
)
print(reply)
while not client.tradebook()["data"]:
    time.sleep(60)
print(datetime.now().day > 8, client.tradebook()["data"][0]["quantity"])
""",
        end="2024-01-19",
    )
    assert "success" in played.said[0], played.said
    assert played.said[1] == "True 3"


def test_defect_43_a_bot_s_own_stamps_are_of_the_run(written: Written) -> None:
    """Every clock that a bot writes down tells the run's time, logs and files among it."""
    said = written(
        """
import logging, os, pandas as pd
from datetime import date, timezone
until("10:00:00")
now = datetime(2024, 1, 8, 10, 0)
print(datetime.now() == now, date.today() == now.date(), pd.Timestamp.now() == now,
      datetime.fromtimestamp(time.time()) == now, time.strftime("%H:%M") == "10:00",
      datetime.now(timezone.utc).hour == 4)
logging.basicConfig(filename="own.log", format="%(asctime)s", level=logging.INFO)
logging.info("x")
print(open("own.log").read().strip())
with open("state.json", "w") as file:
    file.write("{}")
order = send()
time.sleep(1)
print(client.orderstatus(order_id=order)["data"]["timestamp"])
"""
    ).said
    assert said == ["True " * 5 + "True", "2024-01-08 10:00:00,000", "08-Jan-2024 10:00:00"]


def test_a_bot_that_never_connects_has_no_thread_of_the_feed(written: Written) -> None:
    """It counts the threads that it started itself, and no more."""
    said = written("import threading\nprint(threading.active_count())\n").said
    assert said == ["1"]
