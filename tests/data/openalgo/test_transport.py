"""Every way in which OpenAlgo does not answer ends in an error that says what to do."""

from __future__ import annotations

import logging
import traceback
from datetime import date
from socket import socket

import pytest

from tapeback.data.openalgo.server import OpenAlgoServer
from tapeback.data.openalgo.transport import OpenAlgoError
from tapeback.errors import DataSourceError
from tests.openalgo_server import KEY, Fault, HandClock, OpenAlgoTestServer

RATE = {"status": "error", "message": "Rate limit exceeded.", "retry_after": 60}


def failing(client: OpenAlgoServer) -> OpenAlgoError:
    with pytest.raises(OpenAlgoError) as caught:
        client.ping()
    return caught.value


def test_nothing_listening_says_to_start_openalgo(clock: HandClock) -> None:
    with socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with OpenAlgoServer(address, KEY, clock=clock) as client:
            error = failing(client)
    assert (error.kind, error.whole_server) == ("refused", True)
    assert isinstance(error, DataSourceError)
    assert str(error) == (
        f"{address}: nothing answers at this address. Start OpenAlgo there, or correct "
        "openalgo.base_url."
    )
    assert clock.slept == []


def test_an_unknown_host_is_told_as_such(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with OpenAlgoServer("http://no-such-host.invalid", KEY, clock=clock) as client:
        error = failing(client)
    assert error.kind == "name"
    assert "'no-such-host.invalid' is unknown" in str(error)


def test_https_where_plain_http_is_spoken(
    openalgo_server: OpenAlgoTestServer, clock: HandClock
) -> None:
    secure = openalgo_server.base_url.replace("http:", "https:")
    with OpenAlgoServer(secure, KEY, clock=clock) as client:
        error = failing(client)
    assert error.kind == "tls"
    assert "http:// instead of https://" in str(error)


def test_an_empty_key_is_found_before_anything_is_asked(
    openalgo_server: OpenAlgoTestServer, clock: HandClock
) -> None:
    with OpenAlgoServer(openalgo_server.base_url, " ", clock=clock) as client:
        error = failing(client)
    assert error.kind == "key"
    assert "OPENALGO_API_KEY" in str(error)
    assert openalgo_server.requests == []


def test_a_wrong_key_and_a_missing_login_are_told_apart(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, clock: HandClock
) -> None:
    openalgo_server.logged_in = False
    error = failing(client)
    assert error.kind == "login"
    assert "not logged in to the broker; the API key is right" in str(error)
    assert openalgo_server.base_url in str(error.remedy)
    openalgo_server.key = "another"
    error = failing(client)
    assert error.kind == "key"
    assert "does not know the API key" in str(error)
    openalgo_server.faults = [Fault("status", "search", 500, {"message": "no"})] * 4
    error = failing(client)
    assert "Either the API key is wrong" in str(error)
    assert "not logged in to the broker" in str(error)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault("html"), "a web page (HTTP 200)"),
        (Fault("html", status=404), "a web page (HTTP 404)"),
        (Fault("redirect"), "a redirection to /auth/login"),
    ],
)
def test_a_page_is_no_openalgo_server(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, fault: Fault, words: str
) -> None:
    openalgo_server.faults = [fault]
    error = failing(client)
    assert error.kind == "foreign"
    assert words in str(error)
    assert "Set openalgo.base_url" in str(error)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("status", status=500, document={"message": "boom"}), "server", "HTTP 500: boom"),
        (Fault("html", status=502), "server", "HTTP 502: no reason given"),
        (Fault("cut"), "cut", "was cut off"),
        (Fault("content", content=b'{"data": ['), "cut", "no complete JSON document"),
        (Fault("content", content=b"[1, 2]"), "cut", "no complete JSON document: '[1, 2]'"),
        (Fault("status", status=429, document={"message": "slow"}), "rate", "more requests: slow"),
    ],
)
def test_passing_faults_are_tried_again_and_told_after_all_attempts(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    clock: HandClock,
    fault: Fault,
    kind: str,
    words: str,
) -> None:
    openalgo_server.faults = [fault] * 3
    assert client.ping()["broker"] == "zerodha"
    assert len(openalgo_server.requests) == 4
    waits = [seconds for seconds in clock.slept if seconds >= 1]
    assert len(waits) == 3
    assert waits[0] < waits[1] < waits[2]

    openalgo_server.faults = [fault] * 4
    error = failing(client)
    assert (error.kind, error.whole_server) == (kind, False)
    assert words in str(error)
    assert "(4 attempts)" in str(error)
    assert len(openalgo_server.requests) == 8


