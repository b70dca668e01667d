"""Idiom B: a WebSocket callback that keeps the price and leaves, beside a loop that enters."""

import threading
import time
from datetime import datetime

from openalgo import api

client = api(api_key="x", host="http://127.0.0.1:5000", ws_url="ws://127.0.0.1:8765")
STOP, TARGET = 4.0, 6.0
lock = threading.Lock()
ltp = None
entry = None
leaving = False


def on_tick(message):
    global ltp, leaving
    with lock:
        ltp = message["data"]["ltp"]
        hit = entry and not leaving and (ltp <= entry - STOP or ltp >= entry + TARGET)
        if hit:
            leaving = True
    if hit:
        threading.Thread(target=leave, args=("stop" if ltp < entry else "target",)).start()


def leave(why):
    global entry, leaving
    reply = client.placeorder(
        strategy="Feed", symbol="RELIANCE", exchange="NSE", action="SELL", quantity=5, product="MIS"
    )
    print(datetime.now().strftime("%d %H:%M:%S"), why, ltp, reply["status"])
    with lock:
        entry, leaving = None, False


client.connect()
client.subscribe_ltp([{"exchange": "NSE", "symbol": "RELIANCE"}], on_data_received=on_tick)
try:
    while True:
        now = datetime.now()
        if entry is None and ltp and "09:20" <= now.strftime("%H:%M") < "14:30" and now.minute % 20 == 0:
            reply = client.placeorder(
                strategy="Feed",
                symbol="RELIANCE",
                exchange="NSE",
                action="BUY",
                quantity=5,
                price_type="MARKET",
                product="MIS",
            )
            time.sleep(1)
            status = client.orderstatus(order_id=reply["orderid"], strategy="Feed")
            entry = status["data"]["average_price"]
            print(now.strftime("%d %H:%M:%S"), "in at", entry)
        time.sleep(5)
finally:
    client.unsubscribe_ltp([{"exchange": "NSE", "symbol": "RELIANCE"}])
    client.disconnect()
    print("disconnected")
