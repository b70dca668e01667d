"""A bot that swallows everything, and tidies up at its end."""

import atexit
import time

from openalgo import api

client = api(api_key="x")
atexit.register(lambda: print("atexit ran"))
count = 0
try:
    while True:
        try:
            count += 1
            time.sleep(300)
        except Exception as error:
            print("swallowed", error)
except KeyboardInterrupt:
    print("interrupted after", count)
finally:
    print("finally")
