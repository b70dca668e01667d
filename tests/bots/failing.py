"""A bot with the faults that live bots have: a typo, a wrong key, a symbol nobody has."""

import time

from openalgo import api

client = api(api_key="x")
print(client.quotes(symbol="NOSUCH", exchange="NSE"))
time.sleep(1200)
reply = client.placeorder(strategy="F", symbol="RELIANCE", exchange="NSE", action="BUY", quantity=1)
try:
    print(reply["order_id"])
except KeyError as error:
    print("KeyError", error)
client.optionschain(underlying="NIFTY", exchange="NSE_INDEX")
