"""Resting limits, order updates over the feed, cancels and modifies; a book read every minute."""

import time
from datetime import datetime

from openalgo import api

client = api(api_key="x")
filled = []


def on_order(update):
    if update["order_status"] == "complete":
        filled.append((update["action"], update["average_price"]))


client.connect()
client.subscribe_orders(on_order)
while datetime.now().strftime("%H:%M") < "09:16":
    time.sleep(5)
base = client.quotes(symbol="RELIANCE", exchange="NSE")["data"]["ltp"]
ids = []
for step in (1, 2, 3):
    for action, price in (("BUY", base - 2 * step), ("SELL", base + 2 * step)):
        reply = client.placeorder(strategy="Ladder", symbol="RELIANCE", exchange="NSE", action=action,
                                  quantity=step, price_type="LIMIT", price=round(price, 1), product="MIS")
        ids.append(reply.get("orderid"))
while datetime.now().strftime("%H:%M") < "12:00":
    time.sleep(60)
    client.orderbook()
still = [row for row in client.orderbook()["data"]["orders"] if row["order_status"] == "open"]
print(len(filled), "filled", len(still), "open")
if still:
    first = still[0]
    print(client.modifyorder(order_id=first["orderid"], strategy="Ladder", symbol="RELIANCE", exchange="NSE",
                             action=first["action"], price_type="LIMIT", product="MIS",
                             quantity=first["quantity"], price=first["price"] + 0.5)["status"])
print(client.cancelallorder(strategy="Ladder")["status"], client.closeposition(strategy="Ladder")["status"])
client.disconnect()
