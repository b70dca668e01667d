"""asyncio: two coroutines that sleep at their own pace, calls in threads."""

import asyncio
from datetime import datetime

from openalgo import api

client = api(api_key="x")
prices = []


async def watch():
    while True:
        quote = await asyncio.to_thread(client.quotes, symbol="RELIANCE", exchange="NSE")
        prices.append(quote["data"]["ltp"])
        await asyncio.sleep(30)


async def trade():
    while datetime.now().hour < 11:
        await asyncio.sleep(60)
    reply = client.placeorder(strategy="A", symbol="RELIANCE", exchange="NSE", action="BUY", quantity=2,
                              price_type="LIMIT", price=round(min(prices), 1), product="CNC")
    await asyncio.sleep(3600)
    print(client.orderstatus(order_id=reply["orderid"])["data"]["order_status"])


async def main():
    watching = asyncio.create_task(watch())
    await trade()
    watching.cancel()


asyncio.run(main())
print(len(prices), datetime.now())
