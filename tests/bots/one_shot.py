"""Idiom C: one order, then a stop and a target watched in the store of the feed; ends by itself."""

import sys
import time
from datetime import datetime

from openalgo import api

client = api(api_key="x")
while datetime.now().strftime("%H:%M") < "09:20":
    time.sleep(1)
reply = client.placeorder(strategy="Once", symbol="RELIANCE", exchange="NSE", action="BUY", quantity=1,
                          price_type="MARKET", product="MIS")
if reply["status"] != "success":
    sys.exit(1)
time.sleep(2)
entry = client.orderstatus(order_id=reply["orderid"])["data"]["average_price"]
instruments = [{"exchange": "NSE", "symbol": "RELIANCE"}]
client.connect()
client.subscribe_ltp(instruments)
while True:
    price = client.get_ltp()["ltp"]["NSE"]["RELIANCE"]["ltp"]
    if abs(price - entry) > 3 or datetime.now().strftime("%H:%M") >= "15:00":
        break
    time.sleep(0.5)
print("out at", price, client.placeorder(strategy="Once", symbol="RELIANCE", exchange="NSE",
                                         action="SELL", quantity=1, price_type="MARKET", product="MIS"))
client.disconnect()
