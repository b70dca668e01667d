"""Idiom E and D: the strike at the money from the option calls, a straddle sold, out at 15:00."""

import time
from datetime import datetime

from openalgo import api

client = api(api_key="x")
while datetime.now().strftime("%H:%M") < "09:20":
    time.sleep(5)
expiry = client.expiry(symbol="NIFTY", exchange="NFO", instrumenttype="options")
print(expiry["data"][:2])
near = expiry["data"][0].replace("-", "")
legs = []
for kind in ("CE", "PE"):
    found = client.optionsymbol(underlying="NIFTY", exchange="NSE_INDEX", expiry_date=near, offset="ATM",
                                option_type=kind)
    legs.append(found["symbol"])
    print(found["symbol"], found["lotsize"], client.quotes(symbol=found["symbol"], exchange="NFO")["data"]["ltp"])
reply = client.optionsmultiorder(
    strategy="Straddle", underlying="NIFTY", exchange="NSE_INDEX", expiry_date=near,
    legs=[{"offset": "ATM", "option_type": kind, "action": "SELL", "quantity": found["lotsize"],
           "product": "MIS"} for kind in ("CE", "PE")],
)
print([leg.get("status") for leg in reply["results"]])
while datetime.now().strftime("%H:%M") < "15:00":
    time.sleep(30)
print([row["pnl"] for row in client.positionbook()["data"]])
print(client.closeposition(strategy="Straddle")["status"])