def test_the_same_request_waits_as_long_on_every_run(
    openalgo_server: OpenAlgoTestServer,
) -> None:
    slept = []
    for _ in range(2):
        clock = HandClock()
        openalgo_server.faults = [Fault("status", status=503)] * 2
        with OpenAlgoServer(openalgo_server.base_url, KEY, clock=clock) as client:
            client.ping()
        slept.append(clock.slept)
    assert slept[0] == slept[1]


def test_no_answer_in_time_is_tried_again(
    openalgo_server: OpenAlgoTestServer, clock: HandClock
) -> None:
    openalgo_server.faults = [Fault("slow")] * 2
    with OpenAlgoServer(
        openalgo_server.base_url, KEY, timeout=0.3, retry_attempts=1, clock=clock
    ) as client:
        error = failing(client)
    assert error.kind == "timeout"
    assert "no answer to 'ping' within 0.3 s (2 attempts)" in str(error)
    assert "openalgo.timeout" in str(error)


@pytest.mark.parametrize(
    ("headers", "document", "wait"),
    [
        ({}, RATE, 60.0),
        ({"Retry-After": "7"}, RATE, 7.0),
        ({"Retry-After": "Mon, 18 Mar 2024 05:31:00 GMT"}, {"message": "no"}, 30.0),
    ],
)
def test_a_server_that_asks_for_patience_gets_it(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    clock: HandClock,
    headers: dict[str, str],
    document: dict[str, object],
    wait: float,
) -> None:
    openalgo_server.faults = [Fault("status", "", 429, document, headers)]
    client.ping()
    assert clock.slept[0] == pytest.approx(wait)


def test_a_server_that_asks_for_an_hour_is_told_as_an_error(
    openalgo_server: OpenAlgoTestServer, client: OpenAlgoServer, clock: HandClock
) -> None:
    openalgo_server.faults = [Fault("status", "", 429, RATE, {"Retry-After": "3600"})]
    error = failing(client)
    assert error.kind == "rate"
    assert "for 3600 s" in str(error)
    assert clock.slept == []


def test_history_calls_keep_the_distance_that_openalgo_itself_keeps(
    client: OpenAlgoServer, clock: HandClock
) -> None:
    day = date(2024, 3, 11)
    for _ in range(3):
        client.history("RELIANCE", "NSE", "1d", day, day)
    assert clock.slept == pytest.approx([0.35, 0.35])


def test_a_ration_is_asked_before_every_request_with_its_host_and_kind(
    openalgo_server: OpenAlgoTestServer, clock: HandClock
) -> None:
    asked = []

    def ration(key: str, *, interval_ns: int) -> None:
        asked.append((key, interval_ns))

    openalgo_server.faults = [Fault("status", "history", 500)]
    with OpenAlgoServer(openalgo_server.base_url, KEY, clock=clock, ration=ration) as client:
        client.history("RELIANCE", "NSE", "1d", date(2024, 3, 11), date(2024, 3, 11))
        client.ping()
        host = client.host
    history = (f"openalgo {host} history", 350_000_000)
    assert asked == [history, history, (f"openalgo {host} others", 100_000_000)]


def test_the_key_stands_in_no_message_log_or_chain(
    openalgo_server: OpenAlgoTestServer,
    client: OpenAlgoServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    client.instruments("NSE")
    echoing = Fault("status", "", 400, {"message": f"the key {KEY} is odd"})
    texts = [repr(client), caplog.text]
    for fault in (echoing, *[echoing._replace(status=500)] * 4, *[Fault("cut")] * 4):
        openalgo_server.faults.append(fault)
    for _ in range(3):
        error = failing(client)
        texts += [repr(error), "".join(traceback.format_exception(error))]
        assert (error.__cause__, error.__context__) == (None, None)
    assert "the key *** is odd" in texts[2]
    assert "/api/v1/instruments" in caplog.text
    assert not [text for text in (*texts, caplog.text) if KEY in text]


def test_threads_share_a_server_s_connections(client: OpenAlgoServer) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(8) as pool:
        brokers = set(pool.map(lambda _: client.ping()["broker"], range(24)))
    assert brokers == {"zerodha"}
