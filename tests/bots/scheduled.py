"""Idiom D: APScheduler jobs at clock times, beside a main thread that only waits."""

import time

import pytz
from apscheduler.schedulers.background import BackgroundScheduler
from openalgo import api

client = api(api_key="x")
IST = pytz.timezone("Asia/Kolkata")


def enter():
    print("enter", client.placeorder(strategy="S", symbol="RELIANCE", exchange="NSE", action="BUY",
                                     quantity=3, price_type="MARKET", product="MIS"))


def leave():
    print("leave", client.closeposition(strategy="S"))


scheduler = BackgroundScheduler(timezone=IST)
scheduler.add_job(enter, "cron", day_of_week="mon-fri", hour=9, minute=20)
scheduler.add_job(leave, "cron", day_of_week="mon-fri", hour=15, minute=10)
scheduler.start()
try:
    while True:
        time.sleep(1)
except (KeyboardInterrupt, SystemExit):
    scheduler.shutdown()
