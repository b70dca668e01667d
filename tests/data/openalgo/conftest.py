"""A server that tests can break, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tapeback.data.openalgo.server import OpenAlgoServer
from tests.openalgo_server import KEY, HandClock, OpenAlgoTestServer


@pytest.fixture
def clock(openalgo_server: OpenAlgoTestServer) -> HandClock:
    return HandClock(openalgo_server.now)


@pytest.fixture
def client(openalgo_server: OpenAlgoTestServer, clock: HandClock) -> Iterator[OpenAlgoServer]:
    with OpenAlgoServer(openalgo_server.base_url, KEY, timeout=20, clock=clock) as server:
        yield server
