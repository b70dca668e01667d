"""Idiom A: a loop that polls history, decides, orders and sleeps; naive clock of the machine."""

import os
import time
from datetime import datetime, timedelta

from openalgo import api

client = api(api_key=os.getenv("OPENALGO_API_KEY", "x"), host="http://127.0.0.1:5000")
SYMBOL, EXCHANGE, QUANTITY = "RELIANCE", "NSE", 10


def averages():
    today = datetime.now()
    df = client.history(
        symbol=SYMBOL,
        exchange=EXCHANGE,
        interval="5m",
        start_date=(today - timedelta(days=5)).strftime("%Y-%m-%d"),
        end_date=today.strftime("%Y-%m-%d"),
    )
    close = df["close"]
    return close.rolling(5).mean().iloc[-2], close.rolling(20).mean().iloc[-2]


position = 0
while True:
    clock = datetime.now().strftime("%H:%M")
    if "09:30" <= clock < "15:00":
        try:
            fast, slow = averages()
            wanted = QUANTITY if fast > slow else 0
        except Exception as error:
            print("no decision:", error)
            wanted = position
    elif clock >= "15:00":
        wanted = 0
    else:
        wanted = position
    if wanted != position:
        reply = client.placesmartorder(
            strategy="Crossover",
            symbol=SYMBOL,
            exchange=EXCHANGE,
            action="BUY" if wanted else "SELL",
            price_type="MARKET",
            product="MIS",
            quantity=QUANTITY,
            position_size=wanted,
        )
        print(datetime.now(), wanted, reply)
        position = wanted
    time.sleep(15)
