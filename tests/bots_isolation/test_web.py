"""HTTP by the usual libraries: OpenAlgo's host answers in process, every other is refused."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tapeback.bots.isolation.web import OpenAlgoPlaces
from tests.bots_isolation.playing import Play

needs_requests = pytest.mark.skipif(find_spec("requests") is None, reason="needs requests")

_PAYLOAD = '{"apikey": "k", "symbol": "SBIN"}'
_ASKED = (
    '{"method": "POST", "url": "http://127.0.0.1:5000/api/v1/quotes", '
    '"asked": {"apikey": "k", "symbol": "SBIN"}}'
)


@pytest.mark.parametrize(
    "source",
    [
        "import httpx; print(httpx.post(URL, json=BODY).text)",
        "import httpx\nwith httpx.Client(base_url='http://127.0.0.1:5000') as c:\n"
        "    print(c.post('/api/v1/quotes', json=BODY).text)",
        "import asyncio, httpx\n"
        "async def main():\n"
        "    async with httpx.AsyncClient() as c:\n"
        "        print((await c.post(URL, json=BODY)).text)\n"
        "asyncio.run(main())",
        "from urllib.request import Request, urlopen\n"
        "print(urlopen(Request(URL, json.dumps(BODY).encode())).read().decode())",
        "import http.client\n"
        "c = http.client.HTTPConnection('127.0.0.1', 5000)\n"
        "for _ in range(2):\n"
        "    c.request('POST', '/api/v1/quotes', json.dumps(BODY))\n"
        "    r = c.getresponse(); text = r.read().decode()\n"
        "print(text)",
        pytest.param(
            "import requests; print(requests.post(URL, json=BODY, timeout=5).text)",
            marks=needs_requests,
        ),
        pytest.param(
            "import requests\nwith requests.Session() as s:\n"
            "    r = s.post(URL, json=BODY); assert r.ok and r.json(); print(r.text)",
            marks=needs_requests,
        ),
    ],
    ids=["httpx", "client", "async", "urllib", "http.client", "requests", "session"],
)
def test_the_usual_libraries_are_answered_in_process(play: Play, source: str) -> None:
    head = f"import json\nURL = 'http://127.0.0.1:5000/api/v1/quotes'\nBODY = {_PAYLOAD}\n"
    played = play(head + source, entry="run_with_broker")
    assert played.result == {"refusals": [], "error": None}
    assert played.printed == _ASKED + "\n"


def test_get_with_a_query_and_another_host_of_the_users(play: Play) -> None:
    played = play(
        """
        import json
        from urllib.request import urlopen
        for url in ("http://algo.example:7000/health?x=1",
                    "https://home.example/api/v1/instruments?apikey=k&exchange=NSE"):
            reply = urlopen(url)
            print(reply.status, reply.headers["Content-Type"], json.load(reply)["url"])
        """,
        entry="run_with_broker",
    )
    assert played.printed.splitlines() == [
        "200 application/json http://algo.example:7000/health?x=1",
        "200 application/json https://home.example:443/api/v1/instruments?apikey=k&exchange=NSE",
    ]


@pytest.mark.parametrize(
    "source",
    [
        "import httpx\ntry: httpx.get('http://93.184.216.34/')\n"
        "except httpx.ConnectError as e: print('refused')",
        "import urllib.request, urllib.error\n"
        "try: urllib.request.urlopen('http://93.184.216.34/')\n"
        "except urllib.error.URLError as e: print('refused')",
        pytest.param(
            "import requests\ntry: requests.get('http://93.184.216.34/', timeout=5)\n"
            "except requests.ConnectionError as e: print('refused')",
            marks=needs_requests,
        ),
    ],
    ids=["httpx", "urllib", "requests"],
)
def test_another_host_fails_as_an_unreachable_one_does(play: Play, source: str) -> None:
    played = play(source, entry="run_with_broker")
    assert "refused" in played.printed
    assert played.refused == ["network_refused"]
    assert played.result["error"] is None


def test_which_places_are_openalgos() -> None:
    places = OpenAlgoPlaces(["https://algo.example", "10.0.0.5:5001"])
    assert places.has("http://localhost:5000/anything")
    assert places.has("https://algo.example/x")
    assert places.has("http://10.0.0.5:5001/x")
    assert places.has("https://elsewhere.example/api/v1/placeorder")
    assert places.has("https://elsewhere.example/strategy/webhook/abc")
    assert not places.has("http://algo.example/x")
    assert not places.has("https://elsewhere.example/api/v1/users")
    assert not places.has("http://127.0.0.1:8000/x")
