"""Idiom B, mixed: worker threads with a queue, an event that ends them, a state file."""

import json
import os
import queue
import threading
import time
from datetime import datetime

from openalgo import api

client = api(api_key=os.environ["OPENALGO_API_KEY"])
STATE = "state.json"
work: "queue.Queue[str]" = queue.Queue()
stop = threading.Event()


def worker():
    while not stop.is_set():
        try:
            symbol = work.get(timeout=2)
        except queue.Empty:
            continue
        quote = client.quotes(symbol=symbol, exchange="NSE")
        seen.append((datetime.now().strftime("%H:%M:%S"), quote["data"]["ltp"]))
        work.task_done()


seen = []
days = json.load(open(STATE))["days"] if os.path.exists(STATE) else []
days.append(datetime.now().strftime("%Y-%m-%d"))
with open(STATE, "w") as file:
    json.dump({"days": days}, file)

threads = [threading.Thread(target=worker) for _ in range(3)]
for thread in threads:
    thread.start()
while datetime.now().strftime("%H:%M") < "10:00":
    if datetime.now().strftime("%H:%M") >= "09:15":
        work.put("RELIANCE")
    stop.wait(60)
work.join()
stop.set()
for thread in threads:
    thread.join()
print(len(seen), "quotes", seen[0], seen[-1], "days", days)
