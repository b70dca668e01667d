"""The `schedule` library: jobs at times of day, polled each second."""

import time

import schedule
from openalgo import api

client = api(api_key="x")
schedule.every().day.at("09:30").do(
    lambda: print(client.placeorder(strategy="S", symbol="RELIANCE", exchange="NSE", action="BUY",
                                    quantity=1, product="MIS")["status"])
)
schedule.every().day.at("15:00").do(lambda: print(client.closeposition(strategy="S")["status"]))
while True:
    schedule.run_pending()
    time.sleep(1)
