"""Idiom F: no SDK, requests straight to OpenAlgo's REST API."""

import os
import time
from datetime import datetime

import requests

HOST = os.getenv("HOST_SERVER", "http://127.0.0.1:5000")
KEY = os.getenv("OPENALGO_API_KEY")


def call(name, **body):
    reply = requests.post(f"{HOST}/api/v1/{name}", json={"apikey": KEY, **body}, timeout=10)
    return reply.status_code, reply.json()


while datetime.now().strftime("%H:%M") < "09:30":
    time.sleep(30)
print(call("quotes", symbol="RELIANCE", exchange="NSE")[1]["data"]["ltp"])
code, reply = call("placeorder", strategy="Raw", symbol="RELIANCE", exchange="NSE", action="BUY",
                   quantity="4", pricetype="MARKET", product="MIS", price="0", trigger_price="0",
                   disclosed_quantity="0")
print(code, reply["status"])
time.sleep(60)
print(call("positionbook")[1]["data"])
print(call("nosuchcall")[0], call("quotes", symbol="NOPE", exchange="NSE")[0])
try:
    requests.get("https://example.com", timeout=5)
except Exception as error:
    print("refused", type(error).__name__)
